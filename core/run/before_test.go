package run_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// before is a ledger of one change under ALWAYS_RETRY, on a target system that can be away.
type before struct {
	t      *testing.T
	store  *memstore.Store
	target *away
	change core.Change
}

func newBefore(t *testing.T) *before {
	return &before{
		t: t, store: memstore.New(), target: &away{Target: core.NewClientTarget("t", 1)},
		change: core.Change{ID: "c1", Order: "1", TargetSystem: "t", Revision: "1", Recovery: core.Recovery{Strategy: core.AlwaysRetry}},
	}
}

func (b *before) runner() *run.Runner {
	b.t.Helper()
	r, err := run.New(run.Options{Ledger: ledger, Store: b.store, Targets: map[string]core.Target{"t": b.target}, Stages: []core.Stage{stage("main", b.change)}})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *before) apply(does error, want core.Code) {
	b.t.Helper()
	if does != nil {
		b.change.Apply.Do = func(context.Context, *core.Session) error { return does }
	}
	if _, err := b.runner().Apply(b.t.Context(), run.ApplyOptions{}); core.CodeOf(err) != want {
		b.t.Fatalf("%v, want %s", err, want)
	}
}

// A probe's word counts also after an attempt that never began: what is there now is kept,
// and the key is another.
func TestSettledAfterOneThatNeverBegan(t *testing.T) {
	b := newBefore(t)
	state, answer := "before", core.ProbeUnknown
	var keys []string
	putBack := ""
	b.change.Probe = func(context.Context, *core.Session) (core.ProbeResult, error) { return answer, nil }
	b.change.Rollback = core.Step{Do: func(_ context.Context, s *core.Session) error { putBack = s.Captured; return nil }}
	b.change.Apply.Capture = func(context.Context, *core.Session) (string, error) { return state, nil }
	attempt := func(err error) {
		b.change.Apply.Do = func(ctx context.Context, s *core.Session) error {
			k, kerr := s.IdempotencyKey(ctx)
			keys = append(keys, k)
			return errors.Join(err, kerr)
		}
	}
	attempt(core.Unknown(errLost))
	b.apply(nil, core.CodeChangeFailed)
	b.change.Apply.LateSafe = true
	attempt(errors.New("refused"))
	b.target.at = map[int]bool{b.target.n + 2: true} // after the probe, for the step
	b.apply(nil, core.CodeUnavailable)
	b.target.at, answer, state = nil, core.ProbeNotApplied, "after"
	b.apply(nil, core.CodeChangeFailed)
	if len(keys) != 2 || keys[0] == keys[1] || putBack != "after" {
		t.Errorf("keys %q; %q was put back", keys, putBack)
	}
}

// What another edition left is neither hidden by an attempt of ours that never began, nor
// is its entry then one of ours that an import may write over.
func TestNeverBegunAfterAnImport(t *testing.T) {
	for _, tx := range []core.TxType{core.TxNone, core.TxShared, core.TxSeparateMarker} {
		t.Run(string(tx), func(t *testing.T) {
			b := newBefore(t)
			b.change.Apply.Do = func(context.Context, *core.Session) error { t.Error("it ran"); return nil }
			at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			row := func(key string, s core.State, at time.Time) run.ImportRow {
				return run.ImportRow{Key: key, Written: at.String(), Entry: core.Entry{
					ChangeID: "c1", Stage: "main", Order: "1", Author: "a", TargetSystem: "t", State: s, TxType: tx, Strategy: core.AlwaysRetry, StartedAt: at, EndedAt: at,
				}}
			}
			given := run.Import{Origin: run.Origin{From: "java", Table: "x", Timezone: "UTC"}, Rows: []run.ImportRow{row("1", core.StateStarted, at)}}
			if _, err := b.runner().Import(t.Context(), given); err != nil {
				t.Fatal(err)
			}
			b.target.at = map[int]bool{1: true}
			b.apply(nil, core.CodeUnavailable)
			given.Rows = append(given.Rows, row("2", core.StateApplied, at.AddDate(3, 0, 0)))
			if r, err := b.runner().Import(t.Context(), given); err != nil || len(r.Conflicts) != 1 {
				t.Errorf("imported again: %+v, %v", r, err)
			}
			b.change.Recovery.Strategy = core.ManualIntervention
			b.apply(nil, core.CodeManualIntervention)
		})
	}
}

// A transaction that was rolled back says nothing of the attempt before, which had none.
func TestTransactionAfterOneWithout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		without := false
		c := inTx("t1", "1")
		step := c.Apply
		fails := func(err error) core.Step {
			return core.Step{Handle: step.Handle, Do: func(context.Context, *core.Session) error { return err }}
		}
		c.Recovery.Strategy, c.Transactional, c.Apply = core.AlwaysRetry, &without, core.Step{Do: fails(core.Unknown(errLost)).Do}
		w := newWorld(t, stage("main", c))
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		c.Transactional, c.Revision, c.Apply = nil, "2", fails(errors.New("refused"))
		w.stages[0].Changes[0] = c
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		c.Recovery.Strategy, c.Apply = core.ManualIntervention, step
		w.stages[0].Changes[0] = c
		wantCode(t, w.process(nil).apply(), core.CodeManualIntervention)
	})
}

// A step that did nothing, after an attempt of unknown outcome: the probe is asked again.
func TestNothingDoneAfterAnUnknownOne(t *testing.T) {
	b := newBefore(t)
	answer := core.ProbeUnknown
	b.change.Probe = func(context.Context, *core.Session) (core.ProbeResult, error) { return answer, nil }
	b.apply(core.Unknown(errLost), core.CodeChangeFailed)
	b.apply(core.NothingDone(errors.New("something is there")), core.CodeChangeFailed)
	answer = core.ProbeApplied
	b.apply(nil, "")
}
