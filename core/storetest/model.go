package storetest

import (
	"maps"

	"github.com/flamingock/flamingock-go/core"
)

// model is one ledger as the contract wants it: the specification that random
// requests are compared with. It is plain state and plain ifs, in the order in
// which a store must decide; every method writes all or nothing.
type model struct {
	ledger  string
	head    core.Head
	records map[string]core.Record
	entries []core.Entry // entry n is entries[n-1]
}

func newModel(ledger string) *model {
	return &model{ledger: ledger, records: map[string]core.Record{}}
}

func (m *model) acquire(a core.Acquisition) outcome {
	// Sent again: it is there already.
	if len(a.Entries) == 0 && m.isLastOwner(core.Lease{Owner: a.Owner, Token: a.Token}) {
		return done
	}
	if m.landed(a.Entries) {
		return done
	}
	// What the sender believed is not true any more.
	if a.RVN != m.head.RVN {
		return conflict
	}
	if m.head.Held() && !a.Takeover {
		return conflict
	}
	if a.Token != m.head.Token+1 {
		return conflict
	}
	if !m.fits(a.Entries) {
		return conflict
	}
	if m.head.LedgerID == "" {
		m.head.LedgerID = a.LedgerID
	}
	m.head.Owner, m.head.Token, m.head.Released = a.Owner, a.Token, a.Release
	m.head.Lease, m.head.Holder = a.Lease, a.Holder
	m.write(a.Entries)
	return done
}

func (m *model) append(a core.Append) outcome {
	if m.landed(a.Entries) {
		return done
	}
	if !m.isHolder(a.Lease) {
		return lost
	}
	if !m.fits(a.Entries) {
		return conflict
	}
	m.head.Released = a.Release
	m.write(a.Entries)
	return done
}

func (m *model) renew(l core.Lease) outcome {
	if !m.isHolder(l) {
		return lost
	}
	m.write(nil)
	return done
}

func (m *model) release(l core.Lease) outcome {
	if !m.isLastOwner(l) {
		return lost
	}
	if m.head.Released {
		return done
	}
	m.head.Released = true
	m.write(nil)
	return done
}

func (m *model) isHolder(l core.Lease) bool { return m.isLastOwner(l) && !m.head.Released }

func (m *model) isLastOwner(l core.Lease) bool {
	return l.Owner != "" && m.head.Owner == l.Owner && m.head.Token == l.Token
}

// landed reports whether the request that begins with these entries was written.
func (m *model) landed(entries []core.Entry) bool {
	if len(entries) == 0 {
		return false
	}
	n := entries[0].Seq
	return n >= 1 && n <= uint64(len(m.entries)) && m.entries[n-1].Hash == entries[0].Hash
}

// fits reports whether entries go on from the history and from each change.
func (m *model) fits(entries []core.Entry) bool {
	if core.CheckEntries(m.ledger, m.head.Seq, m.head.Hash, entries) != nil {
		return false
	}
	at := map[string]uint64{}
	for id, r := range m.records {
		at[id] = r.Seq
	}
	for _, e := range entries {
		if e.ChangeID == "" {
			continue
		}
		if e.PrevSeq != at[e.ChangeID] {
			return false
		}
		at[e.ChangeID] = e.Seq
	}
	return true
}

// write adds the entries and completes the head.
func (m *model) write(entries []core.Entry) {
	m.head.RVN++
	for _, e := range entries {
		m.entries = append(m.entries, e)
		m.head.Seq, m.head.Hash = e.Seq, e.Hash
		if e.ChangeID != "" {
			m.records[e.ChangeID] = e.Record()
		}
	}
	m.head.Sum = 0
	for _, r := range m.records {
		m.head.Sum += r.Seq
	}
}

func (m *model) snapshot() core.Snapshot {
	return core.Snapshot{Head: m.head, Records: maps.Clone(m.records)}
}
