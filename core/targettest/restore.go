package targettest

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// restoreCases say that a change which fails leaves nothing.
func restoreCases() []testCase {
	return []testCase{
		{"restore/rollback takes back what apply did", 0, func(t testing.TB, w *world) {
			pair := w.sys.Create("alpha")
			handle, release, err := w.open(t).Open(w.ctx())
			check(t, "open", err)
			for range 2 { // as if it had never been
				check(t, "apply", pair.Apply.Do(w.ctx(), session(handle)))
				w.isThere(t, "alpha", true)
				check(t, "rollback", pair.Rollback.Do(w.ctx(), session(handle)))
				w.isThere(t, "alpha", false)
			}
			check(t, "release", release())
		}},
		{"restore/a failing change is rolled back", 0, func(t testing.TB, w *world) {
			p := w.process(t)
			c := w.direct(p, "alpha", "1")
			c.Rollback = w.sys.Create("alpha").Rollback
			p.apply(t, fails(c)).is(t, core.CodeChangeFailed, "alpha ROLLED_BACK")
			w.recorded(t, "alpha STARTED", "alpha FAILED", "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
			p.apply(t, c).is(t, "", "alpha APPLIED")
			w.isThere(t, "alpha", true)
		}},
		{"restore/a failing transaction leaves nothing", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			c := w.change(p, "alpha", "1")
			p.apply(t, fails(c)).is(t, core.CodeChangeFailed, "alpha ROLLED_BACK")
			w.recorded(t, "alpha STARTED", "alpha FAILED", "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
			w.noMarkers(t)
			p.apply(t, c).is(t, "", "alpha APPLIED")
			w.isThere(t, "alpha", true)
		}},
		{"restore/steps of a transaction commit together", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			c := w.change(p, "alpha", "1")
			both := core.Change{ID: "both", Order: "1", TargetSystem: c.TargetSystem, Steps: []core.StepPair{{Apply: c.Apply}, {Apply: fails(w.change(p, "beta", "1")).Apply}}}
			p.apply(t, both).is(t, core.CodeChangeFailed, "both ROLLED_BACK")
			w.isThere(t, "alpha", false)
			w.isThere(t, "beta", false)
		}},
		{"restore/what the system refuses leaves nothing", tx | refused, func(t testing.TB, w *world) {
			p := w.process(t)
			c := then(w.change(p, "alpha", "1"), w.sys.Refused.Do)
			p.apply(t, c).is(t, core.CodeChangeFailed, "alpha ROLLED_BACK")
			w.recorded(t, "alpha STARTED", "alpha FAILED", "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
		}},
		{"restore/what the system refuses is known to be refused", refused, func(t testing.TB, w *world) {
			p := w.process(t)
			c := w.direct(p, "alpha", "1")
			c.Rollback = w.sys.Create("alpha").Rollback
			p.apply(t, then(c, w.sys.Refused.Do)).is(t, core.CodeChangeFailed, "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
		}},
		{"restore/a panic in a transaction leaves nothing", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			c := w.change(p, "alpha", "1")
			p.apply(t, then(c, func(context.Context, *core.Session) error { panic("in a step") })).is(t, core.CodeChangeFailed, "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
			p.apply(t, c).is(t, "", "alpha APPLIED")
		}},
		{"restore/a panic outside of a transaction is a failure", 0, func(t testing.TB, w *world) {
			p := w.process(t)
			c := w.direct(p, "alpha", "1")
			c.Rollback = w.sys.Create("alpha").Rollback
			p.apply(t, then(c, func(context.Context, *core.Session) error { panic("in a step") })).is(t, core.CodeChangeFailed, "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
			p.apply(t, c).is(t, "", "alpha APPLIED")
		}},
		{"restore/the guard is asked last and obeyed", tx, func(t testing.TB, w *world) {
			target := w.openTx(t)
			worked, asked := false, false
			err := target.Transact(w.ctx(), core.Transaction{
				Fence: fence(1, 0), Marker: marker("alpha", 1),
				Work: func(ctx context.Context, handle any) error {
					worked = true
					return with(w.sys.Create("alpha").Apply)(ctx, handle)
				},
				Guard: func(context.Context) error {
					if asked = true; !worked {
						t.Error("the guard was asked before the work")
					}
					return errOwn
				},
			})
			if refuses(t, "transact", err, errOwn); !asked {
				t.Error("the guard was not asked")
			}
			w.isThere(t, "alpha", false)
			w.marked(t, target, marker("alpha", 1), false)
		}},
	}
}
