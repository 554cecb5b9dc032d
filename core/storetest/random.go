package storetest

import (
	"strconv"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
)

func randomCases() []testCase {
	return []testCase{{"random/three clients against the model", func(t tb, w *world) {
		handles := []core.AuditStore{w.open(), w.open(), w.open()}
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++ // every try, also of the same sequence, has a ledger of its own
			sim := newSimulation(w.sub(n), handles)
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				sim.step(rt)
			}
			sim.finish(rt)
		})
	}}}
}

// simulation sends each request to the store and to the model, and compares.
type simulation struct {
	w       *world
	model   *model
	clients []*client
	owners  int
	rvn     uint64 // the store's, after the last step
}

// client is one contender: what it has seen, and what it may believe. It is free
// to use a view or a lease that is long stale.
type client struct {
	store    core.AuditStore
	seen     core.Snapshot // by its last load
	modelRVN uint64        // the model's at that moment; rvns need not be alike
	lease    core.Lease
	chain    chain
	again    func() (string, outcome, error) // its last request
}

func newSimulation(w *world, handles []core.AuditStore) *simulation {
	sim := &simulation{w: w, model: newModel(w.ledger)}
	for _, h := range handles {
		sim.clients = append(sim.clients, &client{store: h, lease: core.Lease{Ledger: w.ledger}, chain: chainOf(w.ledger, core.Snapshot{})})
	}
	return sim
}

// step lets one client do one thing and checks its answer and the ledger.
func (sim *simulation) step(t *rapid.T) {
	c := rapid.SampledFrom(sim.clients).Draw(t, "client")
	var send func() (string, outcome, error)
	switch rapid.SampledFrom([]string{"load", "acquire", "acquire", "append", "append", "append", "renew", "release", "force", "repeat"}).Draw(t, "act") {
	case "load":
		c.see(sim.w.load(t, c.store), sim.model.head.RVN)
		return
	case "acquire":
		send = sim.acquire(t, c)
	case "append":
		send = sim.append(t, c)
	case "renew":
		l := c.lease
		send = func() (string, outcome, error) { return "renew", sim.model.renew(l), c.store.Renew(sim.w.ctx, l) }
	case "release":
		l := c.lease
		send = func() (string, outcome, error) { return "release", sim.model.release(l), c.store.Release(sim.w.ctx, l) }
	case "force":
		send = sim.request(c, sim.w.forcedRelease(c.seen), c.modelRVN)
		if c.seen.Head.LedgerID == "" {
			return // there is nothing to release
		}
	case "repeat":
		if send = c.again; send == nil {
			return
		}
	}
	c.again = send
	before := sim.model.head.RVN
	what, wanted, err := send()
	want(t, what, err, wanted)
	sim.compare(t, what, sim.model.head.RVN != before)
}

func (c *client) see(s core.Snapshot, modelRVN uint64) {
	c.seen, c.modelRVN, c.chain = s, modelRVN, chainOf(c.chain.ledger, s)
}

func (sim *simulation) acquire(t *rapid.T, c *client) func() (string, outcome, error) {
	sim.owners++
	if rapid.IntRange(0, 2).Draw(t, "stale") != 2 {
		c.see(sim.w.load(t, c.store), sim.model.head.RVN)
	}
	a := sim.w.acquisition(c.seen, "owner-"+strconv.Itoa(sim.owners), sim.entries(t, 0)...)
	a.Takeover = rapid.Bool().Draw(t, "takeover")
	a.Release = rapid.IntRange(0, 4).Draw(t, "release") == 0
	if rapid.IntRange(0, 9).Draw(t, "wrong token") == 9 {
		a.Token++
	}
	a.Entries = damage(t, a.Entries)
	// Whether it is admitted or not, the client believes that it is.
	c.lease, c.chain = leaseOf(a), chainOf(sim.w.ledger, c.seen).after(a.Entries)
	return sim.request(c, a, c.modelRVN)
}

func (sim *simulation) request(c *client, a core.Acquisition, modelRVN uint64) func() (string, outcome, error) {
	mine := a
	mine.RVN = modelRVN
	return func() (string, outcome, error) {
		return "acquire by " + a.Owner, sim.model.acquire(mine), c.store.Acquire(sim.w.ctx, a)
	}
}

func (sim *simulation) append(t *rapid.T, c *client) func() (string, outcome, error) {
	a := core.Append{
		Lease: c.lease, Entries: damage(t, c.chain.seal(c.lease, sim.entries(t, 1)...)),
		Release: rapid.IntRange(0, 4).Draw(t, "release") == 0,
	}
	// Now and then the client forgets what it wrote, and sends something else there.
	if sim.peek(a) == done && rapid.IntRange(0, 4).Draw(t, "forgets") != 4 {
		c.chain = c.chain.after(a.Entries)
	}
	return func() (string, outcome, error) {
		return "append by " + a.Lease.Owner, sim.model.append(a), c.store.Append(sim.w.ctx, a)
	}
}

// peek tells what the model would answer, so that a client goes on from what it
// wrote.
func (sim *simulation) peek(a core.Append) outcome {
	m := model{ledger: sim.w.ledger, head: sim.model.head, records: sim.model.snapshot().Records, entries: sim.model.entries[:len(sim.model.entries):len(sim.model.entries)]}
	return m.append(a)
}

// entries draws the least to two entries over three changes and none.
func (sim *simulation) entries(t *rapid.T, least int) []core.Entry {
	var es []core.Entry
	for range rapid.IntRange(least, 2).Draw(t, "entries") {
		id := rapid.SampledFrom([]string{"x", "y", "z", ""}).Draw(t, "change")
		if id == "" {
			es = append(es, unlockEntry())
			continue
		}
		es = append(es, entryOf(id, rapid.SampledFrom(core.States()).Draw(t, "state")))
	}
	return es
}

// damage sometimes makes entries that do not fit.
func damage(t *rapid.T, entries []core.Entry) []core.Entry {
	if len(entries) == 0 {
		return entries
	}
	e := &entries[rapid.IntRange(0, len(entries)-1).Draw(t, "which")]
	switch rapid.IntRange(0, 9).Draw(t, "damage") {
	case 7:
		e.Seq++
	case 8:
		e.PrevSeq++
	case 9:
		e.PrevHash = "v1:other"
		e.Hash = e.ComputeHash()
		return entries
	default:
		return entries
	}
	return resealed(entries)
}

// compare checks that the store shows what the model shows.
func (sim *simulation) compare(t *rapid.T, what string, wrote bool) {
	got, wanted := sim.w.load(t, sim.clients[0].store), sim.model.snapshot()
	if diff := cmp.Diff(wanted, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(core.Head{}, "RVN")); diff != "" {
		t.Fatalf("after %s (-model +store):\n%s", what, diff)
	}
	if grown := got.Head.RVN > sim.rvn; grown != wrote || !wrote && got.Head.RVN != sim.rvn {
		t.Fatalf("after %s: rvn went from %d to %d; a write was due: %v", what, sim.rvn, got.Head.RVN, wrote)
	}
	sim.rvn = got.Head.RVN
}

func (sim *simulation) finish(t *rapid.T) {
	st := sim.w.whole(t, sim.clients[0].store)
	if diff := cmp.Diff(sim.model.entries, st.History, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("history (-model +store):\n%s", diff)
	}
}
