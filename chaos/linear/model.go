package linear

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/flamingock/flamingock-go/core"
)

// act is what a request asks for.
type act string

const (
	load     act = "load"
	acquire  act = "acquire"
	appendTo act = "append"
	renew    act = "renew"
	release  act = "release"
	history  act = "history"
)

// request is one call of a core.AuditStore.
type request struct {
	act         act
	ledger      string
	acquisition core.Acquisition
	append      core.Append
	lease       core.Lease
	query       core.HistoryQuery
}

// outcome is what an answer says about a request.
type outcome string

const (
	done     outcome = "done"
	lost     outcome = "lease lost"
	conflict outcome = "conflict"
	refused  outcome = "refused" // for a reason outside of the ledger: nothing was written
	unknown  outcome = "no answer"
)

// answer is what a request got.
type answer struct {
	is   outcome
	snap core.Snapshot
	page core.HistoryPage
}

// ledger is the specification: one ledger as core.AuditStore describes it, one
// request at a time. It is never changed: a request that writes makes a new one.
// The hash of the last entry stands for the whole history, so that two ledgers
// with the same head are the same.
type ledger struct {
	head    core.Head
	records map[string]core.Record
	hashes  []string // of entry n at n-1
	changes []string // the change of entry n at n-1
}

func model() porcupine.Model {
	return porcupine.Model{
		Partition: byLedger,
		Init:      func() any { return &ledger{} },
		Step: func(state, input, output any) (bool, any) {
			l, in, out := state.(*ledger), input.(request), output.(answer) //nolint:errcheck // porcupine hands back what it was given
			return l.step(in, out)
		},
		Equal: func(a, b any) bool {
			return a.(*ledger).head == b.(*ledger).head //nolint:errcheck // as above
		},
		Hash: func(state any) uint64 {
			h := state.(*ledger).head //nolint:errcheck // as above
			return h.RVN<<20 ^ h.Seq<<8 ^ h.Token
		},
		DescribeOperation: func(in, out any) string { return describe(in.(request), out.(answer)) }, //nolint:errcheck // as above
		DescribeState:     func(state any) string { return state.(*ledger).String() },               //nolint:errcheck // as above
	}
}

func byLedger(ops []porcupine.Operation) [][]porcupine.Operation {
	parts := map[string][]porcupine.Operation{}
	for _, o := range ops {
		name := o.Input.(request).ledger //nolint:errcheck // as above
		parts[name] = append(parts[name], o)
	}
	var all [][]porcupine.Operation
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		all = append(all, parts[name])
	}
	return all
}

// step tells whether a request can have got this answer here, and what the ledger
// is afterwards.
func (l *ledger) step(in request, out answer) (bool, *ledger) {
	switch in.act {
	case load:
		return l.shows(out.snap), l
	case history:
		return l.lists(in.query, out.page), l
	case acquire, appendTo, renew, release:
	}
	if out.is == refused {
		return true, l
	}
	next, is := l.write(in)
	if out.is == unknown {
		// It took effect here if it could. If it never did, the end is the place for it,
		// where nobody looks any more.
		return true, next
	}
	return is == out.is, next
}

// write answers a request as the contract wants it, and gives the ledger
// afterwards: the same one when nothing is written.
func (l *ledger) write(in request) (*ledger, outcome) {
	switch in.act {
	case acquire:
		return l.acquire(in.acquisition)
	case appendTo:
		return l.append(in.append)
	case renew:
		if !l.holds(in.lease) {
			return l, lost
		}
		return l.with(l.head, nil), done
	case release:
		if !l.owns(in.lease) {
			return l, lost
		}
		if l.head.Released {
			return l, done
		}
		h := l.head
		h.Released = true
		return l.with(h, nil), done
	case load, history:
	}
	return l, refused
}

func (l *ledger) acquire(a core.Acquisition) (*ledger, outcome) {
	switch {
	case len(a.Entries) == 0 && l.owns(core.Lease{Owner: a.Owner, Token: a.Token}), l.landed(a.Entries):
		return l, done // sent again
	case a.RVN != l.head.RVN, l.head.Held() && !a.Takeover, a.Token != l.head.Token+1, !l.fits(a.Ledger, a.Entries):
		return l, conflict
	}
	h := l.head
	if h.LedgerID == "" {
		h.LedgerID = a.LedgerID
	}
	h.Owner, h.Token, h.Released, h.Lease, h.Holder = a.Owner, a.Token, a.Release, a.Lease, normal(a.Holder)
	return l.with(h, a.Entries), done
}

func (l *ledger) append(a core.Append) (*ledger, outcome) {
	switch {
	case l.landed(a.Entries):
		return l, done // sent again
	case !l.holds(a.Lease):
		return l, lost
	case len(a.Entries) == 0, !l.fits(a.Lease.Ledger, a.Entries):
		return l, conflict
	}
	h := l.head
	h.Released = a.Release
	return l.with(h, a.Entries), done
}

func (l *ledger) owns(of core.Lease) bool {
	return of.Owner != "" && l.head.Owner == of.Owner && l.head.Token == of.Token
}

