package storetest

import (
	"errors"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flamingock/flamingock-go/core"
)

// outcome is the class of a write's answer: what a Runner acts on.
type outcome string

const (
	done     outcome = "nil"
	conflict outcome = "*ConflictError"
	lost     outcome = "ErrLeaseLost"
	damaged  outcome = "*StoreError"
	unknown  outcome = "an error that leaves the outcome unknown"
)

func outcomeOf(err error) outcome {
	var c *core.ConflictError
	var s *core.StoreError
	switch {
	case err == nil:
		return done
	case errors.Is(err, core.ErrLeaseLost):
		return lost
	case errors.As(err, &c):
		return conflict
	case errors.As(err, &s):
		return damaged
	}
	return unknown
}

func want(t tb, what string, err error, o outcome) {
	t.Helper()
	if got := outcomeOf(err); got != o {
		t.Fatalf("%s: got %s (%v), want %s", what, got, err, o)
	}
}

// settle sends a request again while its outcome is unknown, as a Runner does.
func settle(send func() error) error {
	var err error
	for range 10 {
		if err = send(); outcomeOf(err) != unknown {
			break
		}
	}
	return err
}

// state is everything that a ledger shows.
type state struct {
	Snapshot core.Snapshot
	History  []core.Entry
}

func (w *world) load(t tb, s core.AuditStore) core.Snapshot {
	t.Helper()
	snap, err := s.Load(w.ctx, w.ledger)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return snap
}

// history pages through all entries.
func (w *world) history(t tb, s core.AuditStore, q core.HistoryQuery) []core.Entry {
	t.Helper()
	if q.Ledger == "" {
		q.Ledger = w.ledger
	}
	var all []core.Entry
	for {
		page, err := s.History(w.ctx, q)
		if err != nil {
			t.Fatalf("history after %d: %v", q.AfterSeq, err)
		}
		all = append(all, page.Entries...)
		if page.Next == 0 {
			return all
		}
		if page.Next <= q.AfterSeq {
			t.Fatalf("history after %d: next page is after %d: it does not move on", q.AfterSeq, page.Next)
		}
		q.AfterSeq = page.Next
	}
}

func (w *world) state(t tb, s core.AuditStore) state {
	t.Helper()
	return state{Snapshot: w.load(t, s), History: w.history(t, s, core.HistoryQuery{})}
}

// same fails if the ledger is not as it was.
func (w *world) same(t tb, s core.AuditStore, before state, after string) {
	t.Helper()
	if diff := cmp.Diff(before, w.state(t, s), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s changed the ledger (-before +after):\n%s", after, diff)
	}
}

// whole fails if the ledger does not add up: history, head and records must all
// say the same.
func (w *world) whole(t tb, s core.AuditStore) state {
	t.Helper()
	st := w.state(t, s)
	if err := core.VerifyChain(0, "", st.History); err != nil {
		t.Fatalf("history: %v", err)
	}
	fits(t, st.Snapshot, st.History)
	if got, want := st.Snapshot.Head.Seq, uint64(len(st.History)); got != want {
		t.Fatalf("head is at entry %d, but the history has %d", got, want)
	}
	return st
}

// fits fails if snap is not the state after the entries up to its head's seq.
func fits(t tb, snap core.Snapshot, entries []core.Entry) {
	t.Helper()
	h := snap.Head
	if h.Seq > uint64(len(entries)) {
		t.Fatalf("head is at entry %d of %d", h.Seq, len(entries))
	}
	records, hash, sum := map[string]core.Record{}, "", uint64(0)
	for _, e := range entries[:h.Seq] {
		hash = e.Hash
		if e.ChangeID != "" {
			records[e.ChangeID] = e.Record()
		}
	}
	for _, r := range records {
		sum += r.Seq
	}
	if h.Hash != hash {
		t.Fatalf("head has hash %q, entry %d has %q", h.Hash, h.Seq, hash)
	}
	if diff := cmp.Diff(records, snap.Records, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("records are not those of the first %d entries (-want +got):\n%s", h.Seq, diff)
	}
	if h.Sum != sum {
		t.Fatalf("head's sum is %d, the records add up to %d", h.Sum, sum)
	}
}

// headIs compares a head but for its rvn, of which only the growth is known.
func headIs(t tb, got, want core.Head) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(core.Head{}, "RVN")); diff != "" {
		t.Fatalf("head (-want +got):\n%s", diff)
	}
}
