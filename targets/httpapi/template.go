package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/flamingock/flamingock-go/core"
)

// Template is the name of the template that sends a request.
const Template = "http"

// requestTemplate sends one request for each apply and each rollback. It is always
// NON_TX.
//
// Of its operation:
//
//   - apply succeeds when the answer is as expect says: a status of 2xx, if it says
//     nothing. An answer with a status of existing counts as done only when what is there
//     already is, as a GET shows, what existing describes.
//   - rollback is a request of its own. It is left out when the request of the same step
//     did nothing in this process: it was refused, or what it makes was there before. A
//     DELETE takes 404 and 410 too, where expect has no status.
//   - With capture, what is there is read first, and kept; the request is not sent when it
//     was changed meanwhile, and is conditional on its ETag, where it has one; rollback:
//     auto puts it back, and looks.
//   - A probe is the change's own (probe:), a GET or HEAD.
//   - What is sent again, and what an answer that is lost means, says the package's
//     comment. No late duplicate is called harmless.
//   - Where a repeated POST makes a second one, the idempotency key tells them apart: in
//     its header, or as ${idempotencyKey} in the texts of the payload and of the probe.
func requestTemplate() core.Template {
	return core.Template{Name: Template, Compile: compileRequest, Restore: compileRestore, CustomProbe: compileProbe}
}

const notInTransaction = "HTTP knows no transactions"

// keyPlaceholder stands for the step's idempotency key.
const keyPlaceholder = "${idempotencyKey}"

// location is where a request goes.
type location struct {
	Path    core.Text            `yaml:"path"`
	URL     core.Text            `yaml:"url"`
	Query   map[string]core.Text `yaml:"query"`
	Headers map[string]core.Text `yaml:"headers"`
	Timeout time.Duration        `yaml:"timeout"`
}

// payload is an apply or a rollback.
type payload struct {
	Method   core.Text            `yaml:"method"`
	Location location             `yaml:",inline"`
	JSON     *value               `yaml:"json"`
	Form     map[string]core.Text `yaml:"form"`
	Body     *core.Text           `yaml:"body"`
	Expect   expectation          `yaml:"expect"`
	Existing *existing            `yaml:"existing"`
	Capture  *capture             `yaml:"capture"`
	Retry    retry                `yaml:"retry"`
}

type retry struct {
	Attempts int `yaml:"attempts"`
}

// existing is how to find out whether what is there already is what the change makes.
type existing struct {
	Status   statuses    `yaml:"status"` // of the refusal; 409 by default
	Location location    `yaml:",inline"`
	Expect   expectation `yaml:"expect"`
}

const mostAttempts = 10

func compileRequest(p core.Payload) (core.Step, error) {
	if err := p.Configuration(&struct{}{}); err != nil {
		return core.Step{}, err
	}
	w := &work{rollback: p.Rollback()}
	if err := p.Decode(&w.payload); err != nil {
		return core.Step{}, err
	}
	f := &faults{payload: p}
	w.payload.check(f)
	if w.payload.Capture != nil && w.rollback {
		f.at(w.payload.Method.Start, "capture belongs to apply: what is there before it is kept, and put back by rollback: auto")
	}
	name := strings.TrimSpace(w.payload.Method.Value + " " + w.payload.Location.label())
	step := core.Step{Name: name, Does: w.payload.does(), NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](), Do: w.do}
	if w.payload.Capture != nil && !w.rollback {
		step.Capture = w.capture
	}
	return step, f.err()
}

// label names the place for people, without a query.
func (l *location) label() string {
	where, _, _ := strings.Cut(l.Path.Value+l.URL.Value, "?")
	return where
}

// references are what is not known before a run.
var references = regexp.MustCompile(`\$\{[^}]*\}`)

// named says what is wrong with a URL; "": nothing that can be seen before a run. User and
// password would be shown with it, since errors and plans name the place.
func named(where string) string {
	const password = "must not hold user and password: give the target system auth: { basic: … }, with references"
	known := references.ReplaceAllString(where, "0")
	if strings.HasPrefix(where, "${") || strings.Contains(where, "[") { // who knows what it will be
		_, rest, is := strings.Cut(known, "://")
		if !is {
			rest = known
		}
		if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") && !strings.Contains(host, "?") {
			return password
		}
		return ""
	}
	u, err := url.Parse(known)
	switch {
	case err != nil:
		return "is no URL: write special characters as %XX"
	case u.User != nil:
		return password
	}
	return ""
}

// methods that a change may use. A GET changes nothing, but may be all that a trigger needs.
var methods = []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut}

