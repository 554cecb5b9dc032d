package httpapi

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"

	"github.com/flamingock/flamingock-go/core"
)

// statuses are what the status of an answer may be: numbers, or classes such as 2xx.
// None stands for 2xx.
type statuses []string

var statusWord = regexp.MustCompile(`^[1-5](?:[0-9][0-9]|xx)$`)

// UnmarshalYAML decodes one status or a list of them.
func (s *statuses) UnmarshalYAML(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		*s = statuses{one}
	} else if err := decode((*[]string)(s)); err != nil {
		return err
	}
	for i, w := range *s {
		if (*s)[i] = strings.ToLower(w); !statusWord.MatchString((*s)[i]) {
			return &core.FaultError{Message: "must be a status such as 201, a class such as 2xx, or a list of these"}
		}
	}
	return nil
}

func (s statuses) orSuccess() statuses {
	if len(s) == 0 {
		return statuses{"2xx"}
	}
	return s
}

func (s statuses) has(status int) bool {
	text := strconv.Itoa(status)
	return slices.ContainsFunc(s.orSuccess(), func(w string) bool { return w == text || w[1:] == "xx" && w[0] == text[0] && len(text) == 3 })
}

func (s statuses) String() string { return strings.Join(s.orSuccess(), " or ") }

// expectation is what an answer must be.
type expectation struct {
	Status statuses `yaml:"status"`
	// JSON are values by the path (RFC 9535) that leads to each of them alone.
	JSON map[string]*value `yaml:"json"`
	// Present and Absent are paths that select something, and nothing.
	Present []core.Text `yaml:"present"`
	Absent  []core.Text `yaml:"absent"`
}

// looks reports whether the content of the answer matters.
func (e *expectation) looks() bool { return len(e.JSON)+len(e.Present)+len(e.Absent) > 0 }

func (e *expectation) check(f *faults) {
	for _, path := range slices.Sorted(maps.Keys(e.JSON)) {
		checkPath(f, path, e.JSON[path].place())
	}
	for _, p := range slices.Concat(e.Present, e.Absent) {
		checkPath(f, p.Value, p.Start)
	}
}

func checkPath(f *faults, path string, at core.Position) {
	if hasReference(path) {
		return
	}
	if _, err := jsonpath.Parse(path); err != nil {
		why := strings.TrimPrefix(err.Error(), "jsonpath: ")
		f.at(at, "%q is no JSONPath (RFC 9535): %s", core.Cap(path, 80), core.Cap(why, 200))
	}
}

// place is where a value is written, or what it holds first; zero if nobody knows.
func (v *value) place() core.Position {
	if v == nil {
		return core.Position{}
	}
	if v.at.Line > 0 {
		return v.at
	}
	for _, e := range v.list {
		if p := e.place(); p.Line > 0 {
			return p
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.m)) {
		if p := v.m[name].place(); p.Line > 0 {
			return p
		}
	}
	return core.Position{}
}

// content says how the answer's content differs from what is expected; nil: it does
// not. The error of a reference comes as err.
func (e *expectation) content(ctx context.Context, r resolve, resp *Response) (differs *AnswerError, err error) {
	if !e.looks() {
		return nil, nil
	}
	says := func(format string, args ...any) (*AnswerError, error) {
		reason := resp.client.secrets.quote(fmt.Sprintf(format, args...))
		return &AnswerError{What: resp.what, Status: resp.Status, Reason: reason}, nil
	}
	if resp.Truncated {
		return says("it is larger than maxResponse, %d bytes, so that its content could not be looked at", len(resp.Body))
	}
	doc, bad := unmarshal(resp.Body)
	if bad != nil {
		return says("its content is not JSON: %s", string(resp.Body))
	}
	show := func(v any) string {
		b, err := marshal(resp.client.secrets.within(v))
		if err != nil {
			return "?"
		}
		return string(b)
	}
	selected := func(path string) (string, []any, error) {
		text, err := r(ctx, path)
		if err != nil {
			return "", nil, err
		}
		p, err := jsonpath.Parse(text)
		if err != nil {
			return "", nil, &RequestError{What: resp.what, Reason: path + " is no JSONPath (RFC 9535)", Next: "look at the value of its reference"}
		}
		return path, p.Select(doc), nil
	}
	for _, key := range slices.Sorted(maps.Keys(e.JSON)) {
		path, found, err := selected(key)
		if err != nil {
			return nil, err
		}
		want, err := e.JSON[key].plain(ctx, r)
		if err != nil {
			return nil, err
		}
		switch {
		case len(found) == 0:
			return says("it has no %s", path)
		case len(found) > 1:
			return says("%s are %d values, where one is expected", path, len(found))
		case !equal(found[0], want):
			return says("%s is %s, not %s", path, show(found[0]), show(want))
		}
	}
	for _, p := range e.Present {
		if path, found, err := selected(p.Value); err != nil || len(found) == 0 {
			if err != nil {
				return nil, err
			}
			return says("it has no %s", path)
		}
	}
	for _, p := range e.Absent {
		if path, found, err := selected(p.Value); err != nil || len(found) > 0 {
			if err != nil {
				return nil, err
			}
			return says("it has %s: %s", path, show(found[0]))
		}
	}
	return nil, nil
}
