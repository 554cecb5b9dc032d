package mongodb_test

import (
	"net/url"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/badinput"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

func TestBadInputOnAStandaloneServer(t *testing.T) { badInput(t, standalone, "false") }

func TestBadInputOnAReplicaSet(t *testing.T) { badInput(t, replicaSet, "true") }

func badInput(t *testing.T, server *mongotest.Server, transactions string) {
	uri := server.Start(t)
	var db *mongo.Database // past the wire
	var wire *targettest.Proxy
	// has checks what there is: collections and documents.
	has := func(want string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := contents(t, db); got != want {
				t.Errorf("the database has:\n%s\nwant:\n%s", got, want)
			}
		}
	}
	indexed := func(key string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			_, err := db.Collection("orders").Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: key, Value: 1}}, Options: options.Index().SetName("by_it")})
			must(t, err)
		}
	}
	// index checks which key the index has; "": there is none.
	index := func(want string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			all, err := db.Collection("orders").Indexes().ListSpecifications(t.Context())
			must(t, err)
			got := ""
			for _, is := range all {
				if is.Name == "by_it" {
					e, err := is.KeysDocument.Elements()
					must(t, err)
					got = e[0].Key()
				}
			}
			if got != want {
				t.Errorf("the index is of %q, want %q", got, want)
			}
		}
	}
	const makeIndex = "template: mongodb\napply: { type: createIndex, collection: orders, parameters: { keys: { customer: 1 }, options: { name: by_it } } }\n" +
		"rollback: { type: dropIndex, collection: orders, parameters: { indexName: by_it } }"
	badinput.Run(t, badinput.Harness{
		Type: mongodb.Type(),
		New: func(t *testing.T) badinput.System {
			u, err := url.Parse(uri)
			must(t, err)
			name := server.Database(t)
			wire, db = targettest.NewProxy(t, u.Host), server.Client(t).Database(name)
			u.Host = wire.Addr()
			q := u.Query()
			q.Set("serverSelectionTimeoutMS", "1500")
			q.Set("directConnection", "true")
			u.RawQuery = q.Encode()
			return badinput.System{
				Settings: "uri: ${env:URI}\ndatabase: " + name + "\ntransactions: " + transactions, Env: map[string]string{"URI": u.String()}, Wire: wire, Secrets: []string{"wr0ng"},
				Good: "template: mongodb\napply: { type: createCollection, collection: orders }\nrollback: { type: dropCollection, collection: orders }",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{
					Change: "template: mongodb\napply: { type: createCollection, collection: orders }",
					Steps: []badinput.Step{
						{Before: func(*testing.T) { up = wire.CutAt("\x02create\x00") }, Code: core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED"},
						{Before: func(*testing.T) { up() }, Ledger: "STARTED FAILED ROLLED_BACK STARTED APPLIED", After: has("orders")},
					},
				}
			},
			// A server of the model's, since that of the tests knows nobody.
			badinput.WrongCredentials: func(t *testing.T, _ badinput.System) badinput.Scenario {
				m := mongotest.NewModel(t)
				m.On(func(command bson.D) *mongotest.Fault {
					if command[0].Key == "saslStart" {
						return &mongotest.Fault{Answer: mongotest.Refusal(18, "AuthenticationFailed", "Authentication failed.")}
					}
					return nil
				})
				return badinput.Scenario{
					Settings: "uri: " + m.URI(m.Addr(), "app") + "\nusername: me\npassword: wr0ng",
					Steps:    []badinput.Step{{Code: core.CodeConfigInvalid, Says: "Authentication failed"}},
				}
			},
			badinput.TooOld: func(t *testing.T, _ badinput.System) badinput.Scenario {
				m := mongotest.NewModel(t)
				m.Says(bson.D{{Key: "maxWireVersion", Value: 8}})
				return badinput.Scenario{
					Settings: "uri: " + m.URI(m.Addr(), "app"),
					Steps:    []badinput.Step{{Code: core.CodeConfigInvalid, Says: "too old", Next: "MongoDB 4.4 or later"}},
				}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: mongodb\nsteps:\n  - apply: { type: createCollection, collection: orders }\n    rollback: { type: dropCollection, collection: orders }\n" +
						"  - apply: { type: renameCollection, collection: nothing, parameters: { target: something } }\n    rollback: { type: dropCollection, collection: something }",
					Steps: []badinput.Step{{Code: core.CodeChangeFailed, Says: "nothing", Ledger: "STARTED FAILED ROLLED_BACK", After: has("")}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Change: makeIndex, Steps: []badinput.Step{{Before: indexed("customer"), Ledger: "STARTED APPLIED", After: index("customer")}}}
			},
			badinput.ThereAnother: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Change: makeIndex, Steps: []badinput.Step{{
					Before: indexed("placed"), Code: core.CodeChangeFailed, Says: "an index of this name is there, and is another one", Ledger: "STARTED FAILED ROLLED_BACK", After: index("placed"),
				}}}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: mongodb\napply: { type: insert, collection: orders, parameters: { documents: many } }",
			badinput.UnknownFields:   "template: mongodb\napply: { type: insert, collection: orders, parameters: { document: { a: 1 } } }",
			badinput.ExclusiveFields: "template: mongodb\napply: { type: dropIndex, collection: orders, parameters: { indexName: a, keys: { a: 1 } } }",
		},
		Idle: map[string]string{
			badinput.DeletedRecently: "the name of a dropped collection is free at once",
			badinput.AnotherRegion:   "a database is where its uri says",
		},
	})
}
