package targettest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

func fenceOf(ledgerID string, token, n uint64) core.Fence {
	return core.Fence{LedgerID: ledgerID, Token: token, N: n, Lease: 3 * time.Second}
}

// fenceCases say who may not commit any more.
func fenceCases() []testCase {
	return []testCase{
		{"fence/keeps an older token out", tx, func(t testing.TB, w *world) { w.keepsOut(t, fence(1, 5), fence(2, 0)) }},
		{"fence/keeps a lower number of the same token out", tx, func(t testing.TB, w *world) { w.keepsOut(t, fence(3, 1), fence(3, 2)) }},
		{"fence/is raised by a commit as well", tx, func(t testing.TB, w *world) {
			former, holder := w.openTx(t), w.openTx(t)
			w.commits(t, holder, fence(2, 0), marker("alpha", 1), "alpha")
			w.outside(t, former, fence(1, 0))
			refuses(t, "raise by the former holder", former.RaiseFence(w.ctx(), fence(1, 9)), core.ErrLeaseLost)
		}},
		{"fence/can be raised again but not lowered", tx, func(t testing.TB, w *world) {
			target, other := w.openTx(t), w.openTx(t)
			for _, f := range []core.Fence{fence(2, 1), fence(2, 1), fence(2, 2), fence(3, 0)} {
				check(t, "raise", target.RaiseFence(w.ctx(), f))
			}
			for _, f := range []core.Fence{fence(2, 9), fence(1, 0)} {
				refuses(t, "raise to a lower one", other.RaiseFence(w.ctx(), f), core.ErrLeaseLost)
			}
			w.commits(t, other, fence(3, 0), marker("alpha", 1), "alpha")
		}},
		{"fence/ledgers have their own", tx, func(t testing.TB, w *world) {
			target := w.openTx(t)
			check(t, "raise", target.RaiseFence(w.ctx(), fenceOf("two", 9, 9)))
			w.commits(t, target, fence(1, 0), marker("alpha", 1), "alpha")
			check(t, "raise", target.RaiseFence(w.ctx(), fence(1, 1)))
		}},
	}
}

// keepsOut checks that a holder with the fence old cannot commit once it is raised.
func (w *world) keepsOut(t testing.TB, old, raised core.Fence) {
	t.Helper()
	former, holder := w.openTx(t), w.openTx(t)
	w.commits(t, former, old, marker("alpha", 1), "alpha")
	check(t, "raise", holder.RaiseFence(w.ctx(), raised))
	w.outside(t, former, old)
	w.commits(t, holder, raised, marker("gamma", 3), "gamma")
}

// outside checks that a transaction below the fence is refused before it works.
func (w *world) outside(t testing.TB, former core.TxTarget, f core.Fence) {
	t.Helper()
	err := former.Transact(w.ctx(), core.Transaction{Fence: f, Marker: marker("beta", 2), Guard: allow, Work: func(ctx context.Context, handle any) error {
		t.Error("the work of a former holder was run")
		return with(w.sys.Create("beta").Apply)(ctx, handle)
	}})
	refuses(t, "transact by the former holder", err, core.ErrLeaseLost)
	w.isThere(t, "beta", false)
	w.marked(t, former, marker("beta", 2), false)
}

// comesTo waits until a run comes to a place, which one that ends before never does.
func comesTo(t testing.TB, place <-chan struct{}, run <-chan outcome) {
	t.Helper()
	select {
	case <-place:
	case o := <-run:
		t.Fatalf("the run ended before it was paused: %v", o.err)
	}
}

// holderCases pause a holder, and let a successor take over meanwhile.
func holderCases() []testCase {
	return []testCase{
		{"holder/paused before its transaction cannot commit", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			paused, resume := make(chan struct{}), make(chan struct{})
			p.beforeTransact = func(*core.Transaction) { close(paused); <-resume }
			former := p.start(w.ctx(), t, core.Stage{Name: "main", Changes: []core.Change{w.change(p, "alpha", "1")}})
			comesTo(t, paused, former)
			p.isDead() // they think
			next := w.process(t)
			next.apply(t, w.change(next, "alpha", "1")).is(t, "", "alpha APPLIED")
			close(resume)
			if o := <-former; core.CodeOf(o.err) != core.CodeLeaseLost {
				t.Errorf("the former holder ended with %v, want the lease lost", o.err)
			}
			w.recorded(t, "alpha STARTED", "alpha ROLLED_BACK reconciled", "alpha STARTED", "alpha APPLIED")
			w.ran(t, "alpha", 1)
			w.isThere(t, "alpha", true)
			w.noMarkers(t)
		}},
		{"holder/paused in its transaction: one of both commits", tx, func(t testing.TB, w *world) {
			w.lease = time.Second // bounds how long the successor waits for the system's locks
			commits := make(chan struct{}, 10)
			counts := func(err error) error {
				if err == nil {
					commits <- struct{}{}
				}
				return err
			}
			p := w.process(t)
			paused, resume := make(chan struct{}), make(chan struct{})
			p.deaf, p.afterTransact = true, counts
			p.beforeTransact = func(tr *core.Transaction) {
				tr.Guard = func(context.Context) error { close(paused); <-resume; return nil }
			}
			former := p.start(w.ctx(), t, core.Stage{Name: "main", Changes: []core.Change{w.change(p, "alpha", "1")}})
			comesTo(t, paused, former)
			p.isDead()
			next := w.process(t)
			next.afterTransact = counts
			o := next.apply(t, w.change(next, "alpha", "1"))
			var busy *core.BusyError
			if o.err != nil && !errors.As(o.err, &busy) {
				t.Errorf("the successor ended with %v, want nothing or *core.BusyError", o.err)
			}
			close(resume)
			<-former
			last := w.process(t)
			last.afterTransact = counts
			if o := last.apply(t, w.change(last, "alpha", "1")); o.err != nil {
				t.Errorf("the run after both ended with %v", o.err)
			}
			w.applied(t, "alpha")
			w.isThere(t, "alpha", true)
			if n := len(commits); n != 1 {
				standstill.Violated(t, "%d transactions of one change committed, want 1; history %q", n, w.states(t))
			}
			w.noMarkers(t)
		}},
	}
}
