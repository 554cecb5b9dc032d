package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
)

// createIndex makes an index, and the collection where that is missing.
type createIndex struct{ indexParameters }

func newCreateIndex(p *payload[indexParameters], f *faults) operation {
	o := &createIndex{p.Parameters}
	checkKeys(o.Keys, f)
	for _, d := range []core.Ordered{o.Options.Weights, o.Options.StorageEngine, o.Options.WildcardProjection, o.Options.PartialFilterExpression} {
		f.check("parameters.options", d)
	}
	o.Options.Collation.check(f)
	return o
}

func checkKeys(keys core.Ordered, f *faults) {
	if len(keys) == 0 {
		f.add(core.Position{}, "parameters.keys is missing or empty: the fields of the index, each with 1, -1 or a kind such as text")
	}
	for _, k := range keys {
		switch k.Value.(type) {
		case int64, float64, string:
		default:
			f.add(core.Position{}, "parameters.keys.%s must be 1, -1 or a kind such as text", k.Key)
		}
	}
}

// spec is the index as the server lists it, as far as the payload says.
func (o *createIndex) spec(ctx context.Context, w *work) (bson.D, error) {
	keys, err := w.document(ctx, o.Keys)
	if err != nil {
		return nil, err
	}
	d := bson.D{{Key: "key", Value: keys}}
	p := &o.Options
	if p.Name.Value == "" {
		d = append(d, bson.E{Key: "name", Value: defaultName(keys)})
	}
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	add(w.words(ctx, &d, "name", p.Name))
	put(&d, "unique", p.Unique)
	put(&d, "sparse", p.Sparse)
	put(&d, "hidden", p.Hidden)
	put(&d, "expireAfterSeconds", p.ExpireAfterSeconds)
	put(&d, "v", p.Version)
	add(w.optional(ctx, &d, "weights", p.Weights))
	add(w.words(ctx, &d, "default_language", p.DefaultLanguage))
	add(w.words(ctx, &d, "language_override", p.LanguageOverride))
	put(&d, "textIndexVersion", p.TextVersion)
	put(&d, "2dsphereIndexVersion", p.SphereVersion)
	put(&d, "bits", p.Bits)
	put(&d, "min", p.Min)
	put(&d, "max", p.Max)
	add(w.optional(ctx, &d, "storageEngine", p.StorageEngine))
	add(w.optional(ctx, &d, "wildcardProjection", p.WildcardProjection))
	add(w.optional(ctx, &d, "partialFilterExpression", p.PartialFilterExpression))
	c, err := p.Collation.document(ctx, w)
	add(err)
	if c != nil {
		d = append(d, bson.E{Key: "collation", Value: c})
	}
	return d, errors.Join(errs...)
}

// defaultName is the one that all drivers give.
func defaultName(keys bson.D) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s_%v", k.Key, k.Value)
	}
	return strings.Join(parts, "_")
}

// indexes lists the indexes of the collection; none for a collection that is not there.
func (w *work) indexes(ctx context.Context) ([]bson.D, error) {
	cursor, err := w.db.Collection(w.collection).Indexes().List(ctx)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var specs []bson.D
	err = cursor.All(ctx, &specs)
	return specs, err
}

