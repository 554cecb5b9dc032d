package storetest

import "github.com/flamingock/flamingock-go/core"

// operatorCases are about people's acts: acquire, append and release in one
// transaction, and the forced release.
func operatorCases() []testCase {
	return []testCase{
		{"operator/writes on a free head", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			alice.append(t, entryOf("x", core.StateFailed))
			alice.release(t)
			before := w.load(t, s).Head
			a := w.acquisition(w.load(t, s), "operator", entryOf("x", core.StateManualMarkedApplied))
			a.Release = true
			w.acquire(t, s, a)
			st := w.whole(t, s)
			headIs(t, st.Snapshot.Head, core.Head{
				LedgerID: before.LedgerID, Owner: "operator", Token: before.Token + 1, Lease: a.Lease, Holder: a.Holder, Released: true,
				Seq: 3, Sum: 3, Hash: a.Entries[0].Hash,
			})
			if got := st.Snapshot.Records["x"].State; got != core.StateManualMarkedApplied {
				t.Fatalf("got state %s, want %s", got, core.StateManualMarkedApplied)
			}
		}},
		{"operator/writes on a new ledger", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "operator", entryOf("x", core.StateApplied), entryOf("y", core.StateApplied))
			a.Release = true
			w.acquire(t, s, a)
			if h := w.whole(t, s).Snapshot.Head; h.Held() || h.Seq != 2 || h.LedgerID != a.LedgerID {
				t.Fatalf("got %+v, want a free head at entry 2", h)
			}
		}},
		{"operator/is refused on a held head", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice", started("x"))
			before := w.state(t, s)
			a := w.acquisition(before.Snapshot, "operator", entryOf("x", core.StateManualMarkedApplied))
			a.Release = true
			want(t, "operator's write on a held head", s.Acquire(w.ctx, a), conflict)
			w.same(t, s, before, "the refused write")
		}},
		{"operator/is refused when the change moved on", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			seen := w.load(t, s)
			alice.append(t, applied("x"))
			alice.release(t)
			before := w.state(t, s)
			a := w.acquisition(seen, "operator", entryOf("x", core.StateManualMarkedRolledBack))
			a.RVN, a.Token, a.Release = before.Snapshot.Head.RVN, before.Snapshot.Head.Token+1, true
			want(t, "resolve of an entry that is not the last", s.Acquire(w.ctx, a), conflict)
			w.same(t, s, before, "the refused write")
		}},
		{"operator/forced release fences the holder and is recorded", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice", started("x"))
			late := alice.request(applied("x"))
			before := w.load(t, other)
			a := w.forcedRelease(before)
			want(t, "forced release", other.Acquire(w.ctx, a), done)
			st := w.whole(t, s)
			headIs(t, st.Snapshot.Head, core.Head{
				LedgerID: before.Head.LedgerID, Token: 2, Holder: a.Holder, Released: true, Seq: 2, Sum: before.Head.Sum, Hash: a.Entries[0].Hash,
			})
			if got := st.History[1]; got.Operation != core.OpUnlock || got.Reason != a.Entries[0].Reason {
				t.Fatalf("got entry %+v, want the unlock with its reason", got)
			}
			after := w.state(t, s)
			want(t, "append by the fenced holder", s.Append(w.ctx, late), lost)
			want(t, "renew by the fenced holder", s.Renew(w.ctx, alice.lease), lost)
			want(t, "release by the fenced holder", s.Release(w.ctx, alice.lease), lost)
			w.same(t, s, after, "the fenced holder")
		}},
		{"operator/forced release leaves nobody's lease", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice")
			a := w.forcedRelease(w.load(t, s))
			want(t, "forced release", s.Acquire(w.ctx, a), done)
			before := w.state(t, s)
			l := core.Lease{Ledger: w.ledger, Token: a.Token}
			want(t, "append by nobody", s.Append(w.ctx, core.Append{Lease: l, Entries: chainOf(w.ledger, before.Snapshot).seal(l, started("x"))}), lost)
			want(t, "renew by nobody", s.Renew(w.ctx, l), lost)
			w.same(t, s, before, "nobody's lease")
			w.take(t, s, "bob", started("x"))
		}},
		{"operator/forced release rests on the rvn shown", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice")
			a := w.forcedRelease(w.load(t, s))
			want(t, "renew", s.Renew(w.ctx, alice.lease), done)
			before := w.state(t, s)
			want(t, "forced release after a sign of life", s.Acquire(w.ctx, a), conflict)
			w.same(t, s, before, "the refused forced release")
		}},
	}
}
