package run_test

import (
	"context"
	"errors"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// A change whose commit is refused is recorded with what was known of it, and not with
// what is known of the change whose intent was refused with it.
func TestRefusedCommitIsRecordedAsItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := retried("r2", "2")
		lost.Apply.Do = func(context.Context, *core.Session) error { return core.Unknown(errors.New("no answer")) }
		w := newWorld(t, stage("main", lost))
		if o := w.process(nil).apply(); o.err == nil {
			t.Fatal("r2 did not fail")
		}
		w.stages = []core.Stage{stage("main", refused("s1", "1"), retried("r2", "2"))}
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		if r := w.load().Records["s1"]; r.State != core.StateRolledBack || r.Unknown || r.TxType != core.TxShared || r.TargetSystem != "aud" {
			t.Errorf("recorded as %+v", r)
		}
		if r := w.load().Records["r2"]; r.State != core.StateFailed || !r.Unknown {
			t.Errorf("the next change is recorded as %+v", r)
		}
	})
}

// What an attempt before may have left stays on record when the commit of the next one
// is refused.
func TestRefusedCommitKeepsWhatWasKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost, no := retried("s1", "1"), false
		lost.TargetSystem, lost.Transactional = "aud", &no
		lost.Apply = core.StepFor(func(context.Context, *sharedTarget) error { return core.Unknown(errors.New("no answer")) })
		w := newWorld(t, stage("main", lost))
		if o := w.process(nil).apply(); o.err == nil || w.load().Records["s1"].TxType != core.TxNone {
			t.Fatal("s1 did not fail")
		}
		edited := refused("s1", "1")
		edited.Recovery.Strategy = core.AlwaysRetry
		w.stages = []core.Stage{stage("main", edited, plain("n2", "2"))}
		o := w.process(nil).apply()
		if r := w.load().Records["s1"]; r.State == core.StateRolledBack || !r.Unknown || r.Attempt != 2 {
			t.Errorf("%v; recorded as %+v", o.err, r)
		}
	})
}

// unsent is a store whose appends with a change's writes never get to it.
type unsent struct{ procStore }

func (s unsent) AppendShared(context.Context, core.Append, any) error { return core.ErrLeaseLost }

// An append that is never sent leaves no transaction open behind it.
func TestLiveAppendNeverSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inside("l1", "1"), inside("l2", "2")))
		p := w.process(nil)
		o := p.apply(func(o *run.Options) { o.Store = unsent{procStore{p, w.store}} })
		wantCode(t, o, core.CodeLeaseLost)
		wantEffects(t, w, map[string]int{"l1": 0, "l2": 0})
		wantCode(t, w.process(nil).apply(), "")
		wantEffects(t, w, map[string]int{"l1": 1, "l2": 1})
	})
}
