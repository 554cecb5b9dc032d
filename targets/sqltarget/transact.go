package sqltarget

import (
	"context"
	"database/sql"
	"errors"
	"runtime/debug"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// Transact runs one change in a transaction. See core.TxTarget. A panic of the
// work is returned as a *core.PanicError, after the rollback.
func (t *Target) Transact(ctx context.Context, c core.Transaction) error {
	t.mu.Lock()
	raised := t.raised[c.Fence.LedgerID]
	t.mu.Unlock()
	if !raised { // a run with nothing to settle has not raised it: the row may be missing
		if err := t.RaiseFence(ctx, c.Fence); err != nil {
			return err
		}
	}
	x, err := t.begin(ctx, c.Fence.Lease)
	if err != nil {
		return t.explain(ctx, err)
	}
	failpoint.Hit(failpoint.TargetBegun)
	a := &attempt{c, t, x}
	if err := a.prepare(ctx); err != nil {
		return t.explain(ctx, t.abandon(ctx, x, err))
	}
	failpoint.Hit(failpoint.TargetMarked)
	if err := a.work(ctx); err != nil {
		return a.rollback(ctx, err)
	}
	return a.commit(ctx)
}

// attempt is one change transaction between BEGIN and its end.
type attempt struct {
	core.Transaction
	target *Target
	open   *transaction
}

// prepare does what belongs before the work. Its errors are those of a change that
// has not begun.
func (a *attempt) prepare(ctx context.Context) error {
	if err := a.open.writeFence(ctx, a.Fence); err != nil {
		if _, gone := errors.AsType[*FenceGoneError](err); gone {
			a.target.mu.Lock()
			delete(a.target.raised, a.Fence.LedgerID)
			a.target.mu.Unlock()
		}
		return err
	}
	ctx = a.open.locked(ctx)
	if _, err := a.open.exec(ctx, insertMarker, markerArgs(a.Marker)...); err != nil {
		if a.target.classify(err) == Duplicate {
			return core.ErrMarked
		}
		return err
	}
	if err := a.open.deleteMarkers(ctx, a.Settled); err != nil || !a.target.dialect.Savepoint {
		return err
	}
	_, err := a.open.tx.ExecContext(ctx, "SAVEPOINT "+begunSavepoint)
	return err
}

// begunSavepoint is where the work began: it is gone when the transaction is.
const begunSavepoint = "flamingock_begun"

// work runs the steps and asks the guard. A step that goes on after its context
// has ended, and ends well, is not committed either: whoever ended the context
// counts on that.
func (a *attempt) work(ctx context.Context) (err error) {
	returned := false
	defer func() {
		if p := recover(); p != nil {
			err = &core.PanicError{Value: p, Stack: string(debug.Stack())}
		} else if !returned { // runtime.Goexit, after which nobody rolls back
			_ = a.open.rollback() //nolint:errcheck // the goroutine is ending: there is nobody to tell
			a.open.discard()
		}
	}()
	a.open.tainted = a.open.tainted || a.target.dialect.SessionPerChange
	err = a.Work(core.WithTaint(ctx, func() { a.open.tainted = true }), a.open.tx)
	if err == nil && a.Guard != nil {
		err = a.Guard(ctx)
	}
	returned = true
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// rollback ends the transaction after cause and returns it.
func (a *attempt) rollback(ctx context.Context, cause error) error {
	ended, sound := a.undo(ctx, cause)
	if sound {
		_ = a.target.put(ctx, a.open.session) //nolint:errcheck // the cause says more than a connection that cannot be given back
	} else {
		a.open.discard()
	}
	if ended {
		return core.Unknown(&StepEndedTransactionError{a.target.system(), cause})
	}
	return cause
}

// undo rolls back and finds out whether the step had ended the transaction before.
// sound says that the session is in no transaction and can be used again.
func (a *attempt) undo(ctx context.Context, cause error) (ended, sound bool) {
	// Some databases roll back by themselves for some errors; the marker tells then.
	if gone, err := a.gone(ctx); err == nil && gone && !a.target.dialect.RollsBack(cause) {
		return true, a.close()
	}
	err := a.open.rollback()
	switch {
	case errors.Is(err, sql.ErrTxDone): // by tx.Commit or tx.Rollback: nobody else has the Tx
		return true, true
	case a.target.classify(err) == NoTransaction:
		// Either the database rolled back by itself, as some do for some errors and for
		// an interrupted statement, or the step said COMMIT or ROLLBACK in SQL.
		if ctx.Err() == nil && !a.target.dialect.RollsBack(cause) {
			return true, true
		}
	case err != nil: // the connection is gone, and the transaction with it
		return false, false
	}
	// After a rollback our marker cannot be there, unless it was committed: by COMMIT in
	// SQL text, or by a statement that commits implicitly.
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), LockWait(a.Fence.Lease))
	defer cancel()
	marked, err := a.open.marked(asked, a.Marker)
	return marked, err == nil
}

// commit commits, whatever becomes of the step's context: an answer that is thrown
// away would leave the outcome unknown for nothing.
func (a *attempt) commit(ctx context.Context) error {
	t := a.target
	gone, err := a.gone(ctx)
	if err != nil { // COMMIT was not sent
		return a.rollback(ctx, err)
	}
	if gone {
		if a.close() {
			_ = t.put(ctx, a.open.session) //nolint:errcheck // the outcome is known, whatever becomes of the connection
		} else {
			a.open.discard()
		}
		return core.Unknown(&StepEndedTransactionError{System: t.system()})
	}
	failpoint.Hit(failpoint.TargetCommitting)
	err = a.open.commit()
	failpoint.Hit(failpoint.TargetCommitted)
	ended := errors.Is(err, sql.ErrTxDone) || t.classify(err) == NoTransaction
	refused := err != nil && t.dialect.Refused(err)
	if err == nil || ended || refused {
		_ = t.put(ctx, a.open.session) //nolint:errcheck // the outcome is known, whatever becomes of the connection
	} else {
		a.open.discard()
	}
	switch {
	case err == nil:
		return nil
	case ended:
		return core.Unknown(&StepEndedTransactionError{t.system(), err})
	case refused:
		return &CommitError{t.system(), err}
	}
	return core.Unknown(&CommitError{t.system(), err})
}

// gone reports whether no transaction is open any more, or another one than the
// change's, as far as the driver or a savepoint can tell.
func (a *attempt) gone(ctx context.Context) (bool, error) {
	if a.target.dialect.Savepoint {
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), LockWait(a.Fence.Lease))
		defer cancel()
		_, err := a.open.tx.ExecContext(asked, "RELEASE SAVEPOINT "+begunSavepoint)
		if errors.Is(err, sql.ErrTxDone) || a.target.classify(err) == NoTransaction {
			return true, nil
		}
		return false, err
	}
	open := true
	err := a.open.conn.Raw(func(c any) error {
		open = a.target.dialect.InTransaction(c)
		return nil
	})
	return err == nil && !open, nil
}

// close ends the transaction for database/sql where the database has none any
// more, and reports whether the session can be used again.
func (a *attempt) close() (sound bool) {
	err := a.open.rollback()
	return err == nil || errors.Is(err, sql.ErrTxDone) || a.target.classify(err) == NoTransaction
}
