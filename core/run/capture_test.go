package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// setting is a change of a value in a settings service, which keeps the one before.
func setting(values *string, id, order, to string, fails bool) core.Change {
	return core.Change{
		ID: id, Order: order, TargetSystem: "svc", Revision: "1",
		Apply: core.Step{
			Do: func(_ context.Context, s *core.Session) error {
				if s.Captured == "" {
					return errors.New("nothing was captured")
				}
				*values = to
				if fails {
					return errors.New("half done")
				}
				return nil
			},
			Capture: func(context.Context, *core.Session) (string, error) { return *values, nil },
		},
		Rollback: core.Step{Do: func(_ context.Context, s *core.Session) error {
			*values = s.Captured
			return nil
		}},
	}
}

func captured(w *world) (out []string) {
	for _, e := range w.history() {
		if e.State == core.StateStarted {
			out = append(out, e.ChangeID+" "+strings.Join(e.Captured, "|"))
		}
	}
	return out
}

func TestCapturedStateIsRecordedAndPutBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		value := "red"
		w := newWorld(t, stage("main", setting(&value, "a1", "1", "green", false), plain("n1", "2"), setting(&value, "a2", "3", "blue", true)))
		p := w.process(nil)
		o := p.apply()
		wantCode(t, o, core.CodeChangeFailed)
		if value != "green" {
			t.Errorf("it is %s after the rollback", value)
		}
		if d := cmp.Diff([]string{"a1 red", "n1 ", "a2 green"}, captured(w)); d != "" {
			t.Error(d)
		}
		// The state is read under the lease, and after the outcome of the change before it is recorded.
		calls := strings.Join(p.sites, " ")
		if want := "acquire open svc append"; !strings.Contains(calls, want) || strings.Contains(calls, "append append") {
			t.Errorf("calls: %s", calls)
		}
		// n1 has nothing to read: its STARTED goes with a1's end.
		if d := cmp.Diff([]string{"a1 STARTED", "a1 APPLIED", "n1 STARTED", "n1 APPLIED", "a2 STARTED", "a2 FAILED", "a2 ROLLED_BACK"}, w.states()); d != "" {
			t.Error(d)
		}
	})
}

func TestWhatCannotBeReadIsNotChanged(t *testing.T) {
	for name, capture := range map[string]core.Capture{
		"an error": func(context.Context, *core.Session) (string, error) { return "", errors.New("connection refused") },
		"a panic":  func(context.Context, *core.Session) (string, error) { panic("no") },
		"too large": func(context.Context, *core.Session) (string, error) {
			return strings.Repeat("x", core.MaxCaptured+1), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				value := "red"
				c := setting(&value, "a2", "2", "blue", false)
				c.Apply.Capture = capture
				w := newWorld(t, stage("main", plain("n1", "1"), c))
				o := w.process(nil).apply()
				if o.err == nil || !strings.Contains(o.err.Error(), "change a2 did not begin") || value != "red" {
					t.Errorf("%v; the value is %s", o.err, value)
				}
				if d := cmp.Diff([]string{"n1 STARTED", "n1 APPLIED"}, w.states()); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff([]string{"n1 APPLIED", "a2 NOT_REACHED"}, statuses(o.rep)); d != "" {
					t.Error(d)
				}
				if w.load().Head.Held() {
					t.Error("the lease is still held")
				}
			})
		})
	}
}

// What an attempt whose outcome is unknown kept is still what was there before it.
func TestCapturedStateOutlivesItsProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		value := "red"
		c := setting(&value, "r1", "1", "blue", false)
		c.Recovery.Strategy = core.AlwaysRetry
		apply := c.Apply.Do
		w := newWorld(t, stage("main", c))
		c.Apply.Do = func(ctx context.Context, s *core.Session) error {
			if err := apply(ctx, s); err != nil {
				return err
			}
			return core.Unknown(errLost)
		}
		w.stages[0].Changes[0] = c
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		c.Apply.Do = func(context.Context, *core.Session) error { return errors.New("refused") }
		w.stages[0].Changes[0] = c
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		if value != "red" {
			t.Errorf("it is %s after the rollback", value)
		}
		// Rolled back: from here on, what is there now counts.
		value = "white"
		wantCode(t, w.process(nil).apply(), core.CodeChangeFailed)
		if d := cmp.Diff([]string{"r1 red", "r1 red", "r1 white"}, captured(w)); d != "" {
			t.Error(d)
		}
	})
}

type secretResolver struct{}

func (secretResolver) Resolve(context.Context, core.Reference) (core.Secret, error) {
	return core.NewSecret("hunter22"), nil
}

// A secret is not recorded, but put back by the process that read it.
func TestCapturedSecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		value := "hunter22"
		c := setting(&value, "a1", "1", "blue", true)
		c.References = []core.Reference{{Scheme: "env", Key: "PASSWORD"}}
		w := newWorld(t, stage("main", c))
		wantCode(t, w.process(nil).apply(func(o *run.Options) {
			o.Resolver = secretResolver{}
		}), core.CodeChangeFailed)
		if value != "hunter22" {
			t.Errorf("it is %s after the rollback", value)
		}
		if got := captured(w)[0]; strings.Contains(got, "hunter22") {
			t.Errorf("recorded: %s", got)
		}
	})
}

// away is a target system that cannot be opened at some calls.
type away struct {
	core.Target
	at map[int]bool
	n  int
}

