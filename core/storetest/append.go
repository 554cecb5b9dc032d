package storetest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

func appendCases() []testCase {
	return []testCase{
		{"append/result and next STARTED", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			first := w.load(t, s)
			a := alice.append(t, applied("x"), started("y"))
			snap := w.load(t, w.open())
			wantRecords := map[string]core.Record{"x": a.Entries[0].Record(), "y": a.Entries[1].Record()}
			if diff := cmp.Diff(wantRecords, snap.Records); diff != "" {
				t.Fatalf("records (-want +got):\n%s", diff)
			}
			head := first.Head
			head.Seq, head.Sum, head.Hash = 3, 5, a.Entries[1].Hash
			headIs(t, snap.Head, head)
			w.whole(t, s)
		}},
		{"append/record has all of its entry", func(t tb, w *world) {
			s := w.open()
			e := entryOf("x", core.StateFailed)
			e.Operation, e.Unknown, e.Reconciled, e.Attempt, e.Stage, e.Order = core.OpRollback, true, true, 17, "stage ☃", "0042"
			e.TxType, e.Strategy, e.TargetSystem, e.StartedAt = core.TxShared, core.ManualIntervention, "täble", instant(99)
			alice := w.take(t, s, "alice", started("x"))
			a := alice.append(t, e)
			if diff := cmp.Diff(a.Entries[0].Record(), w.load(t, w.open()).Records["x"]); diff != "" {
				t.Fatalf("record (-want +got):\n%s", diff)
			}
		}},
		{"append/with release", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.request(applied("x"))
			a.Release = true
			alice.send(t, a)
			if h := w.whole(t, s).Snapshot.Head; !h.Released || h.Owner != "alice" || h.Seq != 2 {
				t.Fatalf("got %+v, want alice's head, released at entry 2", h)
			}
			w.take(t, s, "bob")
		}},
		{"append/without release keeps the lease", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			alice.append(t, applied("x"))
			if !w.load(t, s).Head.Held() {
				t.Fatalf("the ledger is free after an append without release")
			}
			alice.append(t, started("y"))
		}},
		{"append/acquire with STARTED in one write", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice", started("x"))
			w.acquire(t, s, a)
			st := w.whole(t, w.open())
			headIs(t, st.Snapshot.Head, core.Head{
				LedgerID: a.LedgerID, Owner: "alice", Token: 1, Lease: a.Lease, Holder: a.Holder, Seq: 1, Sum: 1, Hash: a.Entries[0].Hash,
			})
			if diff := cmp.Diff(a.Entries, st.History); diff != "" {
				t.Fatalf("history (-want +got):\n%s", diff)
			}
		}},
		{"append/two entries of one change", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.append(t, entryOf("x", core.StateFailed), entryOf("x", core.StateRolledBack))
			if a.Entries[1].PrevSeq != a.Entries[0].Seq {
				t.Fatalf("the suite's own fault: second entry has PrevSeq %d", a.Entries[1].PrevSeq)
			}
			if got := w.whole(t, s).Snapshot.Records["x"]; got.State != core.StateRolledBack || got.Seq != 3 {
				t.Fatalf("got %+v, want ROLLED_BACK at entry 3", got)
			}
		}},
		{"append/entry without a change touches no record", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			before := w.load(t, s)
			alice.append(t, unlockEntry())
			after := w.whole(t, s).Snapshot
			if diff := cmp.Diff(before.Records, after.Records); diff != "" {
				t.Fatalf("records (-before +after):\n%s", diff)
			}
			if after.Head.Sum != before.Head.Sum || after.Head.Seq != 2 {
				t.Fatalf("got sum %d and seq %d, want %d and 2", after.Head.Sum, after.Head.Seq, before.Head.Sum)
			}
			alice.append(t, unlockEntry(), applied("x"), unlockEntry())
			w.whole(t, s)
		}},
		{"append/many entries", func(t tb, w *world) {
			s := w.open()
			var es []core.Entry
			for i := range core.MaxEntries {
				es = append(es, applied(changeID(i)))
			}
			alice := w.take(t, s, "alice", es...)
			alice.append(t, es...)
			if got := len(w.whole(t, s).History); got != 2*core.MaxEntries {
				t.Fatalf("got %d entries, want %d", got, 2*core.MaxEntries)
			}
		}},
		{"append/sum adds up over a life", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			alice.append(t, applied("x"), started("y"))
			alice.append(t, entryOf("y", core.StateFailed), entryOf("y", core.StateRollbackFailed))
			alice.release(t)
			resolve := w.acquisition(w.load(t, s), "operator", entryOf("y", core.StateManualMarkedRolledBack))
			resolve.Release = true
			w.acquire(t, s, resolve)
			bob := w.take(t, s, "bob", started("y"))
			bob.append(t, applied("y"), started("z"))
			want(t, "forced release", s.Acquire(w.ctx, w.forcedRelease(w.load(t, s))), done)
			w.take(t, s, "carol", entryOf("z", core.StateApplied))
			st := w.whole(t, s)
			if got := st.Snapshot.Head.Sum; got != 2+8+11 {
				t.Fatalf("got sum %d, want 21", got)
			}
		}},
	}
}
