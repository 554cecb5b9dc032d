package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/flamingock/flamingock-go/core"
)

// markerID is the marker's _id, which MongoDB keeps unique. The order of its fields is
// part of it.
func markerID(m core.Marker) bson.D {
	return bson.D{{Key: "ledger", Value: m.LedgerID}, {Key: "change", Value: m.ChangeID}, {Key: "seq", Value: number(m.Seq)}}
}

func theMarker(m core.Marker) bson.D { return bson.D{{Key: "_id", Value: markerID(m)}} }

func theMarkers(ms []core.Marker) bson.D {
	ids := make(bson.A, len(ms))
	for i, m := range ms {
		ids[i] = markerID(m)
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// Marked reports whether the marker is there. It asks the primary, which makes sure that
// it still is one: a former primary does not know the last commits.
func (t *Target) Marked(ctx context.Context, m core.Marker) (bool, error) {
	db, err := t.ready(ctx)
	if err != nil {
		return false, err
	}
	markers := db.Collection(markerCollection, options.Collection().SetReadConcern(readconcern.Linearizable()))
	err = markers.FindOne(ctx, theMarker(m)).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, t.explain(ctx, err)
}

// PutMarker inserts the marker where it is missing.
func (t *Target) PutMarker(ctx context.Context, m core.Marker) error {
	db, err := t.ready(ctx)
	if err != nil {
		return err
	}
	if err := t.createCollections(ctx, db); err != nil {
		return t.explain(ctx, err)
	}
	_, err = db.Collection(markerCollection).InsertOne(ctx, theMarker(m))
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return t.explain(ctx, err)
}

// DeleteMarkers deletes markers.
func (t *Target) DeleteMarkers(ctx context.Context, ms []core.Marker) error {
	db, err := t.ready(ctx)
	if err != nil || len(ms) == 0 {
		return err
	}
	_, err = db.Collection(markerCollection).DeleteMany(ctx, theMarkers(ms))
	return t.explain(ctx, err)
}
