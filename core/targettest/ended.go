package targettest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// endedCases let a step end the transaction that it was given: its marker then tells
// nothing, and a person has to look.
func endedCases() []testCase {
	var all []testCase
	for name, err := range map[string]error{"and says so to nobody": nil, "and fails": errOwn} {
		all = append(all, testCase{"ended/a step ends its transaction " + name, tx | ends, func(t testing.TB, w *world) {
			for i, way := range slices.Sorted(maps.Keys(w.sys.Ends)) {
				v := newWorld(t, w.h, w.sys) // an audit store of its own
				p, id := v.process(t), fmt.Sprintf("alpha%d", i)
				end := w.sys.Ends[way]
				c := then(v.change(p, id, "1"), func(ctx context.Context, s *core.Session) error {
					if e := end.Do(ctx, s); e != nil {
						return e
					}
					return err
				})
				p.applyStages(v.ctx(), t, core.Stage{Name: "one", Changes: []core.Change{c}}, core.Stage{Name: "two", Changes: []core.Change{v.change(p, id+"x", "1")}}).
					is(t, core.CodeChangeFailed, id+" FAILED", id+"x APPLIED")
				v.recorded(t, id+" STARTED", id+" FAILED unknown", id+"x STARTED", id+"x APPLIED")
				if r := v.load(t).Records[id]; r.TxType != core.TxNone {
					t.Errorf("%s: recorded as %s, whose marker would be believed", way, r.TxType)
				}
				p.apply(t, v.change(p, id, "1")).is(t, core.CodeManualIntervention, id+" BLOCKED")
				v.ran(t, id, 1)
			}
		}})
	}
	slices.SortFunc(all, func(a, b testCase) int { return len(a.name) - len(b.name) })
	return all
}
