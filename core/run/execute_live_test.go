package run_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// then does f before the change's own work.
func then(c core.Change, f func(ctx context.Context) error) core.Change {
	do := c.Apply.Do
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		if err := f(ctx); err != nil {
			return err
		}
		return do(ctx, s)
	}
	return c
}

func wantEffects(t *testing.T, w *world, want map[string]int) {
	t.Helper()
	for id, n := range want {
		if got := w.effect(id); got != n {
			t.Errorf("%s has its effect %d times, want %d", id, got, n)
		}
	}
	if w.live.open() {
		t.Error("a transaction is open")
	}
}

func TestLiveChangesCostTwoRequestsMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2"), plain("n1", "3"), inside("l3", "4")))
		o := w.process(nil).apply()
		wantCode(t, o, "")
		requests := slices.DeleteFunc(slices.Clone(o.p.sites), func(site string) bool {
			return !slices.Contains([]string{"load", "acquire", "append", "append live", "renew", "release"}, site)
		})
		if d := cmp.Diff([]string{"load", "acquire", "append live", "append live", "append", "append live"}, requests); d != "" {
			t.Error(d)
		}
		if got := o.rep.Stages[0].Changes[0].TxType; got != core.TxShared {
			t.Errorf("tx type %s", got)
		}
		wantEffects(t, w, map[string]int{"l1": 1, "l2": 1, "l3": 1})
		w.mustBeWhole()
	})
}

// A change that takes longer than the lease keeps the ledger, because it keeps the
// lock: nothing is renewed meanwhile, and nobody else gets in.
func TestLiveChangeLongerThanTheLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(inside("l1", "1"), 10*time.Second), inside("l2", "2"), slow(plain("n1", "3"), 5*time.Second)))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		patient := w.process(nil).applyAsync()
		hurried := w.process(nil).apply(func(o *run.Options) { o.Wait = time.Second })
		wantCode(t, hurried, core.CodeLockHeld)
		o := <-first
		wantCode(t, o, "")
		if i, j := slices.Index(o.p.sites, "renew"), slices.Index(o.p.sites, "effect n1"); i >= 0 && i < slices.Index(o.p.sites, "statement l2") || j < 0 {
			t.Errorf("a renewal was sent while the transaction was open: %v", o.p.sites)
		}
		if !slices.Contains(o.p.sites, "renew") {
			t.Errorf("the change after it was not renewed: %v", o.p.sites)
		}
		wantCode(t, <-patient, "")
		if s := w.load(); s.Head.Token != 1 {
			t.Errorf("there were %d acquisitions", s.Head.Token)
		}
		wantStates(t, w, "l1 STARTED", "l1 APPLIED", "l2 STARTED", "l2 APPLIED", "n1 STARTED", "n1 APPLIED")
		wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
	})
}

// Contenders that would take over find the store locked: they have changed nothing.
func TestLiveContendersChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(inside("l1", "1"), 40*time.Second)))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		o := w.process(nil).apply(func(o *run.Options) { o.Wait = 15 * time.Second })
		wantCode(t, o, core.CodeLockHeld)
		var held *core.HeldError
		if !errors.As(o.err, &held) || held.Holder.Host != "p1" {
			t.Errorf("it does not name the holder: %v", o.err)
		}
		if s := w.load(); s.Head.Token != 1 || s.Head.Seq != 1 || s.Head.RVN != 1 {
			t.Errorf("head %+v", s.Head)
		}
		wantCode(t, <-first, "")
		wantStates(t, w, "l1 STARTED", "l1 APPLIED")
		wantEffects(t, w, map[string]int{"l1": 1})
	})
}

