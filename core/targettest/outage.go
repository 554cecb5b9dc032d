package targettest

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// outageCases take the system away before a change begins, and bring it back. The
// same target then works again.
func outageCases() []testCase {
	return []testCase{
		{"outage/at Ping: nothing is written", down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := w.sys.Down(t)
			p.apply(t, w.change(p, "alpha", "1")).is(t, core.CodeUnavailable, "alpha NOT_REACHED")
			if rvn := w.load(t).Head.RVN; rvn != 0 {
				t.Errorf("the ledger was written: rvn %d", rvn)
			}
			up()
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
			w.isThere(t, "alpha", true)
		}},
		{"outage/after it was used", down, func(t testing.TB, w *world) {
			p := w.process(t)
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
			up := w.sys.Down(t)
			p.apply(t, w.change(p, "alpha", "1"), w.change(p, "beta", "2")).is(t, core.CodeUnavailable, "alpha ALREADY_APPLIED", "beta NOT_REACHED")
			w.recorded(t, "alpha STARTED", "alpha APPLIED")
			up()
			p.apply(t, w.change(p, "alpha", "1"), w.change(p, "beta", "2")).is(t, "", "alpha ALREADY_APPLIED", "beta APPLIED")
		}},
		{"outage/before the fence is raised: not begun", tx | down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := func() {}
			p.beforeRaise = func() { up = w.sys.Down(t) }
			w.notBegun(t, p, func() { p.beforeRaise = nil; up() })
		}},
		{"outage/before the transaction: not begun", tx | down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := func() {}
			p.beforeTransact = func(*core.Transaction) { up = w.sys.Down(t) }
			w.notBegun(t, p, func() { p.beforeTransact = nil; up() })
		}},
		{"outage/before a direct change", down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := func() {}
			p.beforeOpen = func() { up = w.sys.Down(t) }
			o := p.apply(t, w.retried(p, "alpha", "1"))
			// A client that connects late finds out in the step.
			if code := core.CodeOf(o.err); code != core.CodeUnavailable && code != core.CodeChangeFailed || o.died {
				t.Errorf("the run ended with %v", o.err)
			}
			p.beforeOpen = nil
			up()
			w.isThere(t, "alpha", false)
			p.apply(t, w.retried(p, "alpha", "1")).is(t, "", "alpha APPLIED")
			w.isThere(t, "alpha", true)
		}},
	}
}

func (w *world) notBegun(t testing.TB, p *process, up func()) {
	t.Helper()
	p.apply(t, w.change(p, "alpha", "1")).is(t, core.CodeUnavailable, "alpha NOT_REACHED")
	w.recorded(t, "alpha STARTED", "alpha ROLLED_BACK")
	if r := w.load(t).Records["alpha"]; r.Attempt != 0 {
		t.Errorf("an attempt that never began was counted: %d", r.Attempt)
	}
	w.ran(t, "alpha", 0)
	up()
	w.isThere(t, "alpha", false)
	p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
	w.isThere(t, "alpha", true)
	w.noMarkers(t)
}

// lostCases take the system away while a change is at work.
func lostCases() []testCase {
	return []testCase{
		{"lost/in a step of a transaction", tx | down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := func() {}
			c := then(w.change(p, "alpha", "1"), func(ctx context.Context, s *core.Session) error {
				up = w.sys.Down(t)
				return w.sys.Ensure("beta").Do(ctx, s)
			})
			w.neverCommitted(t, p, c, func() { up() })
		}},
		{"lost/before COMMIT", tx | down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := func() {}
			p.beforeTransact = func(tr *core.Transaction) {
				p.beforeTransact = nil
				tr.Guard = func(context.Context) error { up = w.sys.Down(t); return nil }
			}
			w.neverCommitted(t, p, w.change(p, "alpha", "1"), func() { up() })
		}},
		{"lost/in a direct change", down, func(t testing.TB, w *world) {
			p := w.process(t)
			up := func() {}
			c := firstly(w.retried(p, "alpha", "1"), func(ctx context.Context, s *core.Session) error {
				up = w.sys.Down(t)
				return w.sys.Ensure("beta").Do(ctx, s)
			})
			p.apply(t, c).is(t, core.CodeChangeFailed, "alpha FAILED")
			up()
			w.isThere(t, "beta", false)
			p.apply(t, c).is(t, "", "alpha APPLIED")
			w.applied(t, "alpha")
			w.isThere(t, "alpha", true)
		}},
	}
}

// neverCommitted runs a change during which the system goes away. Its outcome is
// known or not; but it is not applied, and the next run applies it.
func (w *world) neverCommitted(t testing.TB, p *process, c core.Change, up func()) {
	t.Helper()
	o := p.apply(t, c)
	if code := core.CodeOf(o.err); code != core.CodeChangeFailed || o.died {
		t.Errorf("the run ended with %v, want a failed change", o.err)
	}
	if s := w.load(t); s.Records["alpha"].State.IsApplied() || s.Head.Held() {
		t.Errorf("recorded as %q, held %t", s.Records["alpha"].State, s.Head.Held())
	}
	up()
	w.isThere(t, "alpha", false)
	w.isThere(t, "beta", false)
	p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
	w.applied(t, "alpha")
	w.isThere(t, "alpha", true)
	w.noMarkers(t)
}
