// Package memstore is an audit store in memory, for tests of code that runs
// changes. It obeys the same rules as the others (core/storetest) and keeps
// nothing when the process ends.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// Store is an audit store in memory. The zero value is ready to use. It is safe
// for concurrent use.
type Store struct {
	mu      sync.Mutex
	ledgers map[string]*ledger
}

type ledger struct {
	head    core.Head
	records map[string]core.Record
	entries []core.Entry
}

var _ core.SharingStore = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{} }

func (s *Store) get(name string) *ledger {
	if s.ledgers == nil {
		s.ledgers = map[string]*ledger{}
	}
	l := s.ledgers[name]
	if l == nil {
		l = &ledger{records: map[string]core.Record{}}
		s.ledgers[name] = l
	}
	return l
}

// Load implements core.AuditStore.
func (s *Store) Load(ctx context.Context, name string) (core.Snapshot, error) {
	if err := errors.Join(ctx.Err(), core.CheckLedger(name)); err != nil {
		return core.Snapshot{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.get(name)
	for id, r := range l.records {
		if !r.State.Known() {
			return core.Snapshot{}, &core.StoreError{Kind: core.StoreCorrupt, Store: "in memory", Err: fmt.Errorf("change %s has the unknown state %q", id, r.State)}
		}
	}
	return core.Snapshot{Head: l.head, Records: maps.Clone(l.records)}, nil
}

// Acquire implements core.AuditStore.
func (s *Store) Acquire(ctx context.Context, a core.Acquisition) error {
	if err := errors.Join(ctx.Err(), core.CheckLedger(a.Ledger)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.get(a.Ledger)
	if l.wrote(a.Entries) || len(a.Entries) == 0 && a.Owner != "" && l.head.Owner == a.Owner && l.head.Token == a.Token {
		return nil
	}
	switch {
	case l.head.RVN != a.RVN:
		return &core.ConflictError{Ledger: a.Ledger, What: "its head was written since it was read", Want: a.RVN, Found: l.head.RVN}
	case l.head.Held() && !a.Takeover:
		return &core.ConflictError{Ledger: a.Ledger, What: "another execution holds it"}
	case a.Token != l.head.Token+1:
		return &core.ConflictError{Ledger: a.Ledger, What: "the token must grow by one", Want: l.head.Token + 1, Found: a.Token}
	}
	if err := l.check(a.Ledger, a.Entries); err != nil {
		return err
	}
	if l.head.LedgerID == "" {
		l.head.LedgerID = a.LedgerID
	}
	l.head.Owner, l.head.Token, l.head.Holder = a.Owner, a.Token, a.Holder
	l.head.Lease = a.Lease.Truncate(time.Millisecond)
	l.head.Released = a.Release
	l.write(a.Entries)
	return nil
}

// Append implements core.AuditStore.
func (s *Store) Append(ctx context.Context, a core.Append) error {
	return s.append(ctx, a, func() error { return nil })
}

// Domain implements core.SharingStore: each store is one of its own.
func (s *Store) Domain() string { return fmt.Sprintf("memstore %p", s) }

// AppendShared implements core.SharingStore. Items are a func() error: it is called
// when nothing else stands against the append any more, and its error refuses it.
func (s *Store) AppendShared(ctx context.Context, a core.Append, items any) error {
	commit, ok := items.(func() error)
	if !ok {
		return &core.RefusedError{Reason: fmt.Sprintf("writes of type %T", items)}
	}
	return s.append(ctx, a, commit)
}

func (s *Store) append(ctx context.Context, a core.Append, commit func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.get(a.Lease.Ledger)
	if l.wrote(a.Entries) {
		return nil
	}
	if !l.holds(a.Lease) {
		return core.ErrLeaseLost
	}
	if len(a.Entries) == 0 {
		return &core.ConflictError{Ledger: a.Lease.Ledger, What: "an append needs at least one entry"}
	}
	if err := l.check(a.Lease.Ledger, a.Entries); err != nil {
		return err
	}
	if err := commit(); err != nil {
		return &core.RefusedError{Reason: "a condition was not met", Err: err}
	}
	l.head.Released = a.Release
	l.write(a.Entries)
	return nil
}

// Renew implements core.AuditStore.
func (s *Store) Renew(ctx context.Context, lease core.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.get(lease.Ledger)
	if !l.holds(lease) {
		return core.ErrLeaseLost
	}
	l.head.RVN++
	return nil
}

// Release implements core.AuditStore.
func (s *Store) Release(ctx context.Context, lease core.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.get(lease.Ledger)
	if l.head.Owner == lease.Owner && l.head.Token == lease.Token && l.head.Released {
		return nil
	}
	if !l.holds(lease) {
		return core.ErrLeaseLost
	}
	l.head.Released = true
	l.head.RVN++
	return nil
}

// History implements core.AuditStore.
func (s *Store) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	if err := ctx.Err(); err != nil {
		return core.HistoryPage{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var page core.HistoryPage
	for _, e := range s.get(q.Ledger).entries {
		if e.Seq <= q.AfterSeq || q.ChangeID != "" && e.ChangeID != q.ChangeID {
			continue
		}
		if len(page.Entries) == q.PageSize() {
			page.Next = page.Entries[len(page.Entries)-1].Seq
			break
		}
		page.Entries = append(page.Entries, clone(e))
	}
	return page, nil
}

func (l *ledger) holds(lease core.Lease) bool {
	return l.head.LedgerID != "" && l.head.Owner == lease.Owner && l.head.Token == lease.Token && !l.head.Released
}

// wrote reports whether entries are ones that were written before.
func (l *ledger) wrote(entries []core.Entry) bool {
	if len(entries) == 0 {
		return false
	}
	n := entries[0].Seq
	return n >= 1 && n <= uint64(len(l.entries)) && l.entries[n-1].Hash == entries[0].Hash
}

func (l *ledger) check(name string, entries []core.Entry) error {
	if err := core.CheckEntries(name, l.head.Seq, l.head.Hash, entries); err != nil {
		return err
	}
	at := map[string]uint64{}
	for i := range entries {
		e := &entries[i]
		if e.ChangeID == "" {
			continue
		}
		prev, ok := at[e.ChangeID]
		if !ok {
			prev = l.records[e.ChangeID].Seq
		}
		if prev != e.PrevSeq {
			return &core.ConflictError{Ledger: name, What: "change " + e.ChangeID + " is at another entry", Want: e.PrevSeq, Found: prev}
		}
		at[e.ChangeID] = e.Seq
	}
	return nil
}

func (l *ledger) write(entries []core.Entry) {
	l.head.RVN++
	l.head.Sum = core.SumAfter(l.head.Sum, entries)
	for _, e := range entries {
		l.entries = append(l.entries, clone(e))
		l.head.Seq, l.head.Hash = e.Seq, e.Hash
		if e.ChangeID != "" {
			l.records[e.ChangeID] = e.Record()
		}
	}
}

// clone returns a copy that shares nothing with the caller's.
func clone(e core.Entry) core.Entry {
	e.Metadata = maps.Clone(e.Metadata)
	if e.Error != nil {
		err := *e.Error
		err.Causes = slices.Clone(err.Causes)
		e.Error = &err
	}
	return e
}
