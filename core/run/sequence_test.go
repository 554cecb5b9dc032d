package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// recorder is a client whose steps say what was called.
type recorder struct{ calls []string }

func does(name string, err error) core.Step {
	return core.StepFor(func(_ context.Context, r *recorder) error {
		r.calls = append(r.calls, name)
		return err
	})
}

// applyOne runs one change in a stage of its own, followed by a stage that
// depends on it and one that does not.
func applyOne(t *testing.T, c core.Change) (*world, *recorder, outcome) {
	rec := &recorder{}
	c.ID, c.Order = "c", "1"
	c.TargetSystem = "rec"
	w := newWorld(t, stage("main", c, plain("n2", "2")), after(stage("dep", plain("n3", "1")), "main"), stage("free", plain("n4", "1")))
	o := w.process(nil).apply(func(o *run.Options) { o.Targets["rec"] = core.NewClientTarget("rec", rec) })
	return w, rec, o
}

// late is a change whose late effect is harmless.
func late(c core.Change) core.Change {
	c.Apply.LateSafe = true
	return c
}

func TestSequencesWithoutATransaction(t *testing.T) {
	no, worse := errors.New("no"), errors.New("worse")
	pairs := func(ps ...core.StepPair) core.Change { return core.Change{Steps: ps} }
	pair := func(n string, err, rerr error) core.StepPair {
		return core.StepPair{Apply: does(n, err), Rollback: does("undo "+n, rerr)}
	}
	bare := func(n string, err error) core.StepPair { return core.StepPair{Apply: does(n, err)} }
	panics := core.StepFor(func(context.Context, *recorder) error { panic("at the disco") })
	tests := []struct {
		name   string
		c      core.Change
		calls  []string
		states []string
		status run.ChangeStatus
		text   string // in the error
		left   string // in the reason of the last entry
	}{
		{"success", core.Change{Apply: does("a", nil)}, []string{"a"}, []string{"c STARTED", "c APPLIED"}, run.ChangeApplied, "", ""},
		{"fails and is rolled back", core.Change{Apply: does("a", no), Rollback: does("undo", nil)}, []string{"a", "undo"}, []string{"c STARTED", "c FAILED", "c ROLLED_BACK"}, run.ChangeRolledBack, "change c failed: no", ""},
		{"fails, and so does its rollback", core.Change{Apply: does("a", no), Rollback: does("undo", worse)}, []string{"a", "undo"}, []string{"c STARTED", "c FAILED", "c ROLLBACK_FAILED"}, run.ChangeRollbackFailed, "no; its rollback failed too: rollback of step 1 of 1: worse", ""},
		{"fails without a rollback", core.Change{Apply: does("a", no)}, []string{"a"}, []string{"c STARTED", "c FAILED"}, run.ChangeFailed, "no", ""},
		{"panics", core.Change{Apply: panics}, nil, []string{"c STARTED", "c FAILED"}, run.ChangeFailed, "panic: at the disco", ""},
		{"panics and is rolled back", core.Change{Apply: panics, Rollback: does("undo", nil)}, []string{"undo"}, []string{"c STARTED", "c FAILED", "c ROLLED_BACK"}, run.ChangeRolledBack, "at the disco", ""},
		{"its rollback panics", core.Change{Apply: does("a", no), Rollback: panics}, []string{"a"}, []string{"c STARTED", "c FAILED", "c ROLLBACK_FAILED"}, run.ChangeRollbackFailed, "at the disco", ""},
		{"fails unknown: never rolled back", core.Change{Apply: does("a", core.Unknown(no)), Rollback: does("undo", nil)}, []string{"a"}, []string{"c STARTED", "c FAILED unknown"}, run.ChangeFailed, "outcome unknown: no", ""},
		{"fails unknown, and a late effect is harmless: rolled back", late(core.Change{Apply: does("a", core.Unknown(no)), Rollback: does("undo", nil)}), []string{"a", "undo"}, []string{"c STARTED", "c FAILED", "c ROLLED_BACK"}, run.ChangeRolledBack, "outcome unknown: no", ""},
		{"fails unknown, and there is nothing to take back: stays unknown", late(core.Change{Apply: does("a", core.Unknown(no))}), []string{"a"}, []string{"c STARTED", "c FAILED unknown"}, run.ChangeFailed, "outcome unknown: no", ""},
		{"fails with a context error: never rolled back", core.Change{Apply: does("a", context.DeadlineExceeded), Rollback: does("undo", nil)}, []string{"a"}, []string{"c STARTED", "c FAILED unknown"}, run.ChangeFailed, "deadline exceeded", ""},
		{"steps are rolled back backwards from the failing one", pairs(pair("1", nil, nil), pair("2", nil, nil), pair("3", no, nil), pair("4", nil, nil)), []string{"1", "2", "3", "undo 3", "undo 2", "undo 1"}, []string{"c STARTED", "c FAILED", "c ROLLED_BACK"}, run.ChangeRolledBack, "at step 3 of 4: no", ""},
		{"a rollback that fails ends the rollback", pairs(pair("1", nil, nil), pair("2", nil, worse), pair("3", no, nil)), []string{"1", "2", "3", "undo 3", "undo 2"}, []string{"c STARTED", "c FAILED", "c ROLLBACK_FAILED"}, run.ChangeRollbackFailed, "rollback of step 2 of 3: worse", ""},
		{"a step without a rollback is left", pairs(pair("1", nil, nil), bare("2", nil), pair("3", no, nil)), []string{"1", "2", "3", "undo 3", "undo 1"}, []string{"c STARTED", "c FAILED", "c FAILED"}, run.ChangeFailed, "no", "left as they are: step 2"},
		{"only steps after the failing one have a rollback", pairs(bare("1", no), pair("2", nil, nil)), []string{"1"}, []string{"c STARTED", "c FAILED"}, run.ChangeFailed, "at step 1 of 2: no", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w, rec, o := applyOne(t, tt.c)
				if d := cmp.Diff(tt.calls, rec.calls); d != "" {
					t.Error(d)
				}
				ok := tt.status == run.ChangeApplied
				want, report := tt.states, []string{"c " + string(tt.status)}
				if ok {
					want = append(want, "n2 STARTED", "n2 APPLIED", "n3 STARTED", "n3 APPLIED")
					report = append(report, "n2 APPLIED", "n3 APPLIED", "n4 APPLIED")
					wantCode(t, o, "")
				} else {
					report = append(report, "n2 NOT_REACHED", "n3 NOT_REACHED", "n4 APPLIED")
					wantCode(t, o, core.CodeChangeFailed)
					if !strings.Contains(o.err.Error(), tt.text) {
						t.Errorf("error %v", o.err)
					}
					if s := o.rep.Stages; s[0].Status != run.StageFailed || s[1].Status != run.StageNotReached || s[1].Reason == "" || s[2].Status != run.StageSuccess {
						t.Errorf("stages %+v", s)
					}
				}
				wantStates(t, w, append(want, "n4 STARTED", "n4 APPLIED")...)
				if d := cmp.Diff(report, statuses(o.rep)); d != "" {
					t.Error(d)
				}
				if tt.left != "" {
					if e := w.history()[2]; !strings.Contains(e.Reason, tt.left) {
						t.Errorf("reason %q", e.Reason)
					}
				}
				if w.load().Head.Held() {
					t.Error("the lease was left")
				}
			})
		})
	}
}

