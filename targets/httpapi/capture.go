package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/core"
)

// capture is what is read before a change, to be kept and put back.
type capture struct {
	Location location    `yaml:",inline"` // without path and url: that of the request
	Without  []core.Text `yaml:"without"` // members of the JSON object that are not kept
	PutBack  core.Text   `yaml:"putBack"` // PUT, if absent, or PATCH
}

// kept is what was there before a change. Its JSON is in the audit entry.
type kept struct {
	Absent bool            `json:"absent,omitempty"`
	Type   string          `json:"contentType,omitempty"`
	ETag   string          `json:"etag,omitempty"`
	JSON   json.RawMessage `json:"json,omitempty"` // the content, if it is JSON
	Text   string          `json:"text,omitempty"`
}

func (c *capture) check(f *faults, p *payload) {
	at := first(p.Method.Start, p.Location.Path.Start, p.Location.URL.Start)
	switch p.Method.Value {
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
	case http.MethodPost:
		if c.own() {
			f.at(at, "capture needs the path of what the POST makes or changes")
		}
	default:
		f.at(at, "capture is for what changes something: PUT, PATCH, DELETE or POST")
	}
	if c.own() {
		if len(c.Location.Query)+len(c.Location.Headers) > 0 || c.Location.Timeout != 0 {
			f.at(at, "capture.query, capture.headers and capture.timeout need capture.path")
		}
	} else {
		c.Location.check(f, "capture.")
	}
	l := c.location(p)
	for _, text := range append(slices.Collect(maps.Values(l.Query)), l.Path, l.URL) {
		if strings.Contains(text.Value, keyPlaceholder) {
			f.at(at, "what is captured is not there yet: its place cannot hold %s", keyPlaceholder)
		}
	}
	if m := c.PutBack; !blank(m) && m.Value != http.MethodPut && m.Value != http.MethodPatch {
		f.at(m.Start, "capture.putBack is PUT or PATCH")
	}
	for _, w := range c.Without {
		if blank(w) || strings.HasPrefix(w.Value, "$") {
			f.at(w.Start, "capture.without has names of members of a JSON object, such as updatedAt")
		}
	}
}

// own reports whether what is read is where the request goes.
func (c *capture) own() bool { return blank(c.Location.Path) && blank(c.Location.URL) }

func (c *capture) location(p *payload) *location {
	if c.own() {
		return &p.Location
	}
	return &c.Location
}

// request is one to where it was captured. What else the change's request says of itself
// is not said of this one.
func (c *capture) request(ctx context.Context, t *texts, p *payload, method string) (Request, error) {
	r, err := c.location(p).request(ctx, t, method)
	for name := range r.Header {
		if strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Content-") || slices.Contains([]string{"Range", "Prefer", "X-Http-Method-Override", t.client.conn.keyHeader}, name) {
			r.Header.Del(name)
		}
	}
	return r, err
}

// lookAt reads what is there, and says where that is.
func (c *capture) lookAt(ctx context.Context, t *texts, p *payload) (k *kept, where string, err error) {
	r, err := c.request(ctx, t, p, http.MethodGet)
	if err != nil {
		return nil, "", err
	}
	where = r.where()
	k, err = c.look(ctx, t, r)
	return k, where, err
}

func (c *capture) look(ctx context.Context, t *texts, r Request) (*kept, error) {
	r.Header.Set("Accept-Encoding", "identity") // a server's packing has other ETags
	resp, err := t.client.Send(ctx, r)
	if err != nil {
		return nil, certain(err)
	}
	if resp.Status == http.StatusNotFound || resp.Status == http.StatusGone {
		return &kept{Absent: true}, nil
	}
	if err := resp.expect(nil); err != nil {
		return nil, certain(err)
	}
	refuse := func(reason, next string) error { return &core.ConfigError{Key: r.what(), Reason: reason, Next: next} }
	switch {
	case resp.Truncated:
		return nil, refuse("what is there is too large to be kept", "capture a smaller part, or take capture away")
	case resp.Status != http.StatusOK:
		return nil, refuse("the answer "+statusText(resp.Status)+" has no content to be kept", "capture a place that a GET can read, or take capture away")
	case resp.Header.Get("Content-Encoding") != "" || !utf8.Valid(resp.Body):
		return nil, refuse("what is there is no text, and cannot be kept", "take capture away")
	}
	k := &kept{Type: resp.Header.Get("Content-Type"), ETag: resp.Header.Get("ETag")}
	v, err := unmarshal(resp.Body)
	if err != nil {
		k.Text = string(resp.Body)
	}
	if object, is := v.(map[string]any); is {
		for _, name := range c.Without {
			delete(object, name.Value)
		}
	} else if len(c.Without) > 0 {
		return nil, refuse("what is there is no JSON object, of which members could be left out", "mend capture.without")
	}
	if err == nil {
		k.JSON, err = marshal(v)
		return k, err
	}
	return k, nil
}