// When a long change has failed, its lock is gone and its lease is old: what is
// recorded is recorded under the lease, or not at all.
func TestLiveChangeFailsAfterTheLease(t *testing.T) {
	fails := func() core.Change {
		return then(inside("l1", "1"), func(context.Context) error {
			time.Sleep(10 * time.Second)
			return errors.New("no")
		})
	}
	t.Run("and nobody came", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, stage("main", fails()), stage("other", slow(plain("n1", "1"), 8*time.Second), inside("l2", "2")))
			first := w.process(nil).applyAsync()
			time.Sleep(11 * time.Second) // n1 is at work, and is renewed again
			wantCode(t, w.process(nil).apply(func(o *run.Options) { o.Wait = 5 * time.Second }), core.CodeLockHeld)
			wantCode(t, <-first, core.CodeChangeFailed)
			wantStates(t, w, "l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK", "n1 STARTED", "n1 APPLIED", "l2 STARTED", "l2 APPLIED")
			wantEffects(t, w, map[string]int{"l1": 0, "n1": 1, "l2": 1})
			if s := w.load(); s.Head.Held() {
				t.Error("the lease is held")
			}
		})
	})
	t.Run("and a successor was faster", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, stage("main", fails()), stage("other", plain("n1", "1"), inside("l2", "2")))
			w.live.ended = func() { // between the rollback and the record
				w.live.ended = func() {}
				h := w.load().Head
				if err := w.store.Acquire(context.Background(), core.Acquisition{
					Ledger: ledger, RVN: h.RVN, Takeover: true, Owner: "successor", Token: h.Token + 1, Lease: time.Second,
				}); err != nil {
					t.Error(err)
				}
			}
			o := w.process(nil).apply()
			wantCode(t, o, core.CodeLeaseLost)
			wantStates(t, w, "l1 STARTED")
			wantEffects(t, w, map[string]int{"l1": 0, "n1": 0, "l2": 0})
			if h := w.load().Head; h.Owner != "successor" || !h.Held() {
				t.Errorf("head %+v", h)
			}
		})
	})
	t.Run("and a successor came before the next began", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2")))
			p := w.process(nil)
			o := p.apply(func(o *run.Options) { o.Store = &robbed{procStore: procStore{p, w.store}, w: w} })
			wantCode(t, o, core.CodeLeaseLost)
			wantStates(t, w, "l1 STARTED", "l1 APPLIED", "l2 STARTED")
			wantEffects(t, w, map[string]int{"l1": 1, "l2": 0})
		})
	})
}

// robbed is a store whose second transaction is begun too late.
type robbed struct {
	procStore
	w *world
	n int
}

func (s *robbed) Begin(ctx context.Context, l core.Lease) (core.OpenWrites, error) {
	if s.n++; s.n == 2 {
		h := s.w.load().Head
		if err := s.w.store.Acquire(context.Background(), core.Acquisition{
			Ledger: ledger, RVN: h.RVN, Takeover: true, Owner: "successor", Token: h.Token + 1, Lease: time.Second,
		}); err != nil {
			return nil, err
		}
	}
	return s.procStore.Begin(ctx, l)
}

// However a step ends, no transaction stays open.
func TestLiveStepEndsBadly(t *testing.T) {
	for name, tc := range map[string]struct {
		do     func(ctx context.Context) error
		change func(core.Change) core.Change
		code   core.Code
		died   bool
		states []string
	}{
		"an error": {do: func(context.Context) error { return errors.New("no") }, code: core.CodeChangeFailed, states: []string{"l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK"}},
		"a panic":  {do: func(context.Context) error { panic("no") }, code: core.CodeChangeFailed, states: []string{"l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK"}},
		"Goexit": {do: func(context.Context) error {
			runtime.Goexit()
			return nil
		}, died: true, states: []string{"l1 STARTED"}},
		"its timeout": {
			do: waits, change: func(c core.Change) core.Change { c.Timeout = 5 * time.Second; return c }, //nolint:nlreturn // one line
			code: core.CodeChangeFailed, states: []string{"l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK"},
		},
		"its timeout, which it ignores": {
			do: func(ctx context.Context) error { _ = waits(ctx); return nil }, change: func(c core.Change) core.Change { c.Timeout = 5 * time.Second; return c }, //nolint:nlreturn // one line
			code: core.CodeChangeFailed, states: []string{"l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				first := true
				c := then(inside("l1", "1"), func(ctx context.Context) error {
					if !first {
						return nil
					}
					first = false
					return tc.do(ctx)
				})
				if tc.change != nil {
					c = tc.change(c)
				}
				w := newWorld(t, stage("main", c, inside("l2", "2")))
				o := w.process(nil).apply()
				if o.died != tc.died {
					t.Errorf("died: %v, want %v", o.died, tc.died)
				}
				if !tc.died {
					wantCode(t, o, tc.code)
				}
				wantEffects(t, w, map[string]int{"l1": 0, "l2": 0})
				wantStates(t, w, tc.states...)
				wantCode(t, w.process(nil).apply(), "")
				wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
			})
		})
	}
}

