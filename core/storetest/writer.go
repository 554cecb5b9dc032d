package storetest

import (
	"maps"
	"strconv"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// The suite's fixed instant; its nanoseconds must survive.
func instant(n uint64) time.Time {
	return time.Date(2026, 11, 22, 10, 30, 0, 123456789, time.UTC).Add(time.Duration(n) * time.Second)
}

// entryOf returns an entry as a Runner would make it, before it is sealed.
func entryOf(changeID string, state core.State) core.Entry {
	e := core.Entry{
		ChangeID: changeID, State: state, Operation: core.OpApply, Stage: "main", Order: "0001", Author: "payments-team",
		TargetSystem: "orders-db", TxType: core.TxSeparateMarker, Strategy: core.AlwaysRetry, Definition: "sql", SourceFile: "changes/_0001__x.yaml",
		Checksum: "v1:" + changeID, Attempt: 1, StartedAt: instant(0), Host: "host", Version: "1.2.3",
		Trigger: core.Trigger{Kind: "cli", ID: "17"}, Principal: "user",
	}
	if state != core.StateStarted {
		e.EndedAt, e.DurationMs = instant(1), 1000
	}
	return e
}

func started(id string) core.Entry { return entryOf(id, core.StateStarted) }
func applied(id string) core.Entry { return entryOf(id, core.StateApplied) }

func unlockEntry() core.Entry {
	return core.Entry{Operation: core.OpUnlock, StartedAt: instant(2), Principal: "operator", Reason: "the host burnt down"}
}

// chain is what a writer knows of a ledger: where to go on.
type chain struct {
	ledger  string
	seq     uint64
	hash    string
	at      map[string]uint64 // change id -> seq of its last entry
	started map[string]uint64
}

func chainOf(ledger string, s core.Snapshot) chain {
	c := chain{ledger: ledger, seq: s.Head.Seq, hash: s.Head.Hash, at: map[string]uint64{}, started: map[string]uint64{}}
	for id, r := range s.Records {
		c.at[id], c.started[id] = r.Seq, r.StartedSeq
	}
	return c
}

// seal completes entries of the lease's holder so that they go on from here. The
// chain stays as it is; what was given is not changed.
func (c chain) seal(l core.Lease, entries ...core.Entry) []core.Entry {
	out := append([]core.Entry(nil), entries...)
	for i := range out {
		e := &out[i]
		e.ExecutionID, e.Token = "execution-of-"+l.Owner, l.Token
		if e.ChangeID != "" {
			e.PrevSeq, e.StartedSeq = c.at[e.ChangeID], c.started[e.ChangeID]
		}
	}
	core.Seal(c.ledger, c.seq, c.hash, out)
	return out
}

// after returns the chain behind entries.
func (c chain) after(entries []core.Entry) chain {
	c.at, c.started = maps.Clone(c.at), maps.Clone(c.started)
	for _, e := range entries {
		c.seq, c.hash = e.Seq, e.Hash
		if e.ChangeID != "" {
			c.at[e.ChangeID], c.started[e.ChangeID] = e.Seq, e.StartedSeq
		}
	}
	return c
}

// acquisition asks for the lease on what snap says.
func (w *world) acquisition(snap core.Snapshot, owner string, entries ...core.Entry) core.Acquisition {
	l := core.Lease{Ledger: w.ledger, Owner: owner, Token: snap.Head.Token + 1}
	return core.Acquisition{
		Ledger: w.ledger, LedgerID: "id-from-" + owner, RVN: snap.Head.RVN, Owner: owner, Token: l.Token, Lease: 30 * time.Second,
		Holder:  core.Holder{Execution: "execution-of-" + owner, Host: "host", PID: 4711, Trigger: "cli", Principal: "user", Since: instant(l.Token)},
		Entries: chainOf(w.ledger, snap).seal(l, entries...),
	}
}

// forcedRelease asks to take the lease from its holder, as a person does.
func (w *world) forcedRelease(snap core.Snapshot) core.Acquisition {
	a := w.acquisition(snap, "", unlockEntry())
	a.LedgerID, a.Takeover, a.Release, a.Lease = "unused", true, true, 0
	a.Holder = core.Holder{Execution: "unlock", Principal: "operator", Since: instant(3)}
	return a
}

func leaseOf(a core.Acquisition) core.Lease {
	return core.Lease{Ledger: a.Ledger, Owner: a.Owner, Token: a.Token}
}

// writer is an execution that holds the lease, and knows what it has written.
type writer struct {
	w     *world
	store core.AuditStore
	lease core.Lease
	chain chain
}

// take loads and acquires a free ledger; anything but success ends the case.
func (w *world) take(t tb, s core.AuditStore, owner string, entries ...core.Entry) *writer {
	t.Helper()
	return w.acquire(t, s, w.acquisition(w.load(t, s), owner, entries...))
}

// rob takes a held ledger over.
func (w *world) rob(t tb, s core.AuditStore, owner string, entries ...core.Entry) *writer {
	t.Helper()
	a := w.acquisition(w.load(t, s), owner, entries...)
	a.Takeover = true
	return w.acquire(t, s, a)
}

func (w *world) acquire(t tb, s core.AuditStore, a core.Acquisition) *writer {
	t.Helper()
	before := w.load(t, s)
	want(t, "acquire by "+a.Owner, s.Acquire(w.ctx, a), done)
	return &writer{w: w, store: s, lease: leaseOf(a), chain: chainOf(w.ledger, before).after(a.Entries)}
}

// request makes the append that goes on from what the writer knows.
func (r *writer) request(entries ...core.Entry) core.Append {
	return core.Append{Lease: r.lease, Entries: r.chain.seal(r.lease, entries...)}
}

// append writes entries; anything but success ends the case.
func (r *writer) append(t tb, entries ...core.Entry) core.Append {
	t.Helper()
	a := r.request(entries...)
	r.send(t, a)
	return a
}

func (r *writer) send(t tb, a core.Append) {
	t.Helper()
	want(t, "append by "+r.lease.Owner, r.store.Append(r.w.ctx, a), done)
	r.chain = r.chain.after(a.Entries)
}

func (r *writer) release(t tb) {
	t.Helper()
	want(t, "release by "+r.lease.Owner, r.store.Release(r.w.ctx, r.lease), done)
}

func changeID(n int) string { return "change-" + strconv.Itoa(n) }
