package targettest

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// commitCases lose COMMIT, or the answer to it. The Runner then raises the fence
// once more and asks the marker.
func commitCases() []testCase {
	return []testCase{
		{"commit/its answer is lost", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			p.afterTransact = func(err error) error {
				p.afterTransact = nil
				check(t, "transact", err)
				return core.Unknown(errOwn)
			}
			p.apply(t, w.change(p, "alpha", "1"), w.change(p, "beta", "2")).is(t, "", "alpha APPLIED", "beta APPLIED")
			w.recorded(t, "alpha STARTED", "alpha APPLIED reconciled", "beta STARTED", "beta APPLIED")
			w.ran(t, "alpha", 1)
			w.isThere(t, "alpha", true)
			w.noMarkers(t)
		}},
		{"commit/it never arrived", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			p.beforeTransact = func(tr *core.Transaction) {
				p.beforeTransact = nil
				tr.Guard = func(context.Context) error { return errOwn }
			}
			p.afterTransact = func(err error) error {
				p.afterTransact = nil
				return core.Unknown(err)
			}
			p.applyStages(w.ctx(), t, core.Stage{Name: "one", Changes: []core.Change{w.change(p, "alpha", "1")}}, core.Stage{Name: "two", Changes: []core.Change{w.change(p, "beta", "1")}}).
				is(t, core.CodeChangeFailed, "alpha ROLLED_BACK", "beta APPLIED")
			w.isThere(t, "alpha", false)
			w.isThere(t, "beta", true)
			p.apply(t, w.change(p, "alpha", "1"), w.change(p, "beta", "2")).is(t, "", "alpha APPLIED", "beta ALREADY_APPLIED")
			w.isThere(t, "alpha", true)
			w.noMarkers(t)
		}},
	}
}
