package run_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// hanging is a target system that is there, and never gives a session.
type hanging struct{ core.Target }

func (hanging) Open(ctx context.Context) (any, func() error, error) {
	<-ctx.Done()
	return nil, nil, ctx.Err()
}

// A change whose timeout ends before it began has not failed, and nothing is wrong
// with us: the target system is to blame, and later it may be there.
func TestTimeoutBeforeTheChangeBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, store := &client{}, memstore.New()
		target := core.NewClientTarget("t", c)
		apply := func(target core.Target) error {
			r, err := run.New(run.Options{
				Ledger: "l", Store: store, Targets: map[string]core.Target{"t": target},
				Stages: []core.Stage{{Name: "main", Changes: []core.Change{{ID: "a", Order: "1", TargetSystem: "t", Timeout: time.Second, Apply: step("a", nil)}}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Apply(t.Context(), run.ApplyOptions{})
			return err
		}
		err := apply(hanging{target})
		if code := core.CodeOf(err); code != core.CodeUnavailable || !code.Retryable() {
			t.Errorf("got %s: %v, want %s", code, err, core.CodeUnavailable)
		}
		if err := apply(target); err != nil {
			t.Errorf("again: %v", err)
		}
		want := []string{"a STARTED", "a ROLLED_BACK", "a STARTED", "a APPLIED"}
		if d := cmp.Diff(want, sequence(t, store, "l")); d != "" {
			t.Error(d)
		}
	})
}
