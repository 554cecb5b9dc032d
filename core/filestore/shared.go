package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

var _ core.LiveStore = (*Store)(nil)

// Domain implements core.SharingStore: that of Within.
func (s *Store) Domain() string {
	if s.opts.Within == nil {
		return ""
	}
	return s.opts.Within.Domain
}

// Begin implements core.LiveStore: the handle is a *sql.Tx of the application's
// database. The transaction holds the file's write lock. Whatever a step does with
// it, its COMMIT is refused: only AppendShared commits.
func (s *Store) Begin(ctx context.Context, l core.Lease) (core.OpenWrites, error) {
	if s.opts.Within == nil || s.opts.ReadOnly {
		return nil, &core.ConfigError{Key: "auditStore", Reason: "this audit store shares its transactions with nobody"}
	}
	w := &openWrites{s: s, c: s.writer}
	if err := s.take(ctx, s.writer, "begin"); err != nil {
		return nil, err
	}
	if err := s.onOpen(ctx, s.writer, "begin", func() error { return w.begin(ctx, l) }); err != nil {
		s.writer.give()
		return nil, err
	}
	failpoint.Hit(failpoint.TargetBegun)
	return w, nil
}

// openWrites is the transaction of one change and of what is recorded of it.
type openWrites struct {
	s       *Store
	c       *conn
	tx      *sql.Tx
	ledger  *ledgerTx
	begunAt core.Head
	ended   bool
	tainted atomic.Bool
}

// begin is called with the connection taken, which end gives back.
func (w *openWrites) begin(ctx context.Context, l core.Lease) error {
	done := context.WithoutCancel(ctx)
	if err := w.s.there(); err != nil {
		return err
	}
	tx, err := w.c.sql.BeginTx(done, nil)
	if err != nil {
		return w.s.fault("begin", err)
	}
	no, h, err := w.s.head(done, w.c, l.Ledger)
	if err == nil {
		w.ledger = &ledgerTx{s: w.s, c: w.c, ledger: l.Ledger, no: no, head: h}
		if !w.ledger.holds(l) {
			err = core.ErrLeaseLost
		}
	}
	if err != nil {
		_ = tx.Rollback() //nolint:errcheck // nothing was written
		return w.s.fault("begin", err)
	}
	w.tx, w.begunAt = tx, h
	w.c.guard.begin()
	return nil
}

// Handle implements core.SharedWrites: a *sql.Tx.
func (w *openWrites) Handle() any { return w.tx }

// Items implements core.SharedWrites.
func (w *openWrites) Items() any { return w }

// Taint implements core.OpenWrites.
func (w *openWrites) Taint() { w.tainted.Store(true) }

// Discard implements core.OpenWrites.
func (w *openWrites) Discard() error {
	if w.ended {
		return nil
	}
	err := w.tx.Rollback()
	w.end(err == nil)
	if errors.Is(err, sql.ErrTxDone) || isNoTransaction(err) { // it was rolled back before
		return nil
	}
	return w.s.fault("roll back", err)
}

// end gives the connection back. One that may be in a transaction, or not as it was
// found, is closed.
func (w *openWrites) end(sound bool) {
	w.ended = true
	if !sound || w.tainted.Load() {
		w.c.drop() // which waits for a COMMIT of a step's that is under way, and is refused
	}
	w.c.guard.end()
	w.c.give()
}

// AppendShared implements core.SharingStore. Items are those of an OpenWrites of this
// store, whose transaction it commits with the entries, or rolls back.
func (s *Store) AppendShared(ctx context.Context, a core.Append, items any) error {
	w, ok := items.(*openWrites)
	if !ok || w.s != s {
		return &core.RefusedError{Reason: fmt.Sprintf("writes of type %T", items)}
	}
	if w.ended { // sent again
		return s.landedShared(ctx, a)
	}
	wait := s.opts.BusyTimeout
	if dl, ok := ctx.Deadline(); ok { // what is refused has to be recorded, too
		wait = max(min(wait, time.Until(dl)/2), time.Millisecond) //nolint:forbidigo // deadlines are on the machine's clock
	}
	err := w.commit(context.WithoutCancel(ctx), a, wait)
	w.end(err == nil)
	if err == nil {
		return nil
	}
	s.forget(a.Lease.Ledger)
	if core.IsUnknown(err) {
		return s.landedShared(ctx, a)
	}
	return err
}

// landedShared answers an append that was sent before: its transaction has ended, one
// way or the other.
func (s *Store) landedShared(ctx context.Context, a core.Append) error {
	return s.change(ctx, "append", a.Lease.Ledger, func(ctx context.Context, t *ledgerTx) (bool, error) {
		landed, err := t.landed(ctx, a.Entries)
		if err == nil && !landed {
			err = &core.RefusedError{Reason: "the transaction of the change and its record was rolled back"}
		}
		return false, err
	})
}

// commit writes the entries in the open transaction and commits. Every error but that
// of an unknown COMMIT says that all of it is rolled back.
func (w *openWrites) commit(ctx context.Context, a core.Append, wait time.Duration) error {
	err := w.write(ctx, a)
	if err != nil {
		_ = w.tx.Rollback() //nolint:errcheck // end closes the connection
		return w.blame(ctx, a, err)
	}
	failpoint.Hit(failpoint.StoreWriting)
	err = w.send(ctx, wait)
	failpoint.Hit(failpoint.StoreWritten)
	if isNoTransaction(err) || errors.Is(err, sql.ErrTxDone) {
		return core.Unknown(err) // a step has ended it: with the entries, or before them
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		if e.Code() == sqlite3.SQLITE_CONSTRAINT_COMMITHOOK {
			return errBroken()
		}
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT: // a deferred one, of the application's
			return &core.RefusedError{Reason: "COMMIT", Err: err}
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL:
			return &core.RefusedError{Reason: "COMMIT", Err: w.s.fault("append", err)}
		}
	}
	return w.s.fault("append", err)
}

