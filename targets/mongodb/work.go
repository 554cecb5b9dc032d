package mongodb

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/flamingock/flamingock-go/core"
)

// work is one operation of a session.
type work struct {
	*compiled
	s          *core.Session
	db         *mongo.Database
	target     *Target
	inTx       bool
	collection string // with references resolved
	// step and steps say which of a change's steps this is, for a probe, which asks for
	// all of them in one session.
	step, steps int
	// theirs says that the operation did nothing, since something else of that name is
	// there.
	theirs bool
}

func newWork(ctx context.Context, s *core.Session, c *compiled) (*work, error) {
	h, ok := s.Handle.(Handle)
	if !ok {
		return nil, &core.HandleError{Want: reflect.TypeFor[Handle](), Got: reflect.TypeOf(s.Handle)}
	}
	_, inTx := h.(*Tx)
	if inTx && !inTransaction(c.kind) {
		return nil, &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
	}
	name, err := s.Resolve(ctx, c.collection)
	if err != nil {
		return nil, err
	}
	if why := wrongName(core.Text{Value: name}); why != "" {
		return nil, &core.FaultError{Message: "collection " + why}
	}
	return &work{compiled: c, s: s, db: h.Database(), target: h.owner(), inTx: inTx, collection: name}, nil
}

// run does the operation. The rollback of a step that found done what it was to do leaves
// it so, and that of one that found something else in its place does not run.
func (w *work) run(ctx context.Context, rollback bool) error {
	if rollback && w.skip() {
		return nil
	}
	already, err := w.apply(ctx, w)
	if !rollback {
		w.target.mu.Lock()
		w.target.present[w.id()] = already && err == nil
		w.target.mu.Unlock()
	}
	if w.theirs || hasCode(err, indexOptionsConflict, indexKeySpecs, namespaceExists) {
		return core.NothingDone(w.fault(ctx, err))
	}
	return w.fault(ctx, err)
}

func (w *work) id() stepID { return stepID{w.s.ChangeID, w.s.Step} }

// skip reports whether the step of this rollback had nothing to do.
func (w *work) skip() bool {
	w.target.mu.Lock()
	present := w.s.ChangeID != "" && w.target.present[w.id()]
	w.target.mu.Unlock()
	if present {
		w.say("left as it is: it was so before this change")
	}
	return present
}

func (w *work) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: w.name() + ": " + fmt.Sprintf(format, args...)})
}

// fault says which operation failed, and whether its outcome is known.
func (w *work) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if is := (*OperationError)(nil); errors.As(err, &is) || core.IsUnknown(err) {
		return err
	}
	named := &OperationError{Operation: w.kind, On: w.collection, Err: w.target.explain(ctx, err), Next: advice(err)}
	if core.IsUnknown(Outcome(err)) {
		return core.Unknown(named)
	}
	return named
}

// advice says what to do about what a server refuses; "" when that is up to the author.
func advice(err error) string {
	switch {
	case hasCode(err, indexOptionsConflict), hasCode(err, indexKeySpecs):
		return "mend the change if the index that is there is right; give another name, or drop that index in a step before, if it is not"
	case mongo.IsDuplicateKeyError(err):
		return "another document has the same unique key: mend the documents, or remove the one that is there in a change before this one"
	case hasCode(err, namespaceNotFound):
		return "create the collection in a step before this one, or mend its name"
	case hasCode(err, unauthorized):
		return "grant the right to the user that Flamingock logs in with, then run again"
	}
	return ""
}

// differs is the error for something of the same name that is not the same.
func (w *work) differs(format string, args ...any) error {
	w.theirs = true
	return &OperationError{
		Operation: w.kind, On: w.collection, Reason: fmt.Sprintf(format, args...),
		Next: "mend the change if what is there is right; choose another name, or change or drop it in a change before this one, if it is not",
	}
}

// document makes BSON of a mapping of the payload.
func (w *work) document(ctx context.Context, in core.Ordered) (bson.D, error) {
	return document(ctx, w.s.Resolve, in)
}

// optional is document for a mapping that may be missing.
func (w *work) optional(ctx context.Context, d *bson.D, key string, in core.Ordered) error {
	if in == nil {
		return nil
	}
	v, err := w.document(ctx, in)
	*d = append(*d, bson.E{Key: key, Value: v})
	return err
}

// words adds a text that is not empty, resolved.
func (w *work) words(ctx context.Context, d *bson.D, key string, text core.Text) error {
	if text.Value == "" {
		return nil
	}
	v, err := w.s.Resolve(ctx, text.Value)
	*d = append(*d, bson.E{Key: key, Value: v})
	return err
}

// put adds a value that was given.
func put[T any](d *bson.D, key string, v *T) {
	if v != nil {
		*d = append(*d, bson.E{Key: key, Value: *v})
	}
}

// document makes the server's form of a collation.
func (c *collation) document(ctx context.Context, w *work) (bson.D, error) {
	var d bson.D
	if c == nil {
		return nil, nil
	}
	var errs []error
	add := func(key string, text core.Text) { errs = append(errs, w.words(ctx, &d, key, text)) }
	add("locale", c.Locale)
	put(&d, "caseLevel", c.CaseLevel)
	add("caseFirst", c.CaseFirst)
	put(&d, "strength", c.Strength)
	put(&d, "numericOrdering", c.NumericOrdering)
	add("alternate", c.Alternate)
	add("maxVariable", c.MaxVariable)
	put(&d, "normalization", c.Normalization)
	put(&d, "backwards", c.Backwards)
	return d, errors.Join(errs...)
}

func (c *collation) check(f *faults) {
	if c != nil && blank(c.Locale) {
		f.add(core.Position{}, "collation needs a locale, such as en, or simple")
	}
}

// collationOf makes the driver's form of the server's.
func collationOf(d bson.D) *options.Collation {
	var c options.Collation
	for _, e := range d {
		switch v := e.Value.(type) {
		case string:
			switch e.Key {
			case "locale":
				c.Locale = v
			case "caseFirst":
				c.CaseFirst = v
			case "alternate":
				c.Alternate = v
			case "maxVariable":
				c.MaxVariable = v
			}
		case int32:
			c.Strength = int(v)
		case bool:
			switch e.Key {
			case "caseLevel":
				c.CaseLevel = v
			case "numericOrdering":
				c.NumericOrdering = v
			case "normalization":
				c.Normalization = v
			case "backwards":
				c.Backwards = v
			}
		}
	}
	return &c
}
