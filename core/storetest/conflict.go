package storetest

import "github.com/flamingock/flamingock-go/core"

// resealed hashes entries anew after a field was changed: the request is well
// formed then, but not what the ledger is at.
func resealed(entries []core.Entry) []core.Entry {
	for i := range entries {
		if i > 0 {
			entries[i].PrevHash = entries[i-1].Hash
		}
		entries[i].Hash = entries[i].ComputeHash()
	}
	return entries
}

// misfits are entries that do not go on from where the ledger is: changes x and
// y at their STARTED, entries 1 and 2.
func misfits(c chain, l core.Lease) map[string][]core.Entry {
	change := func(entries []core.Entry, f func(es []core.Entry)) []core.Entry {
		f(entries)
		return resealed(entries)
	}
	one := func() []core.Entry { return c.seal(l, applied("x")) }
	two := func() []core.Entry { return c.seal(l, applied("x"), started("z")) }
	return map[string][]core.Entry{
		"seq leaves a gap":          change(one(), func(es []core.Entry) { es[0].Seq++ }),
		"seq is taken":              change(one(), func(es []core.Entry) { es[0].Seq-- }),
		"seq is zero":               change(one(), func(es []core.Entry) { es[0].Seq = 0 }),
		"second seq leaves a gap":   change(two(), func(es []core.Entry) { es[1].Seq++ }),
		"second seq is the first's": change(two(), func(es []core.Entry) { es[1].Seq-- }),
		"previous hash is another": change(one(), func(es []core.Entry) {
			es[0].PrevHash = "v1:0000000000000000000000000000000000000000000000000000000000000000"
		}),
		"previous hash is none":      change(one(), func(es []core.Entry) { es[0].PrevHash = "" }),
		"change is further":          change(one(), func(es []core.Entry) { es[0].PrevSeq = 0 }),
		"change is not so far":       change(one(), func(es []core.Entry) { es[0].PrevSeq = 2 }),
		"change has no entry":        change(two(), func(es []core.Entry) { es[1].PrevSeq = 2 }),
		"second entry names no prev": change(c.seal(l, applied("x"), applied("x")), func(es []core.Entry) { es[1].PrevSeq = 1 }),
		"another ledger's":           change(one(), func(es []core.Entry) { es[0].Ledger += "x" }),
		"second is another ledger's": change(two(), func(es []core.Entry) { es[1].Ledger += "x" }),
		"second change is further":   change(c.seal(l, applied("x"), applied("y")), func(es []core.Entry) { es[1].PrevSeq = 0 }),
	}
}

func conflictCases() []testCase {
	return []testCase{
		{"conflict/append that does not fit is refused", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"), started("y"))
			before := w.state(t, s)
			for what, entries := range misfits(alice.chain, alice.lease) {
				for _, release := range []bool{false, true} {
					want(t, "append: "+what, s.Append(w.ctx, core.Append{Lease: alice.lease, Entries: entries, Release: release}), conflict)
					w.same(t, s, before, "append: "+what)
				}
			}
			alice.append(t, applied("x"))
		}},
		{"conflict/acquire that does not fit is refused", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice", started("x"), started("y")).release(t)
			before := w.state(t, s)
			a := w.acquisition(before.Snapshot, "bob")
			for what, entries := range misfits(chainOf(w.ledger, before.Snapshot), leaseOf(a)) {
				a.Entries = entries
				want(t, "acquire: "+what, s.Acquire(w.ctx, a), conflict)
				w.same(t, s, before, "acquire: "+what)
			}
			w.take(t, s, "carol")
		}},
		{"conflict/refused acquire writes no entry", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice", started("x"))
			held := w.state(t, s)
			want(t, "acquire of a held ledger", s.Acquire(w.ctx, w.acquisition(held.Snapshot, "bob", started("y"))), conflict)
			w.same(t, s, held, "the refused acquisition")
			stale := w.acquisition(held.Snapshot, "bob", started("y"))
			stale.RVN--
			stale.Takeover = true
			want(t, "takeover on a stale rvn", s.Acquire(w.ctx, stale), conflict)
			w.same(t, s, held, "the refused takeover")
		}},
		{"conflict/different append at the same seq", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			other := alice.request(entryOf("x", core.StateFailed))
			alice.append(t, applied("x"))
			before := w.state(t, s)
			want(t, "another entry at a seq that is taken", s.Append(w.ctx, other), conflict)
			w.same(t, s, before, "the refused append")
		}},
		{"conflict/is a ConflictError that errors.Is finds", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice")
			err := s.Acquire(w.ctx, w.acquisition(w.load(t, s), "bob"))
			want(t, "acquisition of a held ledger", err, conflict)
			if got := core.CodeOf(err); got != core.CodeLockHeld {
				t.Fatalf("got code %s, want %s", got, core.CodeLockHeld)
			}
		}},
	}
}
