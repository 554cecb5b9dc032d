package mongodb_test

import (
	"context"
	"net/url"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

// things is the collection that the suite's steps write in.
const things = "things"

// The transactions are shown with the model: it says what is sent, and MongoDB's manual
// what that does.
func TestConformanceOfTransactionsOnTheModel(t *testing.T) {
	targettest.Run(t, targettest.Harness{
		Tx: true, Type: mongodb.Type(), Templates: []targettest.Template{ofDocuments()}, New: func(t testing.TB) targettest.System {
			m := mongotest.NewModel(t)
			proxy := targettest.NewProxy(t, m.Addr())
			return system(t, settings{"uri": m.URI(proxy.Addr(), "app"), "transactions": true}, mongotest.Client(t, m.URI(m.Addr(), "app")).Database("app"), proxy)
		},
	})
}

func TestConformanceOnAReplicaSet(t *testing.T) {
	uri := replicaSet.Start(t)
	targettest.Run(t, targettest.Harness{
		Tx: true, Type: mongodb.Type(), Templates: []targettest.Template{ofEverything()}, New: func(t testing.TB) targettest.System {
			return through(t, replicaSet, uri, settings{"transactions": true})
		},
	})
}

func TestConformanceOnAStandaloneServer(t *testing.T) {
	uri := standalone.Start(t)
	targettest.Run(t, targettest.Harness{
		Type: mongodb.Type(), Templates: []targettest.Template{ofEverything()}, New: func(t testing.TB) targettest.System {
			return through(t, standalone, uri, settings{"transactions": false})
		},
	})
}

// through makes a system on a new database of a server, behind a proxy.
func through(t testing.TB, server *mongotest.Server, uri string, s settings) targettest.System {
	u, err := url.Parse(uri)
	must(t, err)
	name := server.Database(t)
	proxy := targettest.NewProxy(t, u.Host)
	u.Host = proxy.Addr()
	q := u.Query()
	q.Set("serverSelectionTimeoutMS", "1500")
	q.Set("directConnection", "true")
	u.RawQuery = q.Encode()
	s["uri"], s["database"] = u.String(), name
	return system(t, s, server.Client(t).Database(name), proxy)
}

func system(_ testing.TB, s settings, db *mongo.Database, proxy *targettest.Proxy) targettest.System {
	doc := func(name string) bson.D { return bson.D{{Key: "_id", Value: name}} }
	on := func(f func(ctx context.Context, c *mongo.Collection) error) core.Step {
		return mongodb.AnyStep(func(ctx context.Context, h mongodb.Handle) error {
			return mongodb.Outcome(f(ctx, h.Database().Collection(things)))
		})
	}
	return targettest.System{
		Open: func() core.Target {
			target, err := newFor(s)
			if err != nil {
				panic(err)
			}
			return target
		},
		Create: func(name string) core.StepPair {
			return core.StepPair{
				Apply: on(func(ctx context.Context, c *mongo.Collection) error {
					_, err := c.InsertOne(ctx, doc(name))
					return err
				}),
				Rollback: on(func(ctx context.Context, c *mongo.Collection) error {
					_, err := c.DeleteOne(ctx, doc(name))
					return err
				}),
			}
		},
		Ensure: func(name string) core.Step {
			return on(func(ctx context.Context, c *mongo.Collection) error {
				if err := c.FindOne(ctx, doc(name)).Err(); err != mongo.ErrNoDocuments { //nolint:errorlint // never wrapped
					return err
				}
				_, err := c.InsertOne(ctx, doc(name))
				return err
			})
		},
		Effect: func(t testing.TB, name string) bool {
			n, err := find(context.Background(), db.Collection(things), doc(name))
			must(t, err)
			return n
		},
		Probe: func(name string) core.Probe {
			return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
				there, err := find(ctx, s.Handle.(mongodb.Handle).Database().Collection(things), doc(name))
				if there {
					return core.ProbeApplied, err
				}
				return core.ProbeNotApplied, err
			}
		},
		Slow: mongodb.AnyStep(func(ctx context.Context, _ mongodb.Handle) error { <-ctx.Done(); return ctx.Err() }),
		Refused: on(func(ctx context.Context, c *mongo.Collection) error {
			_, err := c.UpdateOne(ctx, doc("x"), bson.D{{Key: "$flamingockKnowsNoSuchOperator", Value: bson.D{{Key: "a", Value: 1}}}})
			return err
		}),
		Ends: map[string]core.Step{
			"commit": mongodb.Step(func(ctx context.Context, _ *mongodb.Tx) error {
				return mongo.SessionFromContext(ctx).CommitTransaction(ctx)
			}),
			"abort": mongodb.Step(func(ctx context.Context, _ *mongodb.Tx) error {
				return mongo.SessionFromContext(ctx).AbortTransaction(ctx)
			}),
		},
		Down:  proxy.Down,
		State: func(t testing.TB) string { return contents(t, db) },
	}
}