// waits until its context ends.
func waits(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// A request to stop gives the change its grace, and then takes it back.
func TestLiveChangeIsStopped(t *testing.T) {
	for name, stop := range map[string]func(p *process){"asked to stop": (*process).askToStop, "cancelled": func(p *process) { p.cancel() }} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", slow(inside("l1", "1"), 20*time.Second), inside("l2", "2")))
				p := w.process(nil)
				ends := p.applyAsync()
				time.Sleep(5 * time.Second)
				stop(p)
				wantCode(t, <-ends, core.CodeInterrupted)
				wantStates(t, w, "l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK")
				wantEffects(t, w, map[string]int{"l1": 0, "l2": 0})
				if w.load().Head.Held() {
					t.Error("the lease is held")
				}
				wantCode(t, w.process(nil).apply(), "")
				wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
			})
		})
	}
	t.Run("within its grace", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, stage("main", slow(inside("l1", "1"), 5*time.Second), inside("l2", "2")))
			p := w.process(nil)
			ends := p.applyAsync()
			time.Sleep(4500 * time.Millisecond)
			p.askToStop()
			wantCode(t, <-ends, core.CodeInterrupted)
			wantStates(t, w, "l1 STARTED", "l1 APPLIED")
			wantEffects(t, w, map[string]int{"l1": 1, "l2": 0})
		})
	})
}

// A store that is locked when a change wants to begin: it has not begun.
func TestLiveBeginUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2")))
		o := w.process(once("begin", failBefore)).apply()
		wantCode(t, o, core.CodeUnavailable)
		wantStates(t, w, "l1 STARTED", "l1 ROLLED_BACK")
		if d := cmp.Diff([]string{"l1 NOT_REACHED", "l2 NOT_REACHED"}, statuses(o.rep)); d != "" {
			t.Error(d)
		}
		wantEffects(t, w, map[string]int{"l1": 0, "l2": 0})
		if w.load().Head.Held() {
			t.Error("the lease is held")
		}
		wantCode(t, w.process(nil).apply(), "")
		wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
	})
}

// An answer to the commit that is lost is found out, and nothing is applied twice.
func TestLiveCommitWithoutAnAnswer(t *testing.T) {
	for _, f := range []fault{loseAnswer, loseTwice, hangAfter, pauseBefore, pauseAfter} {
		t.Run(string(f), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2")))
				o := w.process(once("append live", f)).apply()
				wantCode(t, o, "")
				wantStates(t, w, "l1 STARTED", "l1 APPLIED", "l2 STARTED", "l2 APPLIED")
				wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
			})
		})
	}
	for _, f := range []fault{failBefore, hangBefore} { // it was rolled back, as after an I/O error
		t.Run(string(f), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2")), stage("other", inside("l3", "1")))
				o := w.process(once("append live", f)).apply()
				wantCode(t, o, core.CodeChangeFailed)
				wantStates(t, w, "l1 STARTED", "l1 FAILED", "l1 ROLLED_BACK", "l3 STARTED", "l3 APPLIED")
				wantEffects(t, w, map[string]int{"l1": 0, "l2": 0, "l3": 1})
				wantCode(t, w.process(nil).apply(), "")
				wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
			})
		})
	}
	for _, f := range []fault{downBefore, downAfter, crashBefore, crashAfter} {
		t.Run(string(f), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2")))
				w.process(once("append live", f)).apply()
				if applied := strings.Contains(strings.Join(w.states(), ","), "l1 APPLIED"); applied != (w.effect("l1") == 1) {
					t.Errorf("effect %d; %v", w.effect("l1"), w.states())
				}
				wantCode(t, w.process(nil).apply(), "")
				wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
				w.mustBeWhole()
			})
		})
	}
}
