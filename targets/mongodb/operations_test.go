package mongodb_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

// failing is a step that the server refuses.
const failing = "\n  - apply: { type: update, collection: other, parameters: { filter: {}, update: { $nonsense: { a: 1 } } } }" +
	"\n    rollback: { type: delete, collection: other, parameters: { filter: {} } }"

func TestDocuments(t *testing.T) {
	t.Parallel()
	b := onStandalone(t)
	b.change("1", `
apply:
  type: insert
  collection: users
  parameters:
    documents:
      - { name: Admin, age: 40, big: 3000000000, score: 1.5, at: { $date: "2026-01-02T03:04:05Z" }, roles: [superuser], gone: null }
      - { _id: { $oid: 507f1f77bcf86cd799439011 }, name: Support, scores: [1, 5, 9] }`)
	b.change("2", `
steps:
  - apply: { type: update, collection: users, parameters: { filter: { name: Support }, update: { $set: { "scores.$[low]": 0 } }, options: { arrayFilters: [{ low: { $lt: 6 } }] } } }
  - apply: { type: update, collection: users, parameters: { filter: {}, update: { $set: { active: true } }, multi: true } }
  - apply: { type: update, collection: users, parameters: { filter: { name: New }, update: { $set: { active: false } }, options: { upsert: true } } }
  - apply: { type: delete, collection: users, parameters: { filter: { active: false } } }`)
	must(t, b.apply(t))
	var users []bson.D
	c, err := b.db.Collection("users").Find(context.Background(), bson.D{}, options.Find().SetSort(bson.D{{Key: "name", Value: 1}}))
	must(t, err)
	must(t, c.All(context.Background(), &users))
	var got []string
	for _, u := range users {
		if _, ok := u[0].Value.(bson.ObjectID); !ok || u[0].Key != "_id" {
			t.Errorf("%v has no object id", u)
		}
		text, err := bson.MarshalExtJSON(u[1:], true, false)
		must(t, err)
		got = append(got, string(text))
	}
	want := []string{
		`{"name":"Admin","age":{"$numberInt":"40"},"big":{"$numberLong":"3000000000"},"score":{"$numberDouble":"1.5"},"at":{"$date":{"$numberLong":"1767323045000"}},"roles":["superuser"],"gone":null,"active":true}`,
		`{"name":"Support","scores":[{"$numberInt":"0"},{"$numberInt":"0"},{"$numberInt":"9"}],"active":true}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What a person makes beforehand is left alone by a rollback, and is done when it is the
// same; another thing of the same name is an error, and is left as it is.
func TestWhatIsThereAlready(t *testing.T) {
	t.Parallel()
	index := func(more ...bson.E) bson.D {
		return bson.D{{Key: "createIndexes", Value: "users"}, {Key: "indexes", Value: bson.A{append(bson.D{{Key: "key", Value: bson.D{{Key: "name", Value: 1}}}}, more...)}}}
	}
	for name, c := range map[string]struct {
		before []bson.D
		apply  string
		undo   string
		want   string // part of the error
	}{
		"the same collection": {
			[]bson.D{{{Key: "create", Value: "users"}}}, "type: createCollection, collection: users", "type: dropCollection, collection: users", "",
		},
		"a collection with a validator": {
			[]bson.D{{{Key: "create", Value: "users"}}, {{Key: "collMod", Value: "users"}, {Key: "validator", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 1}}}}}}},
			"type: createCollection, collection: users", "type: dropCollection, collection: users", "options of its own",
		},
		"the same index": {
			[]bson.D{index(bson.E{Key: "name", Value: "by"}, bson.E{Key: "unique", Value: true})},
			"type: createIndex, collection: users, parameters: { keys: { name: 1 }, options: { name: by, unique: true } }", "type: dropIndex, collection: users, parameters: { indexName: by }", "",
		},
		"an index of other options": {
			[]bson.D{index(bson.E{Key: "name", Value: "by"})},
			"type: createIndex, collection: users, parameters: { keys: { name: 1 }, options: { name: by, unique: true } }", "type: dropIndex, collection: users, parameters: { indexName: by }", "is another one",
		},
		"an index that is stricter": {
			[]bson.D{index(bson.E{Key: "name", Value: "by"}, bson.E{Key: "unique", Value: true})},
			"type: createIndex, collection: users, parameters: { keys: { name: 1 }, options: { name: by } }", "type: dropIndex, collection: users, parameters: { indexName: by }", "is another one",
		},
		"an index of the same keys": {
			[]bson.D{index(bson.E{Key: "name", Value: "other"})},
			"type: createIndex, collection: users, parameters: { keys: { name: 1 } }", "type: dropIndex, collection: users, parameters: { keys: { name: 1 } }", "under the name other",
		},
		"the same document": {
			[]bson.D{{{Key: "insert", Value: "users"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 2}}}}}},
			"type: insert, collection: users, parameters: { documents: [{ n: 2, _id: 1 }] }", "type: delete, collection: users, parameters: { filter: { _id: 1 } }", "",
		},
		"another document": {
			[]bson.D{{{Key: "insert", Value: "users"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 2}}}}}},
			"type: insert, collection: users, parameters: { documents: [{ _id: 1, n: 3 }] }", "type: delete, collection: users, parameters: { filter: { _id: 1 } }", "_id 1 is there, and is another one",
		},
		"a collection in the place of a view": {
			[]bson.D{{{Key: "create", Value: "users"}}}, "type: dropView, collection: users", "type: createView, collection: users, parameters: { viewOn: a, pipeline: [] }", "no view",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := onStandalone(t)
			for _, command := range c.before {
				b.exec(t, command)
			}
			before := contents(t, b.db) + b.indexes(t, "users")
			b.change("1", "steps:\n  - apply: { "+c.apply+" }\n    rollback: { "+c.undo+" }"+failing)
			err := b.apply(t)
			if core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), cmpOr(c.want, "nonsense")) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if core.HintOf(err) == "" {
				t.Errorf("%v tells no next step", err)
			}
			if c.want == "" { // the step was done, so that its rollback was run
				if after := contents(t, b.db) + b.indexes(t, "users"); after != before {
					t.Errorf("\n%s\nbecame\n%s", before, after)
				}
			}
		})
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (b *bench) indexes(t testing.TB, collection string) string {
	t.Helper()
	specs, err := b.db.Collection(collection).Indexes().ListSpecifications(context.Background())
	must(t, err)
	var names []string
	for _, s := range specs {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func TestWhatIsGoneAlreadyCountsAsDropped(t *testing.T) {
	t.Parallel()
	b := onStandalone(t)
	b.change("1", `
steps:
  - apply: { type: dropCollection, collection: nothing }
  - apply: { type: dropView, collection: nothing }
  - apply: { type: dropIndex, collection: nothing, parameters: { indexName: none } }
  - apply: { type: dropIndex, collection: nothing, parameters: { keys: { a: 1 } } }`)
	must(t, b.apply(t))
	b.change("2", "apply: { type: renameCollection, collection: nothing, parameters: { target: something } }")
	if err := b.apply(t); err == nil || !strings.Contains(core.HintOf(err), "create the collection") {
		t.Errorf("got %v, hint %q", err, core.HintOf(err))
	}
}

// rollback: auto puts back what was there before the change.
func TestRestore(t *testing.T) {
	t.Parallel()
	b := onStandalone(t)
	b.change("1", `
steps:
  - apply: { type: createCollection, collection: users }
  - apply: { type: modifyCollection, collection: users, parameters: { validator: { age: { $gt: 17 } }, validationLevel: moderate } }
  - apply: { type: createIndex, collection: users, parameters: { keys: { name: 1, age: -1 }, options: { name: by_name, unique: true } } }`)
	must(t, b.apply(t))
	before := b.options(t, "users")
	b.change("2", `
steps:
  - apply: { type: modifyCollection, collection: users, parameters: { validator: { age: { $gt: 20 } }, validationLevel: strict, validationAction: warn } }
    rollback: auto
  - apply: { type: dropIndex, collection: users, parameters: { indexName: by_name } }
    rollback: auto`+failing)
	if err := b.apply(t); core.CodeOf(err) != core.CodeChangeFailed {
		t.Fatal(err)
	}
	if want := "1 STARTED, 1 APPLIED, 2 STARTED, 2 FAILED, 2 ROLLED_BACK"; b.states(t) != want {
		t.Errorf("recorded %s, want %s", b.states(t), want)
	}
	if d := cmp.Diff(before, b.options(t, "users")); d != "" {
		t.Error(d)
	}
	if got := b.indexes(t, "users"); got != "_id_ by_name" {
		t.Errorf("indexes: %s", got)
	}
	page, err := b.store.History(context.Background(), core.HistoryQuery{Ledger: "test", ChangeID: "2"})
	must(t, err)
	if c := page.Entries[0].Captured; len(c) < 2 || !strings.Contains(c[0], `"moderate"`) || !strings.Contains(c[1], `"by_name"`) {
		t.Errorf("captured: %v", page.Entries[0].Captured)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	const (
		yes, no, conflict, unknown = core.ProbeApplied, core.ProbeNotApplied, core.ProbeConflict, core.ProbeUnknown
	)
	b := onStandalone(t)
	b.change("1", `
steps:
  - apply: { type: createCollection, collection: users }
  - apply: { type: insert, collection: users, parameters: { documents: [{ _id: 1, n: 1 }] } }
  - apply: { type: createIndex, collection: users, parameters: { keys: { n: 1 } } }
  - apply: { type: createCollection, collection: strict }
  - apply: { type: modifyCollection, collection: strict, parameters: { validator: { n: { $gt: 0 } } } }`)
	must(t, b.apply(t))
	handle, release, err := b.target.Open(context.Background())
	must(t, err)
	defer release()
	for apply, want := range map[string]core.ProbeResult{
		"type: createCollection, collection: users":                                                                   yes,
		"type: createCollection, collection: none":                                                                    no,
		"type: createCollection, collection: strict":                                                                  conflict,
		"type: dropCollection, collection: users":                                                                     no,
		"type: dropCollection, collection: none":                                                                      yes,
		"type: dropView, collection: users":                                                                           conflict,
		"type: renameCollection, collection: users, parameters: { target: people }":                                   no,
		"type: renameCollection, collection: none, parameters: { target: users }":                                     yes,
		"type: renameCollection, collection: users, parameters: { target: strict }":                                   unknown,
		"type: createIndex, collection: users, parameters: { keys: { n: 1 } }":                                        yes,
		"type: createIndex, collection: users, parameters: { keys: { m: 1 } }":                                        no,
		"type: createIndex, collection: none, parameters: { keys: { m: 1 } }":                                         no,
		"type: createIndex, collection: users, parameters: { keys: { n: 1 }, options: { name: other } }":              conflict,
		"type: createIndex, collection: users, parameters: { keys: { n: 1 }, options: { sparse: true } }":             conflict,
		"type: dropIndex, collection: users, parameters: { indexName: n_1 }":                                          no,
		"type: dropIndex, collection: users, parameters: { keys: { m: 1 } }":                                          yes,
		"type: insert, collection: users, parameters: { documents: [{ _id: 1, n: 1 }] }":                              yes,
		"type: insert, collection: users, parameters: { documents: [{ _id: 2 }] }":                                    no,
		"type: insert, collection: users, parameters: { documents: [{ _id: 1, n: 2 }] }":                              conflict,
		"type: insert, collection: users, parameters: { documents: [{ _id: 1, n: 1 }, { _id: 2 }] }":                  unknown,
		"type: modifyCollection, collection: strict, parameters: { validator: { n: { $gt: 0 } } }":                    yes,
		"type: modifyCollection, collection: strict, parameters: { validator: {} }":                                   no,
		"type: modifyCollection, collection: users, parameters: { validationLevel: strict, validationAction: error }": yes,
		"type: createView, collection: users, parameters: { viewOn: strict, pipeline: [] }":                           conflict,
	} {
		p := newBench(t, settings{"uri": "mongodb://127.0.0.1:1/app"}, nil)
		p.change("1", "apply: { "+apply+" }")
		stages, err := p.load()
		must(t, err)
		if got, err := stages[0].Changes[0].Probe(context.Background(), session(handle)); got != want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", apply, got, err, want)
		}
	}
	b.change("2", "apply: { type: delete, collection: users, parameters: { filter: {} } }")
	stages, err := b.load()
	must(t, err)
	if stages[0].Changes[1].Probe != nil {
		t.Error("a delete has a probe")
	}
}

// Documents without an _id get one that a repetition finds, so that none is there twice.
func TestInsertTwice(t *testing.T) {
	t.Parallel()
	b := onStandalone(t)
	b.change("1", "apply: { type: insert, collection: users, parameters: { documents: [{ n: 1 }, { n: 2 }] } }")
	stages, err := b.load()
	must(t, err)
	handle, _, err := b.target.Open(context.Background())
	must(t, err)
	s := session(handle)
	s.IdempotencyKey = func(context.Context) (string, error) { return "key", nil }
	for _, left := range []int64{2, 2} {
		must(t, stages[0].Changes[0].Apply.Do(context.Background(), s))
		if n := b.count(t, "users", bson.D{}); n != left {
			t.Errorf("%d documents, want %d", n, left)
		}
	}
	b.exec(t, bson.D{{Key: "delete", Value: "users"}, {Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "n", Value: 1}}}, {Key: "limit", Value: 1}}}}})
	if got, err := stages[0].Changes[0].Probe(context.Background(), s); got != core.ProbeUnknown || err != nil {
		t.Errorf("one of two: got %s, %v", got, err)
	}
	must(t, stages[0].Changes[0].Apply.Do(context.Background(), s))
	if n := b.count(t, "users", bson.D{{Key: "n", Value: 1}}); n != 1 {
		t.Errorf("%d of the document that was missing", n)
	}
	s.IdempotencyKey = func(context.Context) (string, error) { return "another", nil }
	must(t, stages[0].Changes[0].Apply.Do(context.Background(), s))
	if n := b.count(t, "users", bson.D{}); n != 4 {
		t.Errorf("%d documents, want 4", n)
	}
}

// FerretDB makes a collection where a view is asked for: that is found out.
func TestViewOfAServerWithoutViews(t *testing.T) {
	t.Parallel()
	b := onStandalone(t)
	b.change("1", "apply: { type: createView, collection: few, parameters: { viewOn: users, pipeline: [] } }")
	err := b.apply(t)
	var o *mongodb.OperationError
	if !errors.As(err, &o) || o.On != "few" {
		t.Errorf("got %v, want an error of the view", err)
	}
}

// Views are shown on the model, since FerretDB has none.
func TestViews(t *testing.T) {
	t.Parallel()
	b := onModel(t, mongotest.NewModel(t), false)
	b.change("1", `
apply: { type: createView, collection: few, parameters: { viewOn: users, pipeline: [{ $match: { n: { $lt: 2 } } }], options: { collation: { locale: en } } } }`)
	must(t, b.apply(t))
	before := b.options(t, "few")
	b.change("2", "steps:\n  - apply: { type: dropView, collection: few }\n    rollback: auto"+failing)
	if err := b.apply(t); core.CodeOf(err) != core.CodeChangeFailed || b.states(t) != "1 STARTED, 1 APPLIED, 2 STARTED, 2 FAILED, 2 ROLLED_BACK" {
		t.Errorf("%v; recorded %s", err, b.states(t))
	}
	if d := cmp.Diff(before, b.options(t, "few")); d != "" || before == nil {
		t.Errorf("not put back: %s", d)
	}
	b.change("2", "apply: { type: createView, collection: few, parameters: { viewOn: users, pipeline: [] } }")
	if err := b.apply(t); err == nil || !strings.Contains(err.Error(), "is not this view") {
		t.Errorf("got %v, want that it is another view", err)
	}
}

// Flamingock's own files load unchanged.
func TestFlamingocksFiles(t *testing.T) {
	t.Parallel()
	b := onStandalone(t)
	text, err := os.ReadFile("../../core/template/testdata/java/_20250925_01__collections.yaml")
	must(t, err)
	b.files["changes/_20250925_01__collections.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(text), `id: "mongodb"`, `id: "shop"`, 1))}
	must(t, b.apply(t))
	if n := b.count(t, "users", bson.D{}); n != 2 {
		t.Errorf("%d users, want 2", n)
	}
}
