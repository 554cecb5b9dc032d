package linear_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/linear"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// TestRunners checks histories of Runners that contend for a ledger with short
// leases, one of which dies, beside a client that robs them and writes on leases
// that are long lost.
func TestRunners(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			over := p.begin(t)
			r := newRow("linear/runners/" + p.name)
			for now := range slices.Chunk(seeds(t, p.runs.now()), 15) { // so many at once: they wait for leases most of the time
				var wg sync.WaitGroup
				for _, seed := range now {
					wg.Go(func() {
						h := new(linear.History)
						contest{t: t, h: h, seed: seed, ledger: fmt.Sprintf("runners/%d", seed), over: over}.run()
						r.judge(t, h, seed)
					})
				}
				wg.Wait()
			}
			r.report(t, "3 Runners with leases of 1s, one dies, a robber, a tenth lost or late")
		})
	}
}

// contest is one ledger that Runners contend for.
type contest struct {
	t      *testing.T
	h      *linear.History
	seed   uint64
	ledger string
	over   func(*losses) core.AuditStore
}

func (c contest) run() {
	var wg sync.WaitGroup
	rng := rand.New(rand.NewPCG(c.seed, 99))
	var networks []*losses
	for i := range 3 {
		ctx, cancel := context.WithCancel(c.t.Context())
		defer cancel()
		l := newLosses(c.seed+uint64(i)<<32, 0.1)
		if i == 0 {
			l.dies, l.died = 2+rng.IntN(6), cancel
		}
		networks = append(networks, l)
		r := c.runner(c.over(l), fmt.Sprintf("runner-%d", i), run.MinLease)
		wg.Go(func() {
			// How it ends is another test's business. The history has what it asked.
			r.Apply(ctx, run.ApplyOptions{})
		})
	}
	l := newLosses(c.seed, 0.1)
	networks = append(networks, l)
	robber := newContender(c.h.Client(c.over(l)), c.ledger, "robber", rng)
	robber.states = []core.State{core.StateApplied} // others would need a person
	wg.Go(func() {
		for range 5 {
			time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
			robber.step(c.t.Context())
		}
	})
	wg.Wait()
	for _, l := range networks {
		l.heal()
	}
	last := c.runner(c.over(nil), "last", 30*time.Second) // not even by a machine that stands still
	if _, err := last.Apply(c.t.Context(), run.ApplyOptions{}); err != nil {
		c.t.Errorf("FLAMINGOCK_CHAOS_SEED=%d: the last run, which nothing disturbs: %v", c.seed, err)
	}
	settle(c.t, c.h, c.over(nil), c.ledger)
}

// client is what the changes act on.
type client struct{}

func (c contest) runner(store core.AuditStore, host string, lease time.Duration) *run.Runner {
	c.t.Helper()
	rng := rand.New(rand.NewPCG(c.seed, 7))
	stage := core.Stage{Name: "main"}
	for i := range 4 {
		takes := time.Duration(rng.IntN(4)*100) * time.Millisecond
		stage.Changes = append(stage.Changes, core.Change{
			ID: fmt.Sprintf("change-%d", i), Order: fmt.Sprintf("%04d", i), TargetSystem: "svc",
			Recovery: core.Recovery{Strategy: core.AlwaysRetry},
			Apply: core.StepFor(func(ctx context.Context, _ client) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(takes):
					return nil
				}
			}),
		})
	}
	r, err := run.New(run.Options{
		Ledger: c.ledger, Store: c.h.Client(store), Stages: []core.Stage{stage}, Lease: lease, Wait: time.Minute,
		Targets: map[string]core.Target{"svc": core.NewClientTarget("svc", client{})}, Host: host,
	})
	if err != nil {
		c.t.Error(err)
		panic(err)
	}
	return r
}
