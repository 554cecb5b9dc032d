package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// checkShared refuses target systems that are set up to share the transactions of
// an audit store which is not this one.
func checkShared(store core.AuditStore, targets map[string]core.Target) error {
	domain := ""
	if s, ok := store.(core.SharingStore); ok {
		domain = s.Domain()
	}
	for _, id := range slices.Sorted(maps.Keys(targets)) {
		if t, ok := targets[id].(core.SharedTarget); ok && t.Domain() != "" && t.Domain() != domain {
			return &core.ConfigError{
				Key: "targetSystems." + id, Reason: "it is set up to share the audit store's transactions, but it and the audit store are not in the same account and region with the same credentials",
				Next: "give both the same settings, or do not share",
			}
		}
	}
	return nil
}

// performShared lets a change write what commits with its APPLIED, or not at all:
// until then nothing has happened, whatever goes wrong.
func (x *execution) performShared(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time) (res result) {
	writes, err := x.shared(ctx, cur.Change.TargetSystem)
	if err != nil {
		return x.notBegun(st, cur, began, explain(ctx, err))
	}
	if open, live := writes.(core.OpenWrites); live {
		ctx = core.WithTaint(ctx, open.Taint)
		if cur.Change.Source.Template == "" { // nobody can tell what a function does to its session
			open.Taint()
		}
		defer func() {
			if res.items == nil { // otherwise they are the append's now
				x.closeShared(cur, writes)
			}
		}()
	}
	for i, p := range cur.Change.Pairs() {
		if err := x.step(ctx, cur, core.OpApply, i, p.Apply, writes.Handle()); err != nil {
			return x.rolledBack(ctx, st, cur, began, failure{err: explain(ctx, err), step: i}, nothingShared)
		}
	}
	if err := x.h.guard(ctx); err != nil {
		return x.rolledBack(ctx, st, cur, began, failure{err: fmt.Errorf("before its writes: %w", err), step: -1}, nothingShared)
	}
	res = x.applied(st, cur, began)
	res.items = writes.Items()
	return res
}

// closeShared rolls back the writes of a change in a transaction of the store that is
// still open: nobody else would.
func (x *execution) closeShared(cur *plan.Change, writes any) {
	open, live := writes.(core.OpenWrites)
	if !live {
		return
	}
	err := open.Discard()
	x.h.unpin()
	if err != nil {
		x.emit(Warned{Text: "the transaction of change " + cur.Change.ID + " was rolled back", Err: x.secrets.RedactError(err)})
	}
}

// shared begins the writes of a change of a target system.
func (x *execution) shared(ctx context.Context, id string) (core.SharedWrites, error) {
	if t, ok := x.r.o.Targets[id].(core.CollectingTarget); ok {
		return t.Collect(), nil
	}
	store, ok := x.r.o.Store.(core.LiveStore)
	if !ok { // unreachable: New has checked it
		return nil, &core.ConfigError{Key: "targetSystems." + id, Reason: "it cannot share the audit store's transactions"}
	}
	if err := x.h.pin(ctx); err != nil {
		return nil, err
	}
	open, err := store.Begin(ctx, x.h.lease)
	if err != nil {
		x.h.unpin()
		return nil, wrapStore(err)
	}
	return open, nil
}