func TestSequencesInATransaction(t *testing.T) {
	tests := []struct {
		name   string
		site   string
		fault  fault
		states []string
		code   core.Code
	}{
		{"success", "", none, []string{"t1 STARTED", "t1 APPLIED"}, ""},
		{"a statement fails", "statement t1", failBefore, []string{"t1 STARTED", "t1 FAILED", "t1 ROLLED_BACK"}, core.CodeChangeFailed},
		{"a statement's answer is lost", "statement t1", loseAnswer, []string{"t1 STARTED", "t1 FAILED", "t1 ROLLED_BACK"}, core.CodeChangeFailed},
		{"the COMMIT fails", "commit t1", failBefore, []string{"t1 STARTED", "t1 FAILED", "t1 ROLLED_BACK"}, core.CodeChangeFailed},
		{"the answer to COMMIT is lost", "commit t1", loseAnswer, []string{"t1 STARTED", "t1 APPLIED"}, ""},
		{"the COMMIT is lost", "commit t1", downBefore, []string{"t1 STARTED", "t1 FAILED", "t1 ROLLED_BACK"}, core.CodeChangeFailed},
		{"the COMMIT comes late", "commit t1", loseLate, []string{"t1 STARTED", "t1 APPLIED"}, ""},
		{"the target goes away before it begins", "begin t1", failBefore, []string{"t1 STARTED", "t1 ROLLED_BACK"}, core.CodeUnavailable},
		{"the fence cannot be raised", "raise db", failBefore, []string{"t1 STARTED", "t1 ROLLED_BACK"}, core.CodeUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := inTx("t1", "1")
				c.Rollback = core.StepFor(func(context.Context, *txn) error {
					t.Error("the rollback of a transaction was called")
					return nil
				})
				w := newWorld(t, stage("main", c))
				o := w.process(once(tt.site, tt.fault)).apply()
				wantCode(t, o, tt.code)
				wantStates(t, w, tt.states...)
				if got, want := w.effect("t1") == 1, tt.code == ""; got != want {
					t.Errorf("effect %v", got)
				}
				if len(w.db.marked()) != 0 {
					t.Error("markers were left")
				}
				if tt.code == core.CodeUnavailable && w.load().Records["t1"].Attempt != 0 {
					t.Error("an attempt that never began was counted")
				}
			})
		})
	}
}

