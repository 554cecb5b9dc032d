package linear_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/flamingock/flamingock-go/chaos/linear"
	"github.com/flamingock/flamingock-go/core"
)

// contender is a client that asks for anything, also on a view or a lease that is
// long stale, and that believes nobody.
type contender struct {
	store  *linear.Client
	rng    *rand.Rand
	ledger string
	name   string
	states []core.State // that its entries have
	asked  int

	seen  core.Snapshot // by its last load
	lease core.Lease    // of its last acquisition, admitted or not
	chain chain
	again func(context.Context) error // its last request
}

func newContender(store *linear.Client, ledger, name string, rng *rand.Rand) *contender {
	return &contender{store: store, rng: rng, ledger: ledger, name: name, states: core.States(), lease: core.Lease{Ledger: ledger, Owner: name + "/0", Token: 1}, chain: chainOf(ledger, core.Snapshot{})}
}

func (c *contender) one(in int) bool { return c.rng.IntN(in) == 0 }

// step asks for one thing. What the answer was is the history's business; the
// contender goes on from it or not.
func (c *contender) step(ctx context.Context) {
	c.asked++
	switch n := c.rng.IntN(20); {
	case n < 3:
		c.look(ctx)
	case n < 7:
		c.acquire(ctx)
	case n < 14:
		c.append(ctx)
	case n < 16:
		c.send(ctx, func(ctx context.Context) error { return c.store.Renew(ctx, c.lease) })
	case n < 17:
		c.send(ctx, func(ctx context.Context) error { return c.store.Release(ctx, c.lease) })
	case n < 18:
		c.force(ctx)
	case c.again != nil:
		c.again(ctx)
	}
}

func (c *contender) send(ctx context.Context, request func(context.Context) error) error {
	c.again = request
	return request(ctx)
}

func (c *contender) look(ctx context.Context) {
	snap, err := c.store.Load(ctx, c.ledger)
	if err != nil {
		return // the network's fault
	}
	c.seen, c.chain = snap, chainOf(c.ledger, snap)
}

func (c *contender) acquire(ctx context.Context) {
	if !c.one(4) {
		c.look(ctx)
	}
	a := c.acquisition(fmt.Sprintf("%s/%d", c.name, c.asked), c.entries(0))
	a.Takeover, a.Release = c.one(2), c.one(6)
	if c.one(12) {
		a.Token++
	}
	a.Entries = c.damaged(a.Entries)
	c.lease = core.Lease{Ledger: c.ledger, Owner: a.Owner, Token: a.Token}
	if c.send(ctx, func(ctx context.Context) error { return c.store.Acquire(ctx, a) }) == nil {
		c.chain = c.chain.after(a.Entries)
	}
}

// force takes the lease from its holder, as a person does.
func (c *contender) force(ctx context.Context) {
	if c.seen.Head.LedgerID == "" {
		return
	}
	a := c.acquisition("", []core.Entry{{Operation: core.OpUnlock, StartedAt: instant(c.asked), Reason: c.name}})
	a.Takeover, a.Release = true, true
	c.send(ctx, func(ctx context.Context) error { return c.store.Acquire(ctx, a) })
}

func (c *contender) append(ctx context.Context) {
	if c.one(4) {
		c.look(ctx)
	}
	a := core.Append{Lease: c.lease, Entries: c.damaged(c.chain.seal(c.lease, c.entries(1))), Release: c.one(6)}
	err := c.send(ctx, func(ctx context.Context) error { return c.store.Append(ctx, a) })
	switch {
	case err == nil:
		c.chain = c.chain.after(a.Entries)
	case errors.Is(err, core.ErrLeaseLost), errors.Is(err, core.ErrConflict):
	case !c.one(3): // no answer: the same bytes again, as a Runner does
		if c.again(ctx) == nil {
			c.chain = c.chain.after(a.Entries)
		}
	}
}

func (c *contender) acquisition(owner string, entries []core.Entry) core.Acquisition {
	l := core.Lease{Ledger: c.ledger, Owner: owner, Token: c.seen.Head.Token + 1}
	c.chain = chainOf(c.ledger, c.seen)
	return core.Acquisition{
		Ledger: c.ledger, LedgerID: "made by " + c.name, RVN: c.seen.Head.RVN, Owner: owner, Token: l.Token, Lease: time.Second,
		Holder:  core.Holder{Execution: owner, Host: c.name, PID: c.asked, Since: instant(c.asked)},
		Entries: c.chain.seal(l, entries),
	}
}

// entries makes the least to two entries over three changes. No two requests have
// equal ones.
func (c *contender) entries(least int) []core.Entry {
	var es []core.Entry
	for range least + c.rng.IntN(3-least) {
		e := core.Entry{
			ExecutionID: fmt.Sprintf("%s/%d/%d", c.name, c.asked, len(es)), ChangeID: []string{"x", "y", "z"}[c.rng.IntN(3)],
			State: c.states[c.rng.IntN(len(c.states))], Operation: core.OpApply, Stage: "main", TargetSystem: "orders-db",
			TxType: core.TxNone, Attempt: 1, StartedAt: instant(c.asked),
		}
		es = append(es, e)
	}
	return es
}

// damaged sometimes makes entries that do not fit.
func (c *contender) damaged(entries []core.Entry) []core.Entry {
	if len(entries) == 0 || !c.one(12) {
		return entries
	}
	e := &entries[c.rng.IntN(len(entries))]
	switch c.rng.IntN(3) {
	case 0:
		e.Seq++
	case 1:
		e.PrevSeq++
	case 2:
		e.PrevHash = "v1:other"
	}
	e.Hash = e.ComputeHash()
	return entries
}

func instant(n int) time.Time {
	return time.Date(2026, 11, 22, 10, 30, 0, 123456789, time.UTC).Add(time.Duration(n) * time.Second)
}

// chain is what a writer knows of a ledger: where to go on.
type chain struct {
	ledger string
	seq    uint64
	hash   string
	at     map[string]core.Record
}

func chainOf(ledger string, s core.Snapshot) chain {
	c := chain{ledger: ledger, seq: s.Head.Seq, hash: s.Head.Hash, at: maps.Clone(s.Records)}
	if c.at == nil {
		c.at = map[string]core.Record{}
	}
	return c
}

// seal completes entries so that they go on from here.
func (c chain) seal(l core.Lease, entries []core.Entry) []core.Entry {
	for i := range entries {
		e := &entries[i]
		e.Token = l.Token
		if e.ChangeID != "" {
			e.PrevSeq, e.StartedSeq = c.at[e.ChangeID].Seq, c.at[e.ChangeID].StartedSeq
		}
	}
	core.Seal(c.ledger, c.seq, c.hash, entries)
	return entries
}

// after returns the chain behind entries.
func (c chain) after(entries []core.Entry) chain {
	c.at = maps.Clone(c.at)
	for i := range entries {
		e := &entries[i]
		c.seq, c.hash = e.Seq, e.Hash
		if e.ChangeID != "" {
			c.at[e.ChangeID] = e.Record()
		}
	}
	return c
}
