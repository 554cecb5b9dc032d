package mongodb

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

const (
	// commitTimeout bounds a commit, which the driver sends again by itself. A replica set
	// has found a new primary by then, as a rule.
	commitTimeout = 10 * time.Second
	// abortTimeout bounds what is only courtesy: the server ends it by itself.
	abortTimeout = 3 * time.Second
)

// Transact runs one change in a transaction. See core.TxTarget. A panic of the work is
// returned as a *core.PanicError, after the abort.
func (t *Target) Transact(ctx context.Context, c core.Transaction) error {
	db, err := t.ready(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	raised := t.raised[c.Fence.LedgerID]
	t.mu.Unlock()
	if !raised { // a run with nothing to settle has not raised it: the document may be missing
		if err := t.RaiseFence(ctx, c.Fence); err != nil {
			return err
		}
	}
	a := &attempt{Transaction: c, target: t}
	err = t.patiently(ctx, c.Fence.Lease, func() error {
		x, err := t.begin(ctx, db)
		if err != nil {
			return err
		}
		failpoint.Hit(failpoint.TargetBegun)
		a.open = x
		if err := a.prepare(ctx); err != nil {
			x.abort(ctx)
			return err
		}
		return nil
	})
	if err != nil {
		return t.explain(ctx, err)
	}
	failpoint.Hit(failpoint.TargetMarked)
	if err := a.work(ctx); err != nil {
		return a.rollback(ctx, err)
	}
	return a.commit(ctx)
}

// patiently tries again what met another transaction, for as long as one may wait in a
// lease. A conflict is *core.BusyError then.
func (t *Target) patiently(ctx context.Context, lease time.Duration, try func() error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 10*time.Millisecond, 500*time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := try()
		if err == nil || transient(err) || mongo.IsDuplicateKeyError(err) { // two made the same fence
			return struct{}{}, err
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithBackOff(b), backoff.WithMaxElapsedTime(lockWait(lease)))
	if permanent := (*backoff.PermanentError)(nil); errors.As(err, &permanent) {
		err = permanent.Err
	}
	if ctx.Err() == nil && conflicted(err) {
		return &core.BusyError{System: t.system(), Err: err}
	}
	return err
}

// transaction is an open one, in a session of its own.
type transaction struct {
	db      *mongo.Database
	session *mongo.Session
	target  *Target
}

// begin opens a transaction. Nothing is sent by that.
func (t *Target) begin(ctx context.Context, db *mongo.Database) (*transaction, error) {
	t.reap(ctx, db)
	s, err := db.Client().StartSession()
	if err != nil {
		return nil, err
	}
	x := &transaction{db, s, t}
	err = s.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary()))
	if err != nil {
		x.end(ctx)
		return nil, err
	}
	return x, nil
}

// context makes calls that get it part of the transaction.
func (x *transaction) context(ctx context.Context) context.Context {
	return mongo.NewSessionContext(ctx, x.session)
}

// abort ends the transaction without its effects. Where the server cannot be told, the
// next transaction of this target tells it, or it ends by itself.
func (x *transaction) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	// The driver's own keeps to itself whether it was heard.
	err := x.db.Client().Database("admin").RunCommand(x.context(ctx), bson.D{{Key: "abortTransaction", Value: 1}}).Err()
	if err == nil || answered(err) {
		x.end(ctx)
		return
	}
	x.lose()
}

// lose notes that the transaction may still be open on the server. Its session is not
// given back to the driver, which might use it again.
func (x *transaction) lose() {
	x.target.mu.Lock()
	defer x.target.mu.Unlock()
	x.target.lost = append(x.target.lost, x.session.ID())
}

func (x *transaction) end(ctx context.Context) { x.session.EndSession(context.WithoutCancel(ctx)) }

// reap ends the transactions that could not be ended before.
func (t *Target) reap(ctx context.Context, db *mongo.Database) {
	t.mu.Lock()
	lost := t.lost
	t.lost = nil
	t.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "killSessions", Value: lost}}).Err(); err != nil && !answered(err) {
		t.mu.Lock()
		t.lost = append(t.lost, lost...)
		t.mu.Unlock()
	}
}
