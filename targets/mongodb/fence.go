package mongodb

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

const (
	fenceCollection  = "flamingock_fence"
	markerCollection = "flamingock_marker"
)

// RaiseFence raises the fence of a ledger to f in a transaction of its own, and makes the
// collections first where they are missing.
func (t *Target) RaiseFence(ctx context.Context, f core.Fence) error {
	db, err := t.ready(ctx)
	if err != nil {
		return err
	}
	if err := t.createCollections(ctx, db); err != nil {
		return t.explain(ctx, err)
	}
	err = t.patiently(ctx, f.Lease, func() error {
		x, err := t.begin(ctx, db)
		if err != nil {
			return err
		}
		if err := x.writeFence(ctx, f, true); err != nil {
			x.abort(ctx)
			return err
		}
		failpoint.Hit(failpoint.FenceWritten)
		if err := x.session.CommitTransaction(ctx); err != nil && !notCommitted(err) {
			x.lose()
			return err
		}
		x.end(ctx)
		return err
	})
	if err != nil {
		return t.explain(ctx, err)
	}
	t.mu.Lock()
	t.raised[f.LedgerID] = true
	t.mu.Unlock()
	return nil
}

// ready returns the database if it has transactions.
func (t *Target) ready(ctx context.Context) (*mongo.Database, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !t.transactions {
		return nil, &core.ConfigError{
			Key: "targetSystems." + t.id + ".transactions", Reason: "is false, and a change was run with a marker in this target system",
			Next: "set transactions: true, and name a replica set or a sharded cluster",
		}
	}
	return t.open(ctx)
}

// createCollections makes the collections that are missing: a transaction that makes one
// would meet every other one that does. Two processes that do it at once are both content.
func (t *Target) createCollections(ctx context.Context, db *mongo.Database) error {
	there, err := db.ListCollectionNames(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$in", Value: bson.A{fenceCollection, markerCollection}}}}})
	if err != nil || len(there) == 2 {
		return err
	}
	for _, name := range []string{fenceCollection, markerCollection} {
		if err := db.CreateCollection(ctx, name); err != nil && !hasCode(err, namespaceExists) {
			return err
		}
		failpoint.Hit(failpoint.TargetTable)
	}
	return nil
}

// writeFence writes the ledger's document within the open transaction: that is what
// keeps a former holder's commit and ours apart. core.ErrLeaseLost if it is higher.
// One that is missing is made, or is a *FenceGoneError.
func (x *transaction) writeFence(ctx context.Context, f core.Fence, create bool) error {
	ctx = x.context(ctx)
	fences := x.db.Collection(fenceCollection)
	token, n := number(f.Token), number(f.N)
	mine := bson.D{
		{Key: "_id", Value: f.LedgerID},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: "token", Value: bson.D{{Key: "$lt", Value: token}}}},
			bson.D{{Key: "token", Value: token}, {Key: "owner", Value: f.Owner}, {Key: "n", Value: bson.D{{Key: "$lte", Value: n}}}},
		}},
	}
	raised := bson.D{
		{Key: "$set", Value: bson.D{{Key: "token", Value: token}, {Key: "n", Value: n}, {Key: "owner", Value: f.Owner}}},
		{Key: "$inc", Value: bson.D{{Key: "writes", Value: int64(1)}}}, // an update that changes nothing is no write
	}
	updated, err := fences.UpdateOne(ctx, mine, raised)
	if err != nil || updated.MatchedCount > 0 {
		return err
	}
	err = fences.FindOne(ctx, bson.D{{Key: "_id", Value: f.LedgerID}}).Err()
	switch {
	case err == nil:
		return core.ErrLeaseLost
	case !errors.Is(err, mongo.ErrNoDocuments):
		return err
	case !create:
		return &FenceGoneError{f.LedgerID}
	}
	_, err = fences.InsertOne(ctx, bson.D{
		{Key: "_id", Value: f.LedgerID}, {Key: "token", Value: token}, {Key: "n", Value: n}, {Key: "owner", Value: f.Owner}, {Key: "writes", Value: int64(1)},
	})
	return err
}

// number is v as BSON has it. Tokens and sequence numbers start at 1 and grow by 1.
func number(v uint64) int64 { return int64(v) } //nolint:gosec // never near 2^63

const (
	shortestWait = 500 * time.Millisecond
	longestWait  = 10 * time.Second
)

// lockWait is how long to wait for another transaction.
func lockWait(lease time.Duration) time.Duration {
	if lease == 0 {
		return longestWait
	}
	return min(max(lease/3, shortestWait), longestWait)
}
