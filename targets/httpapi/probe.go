package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/flamingock/flamingock-go/core"
)

// probePayload asks the API whether the change's effect is there.
type probePayload struct {
	Method     core.Text    `yaml:"method"` // GET, if absent, or HEAD
	Location   location     `yaml:",inline"`
	Applied    *expectation `yaml:"applied"`
	NotApplied *expectation `yaml:"notApplied"`
	Conflict   *expectation `yaml:"conflict"`
}

func compileProbe(p core.Payload) (core.Probe, error) {
	var b probePayload
	if err := p.Decode(&b); err != nil {
		return nil, err
	}
	f := &faults{payload: p}
	b.check(f)
	return b.ask, f.err()
}

func (b *probePayload) check(f *faults) {
	b.Location.check(f, "")
	if m := b.Method; !blank(m) && m.Value != http.MethodGet && m.Value != http.MethodHead {
		f.at(m.Start, "a probe changes nothing: its method is GET or HEAD")
	}
	if b.Applied == nil || b.NotApplied == nil {
		f.at(b.Location.Path.Start, "a probe needs applied and notApplied: what the answer is when the effect is there, and when it is not")
	}
	for _, e := range []*expectation{b.Applied, b.NotApplied, b.Conflict} {
		if e == nil {
			continue
		}
		e.check(f)
		if b.Method.Value == http.MethodHead && e.looks() {
			f.at(b.Method.Start, "the answer to HEAD has no content: only its status can be looked at")
		}
	}
}

// ask sends the request. An answer that is neither applied nor notApplied is UNKNOWN,
// but CONFLICT when its status is that of applied: then something else is there.
func (b *probePayload) ask(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
	c, err := clientOf(s)
	if err != nil {
		return core.ProbeUnknown, err
	}
	t := &texts{s: s, client: c}
	method := b.Method.Value
	if blank(b.Method) {
		method = http.MethodGet
	}
	r, err := b.Location.request(ctx, t, method)
	if err != nil {
		return core.ProbeUnknown, err
	}
	resp, err := c.Send(ctx, r)
	if err != nil {
		return core.ProbeUnknown, certain(err)
	}
	is := func(e *expectation) (bool, error) {
		if e == nil || !e.Status.has(resp.Status) {
			return false, nil
		}
		differs, err := e.content(ctx, t.resolve, resp)
		return differs == nil, err
	}
	applied, err := is(b.Applied)
	if err != nil {
		return core.ProbeUnknown, err
	}
	notApplied, err := is(b.NotApplied)
	if err != nil {
		return core.ProbeUnknown, err
	}
	conflict, err := is(b.Conflict)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case applied && notApplied:
		return core.ProbeUnknown, errors.New(resp.what + ": the answer is both applied and notApplied: mend the probe")
	case conflict:
		return core.ProbeConflict, nil
	case applied:
		return core.ProbeApplied, nil
	case notApplied:
		return core.ProbeNotApplied, nil
	}
	if _, notJSON := unmarshal(resp.Body); b.Applied.Status.has(resp.Status) && !resp.Truncated && notJSON == nil {
		return core.ProbeConflict, nil
	}
	return core.ProbeUnknown, resp.statusError(slices.Concat(b.Applied.Status.orSuccess(), b.NotApplied.Status.orSuccess()))
}
