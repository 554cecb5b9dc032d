package mongodb_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

// bench is a database, a target on it, and a ledger.
type bench struct {
	db     *mongo.Database
	target core.TxTarget
	store  *memstore.Store
	files  fstest.MapFS
}

// onStandalone is a bench on a new database of FerretDB.
func onStandalone(t testing.TB) *bench {
	t.Helper()
	uri := standalone.Start(t)
	name := standalone.Database(t)
	return newBench(t, settings{"uri": uri, "database": name}, standalone.Client(t).Database(name))
}

// onModel is a bench on a model, with or without transactions.
func onModel(t testing.TB, m *mongotest.Model, transactions bool) *bench {
	t.Helper()
	uri := m.URI(m.Addr(), "app")
	return newBench(t, settings{"uri": uri, "transactions": transactions}, mongotest.Client(t, uri).Database("app"))
}

func newBench(t testing.TB, s settings, db *mongo.Database) *bench {
	return &bench{db, newTarget(t, s), memstore.New(), fstest.MapFS{}}
}

// change adds a change file.
func (b *bench) change(id, body string) {
	text := "id: " + id + "\nauthor: test\ntemplate: mongodb-sync-template\ntargetSystem: { id: shop }\n" + strings.TrimSpace(body) + "\n"
	b.files["changes/_"+id+"__"+id+".yaml"] = &fstest.MapFile{Data: []byte(text)}
}

func (b *bench) load() ([]core.Stage, error) {
	return template.Load(template.Input{
		Files: b.files, Stages: []template.StageDir{{Name: "main", Location: "changes"}},
		Targets: map[string]core.Target{"shop": b.target}, Types: []core.TargetType{mongodb.Type()},
	})
}

// apply runs all changes.
func (b *bench) apply(t testing.TB) error {
	t.Helper()
	stages, err := b.load()
	must(t, err)
	r, err := run.New(run.Options{Ledger: "test", Store: b.store, Stages: stages, Targets: map[string]core.Target{"shop": b.target}})
	must(t, err)
	_, err = r.Apply(context.Background(), run.ApplyOptions{})
	return err
}

// states are what the ledger says of the changes.
func (b *bench) states(t testing.TB) string {
	t.Helper()
	page, err := b.store.History(context.Background(), core.HistoryQuery{Ledger: "test"})
	must(t, err)
	var all []string
	for _, e := range page.Entries {
		all = append(all, e.ChangeID+" "+string(e.State))
	}
	return strings.Join(all, ", ")
}

// options are what the server lists of a collection.
func (b *bench) options(t testing.TB, name string) bson.D {
	t.Helper()
	specs, err := b.db.ListCollectionSpecifications(context.Background(), bson.D{{Key: "name", Value: name}})
	must(t, err)
	var d bson.D
	if len(specs) == 1 {
		must(t, bson.Unmarshal(specs[0].Options, &d))
	}
	return d
}

func (b *bench) count(t testing.TB, collection string, filter bson.D) int64 {
	t.Helper()
	n, err := b.db.Collection(collection).CountDocuments(context.Background(), filter)
	must(t, err)
	return n
}

func (b *bench) exec(t testing.TB, command bson.D) {
	t.Helper()
	must(t, b.db.RunCommand(context.Background(), command).Err())
}
