package run_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

// unanswered writes the first append with two entries and never answers it.
type unanswered struct {
	*memstore.Store
	hash string
}

func (s *unanswered) Append(ctx context.Context, a core.Append) error {
	if len(a.Entries) == 2 && s.hash == "" {
		s.hash = a.Entries[0].Hash
	}
	err := s.Store.Append(ctx, a)
	if a.Entries[0].Hash == s.hash {
		return errors.New("no answer")
	}
	return err
}

// The result of one change and the STARTED of the next land, but the answer never
// comes: the next change did not begin, its owner knows that, and nobody waits for
// the lease.
func TestUnansweredAppendLeavesNoIntent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, inner := &client{}, memstore.New()
		store := &unanswered{Store: inner}
		if _, err := adoptable(t, store, c, 2, "1").Apply(t.Context(), run.ApplyOptions{}); core.CodeOf(err).Exit() == 0 {
			t.Fatalf("got %v, want an error", err)
		}
		want := []string{"c0 STARTED", "c0 APPLIED", "c1 STARTED", "c1 ROLLED_BACK"}
		if d := cmp.Diff(want, sequence(t, inner, "l")); d != "" {
			t.Error(d)
		}
		if s, _ := inner.Load(t.Context(), "l"); s.Head.Held() {
			t.Error("the lease is still held")
		}
		if _, err := adoptable(t, inner, c, 2, "1").Apply(t.Context(), run.ApplyOptions{}); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff([]string{"c0", "c1"}, c.log); d != "" {
			t.Error(d)
		}
	})
}

// silent never answers an append at all.
type silent struct{ *memstore.Store }

func (silent) Append(context.Context, core.Append) error { return errors.New("no answer") }

// An operator's act does not wait for ever for a store that went away.
func TestOperatorsActsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := adoptable(t, silent{memstore.New()}, &client{}, 3, "1").Baseline(t.Context(), plan.Selection{}, "r")
		if core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// Baseline leaves what the profiles filter out, also when it comes before the
// change that it goes up to.
func TestBaselineLeavesFilteredChanges(t *testing.T) {
	c, store := &client{}, memstore.New()
	mk := func(id, order string, profiles ...string) core.Change {
		return core.Change{ID: id, Order: order, TargetSystem: "t", Profiles: profiles, Apply: step(id, nil)}
	}
	r, err := run.New(run.Options{
		Ledger: "l", Store: store, Targets: map[string]core.Target{"t": core.NewClientTarget("t", c)},
		Stages: []core.Stage{{Name: "main", Changes: []core.Change{mk("a", "1"), mk("p", "2", "prod"), mk("b", "3"), mk("q", "4", "prod")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Baseline(t.Context(), plan.Selection{To: "b"}, "had them"); n != 2 || err != nil {
		t.Errorf("got %d, %v; want a and b", n, err)
	}
}
