package targettest

import (
	"context"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// stopCases cancel a run, which stops, and says in the ledger what it knows.
func stopCases() []testCase {
	wait := func(ctx context.Context, _ *core.Session) error { <-ctx.Done(); return ctx.Err() }
	ignore := func(context.Context, *core.Session) error { return nil }
	return []testCase{
		{"stop/in a transaction", tx, func(t testing.TB, w *world) { w.stopsTx(t, wait) }},
		{"stop/in a slow statement of a transaction", tx | slow, func(t testing.TB, w *world) { w.stopsTx(t, w.sys.Slow.Do) }},
		{"stop/unheard, right before COMMIT", tx, func(t testing.TB, w *world) { w.stopsTx(t, ignore) }},
		{"stop/outside of a transaction", 0, func(t testing.TB, w *world) { w.stopsDirect(t, wait) }},
		{"stop/in a slow call", slow, func(t testing.TB, w *world) { w.stopsDirect(t, w.sys.Slow.Do) }},
		{"stop/before the transaction", tx, func(t testing.TB, w *world) {
			ctx, cancel := context.WithCancel(w.ctx())
			defer cancel()
			p := w.process(t)
			p.beforeRaise = cancel
			p.applyStages(ctx, t, core.Stage{Name: "main", Changes: []core.Change{w.change(p, "alpha", "1")}}).is(t, core.CodeInterrupted, "alpha NOT_REACHED")
			w.recorded(t, "alpha STARTED", "alpha ROLLED_BACK")
			w.isThere(t, "alpha", false)
			w.ran(t, "alpha", 0)
			p.beforeRaise = nil
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
		}},
	}
}

// stopping runs a change, and cancels the run when the change has had its effect and
// does what follows.
func (w *world) stopping(t testing.TB, p *process, c core.Change, follows func(context.Context, *core.Session) error) outcome {
	t.Helper()
	ctx, cancel := context.WithCancel(w.ctx())
	defer cancel()
	var at time.Time
	o := p.applyStages(ctx, t, core.Stage{Name: "main", Changes: []core.Change{then(c, func(ctx context.Context, s *core.Session) error {
		soon := time.AfterFunc(20*time.Millisecond, cancel)
		defer soon.Stop()
		if at = time.Now(); w.sys.Slow.IsZero() {
			cancel()
		}
		err := follows(ctx, s)
		if err == nil {
			<-ctx.Done()
		}
		return err
	})}})
	if took := time.Since(at); took > 20*time.Second {
		t.Errorf("the run took %s to stop", took)
	}
	return o
}

func (w *world) stopsTx(t testing.TB, follows func(context.Context, *core.Session) error) {
	t.Helper()
	p := w.process(t)
	w.stopping(t, p, w.change(p, "alpha", "1"), follows).is(t, core.CodeInterrupted, "alpha ROLLED_BACK")
	w.recorded(t, "alpha STARTED", "alpha FAILED", "alpha ROLLED_BACK")
	w.isThere(t, "alpha", false)
	w.noMarkers(t)
	p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
	w.isThere(t, "alpha", true)
}

func (w *world) stopsDirect(t testing.TB, follows func(context.Context, *core.Session) error) {
	t.Helper()
	p := w.process(t)
	w.stopping(t, p, w.direct(p, "alpha", "1"), follows).is(t, core.CodeInterrupted, "alpha FAILED")
	w.recorded(t, "alpha STARTED", "alpha FAILED unknown")
	p.apply(t, w.direct(p, "alpha", "1")).is(t, core.CodeManualIntervention, "alpha BLOCKED")
	w.ran(t, "alpha", 1)
}