func TestBusyTarget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inTx("t1", "1")))
		tx, err := w.db.begin(t.Context(), w.process(nil), 0)
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		go keepBusy(tx, stop)
		wantCode(t, w.process(nil).apply(), core.CodeLockHeld)
		close(stop)
		if err := tx.end(nil); err != nil {
			t.Fatal(err)
		}
		wantStates(t, w, "t1 STARTED", "t1 ROLLED_BACK")
		wantCode(t, w.process(nil).apply(), "")
	})
}

func TestNothingIsWrittenWhenNothingCanWork(t *testing.T) {
	missing := plain("n1", "1")
	missing.References = []core.Reference{{Scheme: "env", Key: "MISSING"}}
	for name, tt := range map[string]struct {
		c    core.Change
		at   func(int, string) fault
		code core.Code
	}{
		"unreachable target": {plain("n1", "1"), once("ping svc", failBefore), core.CodeUnavailable},
		"missing reference":  {missing, nil, core.CodeConfigInvalid},
		"store away":         {plain("n1", "1"), once("load", failBefore), core.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, stage("main", tt.c))
				wantCode(t, w.process(tt.at).apply(), tt.code)
				if s := w.load(); s.Head.RVN != 0 {
					t.Errorf("head %+v", s.Head)
				}
			})
		})
	}
}

func TestAlwaysRetryCountsAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := retried("r1", "1")
		c.MaxAttempts = 3
		c.Apply = core.StepFor(func(context.Context, *svcTarget) error { return errors.New("no") })
		w := newWorld(t, stage("main", c))
		for range 3 {
			wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		}
		o := w.process(nil).apply()
		wantCode(t, o, core.CodeManualIntervention)
		if n := w.load().Records["r1"].Attempt; n != 3 || o.rep.Counts[run.ChangeBlocked] != 1 {
			t.Errorf("attempt %d, %v", n, o.rep.Counts)
		}
		w.resolveTruly(issuesOf(o.err)) // as rolled back: counting starts afresh
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		if n := w.load().Records["r1"].Attempt; n != 1 {
			t.Errorf("attempt %d", n)
		}
	})
}

func TestSpentAttemptsCanBeResolved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := reversible("v1", "1")
		c.MaxAttempts = 1
		w := newWorld(t, stage("main", c))
		wantCode(t, w.process(once("effect v1", failBefore)).apply(), core.CodeChangeFailed)
		o := w.process(nil).apply()
		wantCode(t, o, core.CodeManualIntervention)
		w.resolveTruly(issuesOf(o.err))
		wantCode(t, w.process(nil).apply(), "")
	})
}
