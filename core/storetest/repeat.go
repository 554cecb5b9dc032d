package storetest

import "github.com/flamingock/flamingock-go/core"

// repeatCases say what happens to a request that is sent again, because its
// answer was lost: it was written, so the answer is nil, and nothing is written.
func repeatCases() []testCase {
	return []testCase{
		{"repeat/append", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.append(t, applied("x"), started("y"))
			before := w.state(t, s)
			want(t, "the same append again", s.Append(w.ctx, a), done)
			want(t, "the same append again, through another handle", w.open().Append(w.ctx, a), done)
			w.same(t, s, before, "the repeated append")
		}},
		{"repeat/append after later ones", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.append(t, applied("x"), started("y"))
			alice.append(t, applied("y"), started("z"))
			alice.append(t, applied("z"))
			before := w.state(t, s)
			want(t, "an old append again", s.Append(w.ctx, a), done)
			w.same(t, s, before, "the repeated append")
		}},
		{"repeat/append after the lease was lost", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.append(t, applied("x"))
			bob := w.rob(t, w.open(), "bob")
			before := w.state(t, s)
			want(t, "an append that landed before the takeover, again", s.Append(w.ctx, a), done)
			w.same(t, s, before, "the repeated append")
			bob.append(t, started("y"))
			before = w.state(t, s)
			want(t, "the same after the successor's entry", s.Append(w.ctx, a), done)
			w.same(t, s, before, "the repeated append")
		}},
		{"repeat/append with release", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("x"))
			a := alice.request(applied("x"))
			a.Release = true
			alice.send(t, a)
			before := w.state(t, s)
			want(t, "the last append again", s.Append(w.ctx, a), done)
			w.same(t, s, before, "the repeated append")
			w.take(t, s, "bob")
			before = w.state(t, s)
			want(t, "the last append again, when a successor holds the ledger", s.Append(w.ctx, a), done)
			w.same(t, s, before, "the repeated append")
		}},
		{"repeat/acquire with entries", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice", started("x"))
			alice := w.acquire(t, s, a)
			before := w.state(t, s)
			want(t, "the same acquisition again", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated acquisition")
			alice.append(t, applied("x"))
			alice.release(t)
			before = w.state(t, s)
			want(t, "the same acquisition after a release", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated acquisition")
			w.take(t, s, "bob")
			before = w.state(t, s)
			want(t, "the same acquisition when a successor holds the ledger", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated acquisition")
		}},
		{"repeat/acquire without entries", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice")
			alice := w.acquire(t, s, a)
			before := w.state(t, s)
			want(t, "the same acquisition again", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated acquisition")
			alice.append(t, started("x"))
			before = w.state(t, s)
			want(t, "the same acquisition after an append", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated acquisition")
		}},
		{"repeat/acquire without entries after it was lost", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "alice")
			w.acquire(t, s, a)
			w.rob(t, s, "bob")
			before := w.state(t, s)
			want(t, "the acquisition of a lease that was taken over", s.Acquire(w.ctx, a), conflict)
			w.same(t, s, before, "the refused acquisition")
		}},
		{"repeat/operator's write", func(t tb, w *world) {
			s := w.open()
			a := w.acquisition(core.Snapshot{}, "operator", entryOf("x", core.StateManualMarkedApplied))
			a.Release = true
			w.acquire(t, s, a)
			before := w.state(t, s)
			want(t, "the same write again", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated write")
		}},
		{"repeat/forced release", func(t tb, w *world) {
			s := w.open()
			w.take(t, s, "alice")
			a := w.forcedRelease(w.load(t, s))
			want(t, "forced release", s.Acquire(w.ctx, a), done)
			w.take(t, s, "bob")
			before := w.state(t, s)
			want(t, "the same forced release again", s.Acquire(w.ctx, a), done)
			w.same(t, s, before, "the repeated forced release")
		}},
		{"repeat/another's request is not mine", func(t tb, w *world) {
			s := w.open()
			alice := w.acquisition(core.Snapshot{}, "alice", started("x"))
			bob := w.acquisition(core.Snapshot{}, "bob", started("x"))
			w.acquire(t, s, alice)
			before := w.state(t, s)
			want(t, "another's acquisition with the same seq", s.Acquire(w.ctx, bob), conflict)
			w.same(t, s, before, "the refused acquisition")
		}},
	}
}
