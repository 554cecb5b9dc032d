package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
)

const (
	selectHash   = `SELECT hash FROM entries WHERE id = ?`
	selectSeq    = `SELECT seq FROM changes WHERE ledger = ? AND id = ?`
	selectLeft   = `SELECT EXISTS (SELECT 1 FROM entries WHERE ledger = ?) OR EXISTS (SELECT 1 FROM changes WHERE ledger = ?)`
	nextNumber   = `SELECT coalesce(max(no), 0) + 1 FROM ledgers`
	insertHead   = `INSERT INTO ledgers (head, crc, no, name) VALUES (?, ?, ?, ?)`
	updateHead   = `UPDATE ledgers SET head = ?, crc = ? WHERE no = ? AND name = ?`
	insertRecord = `INSERT INTO changes (seq, body, crc, ledger, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	updateRecord = `UPDATE changes SET seq = ?, body = ?, crc = ? WHERE ledger = ? AND id = ? AND seq = ?`
	insertEntry  = `INSERT INTO entries (id, ledger, seq, change_id, hash, body) VALUES (?, ?, ?, ?, ?, ?)`
)

// ledgerTx is one ledger inside a write transaction. Its methods get a context
// that does not end any more.
type ledgerTx struct {
	s      *Store
	c      *conn
	ledger string
	no     int64     // the ledger's number in this file
	isNew  bool      // the ledger has no row yet
	head   core.Head // as stored; changed by the methods, written by putHead
}

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
		write, err := work(ctx, t)
		if err != nil || !write {
			return err
		}
		t.head.RVN++
		return t.putHead(ctx)
	})
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
	body, crc, err := seal(e.Record())
	if err != nil {
		return err
	}
	var n int64
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
	query := updateHead
	if t.isNew {
		query = insertHead
	}
	return t.c.exec(ctx, query, body, crc, t.no, t.ledger)
}
