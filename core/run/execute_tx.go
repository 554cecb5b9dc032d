package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// performTx executes a change in a transaction of its target system, together
// with its marker and the fence.
func (x *execution) performTx(ctx context.Context, st *plan.Stage, cur *plan.Change, rec core.Record, began time.Time) result {
	id := cur.Change.TargetSystem
	t, ok := x.r.o.Targets[id].(core.TxTarget)
	if !ok {
		return x.notBegun(st, cur, began, &core.ConfigError{Key: id, Reason: "the target system offers transactions but no markers"})
	}
	if _, raised := x.fences[id]; !raised {
		if err := x.raise(ctx, t, 0); err != nil {
			return x.notBegun(st, cur, began, explain(ctx, err))
		}
	}
	marker := core.Marker{LedgerID: x.h.ledgerID, ChangeID: cur.Change.ID, Seq: rec.StartedSeq}
	settled := x.markers[id]
	at := -1
	begun := false
	err := t.Transact(ctx, core.Transaction{
		Fence: x.fence(id), Marker: marker, Settled: settled, Guard: x.h.guard,
		Work: func(ctx context.Context, handle any) error {
			begun = true
			for i, p := range cur.Change.Pairs() {
				at = i
				if err := x.h.guard(ctx); err != nil {
					return err
				}
				if err := x.step(ctx, cur, core.OpApply, i, p.Apply, handle); err != nil {
					return err
				}
			}
			return nil
		},
	})
	switch {
	case err == nil, errors.Is(err, core.ErrMarked):
		delete(x.markers, id) // they were deleted in the same transaction
		res := x.applied(st, cur, began)
		res.marker = &marker
		return res
	case errors.Is(err, core.ErrTransactionEnded):
		return x.brokenTx(ctx, st, cur, began, failure{err: explain(ctx, err), step: at, unknown: true})
	case core.IsUnknown(err):
		return x.afterUnknownCommit(ctx, st, cur, t, marker, began, failure{err: explain(ctx, err), step: at})
	}
	if errors.Is(err, core.ErrLeaseLost) {
		err = x.fenceRefused(ctx, id)
	}
	if !begun { // locked by somebody, or not to be reached
		return x.notBegun(st, cur, began, explain(ctx, wrapTarget(id, err)))
	}
	return x.rolledBack(ctx, st, cur, began, failure{err: explain(ctx, err), step: at}, undoneByTarget)
}

// Why nothing of a failed attempt is left.
const (
	nothingDone    = "the step that failed did nothing"
	undoneByTarget = "the target system rolled the transaction back"
	nothingShared  = "nothing was written: its writes share the audit store's transaction"
)

// rolledBack records a failure of which nothing is left: a transaction's, as a rule.
func (x *execution) rolledBack(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time, f failure, why string) result {
	failed := x.resultEntry(st, cur, core.StateFailed, began)
	failed.Error = x.entryError(f.err)
	undone := x.resultEntry(st, cur, core.StateRolledBack, x.r.o.Now())
	undone.Operation, undone.Reason = core.OpRollback, why
	status := ChangeRolledBack
	if mayHaveLeft(x.before) { // an attempt before, when it was another kind of change
		undone, status = asBefore(undone, x.before), ChangeFailed
	}
	return result{
		entries: []core.Entry{failed, undone}, status: status, err: x.changeError(st, cur, f, undone.State),
		stop: x.mustStop(ctx, f.err), rollBackFrom: -1, began: began,
	}
}

// brokenTx records a change whose step ended the transaction itself. It is
// recorded as what it was, without a transaction, so that no marker is believed.
func (x *execution) brokenTx(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time, f failure) result {
	e := x.resultEntry(st, cur, core.StateFailed, began)
	e.TxType, e.Unknown, e.Error = core.TxNone, true, x.entryError(f.err)
	return result{
		entries: []core.Entry{e}, status: ChangeFailed, err: x.changeError(st, cur, f, core.StateFailed),
		stop: x.mustStop(ctx, f.err), rollBackFrom: -1, began: began,
	}
}