// send commits. database/sql closes what a step has left open, and lets nobody act any
// more; what a step's goroutine does until then is in the transaction, or ends it.
func (w *openWrites) send(ctx context.Context, wait time.Duration) error {
	if !w.c.wal { // COMMIT waits for readers. It has one try: the driver rolls back what was refused.
		if err := w.c.waitFor(ctx, wait); err != nil {
			_ = w.tx.Rollback() //nolint:errcheck // end closes the connection
			return err
		}
	}
	w.c.guard.allow()
	err := w.tx.Commit()
	if err == nil && !w.c.wal && w.c.waitFor(ctx, w.s.slice()) != nil {
		w.Taint()
	}
	return err
}

func errBroken() error {
	return &core.RefusedError{Reason: "a step ended the transaction, which is the audit store's too: leave BEGIN, COMMIT and ROLLBACK out of the change"}
}

// blame finds out who is the reason of a conflict, when all is rolled back: nobody
// else can have written since the transaction began, but a step can.
func (w *openWrites) blame(ctx context.Context, a core.Append, err error) error {
	var conflict *core.ConflictError
	if !errors.As(err, &conflict) || core.CheckEntries(a.Lease.Ledger, w.begunAt.Seq, w.begunAt.Hash, a.Entries) != nil {
		return err
	}
	own := map[string]bool{} // changes with an entry before, in the same append
	for i := range a.Entries {
		e := &a.Entries[i]
		var at uint64
		if e.ChangeID == "" || own[e.ChangeID] {
			continue
		}
		own[e.ChangeID] = true
		if rerr := w.c.row(ctx, selectSeq, []any{a.Lease.Ledger, e.ChangeID}, &at); rerr != nil && !errors.Is(rerr, sql.ErrNoRows) || at != e.PrevSeq {
			return err
		}
	}
	return &core.RefusedError{Reason: steppedOn} // without err: the lease is not lost
}

// steppedOn is why a change is refused that wrote to the store's tables.
const steppedOn = "a step wrote to the tables of the audit store"

func (w *openWrites) write(ctx context.Context, a core.Append) error {
	t := w.ledger
	if w.c.guard.broken() {
		return errBroken()
	}
	if err := w.s.there(); err != nil {
		return err
	}
	if !t.holds(a.Lease) || len(a.Entries) == 0 {
		return &core.UsageError{Reason: "an append in a transaction that was begun for another lease, or without entries"}
	}
	t.head.Released = a.Release
	err := t.put(ctx, a.Entries)
	if err == nil {
		t.head.RVN++
		err = t.putHead(ctx)
	}
	var conflict *core.ConflictError
	switch {
	case err == nil:
		return nil
	case w.c.guard.broken(): // meanwhile
		return errBroken()
	case errors.As(err, &conflict):
		return err
	case errors.Is(err, errStale):
		return &core.RefusedError{Reason: steppedOn}
	}
	return &core.RefusedError{Reason: "the record", Err: w.s.fault("append", err)}
}

// isNoTransaction says that none is open.
func isNoTransaction(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_ERROR
}

// commits refuses the commits of a connection whose transaction is a change's: only
// the store may end it. SQLite asks it before each, and when a statement is prepared.
type commits struct {
	state      atomic.Int32 // commitsFree and so on
	rolledBack atomic.Bool
}

const (
	commitsFree    = iota // the transaction is the store's own
	commitsRefused        // a change's
	commitOnce            // a change's, with its entries
)

// watch begins to be asked by a connection of the driver.
func (g *commits) watch(driverConn any) error {
	h, ok := driverConn.(sqlite.HookRegisterer)
	if !ok {
		return fmt.Errorf("the driver's %T has no hooks", driverConn)
	}
	h.RegisterCommitHook(func() int32 {
		if g.state.Load() == commitsFree || !g.rolledBack.Load() && g.state.CompareAndSwap(commitOnce, commitsRefused) {
			return 0
		}
		return 1
	})
	h.RegisterRollbackHook(func() {
		if g.state.Load() != commitsFree {
			g.rolledBack.Store(true)
		}
	})
	a, ok := driverConn.(sqlite.AuthorizerRegisterer)
	if !ok {
		return fmt.Errorf("the driver's %T has no authorizer", driverConn)
	}
	return a.RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, name, value, _, _ string) sqlite.AuthorizerReturnCode {
		if g.state.Load() != commitsFree && action == sqlite.AuthPragma && value != "" && unsafePragma(name) {
			return sqlite.AuthorizerDeny
		}
		return sqlite.AuthorizerOK
	})
}

// unsafePragma lists what would keep a transaction from being taken back, or others
// from reading.
func unsafePragma(name string) bool {
	switch strings.ToLower(name) {
	case "journal_mode", "locking_mode", "synchronous", "writable_schema", "cache_spill":
		return true
	}
	return false
}

func (g *commits) begin() {
	g.rolledBack.Store(false)
	g.state.Store(commitsRefused)
}

func (g *commits) allow() { g.state.Store(commitOnce) }

func (g *commits) end() { g.state.Store(commitsFree) }

// broken reports whether the transaction is not the one that was begun any more.
func (g *commits) broken() bool { return g.rolledBack.Load() }