func (l *ledger) holds(of core.Lease) bool { return l.owns(of) && l.head.Held() }

// landed reports whether the request that begins with these entries was written.
func (l *ledger) landed(entries []core.Entry) bool {
	if len(entries) == 0 {
		return false
	}
	n := entries[0].Seq
	return n >= 1 && n <= uint64(len(l.hashes)) && l.hashes[n-1] == entries[0].Hash
}

// fits reports whether entries go on from the history and from each change.
func (l *ledger) fits(name string, entries []core.Entry) bool {
	if core.CheckEntries(name, l.head.Seq, l.head.Hash, entries) != nil {
		return false
	}
	at := map[string]uint64{}
	for i := range entries {
		e := &entries[i]
		if e.ChangeID == "" {
			continue
		}
		was, ok := at[e.ChangeID]
		if !ok {
			was = l.records[e.ChangeID].Seq
		}
		if was != e.PrevSeq {
			return false
		}
		at[e.ChangeID] = e.Seq
	}
	return true
}

// with returns the ledger after a write. Every store of this module counts the
// rvn up by one, which makes the next one known.
func (l *ledger) with(h core.Head, entries []core.Entry) *ledger {
	next := &ledger{head: h, records: l.records, hashes: l.hashes, changes: l.changes}
	next.head.RVN++
	if len(entries) == 0 {
		return next
	}
	next.records = maps.Clone(l.records)
	if next.records == nil {
		next.records = map[string]core.Record{}
	}
	next.hashes, next.changes = slices.Clone(l.hashes), slices.Clone(l.changes)
	for i := range entries {
		e := &entries[i]
		next.hashes, next.changes = append(next.hashes, e.Hash), append(next.changes, e.ChangeID)
		next.head.Seq, next.head.Hash = e.Seq, e.Hash
		if e.ChangeID != "" {
			next.head.Sum += e.Seq - next.records[e.ChangeID].Seq
			next.records[e.ChangeID] = e.Record()
		}
	}
	return next
}

// shows reports whether a load at this moment is snap.
func (l *ledger) shows(snap core.Snapshot) bool {
	h := snap.Head
	h.Holder = normal(h.Holder)
	return h == l.head && maps.EqualFunc(l.records, snap.Records, func(a, b core.Record) bool {
		same := a.At.Equal(b.At)
		a.At, b.At = time.Time{}, time.Time{}
		return same && a == b
	})
}

// lists reports whether a page of the history at this moment is page.
func (l *ledger) lists(q core.HistoryQuery, page core.HistoryPage) bool {
	var want []string
	var last, next uint64
	for i, hash := range l.hashes {
		seq := uint64(i) + 1
		if seq <= q.AfterSeq || q.ChangeID != "" && q.ChangeID != l.changes[i] {
			continue
		}
		if len(want) == q.PageSize() {
			next = last
			break
		}
		want, last = append(want, hash), seq
	}
	return next == page.Next && slices.EqualFunc(page.Entries, want, func(e core.Entry, hash string) bool {
		return e.Hash == hash && e.ComputeHash() == hash
	})
}

// normal makes holders comparable.
func normal(h core.Holder) core.Holder {
	h.Since = h.Since.UTC().Round(0)
	return h
}

func (l *ledger) String() string {
	h := &l.head
	if h.LedgerID == "" {
		return "no ledger"
	}
	state := "held"
	if h.Released {
		state = "free"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rvn %d, %s, owner %q, token %d, seq %d", h.RVN, state, h.Owner, h.Token, h.Seq)
	for _, id := range slices.Sorted(maps.Keys(l.records)) {
		fmt.Fprintf(&b, ", %s %s at %d", id, l.records[id].State, l.records[id].Seq)
	}
	return b.String()
}

func describe(in request, out answer) string {
	var b strings.Builder
	b.WriteString(string(in.act))
	switch in.act {
	case load:
		return "load: " + (&ledger{head: out.snap.Head, records: out.snap.Records}).String()
	case history:
		return fmt.Sprintf("history after %d: %d entries", in.query.AfterSeq, len(out.page.Entries))
	case acquire:
		a := &in.acquisition
		fmt.Fprintf(&b, " by %q on rvn %d, token %d, takeover %v%s", a.Owner, a.RVN, a.Token, a.Takeover, seqs(a.Entries, a.Release))
	case appendTo:
		a := &in.append
		fmt.Fprintf(&b, " by %q, token %d%s", a.Lease.Owner, a.Lease.Token, seqs(a.Entries, a.Release))
	case renew, release:
		fmt.Fprintf(&b, " by %q, token %d", in.lease.Owner, in.lease.Token)
	}
	return b.String() + ": " + string(out.is)
}

func seqs(entries []core.Entry, free bool) string {
	var b strings.Builder
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(&b, ", entry %d (%s %s after %d)", e.Seq, e.ChangeID, e.State, e.PrevSeq)
	}
	if free {
		b.WriteString(", and release")
	}
	return b.String()
}
