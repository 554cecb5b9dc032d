package sqltarget

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
)

// StatementError says which statement of a change failed.
type StatementError struct {
	// Position is the statement's first character in the change file.
	Position core.Position
	// Fault is where in the change file the database found the fault, if it said so
	// and the file's lines are known. The zero value otherwise.
	Fault core.Position
	// Index is the statement's number, from 1, of Total.
	Index, Total int
	// Statement is its text as written, capped; references are not resolved.
	Statement string
	// Advice says what to do; "" when that is up to the author.
	Advice string
	Err    error
}

func (e *StatementError) Error() string {
	s := fmt.Sprintf("statement %d of %d failed: %v: %s", e.Index, e.Total, e.Err, e.Statement)
	where := e.Fault.String()
	if where == "" {
		where = e.Position.String()
	}
	if where != "" {
		s = where + ": " + s
	}
	return s
}

func (e *StatementError) Unwrap() error { return e.Err }

// Hint says what to do: the advice, or else that of the error itself.
func (e *StatementError) Hint() string {
	if e.Advice != "" {
		return e.Advice
	}
	return core.HintOf(e.Err)
}

// StepEndedTransactionError says that a step ended the transaction it runs in, so
// that its effect, the marker and what follows are not one any more.
type StepEndedTransactionError struct {
	System string
	Err    error // what was met afterwards; may be nil
}

func (e *StepEndedTransactionError) Error() string {
	s := e.System + ": the step ended the transaction it runs in"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *StepEndedTransactionError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, core.ErrTransactionEnded) true.
func (e *StepEndedTransactionError) Is(target error) bool { return target == core.ErrTransactionEnded }

// Hint says what to do.
func (e *StepEndedTransactionError) Hint() string {
	return "leave COMMIT and ROLLBACK to Flamingock, or make the change transactional: false and use ConnStep; then see what the step left behind"
}

// CommitError says that COMMIT failed. The transaction was rolled back, unless the
// error is marked as unknown.
type CommitError struct {
	System string
	Err    error
}

func (e *CommitError) Error() string { return e.System + ": COMMIT failed: " + e.Err.Error() }
func (e *CommitError) Unwrap() error { return e.Err }

// FenceGoneError says that a ledger's fence row was deleted while it was in use.
// Nothing was done: without the row nobody can be kept out.
type FenceGoneError struct{ LedgerID string }

func (e *FenceGoneError) Error() string {
	return "the row of ledger " + e.LedgerID + " in flamingock_fence is gone"
}

// Hint says what to do.
func (e *FenceGoneError) Hint() string {
	return "find out which change or person deletes flamingock_fence, then run again: the row is made anew"
}

// LeftOpenError says that a step left rows or a transaction open on the connection
// it was given, so that the connection cannot be given back.
type LeftOpenError struct{ System string }

func (e *LeftOpenError) Error() string {
	return e.System + ": the step left rows or a transaction open on its connection"
}

// Hint says what to do.
func (e *LeftOpenError) Hint() string {
	return "close what the step opens before it returns; a transaction of its own that it did not commit is lost"
}

func (t *Target) system() string { return "target system " + t.id + " (" + t.typeName + ")" }

// explain gives an error of the database its class. Context errors and errors that
// have a class already stay as they are. What a database says about a statement
// that was cancelled because ctx ended gets the cause of that.
func (t *Target) explain(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || core.CodeOf(err) != core.CodeInternal {
		return err
	}
	class := t.classify(err)
	if ctx.Err() != nil && (class == Other || class == Lost) {
		return &endedError{t.system(), context.Cause(ctx), err}
	}
	switch class {
	case Busy:
		return &core.BusyError{System: t.system(), Err: err}
	case Lost:
		return &core.UnavailableError{System: t.system(), Err: err}
	case Denied:
		return &core.PermissionError{System: t.system(), Err: err}
	case Misconfigured:
		return &core.ConfigError{Key: "targetSystems." + t.id, Reason: "no usable database", Next: "check what the entry names", Err: err}
	case Other, MissingTable, Duplicate, NoTransaction:
	}
	return fmt.Errorf("%s: %w", t.system(), err)
}

// endedError is an error of a call whose context had ended: what ended it is why, and
// what the database says then is only how that showed.
type endedError struct {
	system     string
	cause, err error
}

func (e *endedError) Error() string   { return e.system + ": " + e.cause.Error() + ": " + e.err.Error() }
func (e *endedError) Unwrap() []error { return []error{e.cause, e.err} }
func (e *endedError) Code() core.Code { return core.CodeOf(e.cause) }
func (e *endedError) Hint() string    { return core.HintOf(e.cause) }

// classify asks the dialect, but knows database/sql's own word for a connection
// that is gone.
func (t *Target) classify(err error) Class {
	if err == nil {
		return Other
	}
	if errors.Is(err, driver.ErrBadConn) {
		return Lost
	}
	return t.dialect.Classify(err)
}
