package mongodb_test

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestDoes(t *testing.T) {
	target := newTarget(t, settings{"uri": "mongodb://localhost:1", "database": "app"})
	long := strings.Repeat("n", 300)
	for body, want := range map[string]string{
		"{ type: createCollection, collection: orders }":                                                               "creates collection orders",
		"{ type: dropCollection, collection: orders }":                                                                 "drops collection orders with its documents",
		"{ type: dropView, collection: totals }":                                                                       "drops view totals",
		"{ type: renameCollection, collection: a, parameters: { target: b } }":                                         "renames collection a to b",
		"{ type: renameCollection, collection: a, parameters: { target: '${env:B}', options: { dropTarget: true } } }": "renames collection a to ${env:B}, dropping what has that name",
		"{ type: createIndex, collection: orders, parameters: { keys: { customer: 1, at: -1 }, options: { unique: true, name: by, partialFilterExpression: { a: canary } } } }": "creates unique index by (customer: 1, at: -1) of collection orders",
		"{ type: createIndex, collection: orders, parameters: { keys: { note: text } } }":                                                                                       "creates index (note: text) of collection orders",
		"{ type: dropIndex, collection: orders, parameters: { indexName: by } }":                                                                                                "drops index by of collection orders",
		"{ type: insert, collection: products, parameters: { documents: [{ name: canary }] } }":                                                                                 "inserts 1 document into products",
		"{ type: insert, collection: products, parameters: { documents: [{ _id: canary }, { a: canary }, { b: 1 }] } }":                                                         "inserts 3 documents into products",
		"{ type: update, collection: users, parameters: { filter: { token: canary }, update: { $set: { password: canary } }, options: { upsert: true } } }":                     "updates one document that matches its filter of users, or inserts one where there is none",
		"{ type: update, collection: users, parameters: { filter: { a: canary }, update: { $set: { a: canary } }, multi: true } }":                                              "updates the documents that match its filter of users",
		"{ type: update, collection: users, parameters: { filter: {}, update: { $set: { a: canary } }, multi: true } }":                                                         "updates all documents of users",
		"{ type: delete, collection: users, parameters: { filter: {} } }":                                                                                                       "deletes one document of users",
		"{ type: delete, collection: users, parameters: { filter: { a: canary }, multi: true } }":                                                                               "deletes the documents that match its filter of users",
		"{ type: modifyCollection, collection: users, parameters: { validator: { a: canary }, validationLevel: strict } }":                                                      "sets validator, validationLevel of collection users",
		"{ type: createView, collection: totals, parameters: { viewOn: orders, pipeline: [{ $match: { a: canary } }] } }":                                                       "creates view totals of orders",
		"{ type: createCollection, collection: \"a\\e[2J\\nb\" }":                                                                                                               "creates collection a\uFFFD[2J b",
		"{ type: createCollection, collection: " + long + " }":                                                                                                                  "creates collection " + long[:70] + " … (cut)",
	} {
		b := &bench{target: target, files: fstest.MapFS{}}
		b.change("a", "apply: "+body)
		stages, err := b.load()
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		step := stages[0].Changes[0].Apply
		if got := step.Summary(); got != want || strings.Contains(got+step.Label(), "canary") {
			t.Errorf("%s\n got %s\nwant %s\n(%s)", body, got, want, step.Label())
		}
	}
}
