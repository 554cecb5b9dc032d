package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// performDirect executes a change without a transaction, step by step.
func (x *execution) performDirect(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time) result {
	handle, release, err := x.r.o.Targets[cur.Change.TargetSystem].Open(ctx)
	if err != nil {
		return x.notBegun(st, cur, began, explain(ctx, wrapTarget(cur.Change.TargetSystem, err)))
	}
	defer x.giveBack(cur, release)
	for i, p := range cur.Change.Pairs() {
		if err := x.h.guard(ctx); err != nil {
			if i == 0 {
				return x.notBegun(st, cur, began, err)
			}
			// Step i did not begin: what the steps before it did is known.
			return x.failed(ctx, st, cur, began, failure{err: fmt.Errorf("before step %d: %w", i+1, err), step: i - 1})
		}
		err := x.step(ctx, cur, core.OpApply, i, p.Apply, handle)
		if err == nil {
			continue
		}
		// A late effect that is harmless may be taken back at once; where there is nothing to
		// take back, the next run's probe has the word.
		harmless := p.Apply.LateSafe && canTakeBack(cur.Change, i)
		unknown := (core.IsUnknown(err) || ctx.Err() != nil || isContextError(err)) && !harmless
		return x.failed(ctx, st, cur, began, failure{err: explain(ctx, err), step: i, unknown: unknown})
	}
	return x.applied(st, cur, began)
}

func (x *execution) giveBack(cur *plan.Change, release func() error) {
	if err := release(); err != nil {
		x.emit(Warned{Text: "a session of target system " + cur.Change.TargetSystem + " could not be given back", Err: x.secrets.RedactError(err)})
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// rollBack takes the steps of a failed change back, from the failing one to the
// first. FAILED is recorded already. The error of the change is kept when the
// rollback fails too.
func (x *execution) rollBack(ctx context.Context, st *plan.Stage, cur *plan.Change, res result) result {
	x.emit(RollingBack{ChangeID: cur.Change.ID, Stage: st.Name, Cause: x.secrets.RedactError(res.err)})
	began := x.r.o.Now()
	ctx, cancel := x.r.rollbackContext(ctx, res.stop != nil)
	defer cancel()
	failpoint.Hit(failpoint.RollbackStarting)
	done, left, err := x.takeBack(ctx, cur, res.rollBackFrom)
	left = append(res.left, left...)
	failpoint.Hit(failpoint.RollbackDone)
	state, status, reason := core.StateRolledBack, ChangeRolledBack, ""
	switch {
	case err != nil:
		state, status = core.StateRollbackFailed, ChangeRollbackFailed
	case len(left) > 0:
		state, status = core.StateFailed, ChangeFailed
		reason = "rolled back in part; left as they are: " + strings.Join(left, ", ")
	}
	e := x.resultEntry(st, cur, state, began)
	e.Operation, e.Reason, e.Error = core.OpRollback, reason, x.entryError(err)
	if state != core.StateRolledBack {
		e.TakenBack = done
	}
	var ce *core.ChangeError
	if errors.As(res.err, &ce) {
		ce.State, ce.RollbackErr = state, x.secrets.RedactError(err)
	}
	return result{entries: []core.Entry{e}, status: status, err: res.err, stop: firstOf(res.stop, x.mustStop(ctx, err)), rollBackFrom: -1, began: res.began}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// takeBack runs the rollbacks from step `from` down to the first. It returns the numbers of
// the steps that were taken back, and names those that have no rollback.
func (x *execution) takeBack(ctx context.Context, cur *plan.Change, from int) (done []int, left []string, err error) {
	handle, release, err := x.r.o.Targets[cur.Change.TargetSystem].Open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("the rollback could not begin: %w", err)
	}
	defer x.giveBack(cur, release)
	pairs := cur.Change.Pairs()
	for i := from; i >= 0; i-- {
		if pairs[i].Rollback.IsZero() {
			left = append(left, fmt.Sprintf("step %d (it has no rollback)", i+1))
			continue
		}
		if x.cannotPutBack(cur.Change, i) {
			left = append(left, fmt.Sprintf("step %d (what was there held a secret, which is not recorded)", i+1))
			continue
		}
		if err := x.h.guard(ctx); err != nil {
			return done, left, fmt.Errorf("before the rollback of step %d: %w", i+1, err)
		}
		if err := x.step(ctx, cur, core.OpRollback, i, pairs[i].Rollback, handle); err != nil {
			return done, left, fmt.Errorf("rollback of step %d of %d: %w", i+1, len(pairs), explain(ctx, err))
		}
		done = append(done, i+1)
	}
	return done, left, nil
}

// rollbackContext lets a rollback go on when the run is to stop, within the time
// that records and releases have, but not after the lease is lost.
func (r *Runner) rollbackContext(ctx context.Context, stopping bool) (context.Context, context.CancelFunc) {
	switch {
	case errors.Is(context.Cause(ctx), core.ErrLeaseLost):
		return context.WithCancel(ctx)
	case ctx.Err() != nil:
		return r.lastContext(ctx)
	case stopping:
		return context.WithTimeout(ctx, max(r.o.Lease, 10*time.Second))
	}
	return context.WithCancel(ctx)
}
