package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/flamingock/flamingock-go/internal/mongotest" //nolint:depguard // the servers of the tests
)

// mongoDB is on a FerretDB, which knows no transactions: those of a replica set are not
// measured.
func mongoDB(tb server, s *mongotest.Server) *system {
	u, err := url.Parse(s.Start(tb))
	must(tb, err)
	u.Path = "/" + s.Database(tb)
	at := func(addr string) string {
		v := *u
		v.Host = addr
		return v.String()
	}
	return &system{
		name: "mongodb (FerretDB)", operation: "`mongodb`, an insert, without a transaction", extra: "a find before it: is the document there?", addr: u.Host, speaks: overMongo,
		config: func(addr string) string { return fmt.Sprintf("type: mongodb\nuri: %q", at(addr)) },
		change: func(n int) string {
			return fmt.Sprintf("template: mongodb\napply:\n  type: insert\n  collection: orders\n  parameters: { documents: [ { _id: %d, state: open, total: 12.5 } ] }\n"+
				"rollback: { type: delete, collection: orders, parameters: { filter: { _id: %d } } }\n", n, n)
		},
		client: func(_ context.Context, addr string) (bare, error) {
			c, err := mongo.Connect(options.Client().ApplyURI(at(addr)))
			if err != nil {
				return nil, err
			}
			db := c.Database(u.Path[1:], options.Database().SetReadConcern(readconcern.Majority()).SetWriteConcern(writeconcern.Majority()))
			return &bareMongo{c, db.Collection("orders")}, nil
		},
	}
}

// bareMongo is the official driver.
type bareMongo struct {
	client *mongo.Client
	orders *mongo.Collection
}

func (b *bareMongo) same(ctx context.Context, n int) error {
	var there bson.D
	err := b.orders.FindOne(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: n}}}}).Decode(&there)
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return errors.Join(err, fmt.Errorf("document %d is there already", n))
	}
	_, err = b.orders.InsertMany(ctx, []bson.D{order(n)})
	return err
}

func (b *bareMongo) plain(ctx context.Context, n int) error {
	_, err := b.orders.InsertOne(ctx, order(n))
	return err
}

func order(n int) bson.D {
	return bson.D{{Key: "_id", Value: n}, {Key: "state", Value: "open"}, {Key: "total", Value: 12.5}}
}

func (b *bareMongo) close() error { return b.client.Disconnect(context.Background()) }