func (a *away) Open(ctx context.Context) (any, func() error, error) {
	if a.n++; a.at[a.n] {
		return nil, nil, errors.New("connection refused")
	}
	return a.Target.Open(ctx)
}

// An attempt that never began takes nothing back: what was kept, and the key, are those
// of the attempt whose effect may be there.
func TestAttemptThatNeverBegan(t *testing.T) {
	for name, tt := range map[string]struct {
		away     map[int]bool
		captures bool
		same     []int // indices of keys that are equal
	}{
		"before the unknown one": {away: map[int]bool{1: true}, same: []int{0, 1}},
		"after the unknown one":  {away: map[int]bool{3: true}, captures: true, same: []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			state := "before"
			var keys []string
			c := core.Change{ID: "c1", Order: "1", TargetSystem: "t", Revision: "1", Recovery: core.Recovery{Strategy: core.AlwaysRetry}}
			c.Apply.Do = func(ctx context.Context, s *core.Session) error {
				k, err := s.IdempotencyKey(ctx)
				if err != nil {
					t.Error(err)
				}
				keys, state = append(keys, k), "half"
				if len(keys) == 1 {
					return core.Unknown(errLost)
				}
				return errors.New("refused")
			}
			if tt.captures {
				c.Apply.Capture = func(context.Context, *core.Session) (string, error) { return state, nil }
				c.Rollback = core.Step{Do: func(_ context.Context, s *core.Session) error { state = s.Captured; return nil }}
			}
			r, err := run.New(run.Options{
				Ledger: ledger, Store: memstore.New(), Targets: map[string]core.Target{"t": &away{Target: core.NewClientTarget("t", 1), at: tt.away}},
				Stages: []core.Stage{stage("main", c)},
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := r.Apply(t.Context(), run.ApplyOptions{}); err == nil {
					t.Fatal("it is applied")
				}
			}
			if len(keys) != 2 || keys[tt.same[0]] != keys[tt.same[1]] {
				t.Errorf("keys %q", keys)
			}
			if tt.captures && state != "before" {
				t.Errorf("it is %q after the rollback", state)
			}
		})
	}
}

// An attempt that never began hides nothing of the one before it: when the strategy is
// edited meanwhile, a person is still asked.
func TestNeverBegunHidesNothing(t *testing.T) {
	refused := errors.New("refused")
	for name, tt := range map[string]struct {
		err      error
		rollback core.Step
		state    core.State
		unknown  bool
	}{
		"failed":              {err: refused, state: core.StateFailed},
		"failed, who knows":   {err: core.Unknown(errLost), state: core.StateFailed, unknown: true},
		"its rollback failed": {err: refused, rollback: core.Step{Do: func(context.Context, *core.Session) error { return refused }}, state: core.StateRollbackFailed},
	} {
		t.Run(name, func(t *testing.T) {
			c := core.Change{ID: "c1", Order: "1", TargetSystem: "t", Revision: "1", Recovery: core.Recovery{Strategy: core.AlwaysRetry}}
			c.Apply.Do, c.Rollback = func(context.Context, *core.Session) error { return tt.err }, tt.rollback
			store, target := memstore.New(), &away{Target: core.NewClientTarget("t", 1)}
			apply := func() (*run.Report, error) {
				r, err := run.New(run.Options{Ledger: ledger, Store: store, Targets: map[string]core.Target{"t": target}, Stages: []core.Stage{stage("main", c)}})
				if err != nil {
					t.Fatal(err)
				}
				return r.Apply(t.Context(), run.ApplyOptions{})
			}
			for _, want := range []core.Code{core.CodeChangeFailed, core.CodeUnavailable} {
				if _, err := apply(); core.CodeOf(err) != want {
					t.Fatalf("%v, want %s", err, want)
				}
				target.at = map[int]bool{target.n + 1: true}
			}
			s, err := store.Load(t.Context(), ledger)
			if err != nil {
				t.Fatal(err)
			}
			if r := s.Records["c1"]; r.State != tt.state || r.Unknown != tt.unknown || r.Attempt != 1 {
				t.Errorf("it is %+v", r)
			}
			c.Recovery.Strategy, target.at = core.ManualIntervention, nil
			if _, err := apply(); core.CodeOf(err) != core.CodeManualIntervention {
				t.Errorf("%v, want a person to be asked", err)
			}
		})
	}
}

// What an earlier process found is not put back when it held a secret: the ledger does
// not have that.
func TestCapturedSecretOfAnotherProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		value := "hunter22"
		c := setting(&value, "r1", "1", "blue", true)
		c.Recovery.Strategy, c.References = core.AlwaysRetry, []core.Reference{{Scheme: "env", Key: "PASSWORD"}}
		apply := c.Apply.Do
		c.Apply.Do = func(ctx context.Context, s *core.Session) error { return core.Unknown(apply(ctx, s)) }
		w := newWorld(t, stage("main", c))
		secret := func(o *run.Options) { o.Resolver = secretResolver{} }
		wantCode(t, w.process(nil).apply(secret), core.CodeChangeFailed)
		c.Apply.Do = apply
		w.stages[0].Changes[0] = c
		o := w.process(nil).apply(secret)
		wantCode(t, o, core.CodeChangeFailed)
		if value != "blue" || w.load().Records["r1"].State != core.StateFailed {
			t.Errorf("it is %s, and the change %s", value, w.load().Records["r1"].State)
		}
	})
}
