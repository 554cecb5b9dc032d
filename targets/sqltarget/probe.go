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
		return core.ProbeEach(all, func(s *Special) (core.ProbeResult, error) { return s.Probe(ctx, q) })
	}, nil
}
