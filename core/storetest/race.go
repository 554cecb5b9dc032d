package storetest

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/flamingock/flamingock-go/core"
)

func raceCases() []testCase {
	return []testCase{
		{"race/one first acquirer wins", func(t tb, w *world) {
			handles := []core.AuditStore{w.open(), w.open()}
			for n := range w.rounds {
				w.sub(n).race(t, handles, func(sub *world, owner string) core.Acquisition {
					return sub.acquisition(core.Snapshot{}, owner, started("x"))
				})
			}
		}},
		{"race/one acquirer of a free ledger wins", func(t tb, w *world) {
			handles := []core.AuditStore{w.open(), w.open()}
			w.take(t, handles[0], "first").release(t)
			for n := range w.rounds {
				snap := w.load(t, handles[0])
				w.race(t, handles, func(w *world, owner string) core.Acquisition {
					a := w.acquisition(snap, owner+strconv.Itoa(n), started("x"))
					a.Release = true
					return a
				})
			}
			w.whole(t, handles[0])
		}},
		{"race/one taker over wins", func(t tb, w *world) {
			handles := []core.AuditStore{w.open(), w.open(), w.open()}
			w.take(t, handles[0], "first")
			for n := range w.rounds {
				snap := w.load(t, handles[0])
				w.race(t, handles, func(w *world, owner string) core.Acquisition {
					a := w.acquisition(snap, owner+strconv.Itoa(n))
					a.Takeover = true
					return a
				})
			}
			w.whole(t, handles[0])
		}},
		{"race/renewal against takeover", renewalAgainstTakeover},
		{"race/owners take turns", func(t tb, w *world) { manyOwners(t, w, false) }},
		{"race/owners rob each other", func(t tb, w *world) { manyOwners(t, w, true) }},
	}
}

// race sends one acquisition for each handle at once: exactly one must win, and
// the ledger must be the winner's.
func (w *world) race(t tb, handles []core.AuditStore, ask func(w *world, owner string) core.Acquisition) {
	t.Helper()
	requests, errs := make([]core.Acquisition, len(handles)), make([]error, len(handles))
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i, s := range handles {
		requests[i] = ask(w, "owner-"+strconv.Itoa(i)+"-")
		wg.Go(func() {
			<-begin
			errs[i] = settle(func() error { return s.Acquire(w.ctx, requests[i]) })
		})
	}
	close(begin)
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch outcomeOf(err) {
		case done:
			if winner >= 0 {
				t.Fatalf("%s and %s both won", requests[winner].Owner, requests[i].Owner)
			}
			winner = i
		case conflict:
		default:
			t.Fatalf("acquire by %s: got %v, want nil or a *ConflictError", requests[i].Owner, err)
		}
	}
	if winner < 0 {
		t.Fatalf("nobody won: %v", errs)
	}
	if got, want := w.load(t, handles[0]).Head, requests[winner]; got.Owner != want.Owner || got.Token != want.Token {
		t.Fatalf("head has owner %s and token %d, the winner is %s with %d", got.Owner, got.Token, want.Owner, want.Token)
	}
}

// renewalAgainstTakeover has a holder renew while another takes over on the rvn
// before: of the two exactly one may go through.
func renewalAgainstTakeover(t tb, w *world) {
	s, other := w.open(), w.open()
	holder := w.take(t, s, "holder-0")
	for n := range w.rounds {
		a := w.acquisition(w.load(t, s), "holder-"+strconv.Itoa(n+1))
		a.Takeover = true
		var renewErr, takeErr error
		var wg sync.WaitGroup
		wg.Go(func() { renewErr = s.Renew(w.ctx, holder.lease) })
		wg.Go(func() { takeErr = settle(func() error { return other.Acquire(w.ctx, a) }) })
		wg.Wait()
		switch got := [2]outcome{outcomeOf(renewErr), outcomeOf(takeErr)}; got {
		case [2]outcome{done, conflict}:
		case [2]outcome{lost, done}:
			holder.lease = leaseOf(a)
		case [2]outcome{unknown, conflict}, [2]outcome{unknown, done}: // a renewal's answer may get lost
			if got[1] == done {
				holder.lease = leaseOf(a)
			}
		default:
			t.Fatalf("renewal: %v, takeover: %v; want that exactly one goes through", renewErr, takeErr)
		}
	}
	w.whole(t, s)
}

