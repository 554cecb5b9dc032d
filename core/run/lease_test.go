package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func wantStates(t *testing.T, w *world, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, w.states()); d != "" {
		t.Errorf("history (-want +got): %s", d)
	}
}

func wantCode(t *testing.T, o outcome, want core.Code) {
	t.Helper()
	if got := o.code(); got != want {
		t.Errorf("code %q, want %q: %v", got, want, o.err)
	}
}

func once(site string, f fault) func(int, string) fault {
	hit := false
	return func(_ int, s string) fault {
		if !hit && s == site {
			hit = true
			return f
		}
		return none
	}
}

func TestFortyAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var changes []core.Change
		for i := range 5 {
			changes = append(changes, slow(plain(fmt.Sprintf("n%d", i), fmt.Sprint(i)), 300*time.Millisecond))
		}
		w := newWorld(t, stage("main", changes...))
		w.watchOrder()
		var ends []<-chan outcome
		for range 40 {
			ends = append(ends, w.process(nil).applyAsync())
		}
		applied := 0
		for _, c := range ends {
			o := <-c
			wantCode(t, o, "")
			applied += o.rep.Counts[run.ChangeApplied]
		}
		if applied != 5 {
			t.Errorf("%d changes were applied", applied)
		}
		w.mustBeWhole()
	})
}

func TestWaitsForALiveHolder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 30*time.Second)))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		second := w.process(nil).apply()
		wantCode(t, second, "")
		if second.rep.Status != run.NoChanges || second.rep.ExecutionID != "" {
			t.Errorf("report %+v", second.rep)
		}
		o := <-first
		wantCode(t, o, "")
		if !slices.Contains(o.p.sites, "renew") {
			t.Error("a change longer than the lease was not renewed")
		}
		wantStates(t, w, "n1 STARTED", "n1 APPLIED")
	})
}

func TestWaitHasALimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 30*time.Second)))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		began := time.Now()
		o := w.process(nil).apply(func(o *run.Options) { o.Wait = 5 * time.Second })
		wantCode(t, o, core.CodeLockHeld)
		var he *core.HeldError
		if !errors.As(o.err, &he) || he.Holder.Host != "p1" || he.Waited < 5*time.Second || time.Since(began) > 6*time.Second {
			t.Errorf("error %#v after %s", he, time.Since(began))
		}
		if o.rep.Status != run.Incomplete || o.rep.Counts[run.ChangeRunning] != 1 {
			t.Errorf("report %+v", o.rep)
		}
		none := w.process(nil).apply(func(o *run.Options) { o.Wait = -1 })
		wantCode(t, none, core.CodeLockHeld)
		<-first
	})
}

func TestTakesOverADeadHolder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", retried("r1", "1"), plain("n2", "2")))
		w.process(once("effect r1", crashBefore)).apply(func(o *run.Options) { o.Lease = 8 * time.Second })
		began := time.Now()
		o := w.process(nil).apply(func(o *run.Options) { o.Lease = time.Second }) // the holder's lease counts
		wantCode(t, o, "")
		if took := time.Since(began); took < 8*time.Second || took > 9*time.Second {
			t.Errorf("took over after %s", took)
		}
		wantStates(t, w, "r1 STARTED", "r1 STARTED", "r1 APPLIED", "n2 STARTED", "n2 APPLIED")
	})
}

func TestAPausedHolderWritesAndCommitsNothing(t *testing.T) {
	for _, site := range []string{"statement t1", "commit t1"} {
		t.Run(site, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", inTx("t1", "1"), inTx("t2", "2")))
				first := w.process(once(site, pauseBefore)).applyAsync()
				time.Sleep(10 * time.Millisecond)
				second := w.process(nil).apply()
				wantCode(t, second, "")
				before := len(w.history())
				o := <-first
				wantCode(t, o, core.CodeLeaseLost)
				if o.rep.Status != run.Incomplete {
					t.Errorf("status %s", o.rep.Status)
				}
				if n := len(w.history()); n != before {
					t.Errorf("the paused process wrote %d entries", n-before)
				}
				w.mustBeWhole()
			})
		})
	}
}

func TestARefusedRenewalCancelsTheChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var cause error
		c := plain("n1", "1")
		c.Apply.Do = func(ctx context.Context, _ *core.Session) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		}
		w := newWorld(t, stage("main", c, plain("n2", "2")), stage("other", plain("n3", "1")))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		if _, err := w.process(nil).runner().Unlock(t.Context(), w.load().Head.Token, "its process is gone"); err != nil {
			t.Fatal(err)
		}
		before := len(w.history())
		o := <-first
		wantCode(t, o, core.CodeLeaseLost)
		if !errors.Is(cause, core.ErrLeaseLost) {
			t.Errorf("the change was cancelled with %v", cause)
		}
		if n := len(w.history()); n != before || w.effect("n2")+w.effect("n3") > 0 {
			t.Errorf("%d more entries; n2 %d, n3 %d", n-before, w.effect("n2"), w.effect("n3"))
		}
		wantStates(t, w, "n1 STARTED", "unlock")
		second := w.process(nil).apply()
		wantCode(t, second, core.CodeManualIntervention)
	})
}

// The marker is only believed behind a raised fence: a process that is paused
// right before its COMMIT cannot commit after it was settled as rolled back.
func TestSettlingFencesAPausedCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", plain("n0", "1"), inTx("t1", "2")))
		w.pause = 30 * time.Second
		first := w.process(once("commit t1", pauseBefore)).applyAsync()
		time.Sleep(time.Millisecond)
		p := w.process(nil)
		rep, err := p.runner().Apply(t.Context(), run.ApplyOptions{Select: plan.Selection{To: "n0"}})
		if err != nil {
			t.Errorf("%v, %+v", err, rep)
		}
		wantStates(t, w, "n0 STARTED", "n0 APPLIED", "t1 STARTED", "t1 ROLLED_BACK")
		wantCode(t, <-first, core.CodeLeaseLost)
		if w.effect("t1") != 0 {
			t.Error("the paused process committed after it was fenced")
		}
		wantCode(t, w.process(nil).apply(), "")
		w.mustBeWhole()
	})
}

// Right before COMMIT the lease is looked at once more, also when nobody raised
// this target system's fence.
func TestGuardBeforeCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inTx("t1", "1")), stage("other", plain("n2", "1")))
		first := w.process(once("statement t1", pauseAfter)).applyAsync()
		time.Sleep(time.Millisecond)
		_, err := w.process(nil).runner().Apply(t.Context(), run.ApplyOptions{Select: plan.Selection{Stages: []string{"other"}}})
		if err != nil {
			t.Error(err)
		}
		wantCode(t, <-first, core.CodeLeaseLost)
		if w.effect("t1") != 0 {
			t.Error("a transaction was committed without the lease")
		}
		wantStates(t, w, "t1 STARTED", "n2 STARTED", "n2 APPLIED")
		wantCode(t, w.process(nil).apply(), "")
		w.mustBeWhole()
	})
}

// Requests that hang are given up in time for others, and the run goes on.
func TestHangingRequests(t *testing.T) {
	for _, site := range []string{"acquire", "append", "renew"} {
		for _, f := range []fault{hangBefore, hangAfter} {
			t.Run(site+" "+string(f), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t, stage("main", slow(plain("n1", "1"), 30*time.Second), inTx("t2", "2")))
					first := w.process(once(site, f)).applyAsync(func(o *run.Options) { o.Lease = 6 * time.Second })
					time.Sleep(time.Second)
					wantCode(t, w.process(nil).apply(), "")
					wantCode(t, <-first, "")
					w.mustBeWhole()
					if h := w.load().Head; h.Token != 1 {
						t.Errorf("the lease changed hands: %+v", h)
					}
				})
			})
		}
	}
}

// distant is a store whose every request takes a while, there and back.
type distant struct {
	core.AuditStore
	away time.Duration
}

func (s distant) Acquire(ctx context.Context, a core.Acquisition) error {
	time.Sleep(s.away / 2)
	defer time.Sleep(s.away / 2)
	return s.AuditStore.Acquire(ctx, a)
}

func (s distant) Append(ctx context.Context, a core.Append) error {
	time.Sleep(s.away / 2)
	defer time.Sleep(s.away / 2)
	return s.AuditStore.Append(ctx, a)
}

func (s distant) Renew(ctx context.Context, l core.Lease) error {
	time.Sleep(s.away / 2)
	defer time.Sleep(s.away / 2)
	return s.AuditStore.Renew(ctx, l)
}

// A renewal begins a third of the lease after the last write began, not after its
// answer came: a store that takes as long as that does not cost the lease.
func TestSlowStoreKeepsTheLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 20*time.Second), inTx("t2", "2")))
		o := w.process(nil).apply(func(o *run.Options) {
			o.Lease = time.Second
			delete(o.Targets, "aud") // they share the store, which is wrapped here
			delete(o.Targets, "app")
			o.Store = distant{w.store, 400 * time.Millisecond}
		})
		wantCode(t, o, "")
		w.mustBeWhole()
	})
}