func (p *payload) check(f *faults) {
	switch m := p.Method; {
	case blank(m):
		f.at(core.Position{}, "method is missing: one of %s", strings.Join(methods, ", "))
	case !slices.Contains(methods, m.Value):
		f.at(m.Start, "the method must be one of %s, in capitals", strings.Join(methods, ", "))
	}
	p.Location.check(f, "")
	n := 0
	for _, has := range []bool{p.JSON != nil, p.Form != nil, p.Body != nil} {
		if has {
			n++
		}
	}
	switch {
	case n > 1:
		f.at(p.Method.Start, "json, form and body exclude each other")
	case n > 0 && (p.Method.Value == http.MethodGet || p.Method.Value == http.MethodHead):
		f.at(p.Method.Start, "a %s takes no json, form or body", p.Method.Value)
	}
	if p.Method.Value == http.MethodHead && p.Expect.looks() {
		f.at(p.Method.Start, "the answer to HEAD has no content: only its status can be looked at")
	}
	if a := p.Retry.Attempts; a < 0 || a > mostAttempts {
		f.at(p.Method.Start, "retry.attempts must be from 1 to %d", mostAttempts)
	}
	p.Expect.check(f)
	if p.Capture != nil {
		p.Capture.check(f, p)
	}
	if x := p.Existing; x != nil {
		x.Location.check(f, "existing.")
		x.Expect.check(f)
		if !x.Expect.looks() {
			f.at(first(x.Location.Path.Start, x.Location.URL.Start), "existing.expect needs json, present or absent: that something is there does not show that it is the same")
		}
	}
}

func (l *location) check(f *faults, prefix string) {
	switch {
	case blank(l.Path) && blank(l.URL):
		f.at(core.Position{}, "%spath is missing: it is appended to baseUrl", prefix)
	case !blank(l.Path) && !blank(l.URL):
		f.at(l.URL.Start, "%spath and %surl exclude each other", prefix, prefix)
	case !blank(l.Path) && !strings.HasPrefix(l.Path.Value, "/"):
		f.at(l.Path.Start, "%spath must begin with /: it is appended to baseUrl", prefix)
	case !blank(l.URL) && !strings.HasPrefix(l.URL.Value, "https://") && !strings.HasPrefix(l.URL.Value, "http://") && !strings.HasPrefix(l.URL.Value, "${"):
		f.at(l.URL.Start, "%surl must be one of http or https", prefix)
	case strings.ContainsAny(l.Path.Value+l.URL.Value, " \t\r\n#"):
		f.at(first(l.Path.Start, l.URL.Start), "%spath and %surl hold no spaces and no #: write special characters as %%XX", prefix, prefix)
	case named(l.URL.Value) != "":
		f.at(l.URL.Start, "%surl %s", prefix, named(l.URL.Value))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		if why := wrongHeader(name); why != "" {
			f.at(l.Headers[name].Start, "%sheaders: %s", prefix, why)
		}
	}
	if l.Timeout < 0 {
		f.at(core.Position{}, "%stimeout must not be negative", prefix)
	}
}

func blank(t core.Text) bool { return strings.TrimSpace(t.Value) == "" }

// first is the first place that is known.
func first(places ...core.Position) core.Position {
	for _, p := range places {
		if p.Line > 0 {
			return p
		}
	}
	return core.Position{}
}

// faults collects what is wrong with a payload, each at its place.
type faults struct {
	payload core.Payload
	list    []error
}

// at adds a fault at a place; at the payload's start when that is not known.
func (f *faults) at(p core.Position, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if p.Line == 0 {
		f.list = append(f.list, f.payload.Fault(0, 0, message))
		return
	}
	f.list = append(f.list, &core.ValidationError{Faults: []core.Fault{{Where: p.String(), Message: message}}})
}

func (f *faults) err() error { return errors.Join(f.list...) }

// texts resolves the texts of a payload in one session.
type texts struct {
	s      *core.Session
	client *Client
	own    string // the step's idempotency key, when it was asked for
}

// resolve replaces references and the idempotency key. Values of references are kept
// from errors.
func (t *texts) resolve(ctx context.Context, text string) (string, error) {
	if strings.Contains(text, keyPlaceholder) {
		if t.own == "" {
			if t.s.IdempotencyKey == nil {
				return "", errors.New(keyPlaceholder + " has a value in a run only")
			}
			var err error
			if t.own, err = t.s.IdempotencyKey(ctx); err != nil {
				return "", err
			}
		}
		text = strings.ReplaceAll(text, keyPlaceholder, t.own)
	}
	if err := t.keep(ctx, text, nil); err != nil {
		return "", err
	}
	return t.s.Resolve(ctx, text)
}

// keep notes the values of the references of a text, and hands them over.
func (t *texts) keep(ctx context.Context, text string, each func(reference, value string)) error {
	for _, r := range core.References(text) {
		value, err := t.s.Resolve(ctx, r.String())
		if err != nil {
			return err
		}
		t.client.conn.secrets.add(value)
		if each != nil {
			each(r.String(), value)
		}
	}
	return nil
}

// header resolves a header's value.
func (t *texts) header(ctx context.Context, name string, text core.Text) (string, error) {
	value, err := t.resolve(ctx, text.Value)
	if err == nil && !httpguts.ValidHeaderFieldValue(value) {
		err = fmt.Errorf("the value of the header %s must be one line", name)
	}
	return value, err
}
