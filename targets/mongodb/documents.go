package mongodb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/flamingock/flamingock-go/core"
)

// insert inserts documents.
type insert struct {
	insertParameters
	ids bool // every document has an _id
}

func newInsert(p *payload[insertParameters], f *faults) operation {
	o := &insert{p.Parameters, true}
	if len(o.Documents) == 0 {
		f.add(core.Position{}, "parameters.documents is missing or empty: a list of documents")
	}
	for i, d := range o.Documents {
		if d == nil {
			f.add(core.Position{}, "parameters.documents[%d] is null", i)
		}
		f.check("parameters.documents", d)
		if _, has := d.Get("_id"); !has {
			o.ids = false
		}
	}
	return o
}

// documents makes the documents of a session. Outside of a transaction those without an
// _id get one that a repetition of the step finds again.
func (o *insert) documents(ctx context.Context, w *work) ([]bson.D, error) {
	docs, err := documents(ctx, w.s.Resolve, o.Documents)
	if err != nil || o.ids || w.inTx || w.s.IdempotencyKey == nil {
		return docs, err
	}
	key, err := w.s.IdempotencyKey(ctx)
	if err != nil {
		return nil, err
	}
	for i, d := range docs {
		if _, has := get(d, "_id"); !has {
			docs[i] = append(bson.D{{Key: "_id", Value: objectID(key, i)}}, d...)
		}
	}
	return docs, nil
}

// objectID is the _id of a step's document number i. It tells no time.
func objectID(key string, i int) bson.ObjectID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(key), uint64(i))) //nolint:gosec // an index
	return bson.ObjectID(sum[:12])
}

func (o *insert) apply(ctx context.Context, w *work) (already bool, err error) {
	docs, err := o.documents(ctx, w)
	if err != nil {
		return false, err
	}
	if !w.inTx {
		missing, err := o.missing(ctx, w, docs)
		if err != nil || len(missing) == 0 {
			return err == nil, err
		}
		docs = missing
	}
	opts := options.InsertMany()
	if o.Options.Ordered != nil {
		opts.SetOrdered(*o.Options.Ordered)
	}
	if o.Options.Bypass != nil {
		opts.SetBypassDocumentValidation(*o.Options.Bypass)
	}
	_, err = w.db.Collection(w.collection).InsertMany(ctx, docs, opts)
	return false, err
}

// missing are the documents that are not there. One that is there under an _id of the
// file is an error, unless it is the same.
func (o *insert) missing(ctx context.Context, w *work, docs []bson.D) ([]bson.D, error) {
	there, err := o.there(ctx, w, docs)
	if err != nil {
		return nil, err
	}
	var missing []bson.D
	for i, d := range docs {
		if there[i] == nil {
			missing = append(missing, d)
			continue
		}
		if _, given := o.Documents[i].Get("_id"); given && !sameDocument(d, there[i]) {
			id, _ := get(d, "_id")
			return nil, w.differs("a document with the _id %v is there, and is another one", id)
		}
	}
	return missing, nil
}

// there finds the documents by their _id; nil for one that is not there, or has none.
func (o *insert) there(ctx context.Context, w *work, docs []bson.D) ([]bson.D, error) {
	found := make([]bson.D, len(docs))
	for i, d := range docs {
		id, ok := get(d, "_id")
		if !ok {
			continue
		}
		err := w.db.Collection(w.collection).FindOne(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: id}}}}).Decode(&found[i])
		if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
			return nil, err
		}
	}
	return found, nil
}

// sameDocument compares two documents, whatever the place of their _id, which the server
// puts first.
func sameDocument(a, b bson.D) bool {
	return len(a) == len(b) && within(a, b)
}

func (o *insert) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	if !o.ids && w.steps > 1 { // the session has the first step's key
		return core.ProbeUnknown, nil
	}
	docs, err := o.documents(ctx, w)
	if err != nil {
		return core.ProbeUnknown, err
	}
	there, err := o.there(ctx, w, docs)
	if err != nil {
		return core.ProbeUnknown, err
	}
	return core.ProbeEach(make([]struct{}, len(docs)), eachOf(func(i int) (core.ProbeResult, error) {
		switch _, given := o.Documents[i].Get("_id"); {
		case there[i] == nil:
			return core.ProbeNotApplied, nil
		case given && !sameDocument(docs[i], there[i]):
			return core.ProbeConflict, nil
		}
		return core.ProbeApplied, nil
	}))
}