// afterUnknownCommit asks the marker, behind a raised fence: the COMMIT whose
// answer was lost has either happened by then, or can no longer happen.
func (x *execution) afterUnknownCommit(ctx context.Context, st *plan.Stage, cur *plan.Change, t core.TxTarget, m core.Marker, began time.Time, f failure) result {
	last, cancel := x.r.lastContext(ctx)
	defer cancel()
	if err := x.raise(last, t, x.fences[t.ID()]+1); err != nil {
		return x.stillUnknown(ctx, st, cur, began, f, err)
	}
	marked, err := t.Marked(last, m)
	failpoint.Hit(failpoint.MarkerAsked)
	switch {
	case err != nil:
		return x.stillUnknown(ctx, st, cur, began, f, err)
	case marked:
		res := x.applied(st, cur, began)
		res.entries[0].Reconciled, res.entries[0].Reason = true, "the answer to COMMIT was lost; the marker shows that it happened"
		res.marker = &m
		return res
	}
	return x.rolledBack(ctx, st, cur, began, f, undoneByTarget)
}

func (x *execution) stillUnknown(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time, f failure, why error) result {
	err := fmt.Errorf("%w; and the marker could not be asked: %w", f.err, why)
	if errors.Is(why, core.ErrLeaseLost) {
		x.h.setLost()
	}
	return x.failed(ctx, st, cur, began, failure{err: err, step: -1, unknown: true})
}

// raise raises the target's fence to this execution's token and n.
func (x *execution) raise(ctx context.Context, t core.TxTarget, n uint64) error {
	f := core.Fence{LedgerID: x.h.ledgerID, Token: x.token, N: n, Owner: x.h.lease.Owner, Lease: x.r.o.Lease}
	failpoint.Hit(failpoint.FenceRaising)
	err := t.RaiseFence(ctx, f)
	failpoint.Hit(failpoint.FenceRaised)
	if err != nil {
		if errors.Is(err, core.ErrLeaseLost) {
			return x.fenceRefused(ctx, t.ID())
		}
		if n > 0 { // it may be so high now, and our own next transaction must not be below
			x.fences[t.ID()] = n
		}
		return wrapTarget(t.ID(), err)
	}
	x.fences[t.ID()] = n
	return nil
}

// fenceRefused says what it means that a target's fence is higher than ours.
// Usually a successor raised it. But when the audit store says that the lease is
// ours, there is none in this ledger: the target system has seen a later state of
// it than the audit store holds.
func (x *execution) fenceRefused(ctx context.Context, target string) error {
	if x.h.isLost() {
		return core.ErrLeaseLost
	}
	last, cancel := x.r.lastContext(ctx)
	defer cancel()
	if err := x.h.confirm(last); err != nil {
		x.h.setLost()
		return core.ErrLeaseLost
	}
	return &core.StoreBehindError{Ledger: x.r.o.Ledger, Target: target, Token: x.token}
}

func (x *execution) fence(target string) core.Fence {
	return core.Fence{LedgerID: x.h.ledgerID, Token: x.token, N: x.fences[target], Owner: x.h.lease.Owner, Lease: x.r.o.Lease}
}

// forgetMarkers deletes the markers that are no longer needed. They are never
// trusted without their STARTED, so that a failure only leaves rows behind.
func (x *execution) forgetMarkers(ctx context.Context) {
	for id, ms := range x.markers {
		t, ok := x.r.o.Targets[id].(core.TxTarget)
		if !ok || len(ms) == 0 {
			continue
		}
		last, cancel := x.r.lastContext(ctx)
		err := t.DeleteMarkers(last, ms)
		failpoint.Hit(failpoint.MarkersDeleted)
		if err != nil {
			x.emit(Warned{Text: "markers were left in target system " + id + "; they do no harm", Err: x.secrets.RedactError(err)})
		}
		cancel()
	}
}