func find(ctx context.Context, c *mongo.Collection, filter bson.D) (bool, error) {
	err := c.FindOne(ctx, filter).Err()
	if err == mongo.ErrNoDocuments { //nolint:errorlint // never wrapped
		return false, nil
	}
	return err == nil, err
}

// invalid are payloads that must not load.
var invalid = map[string]string{
	"an unknown operation":     "apply: { type: createColection, collection: a }",
	"no collection":            "apply: { type: createCollection }",
	"a collection with $":      "apply: { type: createCollection, collection: a$b }",
	"the server's collection":  "apply: { type: createCollection, collection: system.users }",
	"our own collection":       "apply: { type: dropCollection, collection: flamingock_fence }",
	"parameters of none":       "apply: { type: createCollection, collection: a, parameters: { filter: {} } }",
	"no documents":             "apply: { type: insert, collection: a, parameters: { documents: [] } }",
	"a document that is null":  "apply: { type: insert, collection: a, parameters: { documents: [null] } }",
	"a document that is text":  "apply: { type: insert, collection: a, parameters: { documents: [x] } }",
	"no filter":                "apply: { type: delete, collection: a, parameters: { multi: true } }",
	"no operator":              "apply: { type: update, collection: a, parameters: { filter: {}, update: { a: 1 } } }",
	"multi that is text":       "apply: { type: update, collection: a, parameters: { filter: {}, update: { $set: { a: 1 } }, multi: sometimes } }",
	"no keys":                  "apply: { type: createIndex, collection: a, parameters: { options: { unique: true } } }",
	"an unknown option":        "apply: { type: createIndex, collection: a, parameters: { keys: { a: 1 }, options: { uniqe: true } } }",
	"an option of another":     "apply: { type: createIndex, collection: a, parameters: { keys: { a: 1 }, options: { upsert: true } } }",
	"an index twice":           "apply: { type: dropIndex, collection: a, parameters: { indexName: x, keys: { a: 1 } } }",
	"an index of none":         "apply: { type: dropIndex, collection: a, parameters: {} }",
	"all indexes":              "apply: { type: dropIndex, collection: a, parameters: { indexName: '*' } }",
	"no target":                "apply: { type: renameCollection, collection: a }",
	"itself as a target":       "apply: { type: renameCollection, collection: a, parameters: { target: a } }",
	"nothing to modify":        "apply: { type: modifyCollection, collection: a, parameters: {} }",
	"an unknown level":         "apply: { type: modifyCollection, collection: a, parameters: { validationLevel: high } }",
	"a view without pipeline":  "apply: { type: createView, collection: a, parameters: { viewOn: b } }",
	"a collation of no locale": "apply: { type: createView, collection: a, parameters: { viewOn: b, pipeline: [], options: { collation: { strength: 1 } } } }",
	"a broken type":            "apply: { type: insert, collection: a, parameters: { documents: [{ at: { $date: yesterday } }] } }",
	"a number too large":       "apply: { type: insert, collection: a, parameters: { documents: [{ n: 18446744073709551615 }] } }",
	"auto for an insert":       "apply: { type: insert, collection: a, parameters: { documents: [{ a: 1 }] } }\nrollback: auto",
	"a transaction with DDL":   "transactional: true\napply: { type: createCollection, collection: a }",
}

func ofDocuments() targettest.Template {
	return targettest.Template{Name: mongodb.Template, Invalid: invalid, Valid: `
steps:
  - apply: { type: insert, collection: things, parameters: { documents: [{ _id: one, n: 1 }] } }
    rollback: { type: delete, collection: things, parameters: { filter: { _id: one } } }
  - apply: { type: update, collection: things, parameters: { filter: { _id: one }, update: { $set: { n: 2 } } } }
    rollback: { type: update, collection: things, parameters: { filter: { _id: one }, update: { $set: { n: 1 } } } }`}
}

func ofEverything() targettest.Template {
	return targettest.Template{Name: mongodb.Template, Invalid: invalid, Valid: `
steps:
  - apply: { type: createCollection, collection: parts }
    rollback: { type: dropCollection, collection: parts }
  - apply: { type: insert, collection: parts, parameters: { documents: [{ name: a, n: 1 }, { name: b, n: 2 }] } }
    rollback: { type: delete, collection: parts, parameters: { filter: {}, multi: true } }
  - apply: { type: createIndex, collection: parts, parameters: { keys: { name: 1, n: -1 }, options: { name: by_name, unique: true } } }
    rollback: { type: dropIndex, collection: parts, parameters: { indexName: by_name } }
  - apply: { type: modifyCollection, collection: parts, parameters: { validator: { n: { $gt: 0 } }, validationLevel: moderate } }
  - apply: { type: update, collection: parts, parameters: { filter: { n: { $gt: 0 } }, update: { $inc: { n: 1 } }, multi: true } }
  - apply: { type: renameCollection, collection: parts, parameters: { target: pieces } }
    rollback: { type: renameCollection, collection: pieces, parameters: { target: parts } }`}
}
