package storetest

import "github.com/flamingock/flamingock-go/core"

// fenceCases say who may not write.
func fenceCases() []testCase {
	return []testCase{
		{"fence/former holder appends nothing", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.request(applied("x"))
			w.rob(t, other, "bob")
			before := w.state(t, s)
			want(t, "append by the former holder", s.Append(w.ctx, a), lost)
			a.Release = true
			want(t, "append with release by the former holder", s.Append(w.ctx, a), lost)
			w.same(t, s, before, "the former holder's append")
		}},
		{"fence/former holder renews nothing", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice")
			w.rob(t, other, "bob")
			before := w.state(t, s)
			want(t, "renew by the former holder", s.Renew(w.ctx, alice.lease), lost)
			w.same(t, s, before, "the former holder's renewal")
		}},
		{"fence/late release cannot free a successor", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice")
			w.rob(t, other, "bob")
			before := w.state(t, s)
			want(t, "release by the former holder", s.Release(w.ctx, alice.lease), lost)
			w.same(t, s, before, "the former holder's release")
		}},
		{"fence/release of a successor's successor", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice")
			alice.release(t)
			w.take(t, s, "bob").release(t)
			before := w.state(t, s)
			want(t, "release of a lease long gone", s.Release(w.ctx, alice.lease), lost)
			w.same(t, s, before, "the late release")
		}},
		{"fence/owner and token count together", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice")
			bob := w.rob(t, s, "bob")
			before := w.state(t, s)
			for what, l := range map[string]core.Lease{
				"owner with an older token": {Ledger: w.ledger, Owner: "bob", Token: 1},
				"owner with a later token":  {Ledger: w.ledger, Owner: "bob", Token: 3},
				"former owner with token":   {Ledger: w.ledger, Owner: "alice", Token: 2},
				"nobody with token":         {Ledger: w.ledger, Token: 2},
			} {
				a := bob.request(started("x"))
				a.Lease = l
				want(t, "append: "+what, s.Append(w.ctx, a), lost)
				want(t, "renew: "+what, s.Renew(w.ctx, l), lost)
				want(t, "release: "+what, s.Release(w.ctx, l), lost)
			}
			w.same(t, s, before, "a lease that is nobody's")
			bob.append(t, started("x"))
		}},
		{"fence/released lease appends nothing", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.request(applied("x"))
			alice.release(t)
			before := w.state(t, s)
			want(t, "append after release", s.Append(w.ctx, a), lost)
			w.same(t, s, before, "the append after release")
		}},
		{"fence/lost lease comes before the conflict", func(t tb, w *world) {
			s, other := w.open(), w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.request(applied("x"))
			bob := w.rob(t, other, "bob")
			bob.append(t, entryOf("x", core.StateFailed))
			before := w.state(t, s)
			want(t, "append by the former holder at a seq that is taken", s.Append(w.ctx, a), lost)
			w.same(t, s, before, "the former holder's append")
		}},
		{"fence/ledger that does not exist is nobody's", func(t tb, w *world) {
			s := w.open()
			l := core.Lease{Ledger: w.ledger, Owner: "alice", Token: 1}
			a := core.Append{Lease: l, Entries: chainOf(w.ledger, core.Snapshot{}).seal(l, started("x"))}
			want(t, "append", s.Append(w.ctx, a), lost)
			want(t, "renew", s.Renew(w.ctx, l), lost)
			want(t, "release", s.Release(w.ctx, l), lost)
			want(t, "release by nobody", s.Release(w.ctx, core.Lease{Ledger: w.ledger}), lost)
			if snap := w.load(t, s); snap.Head != (core.Head{}) {
				t.Fatalf("got head %+v, want none", snap.Head)
			}
		}},
	}
}
