package sqltarget

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// endWait bounds how long COMMIT and ROLLBACK may take where there is no lease.
const endWait = 30 * time.Second

// transaction is an open transaction and the session it is open on.
type transaction struct {
	*session
	tx  *sql.Tx
	end func() // ends the context that database/sql and the driver keep; nil: it has no end
}

// begin starts a transaction. The context that database/sql and the driver keep
// for it must not end with the caller's: database/sql would roll back from another
// goroutine, at any time and even while COMMIT is under way, and the driver would
// cut COMMIT and ROLLBACK short. So it ends with the caller's while BEGIN waits,
// and from then on only when end is called.
func (s *session) begin(ctx context.Context) (*transaction, error) {
	if s.target.dialect.LateSafe { // nothing in it can hang for longer than the lock timeout
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		tx, err := s.conn.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			return nil, err
		}
		return &transaction{s, tx, nil}, nil
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	tx, err := s.conn.BeginTx(life, nil)
	stopped := stop()
	if err == nil && stopped {
		return &transaction{s, tx, end}, nil
	}
	if err == nil { // the caller's context ended while BEGIN was under way
		err = tx.Rollback()
		if errors.Is(err, sql.ErrTxDone) { // database/sql is rolling back, and nobody knows when it is done
			err = driver.ErrBadConn
		}
	}
	end()
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return nil, err
}

// commit ends the transaction. Its time is bounded by the lease alone: after that
// nobody needs the answer any more.
func (x *transaction) commit() error { return x.bounded(x.tx.Commit) }

func (x *transaction) rollback() error { return x.bounded(x.tx.Rollback) }

func (x *transaction) bounded(f func() error) error {
	if x.end == nil {
		return f()
	}
	wait := x.lease
	if wait <= 0 {
		wait = endWait
	}
	timer := time.AfterFunc(wait, x.end)
	defer x.end()
	err := f()
	if inTime := timer.Stop(); err != nil && !inTime {
		// Not %w: the context that ended is ours, and no caller's.
		return fmt.Errorf("no answer within %s (%v): %w", wait, err, driver.ErrBadConn) //nolint:errorlint // says why
	}
	return err
}

// begin takes a session and begins a transaction on it. A kept connection may have
// died since its last use, which BEGIN finds out; nothing has happened then, and a
// new one is tried.
func (t *Target) begin(ctx context.Context, lease time.Duration) (*transaction, error) {
	for again := true; ; again = false {
		s, err := t.take(ctx, lease)
		if err != nil {
			return nil, err
		}
		x, err := s.begin(ctx)
		if err == nil {
			return x, nil
		}
		err = t.finish(ctx, s, err)
		if !again || ctx.Err() != nil || t.classify(err) != Lost {
			return nil, err
		}
	}
}

// finish gives a session back after a call that ended with err and left no
// transaction open.
func (t *Target) finish(ctx context.Context, s *session, err error) error {
	if t.classify(err) == Lost {
		s.discard()
		return err
	}
	return errors.Join(err, t.put(ctx, s))
}

// abandon rolls back after err, before any work was done, and returns err.
func (t *Target) abandon(ctx context.Context, x *transaction, err error) error {
	if rb := x.rollback(); rb != nil && t.classify(rb) != NoTransaction {
		x.discard()
		return err
	}
	return t.finish(ctx, x.session, err)
}

// settle commits a transaction of our own, whose repetition is harmless, so that
// an unknown outcome needs no mark.
func (t *Target) settle(ctx context.Context, x *transaction) error {
	err := x.commit()
	if err != nil && !t.dialect.Refused(err) {
		x.discard()
		return err
	}
	return errors.Join(err, t.put(ctx, x.session))
}
