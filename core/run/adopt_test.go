package run_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

func adoptable(t *testing.T, store core.AuditStore, c *client, n int, revision string) *run.Runner {
	t.Helper()
	var cs []core.Change
	for i := range n {
		cs = append(cs, core.Change{ID: fmt.Sprint("c", i), Order: fmt.Sprint(i), TargetSystem: "t", Revision: revision, Apply: step(fmt.Sprint("c", i), nil)})
	}
	r, err := run.New(run.Options{
		Ledger: "l", Store: store, Targets: map[string]core.Target{"t": core.NewClientTarget("t", c)}, Stages: []core.Stage{{Name: "main", Changes: cs}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBaseline(t *testing.T) {
	c, store := &client{}, memstore.New()
	r := adoptable(t, store, c, 50, "1")
	if _, err := r.Baseline(t.Context(), plan.Selection{}, ""); core.CodeOf(err) != core.CodeUsage {
		t.Errorf("without a reason: %v", err)
	}
	if n, err := r.Baseline(t.Context(), plan.Selection{To: "c44"}, "had them"); n != 45 || err != nil {
		t.Fatalf("got %d, %v; want 45", n, err)
	}
	if n, err := r.Baseline(t.Context(), plan.Selection{To: "c44"}, "had them"); n != 0 || err != nil {
		t.Fatalf("again: got %d, %v; want 0", n, err)
	}
	rep, err := r.Apply(t.Context(), run.ApplyOptions{})
	if err != nil || rep.Counts[run.ChangeApplied] != 5 || len(c.log) != 5 {
		t.Errorf("got %v, %v, ran %v; want the last 5 to run", rep.Counts, err, c.log)
	}
	if got := len(sequence(t, store, "l")); got != 45+2*5 {
		t.Errorf("%d entries", got)
	}
}

// A store that goes away in the middle: what is recorded stays, a repetition goes
// on, and the lease is free.
func TestBaselineIsInterrupted(t *testing.T) {
	inner := memstore.New()
	store := &failingAppend{Store: inner, left: 1}
	r := adoptable(t, store, &client{}, 50, "1")
	n, err := r.Baseline(t.Context(), plan.Selection{}, "had them")
	if n != core.MaxEntries || err == nil {
		t.Fatalf("got %d, %v; want %d and an error", n, err, core.MaxEntries)
	}
	if s, _ := inner.Load(t.Context(), "l"); s.Head.Held() {
		t.Error("the lease is still held")
	}
	if n, err := adoptable(t, inner, &client{}, 50, "1").Baseline(t.Context(), plan.Selection{}, "had them"); n != 50-core.MaxEntries || err != nil {
		t.Fatalf("got %d, %v; want the others", n, err)
	}
}

// failingAppend refuses appends for good once left are done.
type failingAppend struct {
	*memstore.Store
	left int
}

func (s *failingAppend) Append(ctx context.Context, a core.Append) error {
	if s.left--; s.left < 0 {
		return &core.StoreError{Kind: core.StoreFull, Store: "test", Err: errors.New("no room")}
	}
	return s.Store.Append(ctx, a)
}

func TestAcceptDrift(t *testing.T) {
	c, store := &client{}, memstore.New()
	if _, err := adoptable(t, store, c, 2, "1").Apply(t.Context(), run.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	edited := adoptable(t, store, c, 3, "2")
	var drift *core.DriftError
	if _, err := edited.Apply(t.Context(), run.ApplyOptions{}); !errors.As(err, &drift) || len(drift.Items) != 2 {
		t.Fatalf("got %v, want two edited changes", err)
	}
	for _, id := range []string{"c0", "c1"} {
		if _, err := edited.AcceptDrift(t.Context(), id, "comments only"); err != nil {
			t.Fatal(err)
		}
	}
	for id, why := range map[string]string{"c0": "accepted before", "c2": "not applied", "x": "not in the code"} {
		if _, err := edited.AcceptDrift(t.Context(), id, "r"); core.CodeOf(err) != core.CodeUsage {
			t.Errorf("%s: %v", why, err)
		}
	}
	if _, err := edited.Apply(t.Context(), run.ApplyOptions{}); err != nil {
		t.Error(err)
	}
	if len(c.log) != 3 {
		t.Errorf("ran %v, want each once", c.log)
	}
}
