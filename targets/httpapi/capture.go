package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

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
	Absent bool   `json:"absent,omitempty"`
	Type   string `json:"contentType,omitempty"`
	ETag   string `json:"etag,omitempty"`
	Body   string `json:"body,omitempty"`
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
		if len(c.Location.Query)+len(c.Location.Headers) > 0 {
			f.at(at, "capture.query and capture.headers need capture.path")
		}
	} else {
		c.Location.check(f, "capture.")
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

// request is one to where it was captured.
func (c *capture) request(ctx context.Context, t *texts, p *payload, method string) (Request, error) {
	r, err := c.location(p).request(ctx, t, method)
	r.Header.Del("Content-Type")
	return r, err
}

// look reads what is there.
func (c *capture) look(ctx context.Context, t *texts, p *payload) (*kept, error) {
	r, err := c.request(ctx, t, p, http.MethodGet)
	if err != nil {
		return nil, err
	}
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
	if resp.Truncated {
		return nil, &core.ConfigError{Key: r.what(), Reason: "what is there is too large to be kept", Next: "capture a smaller part, or take capture away"}
	}
	k := &kept{Type: resp.Header.Get("Content-Type"), ETag: resp.Header.Get("ETag"), Body: string(resp.Body)}
	if len(c.Without) == 0 {
		return k, nil
	}
	v, err := unmarshal(resp.Body)
	object, is := v.(map[string]any)
	if err != nil || !is {
		return nil, &core.ConfigError{Key: r.what(), Reason: "what is there is no JSON object, of which members could be left out", Next: "mend capture.without"}
	}
	for _, name := range c.Without {
		delete(object, name.Value)
	}
	body, err := marshal(object)
	k.Body = string(body)
	return k, err
}

// capture reads what the request is about to change.
func (w *work) capture(ctx context.Context, s *core.Session) (string, error) {
	c, err := clientOf(s)
	if err != nil {
		return "", err
	}
	k, err := w.payload.Capture.look(ctx, &texts{s: s, client: c}, &w.payload)
	if err != nil {
		return "", err
	}
	text, err := marshal(k)
	return string(text), err
}

// condition makes the request one that is refused if what is there is not what was
// captured any more, where the API has ETags (RFC 9110, 13.1.1).
func (w *work) condition(s *core.Session, r *Request) error {
	x := w.payload.Capture
	if x == nil || s.Captured == "" || !x.own() || r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != "" {
		return nil
	}
	k, err := keptOf(s)
	if err != nil {
		return err
	}
	k.match(r)
	return nil
}

// match adds the condition that what is there is still k. Weak ETags never match.
func (k *kept) match(r *Request) {
	if strings.HasPrefix(k.ETag, `"`) {
		r.Header.Set("If-Match", k.ETag)
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
	if k.Absent || other.Absent {
		return k.Absent == other.Absent
	}
	a, errA := unmarshal([]byte(k.Body))
	b, errB := unmarshal([]byte(other.Body))
	if errA != nil || errB != nil {
		return k.Body == other.Body
	}
	return equal(a, b)
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

// restore puts back what was captured.
func (w *work) restore(ctx context.Context, s *core.Session) error {
	c, err := clientOf(s)
	if err != nil {
		return err
	}
	target, x := c.conn.target, w.payload.Capture
	if target.nothingDone(s) {
		target.didNothing(s, false)
		s.Progress(core.Progress{Text: "left out: the step's request did nothing that could be taken back"})
		return nil
	}
	before, err := keptOf(s)
	if err != nil {
		return err
	}
	t := &texts{s: s, client: c}
	now, err := x.look(ctx, t, &w.payload)
	if err != nil {
		return err
	}
	if before.same(now) {
		s.Progress(core.Progress{Text: "it is as it was"})
		return nil
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
	if wrote := target.wroteTag(s); wrote != "" && now.ETag != "" && wrote != now.ETag {
		return &ChangedError{What: r.what(), Next: putBackByHand}
	}
	now.match(&r)
	if !before.Absent {
		r.Body = []byte(before.Body)
		if before.Type != "" {
			r.Header.Set("Content-Type", before.Type)
		}
	}
	s.Progress(core.Progress{Text: r.what() + ": puts back what was there before"})
	resp, err := c.Send(ctx, r)
	if err != nil {
		return err
	}
	if resp.Status == http.StatusPreconditionFailed && !resp.Unanswered {
		return &ChangedError{What: r.what(), Next: putBackByHand}
	}
	return resp.expect(want)
}

// wroteTag returns the ETag of what the step made, if the API said it to this process.
func (t *Target) wroteTag(s *core.Session) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tags[stepID{s.ChangeID, s.Step}]
}

// wrote remembers the ETag of what a step made.
func (t *Target) wrote(s *core.Session, tag string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id := (stepID{s.ChangeID, s.Step}); id.change != "" && tag != "" {
		t.tags[id] = tag
	} else {
		delete(t.tags, id)
	}
}
