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

// performShared collects the writes of a change. They commit with its APPLIED, or
// not at all: until then nothing has happened, whatever goes wrong.
func (x *execution) performShared(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time) result {
	id := cur.Change.TargetSystem
	t, ok := x.r.o.Targets[id].(core.SharedTarget)
	if !ok { // unreachable: the type follows from the target
		return x.notBegun(st, cur, began, &core.ConfigError{Key: id, Reason: "the target system cannot share the audit store's transactions"})
	}
	writes := t.Collect()
	for i, p := range cur.Change.Pairs() {
		if err := x.step(ctx, cur, core.OpApply, i, p.Apply, writes.Handle()); err != nil {
			return x.rolledBack(ctx, st, cur, began, failure{err: explain(ctx, err), step: i}, nothingShared)
		}
	}
	if err := x.h.guard(ctx); err != nil {
		return x.rolledBack(ctx, st, cur, began, failure{err: fmt.Errorf("before its writes: %w", err), step: -1}, nothingShared)
	}
	res := x.applied(st, cur, began)
	res.items = writes.Items()
	return res
}
