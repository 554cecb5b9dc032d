package storetest

import (
	"time"

	"github.com/flamingock/flamingock-go/core"
)

func leaseCases() []testCase {
	return []testCase{
		{"lease/new ledger loads zero", func(t tb, w *world) {
			snap := w.load(t, w.open())
			if snap.Head != (core.Head{}) || len(snap.Records) != 0 {
				t.Fatalf("got %+v, want the zero snapshot", snap)
			}
			if got := w.history(t, w.open(), core.HistoryQuery{}); len(got) != 0 {
				t.Fatalf("got %d entries, want none", len(got))
			}
		}},
		{"lease/first acquisition makes the ledger", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice")
			w.acquire(t, s, a)
			h := w.load(t, w.open()).Head
			headIs(t, h, core.Head{LedgerID: a.LedgerID, Owner: "alice", Token: 1, Lease: a.Lease, Holder: a.Holder})
			if h.RVN == 0 || !h.Held() {
				t.Fatalf("got rvn %d, held %v, want a held head with an rvn", h.RVN, h.Held())
			}
		}},
		{"lease/ledger id is made once", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice").release(t)
			w.take(t, s, "bob")
			w.rob(t, s, "carol")
			if got, want := w.load(t, s).Head.LedgerID, "id-from-alice"; got != want {
				t.Fatalf("got id %q, want the first acquisition's, %q", got, want)
			}
		}},
		{"lease/of two first acquirers one wins", func(t tb, w *world) {
			s, other := w.open(), w.open()
			a, b := w.acquisition(core.Snapshot{}, "alice", started("x")), w.acquisition(core.Snapshot{}, "bob", started("x"))
			w.acquire(t, s, a)
			before := w.state(t, s)
			want(t, "second first acquisition", other.Acquire(w.ctx, b), conflict)
			b.Takeover = true
			want(t, "second first acquisition, as a takeover", other.Acquire(w.ctx, b), conflict)
			w.same(t, s, before, "the loser")
		}},
		{"lease/held is refused", func(t tb, w *world) {
			s, other := w.open(), w.open()
			w.take(t, s, "alice", started("x"))
			before := w.state(t, s)
			want(t, "acquisition of a held ledger", other.Acquire(w.ctx, w.acquisition(before.Snapshot, "bob")), conflict)
			want(t, "acquisition of a held ledger with an entry", other.Acquire(w.ctx, w.acquisition(before.Snapshot, "bob", started("y"))), conflict)
			w.same(t, s, before, "the refused acquisition")
		}},
		{"lease/takeover on the rvn", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice", started("x"))
			before := w.load(t, s)
			a := w.acquisition(before, "bob")
			a.Takeover = true
			w.acquire(t, w.open(), a)
			headIs(t, w.load(t, s).Head, core.Head{
				LedgerID: "id-from-alice", Owner: "bob", Token: 2, Lease: a.Lease, Holder: a.Holder,
				Seq: before.Head.Seq, Sum: before.Head.Sum, Hash: before.Head.Hash,
			})
		}},
		{"lease/takeover on a stale rvn is refused", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice")
			a := w.acquisition(w.load(t, other), "bob", started("x"))
			a.Takeover = true
			want(t, "renew", s.Renew(w.ctx, alice.lease), done)
			before := w.state(t, s)
			want(t, "takeover on the rvn before the renewal", other.Acquire(w.ctx, a), conflict)
			w.same(t, s, before, "the refused takeover")
		}},
		{"lease/stale rvn is refused even if released", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice")
			a := w.acquisition(w.load(t, other), "bob")
			alice.append(t, started("x"))
			alice.release(t)
			before := w.state(t, s)
			want(t, "acquisition on a stale rvn", other.Acquire(w.ctx, a), conflict)
			a.Takeover = true
			want(t, "takeover on a stale rvn", other.Acquire(w.ctx, a), conflict)
			w.same(t, s, before, "the refused acquisition")
		}},
		{"lease/rvn of no load is refused", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice")
			a.RVN = 7
			want(t, "acquisition of a new ledger on an rvn", s.Acquire(w.ctx, a), conflict)
			if got := w.load(t, s).Head; got != (core.Head{}) {
				t.Fatalf("got head %+v, want none", got)
			}
		}},
		{"lease/token must be the next one", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice").release(t)
			before := w.state(t, s)
			for _, token := range []uint64{0, 1, 3} {
				a := w.acquisition(before.Snapshot, "bob")
				a.Token = token
				want(t, "acquisition with another token than 2", s.Acquire(w.ctx, a), conflict)
			}
			w.same(t, s, before, "the refused acquisition")
		}},
		{"lease/renew changes the rvn only", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			before := w.state(t, s)
			want(t, "renew", s.Renew(w.ctx, alice.lease), done)
			after := w.state(t, s)
			if after.Snapshot.Head.RVN <= before.Snapshot.Head.RVN {
				t.Fatalf("rvn went from %d to %d, want it to grow", before.Snapshot.Head.RVN, after.Snapshot.Head.RVN)
			}
			before.Snapshot.Head.RVN = after.Snapshot.Head.RVN
			w.same(t, s, before, "the renewal")
		}},
		{"lease/every write grows the rvn", func(t tb, w *world) {
			s := w.open()
			rvn := uint64(0)
			grown := func(what string) {
				t.Helper()
				if now := w.load(t, s).Head.RVN; now <= rvn {
					t.Fatalf("%s: rvn went from %d to %d, want it to grow", what, rvn, now)
				} else {
					rvn = now
				}
			}
			alice := w.take(t, s, "alice")
			grown("acquire")
			alice.append(t, started("x"))
			grown("append")
			want(t, "renew", s.Renew(w.ctx, alice.lease), done)
			grown("renew")
			alice.release(t)
			grown("release")
			bob := w.take(t, s, "bob", started("y"))
			grown("acquire with an entry")
			a := bob.request(applied("y"))
			a.Release = true
			bob.send(t, a)
			grown("append with release")
			w.take(t, s, "carol")
			w.rob(t, s, "dave")
			grown("takeover")
			want(t, "forced release", s.Acquire(w.ctx, w.forcedRelease(w.load(t, s))), done)
			grown("forced release")
		}},
		{"lease/release frees the ledger", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			before := w.load(t, s).Head
			alice.release(t)
			before.Released = true
			headIs(t, w.load(t, s).Head, before)
			w.take(t, w.open(), "bob")
		}},
		{"lease/repeated release writes nothing", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice")
			alice.release(t)
			before := w.state(t, s)
			alice.release(t)
			w.same(t, s, before, "the second release")
		}},
		{"lease/renew after release does not open again", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice")
			alice.release(t)
			before := w.state(t, s)
			want(t, "renew after release", s.Renew(w.ctx, alice.lease), lost)
			w.same(t, s, before, "the late renewal")
		}},
		{"lease/head keeps lease and holder", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice")
			a.Lease = 90*time.Second + 7*time.Millisecond
			a.Holder.Host, a.Holder.Trigger = "höst-☃", "codepipeline <job>&"
			w.acquire(t, s, a)
			headIs(t, w.load(t, w.open()).Head, core.Head{LedgerID: a.LedgerID, Owner: "alice", Token: 1, Lease: a.Lease, Holder: a.Holder})
		}},
		{"lease/token grows for ever", func(t tb, w *world) {
			s := w.open()
			grown := func(what string, token uint64) {
				t.Helper()
				if got := w.load(t, s).Head.Token; got != token {
					t.Fatalf("%s: got token %d, want %d", what, got, token)
				}
			}
			alice := w.take(t, s, "alice")
			grown("acquire", 1)
			alice.release(t)
			grown("release", 1)
			w.take(t, s, "bob")
			grown("acquire after release", 2)
			w.rob(t, s, "carol")
			grown("takeover", 3)
			want(t, "forced release", s.Acquire(w.ctx, w.forcedRelease(w.load(t, s))), done)
			grown("forced release", 4)
			w.take(t, s, "dave").release(t)
			grown("acquire after forced release", 5)
		}},
	}
}