// capture reads what the request is about to change.
func (w *work) capture(ctx context.Context, s *core.Session) (string, error) {
	c, err := clientOf(s)
	if err != nil {
		return "", err
	}
	k, _, err := w.payload.Capture.lookAt(ctx, &texts{s: s, client: c}, &w.payload)
	if err != nil {
		return "", err
	}
	text, err := marshal(k)
	return string(text), err
}

// still makes sure, right before the request, that what is there is what was captured, or
// the work of this change; and makes the request one that is refused if it is not that any
// more, where the API has ETags (RFC 9110, 13.1.1).
func (w *work) still(ctx context.Context, t *texts, r *Request) error {
	x := w.payload.Capture
	if x == nil || t.s.Captured == "" {
		return nil
	}
	before, err := keptOf(t.s)
	if err != nil {
		return err
	}
	now, where, err := x.lookAt(ctx, t, &w.payload)
	if err != nil {
		return err
	}
	if _, worked := t.client.conn.target.seen(t.s, where); !worked && !t.s.MayBeThere && !before.same(now) {
		return &ChangedError{What: r.what(), Next: lookThenRun}
	}
	if x.own() && r.Header.Get("If-Match") == "" && r.Header.Get("If-None-Match") == "" {
		now.match(r)
	}
	return nil
}

// match adds the condition that what is there is still k. Weak ETags never match.
func (k *kept) match(r *Request) {
	if strings.HasPrefix(k.ETag, `"`) {
		r.Header.Set("If-Match", k.ETag)
		r.conditional = true
	}
}

func keptOf(s *core.Session) (*kept, error) {
	k := &kept{}
	if err := json.Unmarshal([]byte(s.Captured), k); err != nil {
		return nil, fmt.Errorf("what was captured cannot be read: %w", err)
	}
	return k, nil
}

// same reports whether two have the same content.
func (k *kept) same(other *kept) bool {
	if k.Absent || other.Absent || k.JSON == nil || other.JSON == nil {
		return k.Absent == other.Absent && (k.JSON == nil) == (other.JSON == nil) && k.Text == other.Text
	}
	a, errA := unmarshal(k.JSON)
	b, errB := unmarshal(other.JSON)
	return errA == nil && errB == nil && equal(a, b)
}

// compileRestore makes `rollback: auto`.
func compileRestore(p core.Payload) (core.Step, error) {
	w := &work{}
	if err := p.Decode(&w.payload); err != nil {
		return core.Step{}, err
	}
	if w.payload.Capture == nil {
		return core.Step{}, p.Fault(0, 0, "rollback: auto puts back what was captured: add capture: {}, or write out the request that takes the change back")
	}
	return core.Step{
		Name: "restore " + w.payload.Capture.location(&w.payload).label(), NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](), Do: w.restore,
	}, nil
}

// ChangedError says that somebody else has changed what was read before. Nothing was done.
type ChangedError struct {
	What string // method and path
	Next string
}

func (e *ChangedError) Error() string {
	return e.What + ": it was changed by somebody else since it was read, and is left as it is"
}

// Hint says what to do.
func (e *ChangedError) Hint() string { return e.Next }

const (
	lookThenRun   = "look at what is there now, and run again if the change still fits"
	putBackByHand = "put back by hand what has to be, as flamingock issue get shows it, then: flamingock issue resolve"
)

