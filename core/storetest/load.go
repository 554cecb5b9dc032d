package storetest

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

func loadCases() []testCase {
	return []testCase{
		{"load/thousand changes", thousandChanges},
		{"load/is never torn", neverTorn},
		{"load/is the caller's own", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice", started("x"), started("y"))
			before := w.state(t, s)
			before.Snapshot = before.Snapshot.Clone()
			snap := w.load(t, s)
			delete(snap.Records, "x")
			snap.Records["z"] = core.Record{ChangeID: "z"}
			w.same(t, s, before, "changing what a load returned")
		}},
		{"load/entries belong to the caller", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice")
			e := started("x")
			e.Metadata = map[string]string{"k": "v"}
			a := alice.append(t, e)
			before := w.state(t, s)
			before.History[0].Metadata = maps.Clone(before.History[0].Metadata)
			a.Entries[0].Reason, a.Entries[0].Metadata["k"] = "changed", "changed"
			w.same(t, s, before, "changing what was given to append")
		}},
		{"load/ledgers are apart", ledgersApart},
		{"load/ledger names", func(t tb, w *world) {
			s := w.open()
			for _, name := range []string{"a", "A", ".", "..", "/", "a/b", "a//b", "-", "_", "#HEAD"[1:], strings.Repeat("n", 255), strings.Repeat("n", 254)} {
				sub := *w
				// The name itself is a ledger of this case only if nobody else uses it.
				sub.ledger = name
				alice := sub.take(t, s, "alice", started(name))
				alice.append(t, applied(name))
				alice.release(t)
				if st := sub.whole(t, w.open()); len(st.History) != 2 || st.Snapshot.Records[name].State != core.StateApplied {
					t.Fatalf("ledger %q: got %+v", name, st)
				}
			}
		}},
		{"load/bad ledger names are refused", func(t tb, w *world) {
			s := w.open()
			for _, name := range []string{"", "a b", "a#b", "ü", strings.Repeat("n", 256)} {
				sub := *w
				sub.ledger = name
				if _, err := s.Load(w.ctx, name); err == nil {
					t.Errorf("load of ledger %.20q: got nil, want an error", name)
				}
				if err := s.Acquire(w.ctx, sub.acquisition(core.Snapshot{}, "alice")); err == nil {
					t.Errorf("acquire of ledger %.20q: got nil, want an error", name)
				}
			}
		}},
		{"load/unknown state is an error", func(t tb, w *world) {
			if w.plant == nil {
				t.Skip("the harness cannot plant a state")
			}
			s := w.open()
			w.take(t, s, "alice", started("x"), started("y")).release(t)
			w.plant(w.ledger, "x", "EXPLODED")
			_, err := s.Load(w.ctx, w.ledger)
			want(t, "load of a state that nobody knows", err, damaged)
		}},
		{"load/cancelled context does nothing", cancelled},
	}
}

// thousandChanges has records that no store can return in one small answer.
func thousandChanges(t tb, w *world) {
	const changes, batch = 1000, 20
	s := w.open()
	alice := w.take(t, s, "alice")
	wantRecords := map[string]core.Record{}
	for i := 0; i < changes; i += batch {
		var es []core.Entry
		for n := i; n < i+batch; n++ {
			e := applied(changeID(n))
			e.Stage, e.Order = strings.Repeat("s", 1000), strings.Repeat("9", 1000)
			es = append(es, e)
		}
		for _, e := range alice.append(t, es...).Entries {
			wantRecords[e.ChangeID] = e.Record()
		}
	}
	alice.release(t)
	snap := w.load(t, w.open())
	if diff := cmp.Diff(wantRecords, snap.Records); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	if got := snap.Head; got.Seq != changes || got.Sum != changes*(changes+1)/2 {
		t.Fatalf("got seq %d and sum %d, want %d and %d", got.Seq, got.Sum, changes, changes*(changes+1)/2)
	}
	w.whole(t, s)
}