// building are the names of the indexes that the server is still at work on. They are
// listed like the others, and are gone when their building fails.
func (w *work) building(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	cursor, err := w.db.Collection(w.collection).Aggregate(ctx, bson.A{bson.D{{Key: "$indexStats", Value: bson.D{}}}})
	if hasCode(err, unknownStage, commandNotFound, notImplemented) { // a server of another kind, without building in the background
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	var all []struct {
		Name     string `bson:"name"`
		Building bool   `bson:"building"`
	}
	err = cursor.All(ctx, &all)
	for _, s := range all {
		names[s.Name] = s.Building
	}
	return names, err
}

// notImplemented is the code of servers that know an operation and do not have it.
const notImplemented = 238

// presence says how an index stands to what is wanted.
type presence int

const (
	isAbsent presence = iota
	isThere
	isOther
)

// find looks for an index by its name, and for one that has its keys under another name.
func find(all []bson.D, spec bson.D) (presence, string) {
	name, _ := get(spec, "name")
	for _, x := range all {
		have, _ := get(x, "name")
		switch {
		case have == name && sameIndex(spec, x):
			return isThere, ""
		case have == name:
			return isOther, "an index of this name is there, and is another one"
		case same(sub(spec, "key"), sub(x, "key")) && sameIndex(without(spec, "name"), without(x, "name")):
			return isOther, fmt.Sprintf("an index of these keys is there under the name %v", have)
		}
	}
	return isAbsent, ""
}

// sameIndex reports whether an index is what was declared. What was not declared must not
// be there either, if it changes what the index does.
func sameIndex(wanted, have bson.D) bool {
	for _, e := range wanted {
		v, ok := get(have, e.Key)
		switch e.Key {
		case "key":
			if _, text := get(have, "weights"); text { // listed as _fts
				continue
			}
		case "collation":
			if !within(sub(wanted, e.Key), sub(have, e.Key)) {
				return false
			}
			continue
		case "unique", "sparse", "hidden":
			if !ok {
				v, ok = false, true
			}
		}
		if !ok || !same(e.Value, v) {
			return false
		}
	}
	for _, key := range []string{"unique", "sparse", "hidden"} {
		if v, _ := get(have, key); v == true && !has(wanted, key) {
			return false
		}
	}
	for _, key := range []string{"expireAfterSeconds", "partialFilterExpression", "collation", "wildcardProjection"} {
		if has(have, key) && !has(wanted, key) {
			return false
		}
	}
	return true
}

func without(d bson.D, key string) bson.D {
	out := make(bson.D, 0, len(d))
	for _, e := range d {
		if e.Key != key {
			out = append(out, e)
		}
	}
	return out
}

func (o *createIndex) apply(ctx context.Context, w *work) (already bool, err error) {
	spec, err := o.spec(ctx, w)
	if err != nil {
		return false, err
	}
	return w.makeIndex(ctx, spec)
}

func (w *work) makeIndex(ctx context.Context, spec bson.D) (already bool, err error) {
	all, err := w.indexes(ctx)
	if err != nil {
		return false, err
	}
	there, how := find(all, spec)
	if there == isOther {
		return false, w.differs("%s", how)
	}
	// Also where it is there: the server waits for one that is being built, and finds
	// differences that are not listed.
	command := bson.D{{Key: "createIndexes", Value: w.collection}, {Key: "indexes", Value: bson.A{spec}}, majority}
	return there == isThere, w.db.RunCommand(ctx, command).Err()
}

func (o *createIndex) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	spec, err := o.spec(ctx, w)
	if err != nil {
		return core.ProbeUnknown, err
	}
	all, err := w.indexes(ctx)
	if err != nil {
		return core.ProbeUnknown, err
	}
	switch there, _ := find(all, spec); there {
	case isAbsent:
		return core.ProbeNotApplied, nil
	case isOther:
		return core.ProbeConflict, nil
	case isThere:
	}
	building, err := w.building(ctx)
	name, _ := get(spec, "name")
	if text, _ := name.(string); err != nil || building[text] { //nolint:errcheck // a name is text
		return core.ProbeUnknown, err
	}
	return core.ProbeApplied, nil
}

// dropIndex drops an index by its name or its keys.
type dropIndex struct{ dropIndexParameters }

func newDropIndex(p *payload[dropIndexParameters], f *faults) operation {
	o := &dropIndex{p.Parameters}
	switch named := !blank(o.IndexName); {
	case named && o.Keys != nil:
		f.add(o.IndexName.Start, "parameters.indexName and parameters.keys exclude each other")
	case named && (o.IndexName.Value == "*" || o.IndexName.Value == "_id_"):
		f.add(o.IndexName.Start, "parameters.indexName must be that of one index, other than _id_")
	case !named && o.Keys == nil:
		f.add(core.Position{}, "parameters.indexName is missing, or parameters.keys")
	case !named:
		checkKeys(o.Keys, f)
	}
	return o
}

// found is the index to drop; nil when it is not there.
func (o *dropIndex) found(ctx context.Context, w *work) (bson.D, error) {
	name, err := w.s.Resolve(ctx, o.IndexName.Value)
	if err != nil {
		return nil, err
	}
	keys, err := w.document(ctx, o.Keys)
	if err != nil {
		return nil, err
	}
	all, err := w.indexes(ctx)
	if err != nil {
		return nil, err
	}
	var found bson.D
	for _, x := range all {
		have, _ := get(x, "name")
		if name != "" && have != name || name == "" && !same(keys, sub(x, "key")) {
			continue
		}
		if found != nil {
			return nil, w.differs("there are several indexes of these keys: give the name of one")
		}
		found = x
	}
	return found, nil
}

func (o *dropIndex) apply(ctx context.Context, w *work) (already bool, err error) {
	found, err := o.found(ctx, w)
	if err != nil || found == nil {
		return err == nil, err
	}
	name, _ := get(found, "name")
	err = w.db.RunCommand(ctx, bson.D{{Key: "dropIndexes", Value: w.collection}, {Key: "index", Value: name}, majority}).Err()
	if isMissing(err) {
		err = nil
	}
	return false, err
}

func (o *dropIndex) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	switch found, err := o.found(ctx, w); {
	case err != nil:
		return core.ProbeUnknown, err
	case found == nil:
		return core.ProbeApplied, nil
	}
	return core.ProbeNotApplied, nil
}

func (o *dropIndex) capture(ctx context.Context, w *work) (string, error) {
	found, err := o.found(ctx, w)
	if err != nil || found == nil {
		return "", err
	}
	return keep(without(found, "ns")) // which only old servers list, and none takes
}

func (o *dropIndex) restore(ctx context.Context, w *work, captured string) error {
	spec, err := kept(captured)
	if err != nil {
		return err
	}
	_, err = w.makeIndex(ctx, spec)
	return err
}
