//go:build unix

package disturb_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
)

// network is a world behind two proxies.
type network struct {
	*disturb.World
	store, target *disturb.Proxy
	way           disturb.Way
}

func newNetwork(t testing.TB, b *disturb.Bench, s disturb.Spec) *network {
	s.Store, s.Target = disturb.DynamoDB, disturb.Postgres
	n := &network{World: b.World(t, s), store: disturb.NewProxy(t, disturb.Host(t, b.Endpoint)), target: disturb.NewProxy(t, disturb.Host(t, b.DSN))}
	// An answer of the store, there and back, takes more than a third of the lease.
	n.store.Delay, n.target.Delay = s.Lease/5, s.Lease/6
	n.way = disturb.Way{DynamoDB: n.store.Through(t, b.Endpoint), Postgres: n.target.Through(t, b.DSN)}
	return n
}

// disturbed are the ends that a run may come to on a bad network: all say what
// happened, none is our fault, and none asks a person about a transaction.
var disturbed = []string{"0", "69 Unavailable", "70 ChangeFailed", "75 LeaseLost", "75 LockHeld", "75 DeadlineNear"}

// run starts a run through the proxies, lets f disturb it, and waits for its end.
func (n *network) run(t testing.TB, f func(running *disturb.Process)) {
	p := n.Start(t, n.way, "apply", "--timeout", "20s") // what is half-open may never answer
	f(p)
	if end := p.Wait(t); !slices.Contains(disturbed, end.String()) {
		t.Errorf("on a bad network the run ended with %s, want one of %q:\n%s\n%s", end, disturbed, end.Said, end.Data)
	}
}

// heal brings the ledger to its end on a healthy network.
func (n *network) heal(t testing.TB) (runs int) {
	n.store.Become(disturb.Healthy)
	n.target.Become(disturb.Healthy)
	way := n.way
	way.Lease = 10 * time.Second // on a busy machine one second may run out by itself
	for runs = 1; ; runs++ {
		end := n.Do(t, way, "apply")
		if end.Exit == 0 {
			return runs
		}
		// A session of a run before may still be open in the server, for a lease.
		if end.Exit != 75 || runs == 5 {
			t.Errorf("on a healthy network run %d ended with %s:\n%s", runs, end, end.Said)
			return runs
		}
	}
}

// TestNetwork makes the network between the runner and the store, or the target
// system, a bad one, from the start or in the middle of a run. When it is healthy
// again, the next run ends well, and everything took effect once.
func TestNetwork(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{DynamoDB: true, Postgres: true})
	s := newScenario(t, b, "network cut, slow and half-open", "ends 0, 69, 70 or 75; healthy again: done", 8)
	for _, kind := range []disturb.Network{disturb.Cut, disturb.Slow, disturb.HalfOpen} {
		for _, which := range []string{"store", "target", "both"} {
			for _, after := range []time.Duration{0, 700 * time.Millisecond} {
				s.try(fmt.Sprintf("%s/%s/after %s", kind, which, after), time.Second, func(t testing.TB, lease time.Duration) (int, int) {
					n := newNetwork(t, b, disturb.Spec{Lease: lease, Changes: disturb.Changes(2, disturb.Change{After: "SELECT pg_sleep(0.3)"})})
					n.run(t, func(running *disturb.Process) {
						select {
						case <-running.Ended():
						case <-time.After(after):
						}
						if which != "target" {
							n.store.Become(kind)
						}
						if which != "store" {
							n.target.Become(kind)
						}
					})
					runs := n.heal(t)
					effects, _ := n.CheckDone(t)
					return runs + 1, effects
				})
			}
		}
	}
	s.end()
}

// TestFlickeringNetwork changes the network at random moments, while runs go on.
func TestFlickeringNetwork(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{DynamoDB: true, Postgres: true})
	worlds := 6
	if disturb.Full() {
		worlds = 60
	}
	seed := disturb.Seed(t)
	s := newScenario(t, b, "network changing at random", fmt.Sprintf("seed %d", seed), 8)
	for i := range worlds {
		s.try(fmt.Sprint(i), time.Second, func(t testing.TB, lease time.Duration) (int, int) {
			r := disturb.Random(seed, uint64(i))
			n := newNetwork(t, b, disturb.Spec{Lease: lease, Changes: disturb.Changes(12, disturb.Change{Timeout: 5 * time.Second})})
			const runs = 3
			for range runs {
				n.run(t, func(running *disturb.Process) { n.flicker(r, running) })
			}
			healed := n.heal(t)
			effects, _ := n.CheckDone(t)
			return runs + healed, effects
		})
	}
	s.end()
}

// flicker makes one side bad for a moment, again and again, until the run ends.
func (n *network) flicker(r *rand.Rand, running *disturb.Process) {
	pause := func(most int) bool {
		select {
		case <-running.Ended():
			return false
		case <-time.After(time.Duration(r.IntN(most)) * time.Millisecond):
			return true
		}
	}
	kinds := []disturb.Network{disturb.Cut, disturb.Cut, disturb.Slow, disturb.HalfOpen}
	for pause(150) {
		side := []*disturb.Proxy{n.store, n.target}[r.IntN(2)]
		side.Become(kinds[r.IntN(len(kinds))])
		pause(250)
		side.Become(disturb.Healthy)
	}
}
