package sqltarget

import (
	"context"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
)

// probe makes the probe of a change from its apply scripts, if each of their
// statements is one that the dialect can look for.
func probe(d Dialect, payloads []core.Payload) (core.Probe, error) {
	var all []*Special
	for _, p := range payloads {
		s, _, err := compile(d, p)
		if err != nil {
			return nil, err
		}
		for _, st := range s.statements {
			if st.special == nil || st.special.Probe == nil {
				return nil, nil
			}
			all = append(all, st.special)
		}
	}
	return func(ctx context.Context, session *core.Session) (core.ProbeResult, error) {
		q, ok := session.Handle.(Querier)
		if !ok {
			return core.ProbeUnknown, &core.HandleError{Want: reflect.TypeFor[Querier](), Got: reflect.TypeOf(session.Handle)}
		}
		answer := core.ProbeResult("")
		for _, s := range all {
			one, err := s.Probe(ctx, q)
			switch {
			case err != nil:
				return core.ProbeUnknown, err
			case one == core.ProbeConflict:
				return one, nil
			case answer == "":
				answer = one
			case answer != one: // done in part, which a repetition would stumble over
				answer = core.ProbeUnknown
			}
		}
		return answer, nil
	}, nil
}
