package mongodb

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Template is the name of the template of operations, and FlamingockTemplate that which
// it has in Flamingock for Java.
const (
	Template           = "mongodb"
	FlamingockTemplate = "mongodb-sync-template"
)

// operationTemplate runs one operation for each apply and each rollback.
//
// Of its operations:
//
//   - insert, update and delete run in a transaction where the target has any; the others
//     make their change NON_TX.
//   - What is there already counts as done only when it is the same: a collection without
//     options, an index of the same keys and options, a view of the same definition, a
//     document of the same content. The rollback of a step that found it so, in the same
//     process, leaves it there. What is gone already counts as dropped.
//   - insert outside of a transaction gives documents without an _id one that follows from
//     the step's idempotency key, so that a repetition finds what is there.
//   - Probes: insert and all that is about collections, indexes and views. A change with an
//     update or a delete has none: what they find and what they leave cannot be told apart.
//   - Captured before they change it: the validation of modifyCollection, the definition of
//     dropIndex and dropView. rollback: auto puts those back.
//   - Sent again by us: nothing. The driver repeats single writes on replica sets, which
//     know them by their number. A late duplicate of createCollection, createIndex and
//     createView is harmless; of the others it is not.
//   - No answer means unknown.
func operationTemplate() core.Template {
	return core.Template{Name: Template, Aliases: []string{FlamingockTemplate}, Compile: compile, Probe: compileProbe, Restore: compileRestore}
}

// operation is one that was compiled.
type operation interface {
	// does says what it does to a collection, for a plan.
	does(on string) string
	// apply does it, and reports whether it was done before.
	apply(ctx context.Context, w *work) (already bool, err error)
}

// probed is an operation whose effect can be looked for.
type probed interface {
	probe(ctx context.Context, w *work) (core.ProbeResult, error)
}

// capturing is an operation that keeps what it is about to change.
type capturing interface {
	capture(ctx context.Context, w *work) (string, error)
	restore(ctx context.Context, w *work, captured string) error
}

// compiled is an operation and what was said of it.
type compiled struct {
	kind, collection string
	operation
}

func (c *compiled) name() string { return c.kind + " " + c.collection }

// kinds are the operations, by Flamingock's names.
var kinds = map[string]func(core.Payload) (operation, *faults, error){
	"createCollection": decoded[noParameters](newCreateCollection),
	"createIndex":      decoded(newCreateIndex),
	"insert":           decoded(newInsert),
	"update":           decoded(newUpdate),
	"delete":           decoded(newDelete),
	"dropCollection":   decoded[noParameters](newDropCollection),
	"dropIndex":        decoded(newDropIndex),
	"renameCollection": decoded(newRename),
	"modifyCollection": decoded(newModify),
	"createView":       decoded(newCreateView),
	"dropView":         decoded[noParameters](newDropView),
}