// restore puts back what was captured, and looks whether that is there then.
func (w *work) restore(ctx context.Context, s *core.Session) error {
	c, err := clientOf(s)
	if err != nil {
		return err
	}
	target, x := c.conn.target, w.payload.Capture
	before, err := keptOf(s)
	if err != nil {
		return err
	}
	t := &texts{s: s, client: c}
	now, where, err := x.lookAt(ctx, t, &w.payload)
	if err != nil {
		return err
	}
	method, want := http.MethodPut, statuses(nil)
	switch {
	case before.Absent:
		method, want = http.MethodDelete, statuses{"2xx", "404", "410"}
	case !blank(x.PutBack) && !now.Absent:
		method = x.PutBack.Value
	}
	r, err := x.request(ctx, t, &w.payload, method)
	if err != nil {
		return err
	}
	made, _ := target.seen(s, where)
	switch {
	case made != nil && made.Absent && before.Absent && w.payload.Method.Value != http.MethodDelete:
		return &core.ConfigError{Key: r.what(), Reason: "what the request made cannot be read there, so that nobody can tell what was there before", Next: putBackByHand}
	case before.same(now):
		s.Progress(core.Progress{Text: "it is as it was"})
		return nil
	case made != nil && !made.same(now):
		return &ChangedError{What: r.what(), Next: putBackByHand}
	}
	now.match(&r)
	if !before.Absent {
		if r.Body, err = before.body(method, now); err != nil {
			return err
		}
		if before.Type != "" {
			r.Header.Set("Content-Type", before.Type)
		}
	}
	s.Progress(core.Progress{Text: r.what() + ": puts back what was there before"})
	target.sees(s, where, nil)
	resp, err := c.Send(ctx, r)
	if err == nil {
		if err = resp.expect(want); resp.Status == http.StatusPreconditionFailed && r.conditional {
			err = unknownIf(resp.Unanswered, &ChangedError{What: r.what(), Next: putBackByHand})
		}
	}
	if err != nil && !core.IsUnknown(err) {
		return err
	}
	now, _, looked := x.lookAt(ctx, t, &w.payload)
	switch {
	case looked != nil:
		return errors.Join(err, looked)
	case before.same(now):
		target.sees(s, where, now)
		return nil
	case err != nil:
		return err
	}
	return &ChangedError{What: r.what() + ": it was put back, and the API shows something else", Next: putBackByHand}
}

// body is what puts back k. A PATCH takes away what was not there (RFC 7396).
func (k *kept) body(method string, now *kept) ([]byte, error) {
	if k.JSON == nil {
		return []byte(k.Text), nil
	}
	before, errBefore := unmarshal(k.JSON)
	after, errNow := unmarshal(now.JSON)
	object, is := before.(map[string]any)
	there, are := after.(map[string]any)
	if method != http.MethodPatch || errBefore != nil || errNow != nil || !is || !are {
		return k.JSON, nil //nolint:nilerr // no objects, of which members could be taken away
	}
	for name := range there {
		if _, was := object[name]; !was {
			object[name] = nil
		}
	}
	return marshal(object)
}

// placeID is a place that a change has sent a request to, in this process.
type placeID struct{ change, where string }

// where is the place of a request, to tell whether two are the same.
func (r *Request) where() string { return r.URL + r.Path + "?" + r.Query.Encode() }

// sees remembers what is at a place after a request of the change; nil: nobody knows.
func (t *Target) sees(s *core.Session, where string, k *kept) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.ChangeID != "" { // else it is outside of a run
		t.places[placeID{s.ChangeID, where}] = k
	}
}

// seen returns that, and whether the change has sent a request there.
func (t *Target) seen(s *core.Session, where string) (k *kept, worked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, worked = t.places[placeID{s.ChangeID, where}]
	return k, worked
}

// begins forgets what earlier attempts of the change did.
func (t *Target) begins(s *core.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Step == 1 {
		maps.DeleteFunc(t.places, func(id placeID, _ *kept) bool { return id.change == s.ChangeID })
	}
}