// manyOwners has three loops of load, acquire, append and release. Those who rob
// take a held ledger over at once, so that everybody loses leases all the time.
// What was acknowledged must be in the history, what was refused must not.
func manyOwners(t tb, w *world, rob bool) {
	const loops = 3
	turns := max(2, w.rounds/5)
	results := make([]ledgerOfOne, loops)
	var wg sync.WaitGroup
	for i := range results {
		s := w.open()
		wg.Go(func() { results[i].run(w, s, i, turns, rob) })
	}
	wg.Wait()
	st := w.whole(t, w.open())
	there := map[string]bool{}
	for _, e := range st.History {
		there[e.Hash] = true
	}
	landed := 0
	for i, r := range results {
		if r.err != nil {
			t.Fatalf("owner loop %d: %v", i, r.err)
		}
		for _, h := range r.acknowledged {
			if !there[h] {
				t.Fatalf("owner loop %d: an acknowledged entry is not in the history", i)
			}
		}
		for _, h := range r.refused {
			if there[h] {
				t.Fatalf("owner loop %d: a refused entry is in the history", i)
			}
		}
		landed += len(r.acknowledged)
	}
	if landed != len(st.History) {
		t.Fatalf("the history has %d entries, %d were acknowledged", len(st.History), landed)
	}
}

// ledgerOfOne is what one loop believes of the ledger.
type ledgerOfOne struct {
	acknowledged, refused []string // hashes
	err                   error
}

func (r *ledgerOfOne) run(w *world, s core.AuditStore, loop, turns int, rob bool) {
	const patience = 20_000 // loads; a slow store needs few, a fast one many
	finished := 0
	for try := 0; finished < turns; try++ {
		if try == patience {
			r.err = fmt.Errorf("%d of %d turns after %d loads", finished, turns, try)
			return
		}
		snap, err := s.Load(w.ctx, w.ledger)
		if err != nil {
			r.err = err
			return
		}
		// A robber spares every other holder it meets, so that somebody gets on.
		if snap.Head.Held() && !(rob && try%2 == 1) {
			continue
		}
		ok, err := r.turn(w, s, snap, fmt.Sprintf("owner-%d-%d", loop, try), changeID(loop))
		if err != nil {
			r.err = err
			return
		}
		if ok {
			finished++
		}
	}
}

// turn is one run: STARTED with the acquisition, then the result with the release.
func (r *ledgerOfOne) turn(w *world, s core.AuditStore, snap core.Snapshot, owner, id string) (bool, error) {
	a := w.acquisition(snap, owner, started(id))
	a.Takeover = snap.Head.Held()
	if ok, err := r.note(settle(func() error { return s.Acquire(w.ctx, a) }), a.Entries); !ok {
		return false, err
	}
	c := chainOf(w.ledger, snap).after(a.Entries)
	next := core.Append{Lease: leaseOf(a), Entries: c.seal(leaseOf(a), applied(id), started("shared"))}
	if ok, err := r.note(settle(func() error { return s.Append(w.ctx, next) }), next.Entries); !ok {
		return false, err
	}
	c = c.after(next.Entries)
	last := core.Append{Lease: leaseOf(a), Entries: c.seal(leaseOf(a), applied("shared")), Release: true}
	return r.note(settle(func() error { return s.Append(w.ctx, last) }), last.Entries)
}

func (r *ledgerOfOne) note(err error, entries []core.Entry) (bool, error) {
	var hashes []string
	for _, e := range entries {
		hashes = append(hashes, e.Hash)
	}
	switch outcomeOf(err) {
	case done:
		r.acknowledged = append(r.acknowledged, hashes...)
		return true, nil
	case conflict, lost:
		r.refused = append(r.refused, hashes...)
		return false, nil
	case damaged, unknown:
	}
	return false, err
}