// eachOf numbers the calls of core.ProbeEach.
func eachOf(ask func(i int) (core.ProbeResult, error)) func(struct{}) (core.ProbeResult, error) {
	i := -1
	return func(struct{}) (core.ProbeResult, error) { i++; return ask(i) }
}

// update changes the first document that its filter finds, or all of them.
type update struct{ updateParameters }

func newUpdate(p *payload[updateParameters], f *faults) operation {
	o := &update{p.Parameters}
	if o.Filter == nil {
		f.add(core.Position{}, "parameters.filter is missing: {} is every document")
	}
	if len(o.Update) == 0 {
		f.add(core.Position{}, "parameters.update is missing or empty")
	}
	for _, m := range o.Update {
		if !strings.HasPrefix(m.Key, "$") {
			f.add(core.Position{}, "parameters.update: %q is no update operator such as $set", core.Cap(m.Key, 80))
		}
	}
	f.check("parameters.filter", o.Filter)
	f.check("parameters.update", o.Update)
	for _, a := range o.Options.ArrayFilters {
		f.check("parameters.options.arrayFilters", a)
	}
	o.Options.Collation.check(f)
	return o
}

func (o *update) apply(ctx context.Context, w *work) (already bool, err error) {
	filter, err := w.document(ctx, o.Filter)
	if err != nil {
		return false, err
	}
	change, err := w.document(ctx, o.Update)
	if err != nil {
		return false, err
	}
	filters, err := documents(ctx, w.s.Resolve, o.Options.ArrayFilters)
	if err != nil {
		return false, err
	}
	order, err := o.Options.Collation.document(ctx, w)
	if err != nil {
		return false, err
	}
	c := w.db.Collection(w.collection)
	if o.Multi {
		_, err = c.UpdateMany(ctx, filter, change, o.many(filters, order))
	} else {
		_, err = c.UpdateOne(ctx, filter, change, o.one(filters, order))
	}
	return false, err
}

func (o *update) one(filters []bson.D, order bson.D) *options.UpdateOneOptionsBuilder {
	opts := options.UpdateOne().SetUpsert(o.Options.Upsert)
	if o.Options.Bypass != nil {
		opts.SetBypassDocumentValidation(*o.Options.Bypass)
	}
	if len(filters) > 0 {
		opts.SetArrayFilters(anyOf(filters))
	}
	if order != nil {
		opts.SetCollation(collationOf(order))
	}
	return opts
}

func (o *update) many(filters []bson.D, order bson.D) *options.UpdateManyOptionsBuilder {
	opts := options.UpdateMany().SetUpsert(o.Options.Upsert)
	if o.Options.Bypass != nil {
		opts.SetBypassDocumentValidation(*o.Options.Bypass)
	}
	if len(filters) > 0 {
		opts.SetArrayFilters(anyOf(filters))
	}
	if order != nil {
		opts.SetCollation(collationOf(order))
	}
	return opts
}

func anyOf(in []bson.D) []any {
	out := make([]any, len(in))
	for i, d := range in {
		out[i] = d
	}
	return out
}

// remove deletes the first document that its filter finds, or all of them.
type remove struct{ deleteParameters }

func newDelete(p *payload[deleteParameters], f *faults) operation {
	o := &remove{p.Parameters}
	if o.Filter == nil {
		f.add(core.Position{}, "parameters.filter is missing: {} is every document")
	}
	f.check("parameters.filter", o.Filter)
	return o
}

func (o *remove) apply(ctx context.Context, w *work) (already bool, err error) {
	filter, err := w.document(ctx, o.Filter)
	if err != nil {
		return false, err
	}
	c := w.db.Collection(w.collection)
	if o.Multi {
		_, err = c.DeleteMany(ctx, filter)
	} else {
		_, err = c.DeleteOne(ctx, filter)
	}
	return false, err
}
