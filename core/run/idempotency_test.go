package run_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// A key is the same for as long as the effect of an earlier attempt may be there, and
// new when it was taken back: otherwise the system would answer the repeated request
// with what it said then, and do nothing.
func TestIdempotencyKey(t *testing.T) {
	definite := errors.New("refused")
	unknown := core.Unknown(errors.New("no answer"))
	for name, tt := range map[string]struct {
		attempts []error // of the step, one a run
		rollback bool
		fails    bool // the rollback
		more     bool // another step, without a rollback, is where the change fails
		marked   bool // as rolled back, by a person, before the last attempt
		same     bool // the last key is the first one's
	}{
		"an unknown outcome":                  {attempts: []error{unknown, nil}, same: true},
		"unknown outcomes one after another":  {attempts: []error{unknown, unknown, unknown, nil}, same: true},
		"a failure that left what there was":  {attempts: []error{definite, nil}, same: true},
		"rolled back":                         {attempts: []error{definite, nil}, rollback: true},
		"rolled back after an unknown one":    {attempts: []error{unknown, definite, nil}, rollback: true},
		"rolled back in part":                 {attempts: []error{nil, nil}, rollback: true, more: true},
		"its rollback failed":                 {attempts: []error{definite, nil}, rollback: true, fails: true, same: true},
		"others were taken back, it was not":  {attempts: []error{nil, nil}, more: true, same: true},
		"unknown, with a rollback not run":    {attempts: []error{unknown, nil}, rollback: true, same: true},
		"marked as rolled back by a person":   {attempts: []error{unknown, nil}, marked: true},
		"marked so after several, then known": {attempts: []error{unknown, unknown, nil}, marked: true},
	} {
		t.Run(name, func(t *testing.T) {
			var keys, undone []string
			i := 0
			key := func(ctx context.Context, s *core.Session, into *[]string) {
				first, err := s.IdempotencyKey(ctx)
				again, errAgain := s.IdempotencyKey(ctx)
				if err != nil || errAgain != nil || first != again {
					t.Fatalf("got %q and %q, %v, %v", first, again, err, errAgain)
				}
				*into = append(*into, first)
			}
			c := core.Change{
				ID: "c1", Order: "1", TargetSystem: "t", Recovery: core.Recovery{Strategy: core.AlwaysRetry},
				Apply: core.Step{Do: func(ctx context.Context, s *core.Session) error {
					key(ctx, s, &keys)
					i++
					return tt.attempts[i-1]
				}},
			}
			if tt.rollback {
				c.Rollback = core.Step{Do: func(ctx context.Context, s *core.Session) error {
					key(ctx, s, &undone)
					if tt.fails {
						return definite
					}
					return nil
				}}
			}
			if tt.more {
				other := core.StepPair{Apply: core.Step{Do: func(context.Context, *core.Session) error {
					if i < len(tt.attempts) {
						return definite
					}
					return nil
				}}}
				if !tt.rollback {
					other.Rollback = core.Step{Do: func(context.Context, *core.Session) error { return nil }}
				}
				c.Steps = []core.StepPair{{Apply: c.Apply, Rollback: c.Rollback}, other}
				c.Apply, c.Rollback = core.Step{}, core.Step{}
			}
			r, err := run.New(run.Options{
				Ledger: "l", Store: memstore.New(), Targets: map[string]core.Target{"t": core.NewClientTarget("t", 1)}, Stages: []core.Stage{{Name: "main", Changes: []core.Change{c}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			for n := range tt.attempts {
				if tt.marked && n == len(tt.attempts)-1 {
					if _, err := r.Resolve(t.Context(), run.Resolution{ChangeID: "c1", As: core.StateManualMarkedRolledBack, Reason: "looked"}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := r.Apply(t.Context(), run.ApplyOptions{}); (err == nil) != (tt.attempts[n] == nil && (!tt.more || n == len(tt.attempts)-1)) {
					t.Fatalf("run %d: %v", n+1, err)
				}
			}
			if len(keys) != len(tt.attempts) || (keys[len(keys)-1] == keys[0]) != tt.same {
				t.Errorf("got keys %q, want the same: %t", keys, tt.same)
			}
			for _, k := range slices.Concat(keys, undone) {
				if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(k) {
					t.Errorf("%q is no UUID of version 8", k)
				}
			}
			for _, k := range undone {
				if slices.Contains(keys, k) {
					t.Errorf("the rollback has the key of an attempt: %q", k)
				}
			}
		})
	}
}

// Steps, changes and ledgers have keys of their own.
func TestIdempotencyKeysDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, ledger := range []string{"one", "two"} {
		step := func(name string) core.Step {
			return core.Step{Do: func(ctx context.Context, s *core.Session) error {
				if got := fmt.Sprintf("%s %s.%d", ledger, s.ChangeID, s.Step); got != name {
					t.Errorf("the session is of %s, not %s", got, name)
				}
				k, err := s.IdempotencyKey(ctx)
				if other, twice := seen[k]; twice || err != nil {
					t.Errorf("%s has the key of %s: %v", name, other, err)
				}
				seen[k] = name
				return nil
			}}
		}
		r, err := run.New(run.Options{
			Ledger: ledger, Store: memstore.New(), Targets: map[string]core.Target{"t": core.NewClientTarget("t", 1)},
			Stages: []core.Stage{{Name: "main", Changes: []core.Change{
				{ID: "c1", Order: "1", TargetSystem: "t", Steps: []core.StepPair{{Apply: step(ledger + " c1.1")}, {Apply: step(ledger + " c1.2")}}},
				{ID: "c2", Order: "2", TargetSystem: "t", Apply: step(ledger + " c2.1")},
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Apply(t.Context(), run.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 6 {
		t.Errorf("got %d keys, want 6", len(seen))
	}
}
