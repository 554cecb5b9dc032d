package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
)

// modify changes what a collection demands of its documents.
type modify struct{ modifyParameters }

func newModify(p *payload[modifyParameters], f *faults) operation {
	o := &modify{p.Parameters}
	if o.Validator == nil && o.ValidationLevel.Value == "" && o.ValidationAction.Value == "" {
		f.add(core.Position{}, "parameters needs one of validator, validationLevel and validationAction")
	}
	f.check("parameters.validator", o.Validator)
	for _, one := range []struct {
		name  string
		text  core.Text
		known []string
	}{{"validationLevel", o.ValidationLevel, []string{"off", "strict", "moderate"}}, {"validationAction", o.ValidationAction, []string{"error", "warn"}}} {
		if one.text.Value != "" && len(core.References(one.text.Value)) == 0 && !slices.Contains(one.known, one.text.Value) {
			f.add(one.text.Start, "parameters.%s must be one of %v", one.name, one.known)
		}
	}
	return o
}

// wanted is what the payload sets, and nothing else.
func (o *modify) wanted(ctx context.Context, w *work) (bson.D, error) {
	var d bson.D
	if err := w.optional(ctx, &d, "validator", o.Validator); err != nil {
		return nil, err
	}
	if err := w.words(ctx, &d, "validationLevel", o.ValidationLevel); err != nil {
		return nil, err
	}
	err := w.words(ctx, &d, "validationAction", o.ValidationAction)
	return d, err
}

// present is what the collection has of what is wanted.
func (o *modify) present(ctx context.Context, w *work, wanted bson.D) (bson.D, error) {
	d, err := w.describe(ctx, w.collection)
	switch {
	case err != nil:
		return nil, err
	case d == nil:
		return nil, &OperationError{Operation: w.kind, On: w.collection, Reason: "there is no such collection", Next: "create it in a change before this one, or mend its name"}
	case d.Type == aView:
		return nil, w.differs("is a view, which has no validation")
	}
	var out bson.D
	for _, e := range wanted {
		v, ok := get(d.Options, e.Key)
		if !ok {
			v = noValidation[e.Key]
		}
		out = append(out, bson.E{Key: e.Key, Value: v})
	}
	return out, nil
}

func (o *modify) apply(ctx context.Context, w *work) (already bool, err error) {
	wanted, err := o.wanted(ctx, w)
	if err != nil {
		return false, err
	}
	return false, w.set(ctx, wanted)
}

// set sets the validation of a collection.
func (w *work) set(ctx context.Context, validation bson.D) error {
	command := append(bson.D{{Key: "collMod", Value: w.collection}}, validation...)
	return w.db.RunCommand(ctx, append(command, majority)).Err()
}

func (o *modify) probe(ctx context.Context, w *work) (core.ProbeResult, error) {
	wanted, err := o.wanted(ctx, w)
	if err != nil {
		return core.ProbeUnknown, err
	}
	present, err := o.present(ctx, w, wanted)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case same(present, wanted):
		return core.ProbeApplied, nil
	}
	return core.ProbeNotApplied, nil
}

func (o *modify) capture(ctx context.Context, w *work) (string, error) {
	wanted, err := o.wanted(ctx, w)
	if err != nil {
		return "", err
	}
	d, err := w.describe(ctx, w.collection)
	if err != nil || d == nil { // a step before this one may make it, without any validation
		return "", err
	}
	present, err := o.present(ctx, w, wanted)
	if err != nil {
		return "", err
	}
	return keep(present)
}

func (o *modify) restore(ctx context.Context, w *work, captured string) error {
	before, err := kept(captured)
	if err != nil {
		return err
	}
	wanted, err := o.wanted(ctx, w)
	if err != nil {
		return err
	}
	present, err := o.present(ctx, w, wanted)
	switch {
	case err != nil:
		return err
	case same(present, before):
		return nil
	case !same(present, wanted):
		return w.differs("somebody else has changed its validation since: it is left as it is")
	}
	return w.set(ctx, before)
}

// keep writes a document as MongoDB's extended JSON, which tells its types.
func keep(d bson.D) (string, error) {
	b, err := bson.MarshalExtJSON(d, true, false)
	return string(b), err
}

func kept(text string) (bson.D, error) {
	var d bson.D
	err := bson.UnmarshalExtJSON([]byte(text), true, &d)
	return d, err
}
