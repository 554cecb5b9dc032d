package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
)

// described is a collection or view as the server lists it.
type described struct {
	Name    string `bson:"name"`
	Type    string `bson:"type"`
	Options bson.D `bson:"options"`
}

const (
	aCollection = "collection"
	aView       = "view"
)

// describe returns nil for a name that nothing has.
func (w *work) describe(ctx context.Context, name string) (*described, error) {
	cursor, err := w.db.ListCollections(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil {
		return nil, err
	}
	var all []described
	if err := cursor.All(ctx, &all); err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, nil
}

// plain reports whether it is a collection without options, as createCollection makes it.
// Servers list some that say nothing.
func (d *described) plain() bool {
	return (d.Type == aCollection || d.Type == "") && !slices.ContainsFunc(d.Options, func(e bson.E) bool {
		standard, ok := noValidation[e.Key]
		return e.Key != "uuid" && (!ok || !same(e.Value, standard))
	})
}

// noValidation is what the server has for a collection of which nothing was said.
var noValidation = map[string]any{"validator": bson.D{}, "validationLevel": "strict", "validationAction": "error"}

// createCollection makes a collection without options.
type createCollection struct{}

func newCreateCollection(*payload[noParameters], *faults) operation { return createCollection{} }

func (createCollection) apply(ctx context.Context, w *work) (already bool, err error) {
	d, err := w.describe(ctx, w.collection)
	if err == nil && d == nil {
		err = w.db.CreateCollection(ctx, w.collection)
		if !hasCode(err, namespaceExists) {
			return false, err
		}
		d, err = w.describe(ctx, w.collection) // somebody else made it just now
	}
	switch {
	case err != nil:
		return false, err
	case d == nil:
		return false, w.differs("somebody makes and drops it at the same time")
	case !d.plain():
		return false, w.differs("is there, and is %s with options of its own", article(d.Type))
	}
	return true, nil
}

func article(what string) string {
	if what == "" {
		what = aCollection
	}
	return "a " + what
}

func (createCollection) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	switch d, err := w.describe(ctx, w.collection); {
	case err != nil:
		return core.ProbeUnknown, err
	case d == nil:
		return core.ProbeNotApplied, nil
	case !d.plain():
		return core.ProbeConflict, nil
	}
	return core.ProbeApplied, nil
}

// drop drops a collection or a view, and all that is in it.
type drop struct{ viewOnly bool }

func newDropCollection(*payload[noParameters], *faults) operation { return drop{} }

func (o drop) apply(ctx context.Context, w *work) (already bool, err error) {
	d, err := w.describe(ctx, w.collection)
	switch {
	case err != nil:
		return false, err
	case d == nil:
		return true, nil
	case o.viewOnly && d.Type != aView:
		return false, w.differs("is %s, and no view: nothing was dropped", article(d.Type))
	}
	return false, w.db.Collection(w.collection).Drop(ctx)
}

func (o drop) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	switch d, err := w.describe(ctx, w.collection); {
	case err != nil:
		return core.ProbeUnknown, err
	case d == nil:
		return core.ProbeApplied, nil
	case o.viewOnly && d.Type != aView:
		return core.ProbeConflict, nil
	}
	return core.ProbeNotApplied, nil
}

// rename gives a collection another name in the same database.
type rename struct{ renameParameters }

func newRename(p *payload[renameParameters], f *faults) operation {
	o := &rename{p.Parameters}
	if why := wrongName(o.Target); why != "" {
		f.add(o.Target.Start, "parameters.target %s", why)
	}
	if o.Target.Value == p.Collection.Value && !blank(o.Target) {
		f.add(o.Target.Start, "parameters.target is the name that the collection has")
	}
	return o
}

func (o *rename) apply(ctx context.Context, w *work) (already bool, err error) {
	target, err := w.s.Resolve(ctx, o.Target.Value)
	if err != nil {
		return false, err
	}
	name := w.db.Name() + "."
	command := bson.D{
		{Key: "renameCollection", Value: name + w.collection},
		{Key: "to", Value: name + target},
		{Key: "dropTarget", Value: o.Options.DropTarget},
		majority,
	}
	return false, w.db.Client().Database("admin").RunCommand(ctx, command).Err()
}

// majority is the write concern of commands, for which the driver has no function.
var majority = bson.E{Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}}}

// probe tells the names apart, not what is in the collections: with both there, the
// rename may have been done and the old name been used anew.
func (o *rename) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	target, err := w.s.Resolve(ctx, o.Target.Value)
	if err != nil {
		return core.ProbeUnknown, err
	}
	from, err := w.describe(ctx, w.collection)
	if err != nil {
		return core.ProbeUnknown, err
	}
	to, err := w.describe(ctx, target)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case from == nil && to != nil:
		return core.ProbeApplied, nil
	case from != nil && to == nil:
		return core.ProbeNotApplied, nil
	}
	return core.ProbeUnknown, nil
}

// isMissing reports that a collection or an index is not there.
func isMissing(err error) bool { return hasCode(err, namespaceNotFound, indexNotFound) }
