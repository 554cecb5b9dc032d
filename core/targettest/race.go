package targettest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// raceCases let several work at once.
func raceCases() []testCase {
	return []testCase{
		{"race/two runs at once execute each change once", 0, func(t testing.TB, w *world) {
			w.lease = 2 * time.Second // who waits looks again twenty times in a lease
			ids := []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
			var runs []<-chan outcome
			for range 2 {
				p := w.process(t)
				var changes []core.Change
				for i, id := range ids {
					c := w.change(p, id, fmt.Sprint(i))
					if i%2 == 1 {
						c = w.direct(p, id, fmt.Sprint(i))
					}
					changes = append(changes, c)
				}
				runs = append(runs, p.start(w.ctx(), t, core.Stage{Name: "main", Changes: changes}))
			}
			for _, r := range runs {
				if o := <-r; o.err != nil || o.died {
					t.Errorf("a run ended with %v", o.err)
				}
			}
			for _, id := range ids {
				w.ran(t, id, 1)
				w.isThere(t, id, true)
			}
			w.applied(t, ids...)
			w.noMarkers(t)
		}},
		{"race/first use by several at once", tx, func(t testing.TB, w *world) {
			var wg sync.WaitGroup
			for i := range 6 {
				target := w.openTx(t)
				wg.Go(func() {
					f := fenceOf(fmt.Sprintf("ledger%d", i), 1, 0)
					f.Lease = time.Minute
					if err := target.RaiseFence(w.ctx(), f); err != nil {
						t.Errorf("raise: %v", err)
					}
					name := fmt.Sprintf("alpha%d", i)
					m := core.Marker{LedgerID: f.LedgerID, ChangeID: name, Seq: 1}
					if err := target.Transact(w.ctx(), core.Transaction{Fence: f, Marker: m, Guard: allow, Work: with(w.sys.Create(name).Apply)}); err != nil {
						t.Errorf("transact: %v", err)
					}
				})
			}
			wg.Wait()
			for i := range 6 {
				w.isThere(t, fmt.Sprintf("alpha%d", i), true)
			}
		}},
	}
}
