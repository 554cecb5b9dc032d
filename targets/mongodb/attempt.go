package mongodb

import (
	"context"
	"errors"
	"runtime/debug"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// attempt is one change's transaction between its begin and its end.
type attempt struct {
	core.Transaction
	target *Target
	open   *transaction
}

// prepare does what belongs before the work. Its errors are those of a change that has
// not begun.
func (a *attempt) prepare(ctx context.Context) error {
	if err := a.open.writeFence(ctx, a.Fence, false); err != nil {
		if gone := (*FenceGoneError)(nil); errors.As(err, &gone) {
			a.target.mu.Lock()
			delete(a.target.raised, a.Fence.LedgerID)
			a.target.mu.Unlock()
		}
		return err
	}
	ctx = a.open.context(ctx)
	markers := a.open.db.Collection(markerCollection)
	if _, err := markers.InsertOne(ctx, theMarker(a.Marker)); err != nil {
		if mongo.IsDuplicateKeyError(err) {
			return core.ErrMarked
		}
		return err
	}
	if len(a.Settled) == 0 {
		return nil
	}
	_, err := markers.DeleteMany(ctx, theMarkers(a.Settled))
	return err
}

// work runs the steps and asks the guard. A step that goes on after its context has
// ended, and ends well, is not committed either: whoever ended the context counts on that.
func (a *attempt) work(ctx context.Context) (err error) {
	returned := false
	defer func() {
		if p := recover(); p != nil {
			err = &core.PanicError{Value: p, Stack: string(debug.Stack())}
		} else if !returned { // runtime.Goexit, after which nobody aborts
			a.open.abort(ctx)
		}
	}()
	err = a.Work(a.open.context(ctx), &Tx{a.open.db, a.target})
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

// rollback aborts the transaction after cause and returns it.
func (a *attempt) rollback(ctx context.Context, cause error) error {
	if !a.open.session.TransactionRunning() {
		a.open.end(ctx)
		return core.Unknown(&StepEndedTransactionError{a.target.system(), cause})
	}
	a.open.abort(ctx)
	// In a transaction that is not committed, nothing is unknown.
	if unknown := (*core.UnknownError)(nil); errors.As(cause, &unknown) && fromDriver(unknown.Err) {
		return a.target.explain(ctx, unknown.Err)
	}
	return cause
}

// commit commits, whatever becomes of the step's context: an answer that is thrown away
// would leave the outcome unknown for nothing.
func (a *attempt) commit(ctx context.Context) error {
	x := a.open
	if !x.session.TransactionRunning() {
		x.end(ctx)
		return core.Unknown(&StepEndedTransactionError{System: a.target.system()})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	failpoint.Hit(failpoint.TargetCommitting)
	err := x.session.CommitTransaction(ctx)
	failpoint.Hit(failpoint.TargetCommitted)
	switch {
	case err == nil:
		x.end(ctx)
		return nil
	case notCommitted(err):
		x.end(ctx)
		return &CommitError{a.target.system(), err}
	}
	x.lose() // it may never have arrived
	return core.Unknown(&CommitError{a.target.system(), err})
}

// notCommitted reports that the server itself said that there is no such transaction any
// more: it met another one, took too long, or an operation in it had failed. Every other
// answer may come from a commit that was done, or still will be.
func notCommitted(err error) bool {
	return hasLabel(err, driver.TransientTransactionError) && !hasLabel(err, driver.UnknownTransactionCommitResult) &&
		hasCode(err, noSuchTransaction, writeConflict) && !mongo.IsNetworkError(err) && !mongo.IsTimeout(err) && !halfDone(err)
}
