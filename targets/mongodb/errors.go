package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/flamingock/flamingock-go/core"
)

// The codes of MongoDB's errors that mean something to us.
const (
	unauthorized         = 13
	authenticationFailed = 18
	lockTimeout          = 24
	namespaceNotFound    = 26
	indexNotFound        = 27
	namespaceExists      = 48
	commandNotFound      = 59
	indexOptionsConflict = 85
	indexKeySpecs        = 86
	writeConflict        = 112
	lockBusy             = 46
	noSuchTransaction    = 251
	unknownStage         = 40324

	shutdownInProgress    = 91
	steppedDown           = 189
	interruptedAtShutdown = 11600
	interrupted           = 11601
	interruptedByElection = 11602
)

// hasCode reports whether the server said one of the codes.
func hasCode(err error, codes ...int) bool {
	var s mongo.ServerError
	if !errors.As(err, &s) {
		return false
	}
	for _, c := range codes {
		if s.HasErrorCode(c) {
			return true
		}
	}
	return false
}

func hasLabel(err error, label string) bool {
	var l mongo.LabeledError
	return errors.As(err, &l) && l.HasErrorLabel(label)
}

// answered reports whether the server itself refused what it was asked for, so that
// nothing of it is under way any more.
func answered(err error) bool {
	var s mongo.ServerError
	if !errors.As(err, &s) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) || len(s.ErrorCodes()) == 0 {
		return false
	}
	// A primary that steps down, shuts down or was told to stop may have done it.
	return !hasCode(err, shutdownInProgress, steppedDown, interruptedAtShutdown, interrupted, interruptedByElection) && !hasLabel(err, driver.RetryableWriteError) && !hasLabel(err, driver.UnknownTransactionCommitResult) && !halfDone(err)
}

// halfDone reports that a write was done, and not known to be durable.
func halfDone(err error) bool {
	var w mongo.WriteException
	if errors.As(err, &w) && w.WriteConcernError != nil {
		return true
	}
	var b mongo.BulkWriteException
	if errors.As(err, &b) && b.WriteConcernError != nil {
		return true
	}
	var c driver.WriteCommandError
	return errors.As(err, &c) && c.WriteConcernError != nil
}

// neverSent reports that there was no server to send anything to.
func neverSent(err error) bool {
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	return errors.As(err, &selection) || errors.As(err, &connection) && strings.Contains(connection.Error(), "handshake")
}

// Outcome marks an error of a call of the driver with core.Unknown where nobody can say
// whether the call had its effect, or still will.
func Outcome(err error) error {
	if err == nil || core.IsUnknown(err) || answered(err) || neverSent(err) && !errors.Is(err, context.Canceled) {
		return err
	}
	if !fromDriver(err) {
		return err
	}
	return core.Unknown(err)
}

// fromDriver reports that an error says something about a call, and not about what was
// to be called.
func fromDriver(err error) bool {
	var s mongo.ServerError
	return errors.As(err, &s) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, context.Canceled)
}

// transient reports that the same transaction may pass a little later: it met another
// one, or a server that is no longer the primary.
func transient(err error) bool {
	return hasLabel(err, driver.TransientTransactionError) && !mongo.IsNetworkError(err) && !neverSent(err) || conflicted(err)
}

// conflicted reports that it met another one.
func conflicted(err error) bool { return hasCode(err, writeConflict, lockTimeout, lockBusy) }

// explain gives an error its class. Those that have one already stay as they are.
func (t *Target) explain(ctx context.Context, err error) error {
	var coded interface{ Code() core.Code }
	if err == nil || core.IsUnknown(err) || errors.As(err, &coded) || errors.Is(err, core.ErrLeaseLost) || errors.Is(err, core.ErrMarked) {
		return err
	}
	// The driver's own limits end with a context's errors too.
	if ctx.Err() != nil && !answered(err) {
		return fmt.Errorf("%s: %w: %w", t.system(), context.Cause(ctx), err)
	}
	switch {
	case hasCode(err, unauthorized):
		return &core.PermissionError{System: t.system(), Err: err}
	case hasCode(err, authenticationFailed) || strings.Contains(err.Error(), "AuthenticationFailed"):
		return &core.ConfigError{
			Key: "targetSystems." + t.id, Reason: "the server does not take the user and the password", Err: err,
			Next: "check username, password, authSource and authMechanism",
		}
	// The driver has no type for it; a test holds on to the words.
	case strings.Contains(err.Error(), "reports wire version"):
		return &core.ConfigError{Key: "targetSystems." + t.id, Reason: "the server is too old", Err: err, Next: "use MongoDB 4.4 or later"}
	case strings.Contains(err.Error(), "x509: "), strings.Contains(err.Error(), "tls: "):
		return &core.ConfigError{
			Key: "targetSystems." + t.id, Reason: "the two sides do not agree on TLS", Err: err,
			Next: "check tls, tlsCAFile and tlsCertificateKeyFile, and the host's name in the certificate",
		}
	case conflicted(err):
		return &core.BusyError{System: t.system(), Err: err}
	case neverSent(err), mongo.IsNetworkError(err), mongo.IsTimeout(err), hasLabel(err, driver.TransientTransactionError), hasLabel(err, driver.RetryableWriteError), errors.Is(err, mongo.ErrClientDisconnected):
		return &core.UnavailableError{System: t.system(), Err: err}
	}
	return fmt.Errorf("%s: %w", t.system(), err)
}

// OperationError says which operation of a template failed.
type OperationError struct {
	// Operation is its type, such as createIndex; On is what it acts on.
	Operation, On string
	// Reason says what is wrong; "" when Err says all.
	Reason string
	Next   string
	Err    error
}

func (e *OperationError) Error() string {
	s := e.Operation + " " + e.On
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *OperationError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *OperationError) Hint() string {
	if e.Next != "" {
		return e.Next
	}
	return core.HintOf(e.Err)
}

// CommitError says that a transaction could not be committed. Nothing of it is there,
// unless the error is marked as unknown.
type CommitError struct {
	System string
	Err    error
}

func (e *CommitError) Error() string { return e.System + ": commit failed: " + e.Err.Error() }
func (e *CommitError) Unwrap() error { return e.Err }

// StepEndedTransactionError says that a step ended the transaction it runs in, so that
// its effect, the marker and what follows are not one any more.
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
	return "leave commit and abort to Flamingock, or make the change transactional: false and use ClientStep; then see what the step left behind"
}

// FenceGoneError says that a ledger's document was deleted from flamingock_fence while it
// was in use. Nothing was done: without it nobody can be kept out.
type FenceGoneError struct{ LedgerID string }

func (e *FenceGoneError) Error() string {
	return "the document of ledger " + e.LedgerID + " in " + fenceCollection + " is gone"
}

// Hint says what to do.
func (e *FenceGoneError) Hint() string {
	return "find out which change or person deletes from " + fenceCollection + ", then run again: the document is made anew"
}