func kindNames() []string {
	names := make([]string, 0, len(kinds))
	for n := range kinds {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// inTransaction are the operations that a transaction can hold, as in Flamingock.
func inTransaction(kind string) bool { return kind == "insert" || kind == "update" || kind == "delete" }

// decoded decodes a payload into the parameters of its type, and makes the operation.
func decoded[P any](build func(p *payload[P], f *faults) operation) func(core.Payload) (operation, *faults, error) {
	return func(p core.Payload) (operation, *faults, error) {
		in := new(payload[P])
		if err := p.Decode(in); err != nil {
			return nil, nil, err
		}
		f := &faults{payload: p, at: in.Type.Start}
		return build(in, f), f, nil
	}
}

// decode makes an operation of a payload.
func decode(p core.Payload) (*compiled, error) {
	var known payload[anyParameters]
	if err := p.Decode(&known); err != nil {
		return nil, err
	}
	f := &faults{payload: p, at: known.Type.Start}
	kind := known.Type.Value
	if blank(known.Type) {
		return nil, p.Fault(0, 0, "type is missing: one of "+strings.Join(kindNames(), ", "))
	}
	newOperation, ok := kinds[kind]
	if !ok {
		next := core.DidYouMean(kind, kindNames())
		if next == "" {
			next = "; there is " + strings.Join(kindNames(), ", ")
		}
		f.add(known.Type.Start, "there is no operation %q%s", core.Cap(kind, 80), next)
		return nil, f.err()
	}
	op, more, err := newOperation(p)
	if err != nil {
		return nil, err
	}
	if why := wrongName(known.Collection); why != "" {
		f.add(known.Collection.Start, "collection %s", why)
	}
	f.list = append(f.list, more.list...)
	return &compiled{kind, known.Collection.Value, op}, f.err()
}

func compile(p core.Payload) (core.Step, error) {
	c, err := decode(p)
	if err = errors.Join(err, p.Configuration(&struct{}{})); err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	s := core.Step{
		Name: c.name(), Does: c.does(core.Cap(c.collection, maxName)), Handle: reflect.TypeFor[Handle](), LateSafe: strings.HasPrefix(c.kind, "create"),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newWork(ctx, s, c)
			if err != nil {
				return err
			}
			return w.run(ctx, rollback)
		},
	}
	if !inTransaction(c.kind) {
		s.Handle, s.NotTransactional = reflect.TypeFor[*Client](), "MongoDB's transactions do not hold "+c.kind
	}
	if keeps, ok := c.operation.(capturing); ok {
		s.Capture = func(ctx context.Context, s *core.Session) (string, error) {
			w, err := newWork(ctx, s, c)
			if err != nil {
				return "", err
			}
			text, err := keeps.capture(ctx, w)
			return text, w.fault(ctx, err)
		}
	}
	return s, nil
}

func compileRestore(p core.Payload) (core.Step, error) {
	c, err := decode(p)
	if err != nil {
		return core.Step{}, err
	}
	keeps, ok := c.operation.(capturing)
	if !ok {
		return core.Step{}, p.Fault(0, 0, c.kind+" keeps nothing that could be put back by itself: write out the rollback, or leave it away")
	}
	return core.Step{
		Name: "restore before " + c.name(), NotTransactional: "MongoDB's transactions do not hold " + c.kind, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newWork(ctx, s, c)
			if err != nil || s.Captured == "" { // there was nothing before
				return err
			}
			if w.skip() {
				return nil
			}
			return w.fault(ctx, keeps.restore(ctx, w, s.Captured))
		},
	}, nil
}

// compileProbe asks for the effect of every payload. There is none for a change that has
// one whose effect cannot be looked for.
func compileProbe(ps []core.Payload) (core.Probe, error) {
	type question struct {
		of *compiled
		probed
	}
	var all []question
	for _, p := range ps {
		c, err := decode(p)
		if err != nil {
			return nil, err
		}
		q, ok := c.operation.(probed)
		if !ok {
			return nil, nil
		}
		all = append(all, question{c, q})
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		step := 0
		return core.ProbeEach(all, func(q question) (core.ProbeResult, error) {
			step++
			w, err := newWork(ctx, s, q.of)
			if err != nil {
				return core.ProbeUnknown, err
			}
			w.step, w.steps = step, len(all)
			answer, err := q.probe(ctx, w)
			if err != nil {
				return core.ProbeUnknown, w.fault(ctx, err)
			}
			return answer, nil
		})
	}, nil
}

// faults collects what is wrong with a payload, each at its place.
type faults struct {
	payload core.Payload
	at      core.Position // of the operation's type
	list    []error
}

// add adds a fault at a place, or at that of the operation's type.
func (f *faults) add(p core.Position, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if p.Line == 0 {
		p = f.at
	}
	if p.Line == 0 {
		f.list = append(f.list, f.payload.Fault(0, 0, message))
		return
	}
	f.list = append(f.list, &core.ValidationError{Faults: []core.Fault{{Where: p.String(), Message: message}}})
}

func (f *faults) err() error {
	if len(f.list) == 1 {
		return f.list[0]
	}
	return errors.Join(f.list...)
}

// check finds what cannot be written in BSON.
func (f *faults) check(what string, in any) {
	if hasReference(in) {
		return
	}
	if _, err := value(context.Background(), asWritten, in); err != nil { //nolint:forbidigo // nothing is waited for
		f.add(core.Position{}, "%s: %v", what, err)
	}
}
