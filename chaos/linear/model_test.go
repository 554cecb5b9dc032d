package linear_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/linear"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
)

// silent sends requests, and loses their answers.
type silent struct{ core.AuditStore }

func (s silent) Append(ctx context.Context, a core.Append) error {
	s.AuditStore.Append(ctx, a) // and nobody hears of it
	return errLost
}

// deaf loses requests.
type deaf struct{ core.AuditStore }

func (deaf) Append(context.Context, core.Append) error { return errLost }

// TestUnanswered: a request without an answer explains both that it is there and
// that it is not, and once it was seen it stays.
func TestUnanswered(t *testing.T) {
	for name, tt := range map[string]struct {
		through func(core.AuditStore) core.AuditStore
		entries uint64 // that the load after it shows
	}{
		"it took effect": {func(s core.AuditStore) core.AuditStore { return silent{s} }, 1},
		"it did not":     {func(s core.AuditStore) core.AuditStore { return deaf{s} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s, h := t.Context(), memstore.New(), new(linear.History)
			c := h.Client(tt.through(s))
			l := core.Lease{Ledger: "one", Owner: "me", Token: 1}
			if err := c.Acquire(ctx, core.Acquisition{Ledger: l.Ledger, LedgerID: "id", Owner: l.Owner, Token: l.Token, Lease: time.Second}); err != nil {
				t.Fatal(err)
			}
			e := []core.Entry{{ExecutionID: "e", ChangeID: "x", State: core.StateStarted, Operation: core.OpApply, StartedAt: instant(0)}}
			core.Seal(l.Ledger, 0, "", e)
			if err := c.Append(ctx, core.Append{Lease: l, Entries: e}); !errors.Is(err, errLost) {
				t.Fatal(err)
			}
			snap, err := c.Load(ctx, l.Ledger)
			if err != nil || snap.Head.Seq != tt.entries {
				t.Fatalf("loaded %+v, %v", snap, err)
			}
			if err := h.Check(decide); err != nil {
				t.Error(err)
			}
			if got := h.Counts(); got != (linear.Counts{All: 3, Done: 2, Unanswered: 1}) {
				t.Errorf("%+v", got)
			}
			// Another store's load, which does not know of any of it.
			if _, err := h.Client(memstore.New()).Load(ctx, l.Ledger); err != nil {
				t.Fatal(err)
			}
			var v *linear.ViolationError
			if err := h.Check(decide); !errors.As(err, &v) {
				t.Errorf("a load from before: %v", err)
			}
		})
	}
}

// TestLedgers: each ledger is judged by itself.
func TestLedgers(t *testing.T) {
	h := new(linear.History)
	c := h.Client(memstore.New())
	for _, name := range []string{"one", "two"} {
		if err := c.Acquire(t.Context(), core.Acquisition{Ledger: name, LedgerID: "id", Owner: "me", Token: 1, Lease: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Check(decide); err != nil {
		t.Error(err)
	}
}

// damagedStore cannot be used.
type damagedStore struct{ core.AuditStore }

func (damagedStore) Load(context.Context, string) (core.Snapshot, error) {
	return core.Snapshot{}, &core.StoreError{Kind: core.StoreCorrupt, Store: "it"}
}

func TestFaults(t *testing.T) {
	h := new(linear.History)
	if _, err := h.Client(damagedStore{}).Load(t.Context(), "one"); err == nil {
		t.Fatal("no error")
	}
	if len(h.Faults()) != 1 || h.Counts().All != 0 {
		t.Errorf("faults %v, counts %+v", h.Faults(), h.Counts())
	}
}
