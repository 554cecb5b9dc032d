package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
)

const (
	selectHash   = `SELECT hash FROM main.entries WHERE id = ?`
	selectSeq    = `SELECT seq FROM main.changes WHERE ledger = ? AND id = ?`
	selectLeft   = `SELECT EXISTS (SELECT 1 FROM main.entries WHERE ledger = ?) OR EXISTS (SELECT 1 FROM main.changes WHERE ledger = ?)`
	nextNumber   = `SELECT coalesce(max(no), 0) + 1 FROM main.ledgers`
	insertHead   = `INSERT INTO main.ledgers (head, crc, no, name) VALUES (?, ?, ?, ?)`
	updateHead   = `UPDATE main.ledgers SET head = ?, crc = ? WHERE no = ? AND name = ?`
	swapHead     = `UPDATE main.ledgers SET head = ?, crc = ? WHERE no = ? AND name = ? AND head = ?`
	insertRecord = `INSERT INTO main.changes (seq, body, crc, ledger, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	updateRecord = `UPDATE main.changes SET seq = ?, body = ?, crc = ? WHERE ledger = ? AND id = ? AND seq = ?`
	insertEntry  = `INSERT INTO main.entries (id, ledger, seq, change_id, hash, body) VALUES (?, ?, ?, ?, ?, ?)`
)

// ledgerTx is one ledger inside a write transaction. Its methods get a context
// that does not end any more.
type ledgerTx struct {
	s      *Store
	c      *conn
	ledger string
	no     int64     // the ledger's number in this file
	isNew  bool      // the ledger has no row yet
	known  string    // the stored head, when it was remembered and not read
	head   core.Head // as stored; changed by the methods, written by putHead
}

// lastHead is a head as this store last wrote it.
type lastHead struct {
	no   int64
	body string
	head core.Head
}

// errStale says that a remembered head is not the stored one.
var errStale = errors.New("the head was written by somebody else")

// change runs work on a ledger in one transaction. work reports whether there is
// anything to write: the head is then written with a new rvn.
func (s *Store) change(ctx context.Context, op, ledger string, work func(ctx context.Context, t *ledgerTx) (write bool, err error)) error {
	if err := core.CheckLedger(ledger); err != nil {
		return err
	}
	return s.writing(ctx, op, func(c *conn) error {
		ctx := context.WithoutCancel(ctx)
		no, h, err := s.head(ctx, c, ledger)
		if err != nil {
			return err
		}
		t := &ledgerTx{s: s, c: c, ledger: ledger, no: no, isNew: no == 0, head: h}
		if t.isNew {
			if err := t.checkNew(ctx); err != nil {
				return err
			}
		}
		return t.do(ctx, work)
	})
}

// again is change for a holder, whose last write is usually the ledger's: it rests
// on the head as this store last wrote it, and compares that when it writes. Any
// other answer than success comes from the stored head.
func (s *Store) again(ctx context.Context, op, ledger string, work func(ctx context.Context, t *ledgerTx) (write bool, err error)) error {
	err := errStale
	if err := core.CheckLedger(ledger); err != nil {
		return err
	}
	s.mu.Lock()
	last, ok := s.last[ledger]
	s.mu.Unlock()
	if ok {
		err = s.writing(ctx, op, func(c *conn) error {
			t := &ledgerTx{s: s, c: c, ledger: ledger, no: last.no, known: last.body, head: last.head}
			return t.do(context.WithoutCancel(ctx), work)
		})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // what a remembered head says is not worth reporting
		return s.fault(op, ctx.Err())
	}
	return s.change(ctx, op, ledger, work)
}

func (t *ledgerTx) do(ctx context.Context, work func(ctx context.Context, t *ledgerTx) (write bool, err error)) error {
	write, err := work(ctx, t)
	if err == nil && write {
		t.head.RVN++
		err = t.putHead(ctx)
	} else if err == nil && t.known != "" {
		err = errStale // nothing was compared
	}
	if err != nil {
		t.s.forget(t.ledger)
	}
	return err
}

func (s *Store) forget(ledger string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, ledger)
}

// checkNew numbers a new ledger, and refuses to begin one anew whose head was lost.
func (t *ledgerTx) checkNew(ctx context.Context) error {
	var left bool
	if err := t.c.row(ctx, selectLeft, []any{t.ledger, t.ledger}, &left); err != nil {
		return err
	}
	if !left {
		return t.c.row(ctx, nextNumber, nil, &t.no)
	}
	return t.s.corrupt(fmt.Errorf("ledger %s has entries or states, but no head", t.ledger))
}

// holds reports whether l is the lease as it is now.
func (t *ledgerTx) holds(l core.Lease) bool {
	return t.owned(l) && !t.head.Released
}

// owned reports whether the last acquisition is l's, released or not.
func (t *ledgerTx) owned(l core.Lease) bool {
	return t.head.LedgerID != "" && l.Owner != "" && t.head.Owner == l.Owner && t.head.Token == l.Token
}

// landed reports whether the request that these entries belong to was written
// before: an entry has its seq once and for ever, and its hash covers who wrote it.
func (t *ledgerTx) landed(ctx context.Context, entries []core.Entry) (bool, error) {
	if len(entries) == 0 || entries[0].Seq == t.head.Seq+1 {
		return false, nil // the next one cannot be there yet
	}
	var hash string
	err := t.c.row(ctx, selectHash, []any{entryID(t.no, min(entries[0].Seq, maxSeq))}, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && hash == entries[0].Hash, err
}

// put checks that entries continue the history and the changes' states, and
// writes them. What it wrote before a refusal is rolled back with it.
func (t *ledgerTx) put(ctx context.Context, entries []core.Entry) error {
	if err := core.CheckEntries(t.ledger, t.head.Seq, t.head.Hash, entries); err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		if err := t.c.exec(ctx, insertEntry, entryID(t.no, e.Seq), t.ledger, e.Seq, e.ChangeID, e.Hash, string(e.Encode())); err != nil {
			return err
		}
		if e.ChangeID == "" {
			continue
		}
		if err := t.putRecord(ctx, e); err != nil {
			return err
		}
	}
	t.head.Sum = core.SumAfter(t.head.Sum, entries)
	if n := len(entries); n > 0 {
		t.head.Seq, t.head.Hash = entries[n-1].Seq, entries[n-1].Hash
	}
	return nil
}

// putRecord replaces the change's state, if that is at PrevSeq.
func (t *ledgerTx) putRecord(ctx context.Context, e *core.Entry) error {
	body, crc := encodeRecord(e.Record())
	var (
		n   int64
		err error
	)
	if e.PrevSeq == 0 {
		n, err = t.c.execRows(ctx, insertRecord, e.Seq, body, crc, t.ledger, e.ChangeID)
	} else {
		n, err = t.c.execRows(ctx, updateRecord, e.Seq, body, crc, t.ledger, e.ChangeID, e.PrevSeq)
	}
	if err != nil || n == 1 {
		return err
	}
	var at uint64
	if err := t.c.row(ctx, selectSeq, []any{t.ledger, e.ChangeID}, &at); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return &core.ConflictError{Ledger: t.ledger, What: "change " + e.ChangeID + " is at another entry", Want: e.PrevSeq, Found: at}
}

func (t *ledgerTx) putHead(ctx context.Context) error {
	body, crc, err := encodeHead(t.head)
	if err != nil {
		return err
	}
	var n int64
	switch {
	case t.isNew:
		n, err = t.c.execRows(ctx, insertHead, body, crc, t.no, t.ledger)
	case t.known != "":
		n, err = t.c.execRows(ctx, swapHead, body, crc, t.no, t.ledger, t.known)
	default:
		n, err = t.c.execRows(ctx, updateHead, body, crc, t.no, t.ledger)
	}
	if err == nil && n != 1 {
		err = errStale
	}
	if err != nil {
		return err
	}
	// Remembered before COMMIT: if that fails, the comparison does, next time.
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.s.last[t.ledger] = lastHead{no: t.no, body: body, head: t.head}
	return nil
}
