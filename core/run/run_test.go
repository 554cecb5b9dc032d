package run_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

type client struct{ log []string }

func step(name string, err error) core.Step {
	return core.StepFor(func(_ context.Context, c *client) error {
		c.log = append(c.log, name)
		return err
	})
}

func sequence(t *testing.T, s core.AuditStore, ledger string) []string {
	t.Helper()
	page, err := s.History(t.Context(), core.HistoryQuery{Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	if err := core.VerifyChain(0, "", page.Entries); err != nil {
		t.Error(err)
	}
	var out []string
	for _, e := range page.Entries {
		out = append(out, e.ChangeID+" "+string(e.State))
	}
	return out
}

func TestApplyDirect(t *testing.T) {
	c := &client{}
	store := memstore.New()
	r, err := run.New(run.Options{
		Ledger: "l", Store: store, Targets: map[string]core.Target{"t": core.NewClientTarget("t", c)},
		Stages: []core.Stage{{Name: "main", Changes: []core.Change{
			{ID: "b", Order: "2", TargetSystem: "t", Apply: step("b", nil)},
			{ID: "a", Order: "1", TargetSystem: "t", Apply: step("a", nil)},
			{ID: "c", Order: "3", TargetSystem: "t", Steps: []core.StepPair{
				{Apply: step("c1", nil), Rollback: step("undo c1", nil)},
				{Apply: step("c2", errors.New("no")), Rollback: step("undo c2", nil)},
			}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := r.Apply(t.Context(), run.ApplyOptions{})
	if got := core.CodeOf(err); got != core.CodeChangeFailed {
		t.Errorf("code %q (%v)", got, err)
	}
	if rep.Status != run.Failed {
		t.Errorf("status %s", rep.Status)
	}
	if d := cmp.Diff([]string{"a", "b", "c1", "c2", "undo c2", "undo c1"}, c.log); d != "" {
		t.Error(d)
	}
	want := []string{"a STARTED", "a APPLIED", "b STARTED", "b APPLIED", "c STARTED", "c FAILED", "c ROLLED_BACK"}
	if d := cmp.Diff(want, sequence(t, store, "l")); d != "" {
		t.Error(d)
	}
	s, _ := store.Load(t.Context(), "l")
	if s.Head.Held() || s.Head.RVN != 5 {
		t.Errorf("head %+v", s.Head)
	}
}
