package core

import (
	"context"
	"reflect"
	"time"
)

// Handles says which handle types a target system gives to steps.
type Handles struct {
	// Direct is the type outside a transaction. Never nil.
	Direct reflect.Type
	// Tx is the type inside a transaction. Nil: the target has no transactions.
	Tx reflect.Type
}

// Target is a target system: what changes act on. Implementations contact the
// system on first use, not when they are made. They are safe for one Runner at a
// time.
type Target interface {
	// ID is the id in the configuration.
	ID() string
	// Type is the target type's name, for example "postgres".
	Type() string
	Handles() Handles
	// Ping finds out whether the system can be reached and used, and changes
	// nothing. Errors: *UnavailableError, *PermissionError, *ConfigError.
	Ping(ctx context.Context) error
	// Open returns a handle of type Handles().Direct, and a function that gives it
	// back, which is called exactly once.
	Open(ctx context.Context) (handle any, release func() error, err error)
	// Close frees connections. The target is not used afterwards.
	Close() error
}

// TxTarget is a target system whose changes can commit together with a marker
// and a fence (TX_SEPARATE_WITH_MARKER, design.md 3.3).
type TxTarget interface {
	Target
	// RaiseFence commits, in a transaction of its own, that no change transaction
	// below (f.Token, f.N) may commit from now on. ErrLeaseLost if the fence is
	// higher already; *BusyError if the system is locked by somebody else.
	RaiseFence(ctx context.Context, f Fence) error
	// Transact runs one change: it writes the fence row (ErrLeaseLost if that is
	// higher than t.Fence), inserts the marker, deletes the settled ones, runs
	// t.Work, asks t.Guard, and commits. When it returns an error that is not
	// marked with [Unknown], nothing of the transaction was committed.
	// A marker that is there already is ErrMarked.
	Transact(ctx context.Context, t Transaction) error
	// Marked reports whether the marker is there. The fence must have been raised
	// since the marker's transaction can last have been alive.
	Marked(ctx context.Context, m Marker) (bool, error)
	// PutMarker inserts a marker on a person's word; it is no error if it is there.
	PutMarker(ctx context.Context, m Marker) error
	// DeleteMarkers deletes markers that are no longer needed; missing ones are no error.
	DeleteMarkers(ctx context.Context, ms []Marker) error
}

// SharedTarget is a target system that can live where the audit store does, so
// that a change's writes and its APPLIED commit in one transaction of the store
// (TX_SHARED, design.md 3.3): then neither can be there without the other. Either it
// is a CollectingTarget, or the store is a LiveStore.
type SharedTarget interface {
	Target
	// Domain names the place and the credentials that the target system has in
	// common with the audit store: that of its SharingStore. "" when it has not,
	// and changes run as for any other target.
	Domain() string
}

// DomainWithin is the domain of an audit store that is in the database of the target
// system with this id.
func DomainWithin(id string) string { return "the database of target system " + id }

// CollectingTarget is a SharedTarget whose steps only say what they want to write.
type CollectingTarget interface {
	SharedTarget
	// Collect begins to collect the writes of one change.
	Collect() SharedWrites
}

// SharedWrites is what the steps of a change write. None of it is there before the
// audit store commits it.
type SharedWrites interface {
	// Handle is what the steps get, of type Handles().Tx.
	Handle() any
	// Items is what they wrote, in the form that the audit store takes.
	Items() any
}

// OpenWrites are SharedWrites in a transaction of the store that is open.
type OpenWrites interface {
	SharedWrites
	// Taint says that a step may leave something on the session: see WithTaint.
	Taint()
	// Discard rolls the transaction back, unless it has ended.
	Discard() error
}

// Fence is the height of a target system's fence: tokens compare first, then N. A
// fence of the same token but another owner counts as higher: one token belongs to
// one acquisition, unless the audit store was restored from an older copy.
type Fence struct {
	LedgerID string
	Token    uint64
	N        uint64
	Owner    string
	// Lease bounds how long the target waits for a lock, and how long a session
	// may sit idle in a transaction.
	Lease time.Duration
}

// Marker says that the attempt of a change that started with entry Seq committed.
type Marker struct {
	LedgerID string
	ChangeID string
	Seq      uint64
}

// Transaction is one change to run in a transaction of the target system.
type Transaction struct {
	Fence   Fence
	Marker  Marker
	Settled []Marker
	// Work runs the steps with a handle of type Handles().Tx.
	Work func(ctx context.Context, handle any) error
	// Guard is asked right before COMMIT; its error rolls the transaction back.
	Guard func(ctx context.Context) error
}

// TxTypeOf says how change c runs on target t, or why it cannot run there.
// The error is a sentence without the change's name.
func TxTypeOf(c *Change, t Target) (TxType, error) {
	h := t.Handles()
	noTx := ""
	switch {
	case h.Tx == nil:
		noTx = "target system " + t.ID() + " (" + t.Type() + ") has no transactions"
	default:
		for _, p := range c.Pairs() {
			if p.Apply.NotTransactional != "" {
				noTx = p.Apply.NotTransactional
				break
			}
			if !fits(h.Tx, p.Apply.Handle) && fits(h.Direct, p.Apply.Handle) {
				noTx = "its step needs a " + p.Apply.Handle.String() + ", which is not given inside a transaction"
				break
			}
		}
	}
	tx := TxSeparateMarker
	if s, ok := t.(SharedTarget); ok && s.Domain() != "" {
		tx = TxShared
	}
	if c.Transactional != nil {
		if *c.Transactional && noTx != "" {
			return "", &FaultError{"transactional: true is impossible: " + noTx}
		}
		if !*c.Transactional {
			tx = TxNone
		}
	}
	if noTx != "" {
		tx = TxNone
	}
	want := h.Direct
	if tx != TxNone {
		want = h.Tx
	}
	for _, p := range c.Pairs() {
		if !fits(want, p.Apply.Handle) {
			return "", &FaultError{"its step needs a " + p.Apply.Handle.String() + ", but target system " + t.ID() + " (" + t.Type() + ") gives a " + want.String()}
		}
		if tx == TxNone && !p.Rollback.IsZero() && !fits(want, p.Rollback.Handle) {
			return "", &FaultError{"its rollback needs a " + p.Rollback.Handle.String() + ", but outside a transaction target system " + t.ID() + " (" + t.Type() + ") gives a " + want.String()}
		}
	}
	return tx, nil
}

func fits(have, want reflect.Type) bool {
	return want == nil || have != nil && have.AssignableTo(want)
}

// NewClientTarget makes a target system without transactions from any Go client:
// the way to act on a system that has no target type. Steps get client as their
// handle. The caller keeps ownership of the client.
func NewClientTarget[C any](id string, client C) Target { return clientTarget[C]{id, client} }

type clientTarget[C any] struct {
	id     string
	client C
}

func (t clientTarget[C]) ID() string                 { return t.id }
func (t clientTarget[C]) Type() string               { return "custom" }
func (t clientTarget[C]) Handles() Handles           { return Handles{Direct: reflect.TypeFor[C]()} }
func (t clientTarget[C]) Ping(context.Context) error { return nil }
func (t clientTarget[C]) Close() error               { return nil }
func (t clientTarget[C]) Open(context.Context) (any, func() error, error) {
	return t.client, func() error { return nil }, nil
}
