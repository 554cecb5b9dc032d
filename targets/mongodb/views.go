package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
)

// createView makes a view.
type createView struct{ viewParameters }

func newCreateView(p *payload[viewParameters], f *faults) operation {
	o := &createView{p.Parameters}
	if why := wrongName(o.ViewOn); why != "" {
		f.add(o.ViewOn.Start, "parameters.viewOn %s", why)
	}
	if o.Pipeline == nil {
		f.add(core.Position{}, "parameters.pipeline is missing: [] shows the collection as it is")
	}
	for i, stage := range o.Pipeline {
		if stage == nil {
			f.add(core.Position{}, "parameters.pipeline[%d] is null", i)
		}
		f.check("parameters.pipeline", stage)
	}
	o.Options.Collation.check(f)
	return o
}

// definition is the view's, as the server lists it.
func (o *createView) definition(ctx context.Context, w *work) (bson.D, error) {
	on, err := w.s.Resolve(ctx, o.ViewOn.Value)
	if err != nil {
		return nil, err
	}
	stages, err := documents(ctx, w.s.Resolve, o.Pipeline)
	if err != nil {
		return nil, err
	}
	pipeline := make(bson.A, len(stages))
	for i, s := range stages {
		pipeline[i] = s
	}
	d := bson.D{{Key: "viewOn", Value: on}, {Key: "pipeline", Value: pipeline}}
	c, err := o.Options.Collation.document(ctx, w)
	if c != nil {
		d = append(d, bson.E{Key: "collation", Value: c})
	}
	return d, err
}

// isView reports whether what is there is the view of a definition.
func isView(d *described, definition bson.D) bool {
	if d.Type != aView {
		return false
	}
	for _, key := range []string{"viewOn", "pipeline"} {
		want, _ := get(definition, key)
		have, _ := get(d.Options, key)
		if !same(have, want) {
			return false
		}
	}
	return within(sub(definition, "collation"), sub(d.Options, "collation")) && has(definition, "collation") == has(d.Options, "collation")
}

func (o *createView) apply(ctx context.Context, w *work) (already bool, err error) {
	definition, err := o.definition(ctx, w)
	if err != nil {
		return false, err
	}
	return w.makeView(ctx, definition)
}

func (w *work) makeView(ctx context.Context, definition bson.D) (already bool, err error) {
	d, err := w.describe(ctx, w.collection)
	if err == nil && d == nil {
		command := append(bson.D{{Key: "create", Value: w.collection}}, definition...)
		err = w.db.RunCommand(ctx, append(command, majority)).Err()
		if already = hasCode(err, namespaceExists); err != nil && !already { // by somebody else, just now
			return false, err
		}
		// There are servers that know no views, and make a collection.
		if d, err = w.describe(ctx, w.collection); err != nil {
			return false, core.Unknown(w.target.explain(ctx, err))
		}
	} else {
		already = true
	}
	if err != nil {
		return false, err
	}
	if d == nil || !isView(d, definition) {
		err := w.differs("is there, and is not this view")
		w.theirs = already
		return false, err
	}
	return already, nil
}

func (o *createView) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	definition, err := o.definition(ctx, w)
	if err != nil {
		return core.ProbeUnknown, err
	}
	switch d, err := w.describe(ctx, w.collection); {
	case err != nil:
		return core.ProbeUnknown, err
	case d == nil:
		return core.ProbeNotApplied, nil
	case !isView(d, definition):
		return core.ProbeConflict, nil
	}
	return core.ProbeApplied, nil
}

// dropView drops a view, and refuses to drop a collection.
type dropView struct{ drop }

func newDropView(*payload[noParameters], *faults) operation { return dropView{drop{viewOnly: true}} }

func (dropView) capture(ctx context.Context, w *work) (string, error) {
	d, err := w.describe(ctx, w.collection)
	if err != nil || d == nil || d.Type != aView {
		return "", err
	}
	return keep(d.Options)
}

func (dropView) restore(ctx context.Context, w *work, captured string) error {
	definition, err := kept(captured)
	if err != nil {
		return err
	}
	_, err = w.makeView(ctx, definition)
	return err
}
