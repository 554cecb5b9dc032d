package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/flamingock/flamingock-go/core"
)

// hello is what the server says of itself.
type hello struct {
	SetName string `bson:"setName"`
	Message string `bson:"msg"` // isdbgrid: of a sharded cluster
}

// Ping asks the server what it is, and holds that against the setting transactions.
func (t *Target) Ping(ctx context.Context) error {
	db, err := t.open(ctx)
	if err != nil {
		return err
	}
	var h hello
	if err := db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&h); err != nil {
		return t.unreachable(ctx, err)
	}
	// It is the first command for which the server asks who we are.
	if _, err := db.ListCollectionNames(ctx, bson.D{{Key: "name", Value: fenceCollection}}); err != nil {
		return t.unreachable(ctx, err)
	}
	several := h.SetName != "" || h.Message == "isdbgrid"
	key := "transactions"
	switch {
	case several && !t.transactions && !t.given:
		return fault(t.id, key, "is missing: the server is one of a replica set or a sharded cluster, which the uri does not tell",
			"set transactions: true, so that changes and their markers commit together, or false to do without")
	case !t.transactions:
		return nil
	case !several:
		return fault(t.id, key, "cannot be: the server is a standalone, which has none", "set transactions: false, leave replicaSet out of the uri, or make the server a replica set of one")
	}
	return t.genuine(ctx, db)
}

// genuine refuses servers that say they have transactions and have none.
func (t *Target) genuine(ctx context.Context, db *mongo.Database) error {
	var info struct {
		FerretDB bson.Raw `bson:"ferretdb"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		return t.unreachable(ctx, err)
	}
	if info.FerretDB != nil {
		return fault(t.id, "transactions", "cannot be: the server is FerretDB, which keeps the writes of an aborted transaction", "set transactions: false")
	}
	return nil
}

// unreachable explains an error of Ping: one without a class leaves the target unusable
// all the same.
func (t *Target) unreachable(ctx context.Context, err error) error {
	explained := t.explain(ctx, err)
	if ctx.Err() != nil || core.CodeOf(explained) != core.CodeInternal {
		return explained
	}
	return &core.UnavailableError{System: t.system(), Err: err}
}