// neverTorn has readers load while a writer appends: each load must be the
// ledger as it was after some append, whole. The writer goes on until the readers
// have seen enough, so that a fast one is not done before they begin.
func neverTorn(t tb, w *world) {
	alice := w.take(t, w.open(), "alice")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	seen := make([][]core.Snapshot, 2)
	errs := make([]error, len(seen))
	loads := make([]atomic.Int64, len(seen))
	for i := range seen {
		reader := w.open()
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				snap, err := reader.Load(w.ctx, w.ledger)
				if err != nil {
					errs[i] = err
					return
				}
				loads[i].Add(1)
				// A fast reader sees most states many times.
				if n := len(seen[i]); n == 0 || seen[i][n-1].Head.RVN != snap.Head.RVN {
					seen[i] = append(seen[i], snap)
				}
			}
		})
	}
	var failure error
	enough := func() bool {
		for i := range loads {
			if loads[i].Load() < int64(w.rounds) {
				return false
			}
		}
		return true
	}
	for n := 0; n < w.rounds || n < 10*w.rounds && !enough(); n++ {
		a := alice.request(applied(changeID(n%7)), started(changeID((n+1)%7)), unlockEntry())
		if failure = settle(func() error { return alice.store.Append(w.ctx, a) }); failure != nil {
			break
		}
		alice.chain = alice.chain.after(a.Entries)
	}
	close(stop)
	wg.Wait()
	if failure != nil {
		t.Fatalf("append: %v", failure)
	}
	all := w.whole(t, alice.store).History
	for i := range seen {
		if errs[i] != nil {
			t.Fatalf("load: %v", errs[i])
		}
		var last uint64
		for _, snap := range seen[i] {
			if snap.Head.Seq < last {
				t.Fatalf("a load at entry %d came after one at entry %d", snap.Head.Seq, last)
			}
			last = snap.Head.Seq
			fits(t, snap, all)
		}
	}
}

func ledgersApart(t tb, w *world) {
	s := w.open()
	other := *w
	other.ledger += "/2"
	alice := w.take(t, s, "alice", started("x"), started("y"))
	alice.append(t, applied("x"))
	if got := other.load(t, s); got.Head != (core.Head{}) || len(got.Records) != 0 {
		t.Fatalf("ledger %s has %+v, but only %s was written", other.ledger, got, w.ledger)
	}
	before := w.state(t, s)
	bob := other.take(t, s, "bob", started("x"))
	if got := other.load(t, s).Head; got.Token != 1 || got.Seq != 1 || got.LedgerID != "id-from-bob" {
		t.Fatalf("got %+v, want the first token and entry of a ledger of its own", got)
	}
	bob.append(t, entryOf("x", core.StateFailed))
	bob.release(t)
	w.same(t, s, before, "writing to another ledger")
	foreign := alice.lease
	foreign.Ledger = other.ledger
	want(t, "renew of the same lease on another ledger", s.Renew(w.ctx, foreign), lost)
	w.whole(t, s)
	other.whole(t, s)
}

func cancelled(t tb, w *world) {
	s := w.open()
	alice := w.take(t, s, "alice", started("x"))
	before := w.state(t, s)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	takeover := w.acquisition(before.Snapshot, "bob")
	takeover.Takeover = true
	_, loadErr := s.Load(ctx, w.ledger)
	_, historyErr := s.History(ctx, core.HistoryQuery{Ledger: w.ledger})
	for _, c := range []struct {
		what string
		err  error
	}{
		{"load", loadErr},
		{"history", historyErr},
		{"append", s.Append(ctx, alice.request(applied("x")))},
		{"renew", s.Renew(ctx, alice.lease)},
		{"release", s.Release(ctx, alice.lease)},
		{"acquire", s.Acquire(ctx, takeover)},
	} {
		if c.err == nil {
			t.Errorf("%s with a cancelled context: got nil, want an error", c.what)
		}
	}
	w.same(t, s, before, "calls with a cancelled context")
	alice.append(t, applied("x"))
}
