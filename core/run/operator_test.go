package run_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// keepBusy has a session at work, so that nobody ends it as idle.
func keepBusy(tx *txn, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
			tx.db.mu.Lock()
			tx.active = time.Now()
			tx.db.mu.Unlock()
		}
	}
}

func resolve(w *world, res run.Resolution) error {
	_, err := w.process(nil).runner(func(o *run.Options) { o.Principal = "alice" }).Resolve(context.Background(), res)
	return err
}

const (
	asApplied    = core.StateManualMarkedApplied
	asRolledBack = core.StateManualMarkedRolledBack
)

func TestResolveChecks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", plain("n1", "1")), stage("other", plain("n2", "1")))
		w.process(once("effect n1", loseAnswer)).apply()
		seq := w.load().Records["n1"].Seq
		for name, tt := range map[string]struct {
			res  run.Resolution
			code core.Code
		}{
			"no reason":      {run.Resolution{ChangeID: "n1", As: asApplied}, core.CodeUsage},
			"another state":  {run.Resolution{ChangeID: "n1", As: core.StateApplied, Reason: "r"}, core.CodeUsage},
			"no such change": {run.Resolution{ChangeID: "n9", As: asApplied, Reason: "r"}, core.CodeUsage},
			"no issue":       {run.Resolution{ChangeID: "n2", As: asApplied, Reason: "r"}, core.CodeUsage},
			"another entry":  {run.Resolution{ChangeID: "n1", As: asApplied, Reason: "r", Seq: seq - 1}, core.CodeUsage},
		} {
			if err := resolve(w, tt.res); core.CodeOf(err) != tt.code {
				t.Errorf("%s: %v", name, err)
			}
		}
		before := w.load().Head.RVN
		if err := resolve(w, run.Resolution{ChangeID: "n1", As: asApplied, Reason: "it is there", Seq: seq}); err != nil {
			t.Fatal(err)
		}
		s := w.load()
		if s.Head.RVN != before+1 || s.Head.Held() {
			t.Errorf("resolving took %d writes, held %v", s.Head.RVN-before, s.Head.Held())
		}
		h := w.history()
		e := h[len(h)-1]
		if e.State != asApplied || e.Reason != "it is there" || e.Principal != "alice" || e.Operation != core.OpResolve || e.Token != s.Head.Token {
			t.Errorf("entry %+v", e)
		}
		wantCode(t, w.process(nil).apply(), "")
	})
}

func TestResolveAsksTheMarker(t *testing.T) {
	for _, committed := range []bool{true, false} {
		for _, as := range []core.State{asApplied, asRolledBack} {
			for _, force := range []bool{false, true} {
				t.Run(fmt.Sprint(committed, as, force), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						f := crashBefore
						if committed {
							f = crashAfter
						}
						w := newWorld(t, stage("main", inTx("t1", "1")))
						w.process(once("commit t1", f)).apply()
						err := resolve(w, run.Resolution{ChangeID: "t1", As: as, Reason: "r", Force: force})
						var ce *run.ContradictionError
						agrees := committed == (as == asApplied)
						if refused := errors.As(err, &ce); refused != (!agrees && !force) || !refused && err != nil {
							t.Fatal(err)
						}
						if w.load().Head.Held() {
							t.Error("the lease was left")
						}
						if err == nil && (len(w.db.marked()) == 1) != (as == asApplied) {
							t.Errorf("markers %v after %s", w.db.marked(), as)
						}
						if w.db.fence.Token == 1 {
							t.Error("the fence was not raised")
						}
					})
				})
			}
		}
	}
}

func TestResolveWithAnUnreachableTarget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inTx("t1", "1")))
		w.process(once("commit t1", crashAfter)).apply()
		try := func(force bool) error {
			_, err := w.process(once("raise db", failBefore)).runner().Resolve(t.Context(), run.Resolution{ChangeID: "t1", As: asApplied, Reason: "r", Force: force})
			return err
		}
		if err := try(false); core.CodeOf(err) != core.CodeUnavailable {
			t.Error(err)
		}
		if err := try(true); err != nil {
			t.Error(err)
		}
	})
}

func TestResolveWaitsForTheHolder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 10*time.Second)))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		err := resolve(w, run.Resolution{ChangeID: "n1", As: asRolledBack, Reason: "r"})
		if core.CodeOf(err) != core.CodeUsage { // it is applied by then
			t.Error(err)
		}
		<-first
		wantStates(t, w, "n1 STARTED", "n1 APPLIED")
	})
}

func TestUnlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inTx("t1", "1"), plain("n2", "2")))
		r := w.process(nil).runner()
		if _, err := r.Unlock(t.Context(), 1, "r"); core.CodeOf(err) != core.CodeUsage {
			t.Error(err)
		}
		first := w.process(once("commit t1", pauseBefore)).applyAsync()
		time.Sleep(time.Second)
		if _, err := r.Unlock(t.Context(), 1, ""); core.CodeOf(err) != core.CodeUsage {
			t.Error(err)
		}
		if _, err := r.Unlock(t.Context(), 7, "r"); core.CodeOf(err) != core.CodeUsage {
			t.Error(err)
		}
		e, err := r.Unlock(t.Context(), 1, "gone")
		if err != nil || e.Operation != core.OpUnlock || !strings.HasPrefix(e.Reason, "gone (held by execution") {
			t.Errorf("%+v, %v", e, err)
		}
		if h := w.load().Head; h.Held() || h.Owner != "" || h.Token != 2 {
			t.Errorf("head %+v", h)
		}
		second := w.process(nil).apply()
		wantCode(t, second, "")
		before := len(w.history())
		wantCode(t, <-first, core.CodeLeaseLost)
		if len(w.history()) != before {
			t.Error("the old holder wrote")
		}
		w.mustBeWhole()
	})
}

func TestSettleByProbe(t *testing.T) {
	for _, answer := range []core.ProbeResult{core.ProbeApplied, core.ProbeNotApplied, core.ProbeConflict, core.ProbeUnknown, "error"} {
		for _, late := range []bool{true, false} {
			for _, strategy := range []core.Strategy{core.ManualIntervention, core.AlwaysRetry} {
				t.Run(fmt.Sprint(answer, late, strategy), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c := plain("q1", "1")
						c.Apply.LateSafe, c.Recovery.Strategy = late, strategy
						c.Probe = func(context.Context, *core.Session) (core.ProbeResult, error) {
							if answer == "error" {
								return core.ProbeApplied, errors.New("no")
							}
							return answer, nil
						}
						w := newWorld(t, stage("main", c, plain("n2", "2")))
						w.process(once("effect q1", crashBefore)).apply()
						o := w.process(nil).apply()
						retry := strategy == core.AlwaysRetry
						switch {
						case answer == core.ProbeApplied:
							wantCode(t, o, "")
							wantStates(t, w, "q1 STARTED", "q1 APPLIED", "n2 STARTED", "n2 APPLIED")
							if d := cmp.Diff([]string{"q1 RECONCILED", "n2 APPLIED"}, statuses(o.rep)); d != "" {
								t.Error(d)
							}
						case answer == core.ProbeNotApplied && late:
							wantCode(t, o, "")
							wantStates(t, w, "q1 STARTED", "q1 ROLLED_BACK", "q1 STARTED", "q1 APPLIED", "n2 STARTED", "n2 APPLIED")
						case answer != core.ProbeConflict && retry:
							wantCode(t, o, "")
							wantStates(t, w, "q1 STARTED", "q1 FAILED unknown", "q1 STARTED", "q1 APPLIED", "n2 STARTED", "n2 APPLIED")
						default:
							wantCode(t, o, core.CodeManualIntervention)
							wantStates(t, w, "q1 STARTED", "q1 FAILED unknown")
							wantCode(t, w.process(nil).apply(), core.CodeManualIntervention)
							wantStates(t, w, "q1 STARTED", "q1 FAILED unknown") // said once
						}
					})
				})
			}
		}
	}
}

func TestSettleByMarker(t *testing.T) {
	for f, want := range map[fault][]string{
		crashAfter:  {"t1 STARTED", "t1 APPLIED", "n2 STARTED", "n2 APPLIED"},
		crashBefore: {"t1 STARTED", "t1 ROLLED_BACK", "t1 STARTED", "t1 APPLIED", "n2 STARTED", "n2 APPLIED"},
	} {
		t.Run(string(f), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", inTx("t1", "1"), plain("n2", "2")))
				w.process(once("commit t1", f)).apply()
				away := w.process(once("marked t1", failBefore)).apply()
				wantCode(t, away, core.CodeUnavailable)
				wantStates(t, w, "t1 STARTED")
				wantCode(t, w.process(nil).apply(), "")
				wantStates(t, w, want...)
				if !w.history()[1].Reconciled || len(w.db.marked()) > 0 {
					t.Errorf("entry %+v, markers %v", w.history()[1], w.db.marked())
				}
				w.mustBeWhole()
			})
		})
	}
}
