package dynamodb

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// byHand is what is left to do where a rollback cannot go on.
const byHand = "put it back by hand (flamingock issue get shows what was there), then: flamingock issue resolve"

// restoreTable compiles `rollback: auto`.
func restoreTable(apply core.Payload) (core.Step, error) {
	t, err := decodeTable(apply)
	if err != nil {
		return core.Step{}, err
	}
	if t.Delete != nil {
		return core.Step{}, apply.Fault(0, 0, "a deleted table cannot be put back, its items are gone: leave the rollback away, or write out a create that makes an empty one")
	}
	return core.Step{
		Name: TableTemplate, NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newTableWork(ctx, s, t)
			if err != nil {
				return err
			}
			w.restoring = true
			return w.restore(ctx)
		},
	}, nil
}

// restore brings about what was captured.
func (w *tableWork) restore(ctx context.Context) error {
	k, err := w.captured()
	create := w.payload.Create
	switch {
	case err != nil:
		return err
	case k == nil:
		return &TableError{Table: w.name, Reason: "is not put back: nothing was captured before the change", Next: byHand}
	case k.Operation != w.payload.operation():
		return &TableError{Table: w.name, Reason: "is not put back: what was kept is of another change, " + k.Operation, Next: byHand}
	case create != nil && !k.Exists:
		return w.delete(ctx, &deleteTable{Unprotect: aws.ToBool(create.Options.DeletionProtection)}, true)
	case create != nil:
		w.say(leftAlone)
	}
	wanted := w.payload.Update
	if create != nil {
		wanted = create.later()
	}
	before := k.Update.update()
	if before.none() { // also when the change found no table
		return w.lost(k)
	}
	if err := w.checked(before); err != nil {
		return err
	}
	o, err := w.calm(ctx, wanted)
	switch {
	case err != nil:
		return err
	case o.table == nil || k.ID != "" && k.ID != aws.ToString(o.table.TableId):
		return &TableError{Table: w.name, Reason: "is not put back: the table that the change found is gone", Next: "look who deleted it, then: flamingock issue resolve"}
	}
	if err := w.touched(o, wanted, before); err != nil {
		return err
	}
	if err := w.putBack(ctx, o, before); err != nil {
		return err
	}
	return w.lost(k)
}

// putBack has two parts: a ttl can be refused, since DynamoDB takes one change of it in
// an hour, and that shall not keep the rest from being put back.
func (w *tableWork) putBack(ctx context.Context, o *observed, before *updateTable) error {
	w.say("putting back what was there before")
	rest := *before
	rest.Options.TTL = core.Text{}
	ttl := &updateTable{Options: tableOptions{TTL: before.Options.TTL}}
	for _, part := range []*updateTable{&rest, ttl} {
		if part.none() {
			continue
		}
		// A stream or a ttl of another kind has to be off first.
		for _, a := range part.compare(o) {
			first := new(updateTable)
			switch {
			case a.standing != isOther:
				continue
			case a.what == whatStream:
				first.Options.Stream.Value = off
			case a.what == whatTTL:
				first.Options.TTL.Value = off
			default:
				continue
			}
			if err := w.bringAbout(ctx, first); err != nil {
				return err
			}
		}
		if err := w.bringAbout(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// touched finds what is neither as the change wanted it nor as it was before: somebody
// else has changed it since. DynamoDB has no versions of tables to make a request
// conditional on: somebody may still come between this look and the request.
func (w *tableWork) touched(o *observed, wanted, before *updateTable) error {
	was := map[string]standing{}
	for _, a := range before.compare(o) {
		was[thing(a)] = a.standing
	}
	var others []string
	for _, a := range wanted.compare(o) {
		if before, known := was[thing(a)]; known && a.standing != isSo && a.standing != isUnsure && before != isSo {
			others = append(others, thing(a))
		}
	}
	if others == nil {
		return nil
	}
	return &TableError{Table: w.name, Reason: "was changed since, by a step before this one or by somebody else, and is left as it is: " + strings.Join(others, ", "), Next: byHand}
}

// thing is what an aspect is about, there or not.
func thing(a aspect) string { return strings.TrimPrefix(a.what, "without ") }

func (w *tableWork) checked(u *updateTable) error {
	f := &awstarget.Faults{}
	u.check(f, core.Position{})
	if err := f.Err(); err != nil {
		return &TableError{Table: w.name, Reason: "is not put back: what was kept before the change makes no update: " + err.Error(), Next: byHand}
	}
	return nil
}

func (w *tableWork) lost(k *kept) error {
	if len(k.Lost) == 0 {
		return nil
	}
	return &TableError{Table: w.name, Reason: "was put back, but for what this cannot put back: " + strings.Join(k.Lost, "; "), Next: byHand}
}

// update is the payload that brings s about.
func (s *keptState) update() *updateTable {
	u := new(updateTable)
	if s == nil {
		return u
	}
	u.Attributes, u.Options.Tags = texts(s.Attributes), texts(s.Tags)
	for i := range s.AddIndexes {
		x := &s.AddIndexes[i]
		g := globalIndex{Name: core.Text{Value: x.Name}, Projection: core.Text{Value: x.Projection}, Include: list(x.Include), Capacity: x.Capacity}
		if x.Keys != nil {
			g.Keys = tableKeys{Partition: core.Text{Value: x.Keys.Partition}, Sort: core.Text{Value: x.Keys.Sort}}
		}
		u.AddIndexes = append(u.AddIndexes, g)
	}
	u.RemoveIndexes, u.RemoveTags = list(s.RemoveIndexes), list(s.RemoveTags)
	o := &u.Options
	o.Billing.Value, o.Capacity, o.IndexCapacity = s.Billing, s.Capacity, s.IndexCapacity
	o.Stream.Value, o.TTL.Value, o.Encryption.Value, o.TableClass.Value = s.Stream, s.TTL, s.Encryption, s.TableClass
	o.DeletionProtection, o.PointInTimeRecovery, o.RecoveryDays = s.DeletionProtection, s.PointInTimeRecovery, s.RecoveryDays
	return u
}

func texts(in map[string]string) map[string]core.Text {
	out := map[string]core.Text{}
	for key, value := range in {
		out[key] = core.Text{Value: value}
	}
	return out
}

func list(in []string) []core.Text {
	return slices.Collect(func(yield func(core.Text) bool) {
		for _, value := range in {
			if !yield(core.Text{Value: value}) {
				return
			}
		}
	})
}
