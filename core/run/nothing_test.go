package run_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// A step that found something in its place did nothing: its rollback would take away what
// is somebody else's. Unless an earlier attempt may have made it: then nobody can tell.
func TestNothingDone(t *testing.T) {
	there := core.NothingDone(errors.New("something of that name is there"))
	for name, tt := range map[string]struct {
		errs   [][]error // of each run's steps
		states []string
		called []int // rollbacks, by step
	}{
		"the first step":    {errs: [][]error{{there}}, states: []string{"STARTED", "FAILED", "ROLLED_BACK"}},
		"a later step":      {errs: [][]error{{nil, nil, there}}, states: []string{"STARTED", "FAILED", "ROLLED_BACK"}, called: []int{2, 1}},
		"nobody knows":      {errs: [][]error{{core.Unknown(there)}}, states: []string{"STARTED", "FAILED?"}},
		"another error":     {errs: [][]error{{errLost}}, states: []string{"STARTED", "FAILED", "ROLLED_BACK"}, called: []int{1}},
		"not the first try": {errs: [][]error{{core.Unknown(errLost)}, {there}}, states: []string{"STARTED", "FAILED?", "STARTED", "FAILED?"}},
		"after a rollback":  {errs: [][]error{{errLost}, {there}}, states: []string{"STARTED", "FAILED", "ROLLED_BACK", "STARTED", "FAILED", "ROLLED_BACK"}, called: []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			var errs []error // of the run at work
			var called []int
			c := core.Change{ID: "c1", Order: "1", TargetSystem: "t", Revision: "1", Recovery: core.Recovery{Strategy: core.AlwaysRetry}}
			for i := range 3 {
				c.Steps = append(c.Steps, core.StepPair{
					Apply: core.Step{Do: func(context.Context, *core.Session) error {
						if i < len(errs) {
							return errs[i]
						}
						return nil
					}},
					Rollback: core.Step{Do: func(context.Context, *core.Session) error { called = append(called, i+1); return nil }},
				})
			}
			store := memstore.New()
			r, err := run.New(run.Options{
				Ledger: ledger, Store: store, Targets: map[string]core.Target{"t": core.NewClientTarget("t", 1)}, Stages: []core.Stage{stage("main", c)},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, errs = range tt.errs {
				if _, err := r.Apply(t.Context(), run.ApplyOptions{}); core.CodeOf(err) != core.CodeChangeFailed {
					t.Fatalf("%v, want %s", err, core.CodeChangeFailed)
				}
			}
			h, err := store.History(t.Context(), core.HistoryQuery{Ledger: ledger})
			if err != nil {
				t.Fatal(err)
			}
			var states []string
			for i := range h.Entries {
				state := string(h.Entries[i].State)
				if h.Entries[i].Unknown {
					state += "?"
				}
				states = append(states, state)
			}
			if !slices.Equal(states, tt.states) || !slices.Equal(called, tt.called) {
				t.Errorf("states %q, rollbacks of steps %v; want %q, %v", states, called, tt.states, tt.called)
			}
		})
	}
}
