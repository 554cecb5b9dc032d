package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// result is what became of one attempt, and what is to be recorded of it.
type result struct {
	entries []core.Entry
	status  ChangeStatus
	err     error // of the change; nil when it is applied
	// stop ends the run after recording: the change could not begin, or the lease
	// is gone.
	stop error
	// rollBackFrom is the index of the step to roll back from, when the entries are
	// recorded; -1: nothing to roll back.
	rollBackFrom int
	left         []string // what no rollback takes back, for people
	began        time.Time
	marker       *core.Marker // can be deleted once the entries are recorded
	items        any          // of a TX_SHARED change: written with the entries
}

// one performs cur, and records its end together with the start of the next.
func (x *execution) one(ctx context.Context, st *plan.Stage, cur *plan.Change) (*plan.Stage, *plan.Change, error) {
	rec := x.h.snapshot.Records[cur.Change.ID]
	x.index++
	x.emit(ChangeStarted{ChangeID: cur.Change.ID, Stage: st.Name, Index: x.index, Total: x.total, Attempt: rec.Attempt})
	ctx, span := x.r.tel.change(ctx, x.id, st.Name, cur, core.OpApply, rec)
	defer func() { x.r.tel.endChange(ctx, span, cur, x.done.changes[cur.Change.ID]) }()
	res := x.perform(ctx, st, cur, rec)
	if res.rollBackFrom >= 0 {
		if err := x.record(ctx, res.entries, false); err != nil {
			return nil, nil, x.unrecorded(st, cur, res, err)
		}
		res = x.rollBack(ctx, st, cur, res)
	}
	before := x.before
	nst, next, err := x.finish(ctx, st, cur, res)
	x.closeShared(cur, res.items)
	var refused *core.RefusedError
	if res.items != nil && errors.As(err, &refused) {
		// Nothing was written, and the lease is still ours: a failed change.
		x.before = before // the next one's intent, which was refused with it, has set its own
		failed := x.rolledBack(ctx, st, cur, res.began, failure{err: refused, step: -1}, nothingShared)
		return x.finish(ctx, st, cur, failed)
	}
	return nst, next, err
}

// finish records what became of cur, together with the start of the next change.
func (x *execution) finish(ctx context.Context, st *plan.Stage, cur *plan.Change, res result) (*plan.Stage, *plan.Change, error) {
	x.conclude(st, cur, &res)
	if res.stop != nil {
		// Also when the lease seems lost: the store knows, and if it is not, nobody
		// has to wait for it.
		err := x.record(ctx, res.entries, true)
		if err != nil && (res.err != nil || !errors.Is(err, core.ErrLeaseLost)) {
			return nil, nil, x.unrecorded(st, cur, res, err)
		}
		x.report(st, cur, res)
		return nil, nil, res.stop
	}
	nst, next := x.next()
	var stop error
	apart := next != nil && captures(next) // its STARTED needs a look at its target system first
	if next != nil {
		if stop = x.mayStart(ctx); stop == nil && !apart {
			res.entries = append(res.entries, x.startedEntry(x.h.snapshot, nst, next))
		} else if stop != nil {
			nst, next, apart = nil, nil, false
		}
	}
	if err := x.recordWith(ctx, res.entries, next == nil, res.items); err != nil {
		var refused *core.RefusedError
		if errors.As(err, &refused) {
			return nil, nil, err
		}
		if next != nil && !apart && core.IsUnknown(err) {
			x.r.takeBackIntent(ctx, x.h, res.entries)
		}
		return nil, nil, errors.Join(stop, x.unrecorded(st, cur, res, err))
	}
	x.captured = nil // it was cur's
	if res.err != nil {
		x.failures = append(x.failures, res.err)
	}
	if res.marker != nil {
		id := cur.Change.TargetSystem
		x.markers[id] = append(x.markers[id], *res.marker)
	}
	x.report(st, cur, res)
	if apart {
		return x.start(ctx, nst, next)
	}
	return nst, next, stop
}

// conclude takes the result over into the plan, so that next sees it.
func (x *execution) conclude(st *plan.Stage, cur *plan.Change, res *result) {
	cur.Verdict = plan.Verdict{Decision: plan.Skip, Reason: "was run"}
	if res.err == nil && res.stop == nil {
		return
	}
	x.stoppedAt[st.Name] = true
	if res.err != nil && res.stop != nil {
		res.stop = &stoppedError{stop: res.stop, change: res.err}
	}
}

// stoppedError is a change that failed because the run had to stop: it counts as
// the stop, not as a failed change.
type stoppedError struct{ stop, change error }

func (e *stoppedError) Error() string   { return e.stop.Error() + "; " + e.change.Error() }
func (e *stoppedError) Unwrap() []error { return []error{e.stop, e.change} }
func (e *stoppedError) Code() core.Code { return core.CodeOf(e.stop) }
func (e *stoppedError) Hint() string {
	var ce *core.ChangeError
	if errors.As(e.change, &ce) && ce.State != core.StateRolledBack {
		return core.HintOf(e.change) // to run again is no use before a person has looked
	}
	return firstNonEmpty(core.HintOf(e.stop), core.HintOf(e.change))
}

func firstNonEmpty(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

func (x *execution) report(st *plan.Stage, cur *plan.Change, res result) {
	rep := ChangeReport{
		ChangeID: cur.Change.ID, Status: res.status, TxType: cur.TxType, Attempt: x.h.snapshot.Records[cur.Change.ID].Attempt,
		Duration: elapsed(res.began, x.r.o.Now()), Err: x.secrets.RedactError(res.err),
	}
	if res.stop != nil && res.err == nil {
		rep.Reason = x.secrets.Redact(res.stop.Error())
	}
	x.done.set(rep)
	x.emit(ChangeEnded{Stage: st.Name, Change: rep})
}

// unrecorded reports a change whose outcome could not be recorded.
func (x *execution) unrecorded(st *plan.Stage, cur *plan.Change, res result, err error) error {
	state := res.entries[len(res.entries)-1].State
	for i := range res.entries {
		if res.entries[i].ChangeID == cur.Change.ID {
			state = res.entries[i].State
		}
	}
	rerr := &core.RecordError{ChangeID: cur.Change.ID, State: state, Err: err}
	var ce *core.ChangeError
	if errors.As(res.err, &ce) {
		ce.Unrecorded = err
	}
	both := errors.Join(res.err, rerr)
	all := both
	switch {
	case res.stop != nil:
		all = errors.Join(res.stop, rerr)
	case res.err != nil && errors.Is(err, core.ErrLeaseLost):
		all = &stoppedError{stop: core.ErrLeaseLost, change: both}
	}
	res.err, res.status = both, ChangeFailed
	x.stoppedAt[st.Name] = true
	x.report(st, cur, res)
	return all
}

// perform executes one attempt, whose STARTED is recorded as rec.
func (x *execution) perform(ctx context.Context, st *plan.Stage, cur *plan.Change, rec core.Record) result {
	began := x.r.o.Now()
	if err := x.mayStart(ctx); err != nil {
		return x.notBegun(st, cur, began, err)
	}
	cctx, cancel := x.changeContext(ctx, cur.Change)
	defer cancel()
	switch cur.TxType {
	case core.TxSeparateMarker:
		return x.performTx(cctx, st, cur, rec, began)
	case core.TxShared:
		return x.performShared(cctx, st, cur, began)
	case core.TxNone, core.TxSeparateBare:
	}
	return x.performDirect(cctx, st, cur, began)
}

// changeContext ends with the change's timeout, or when the grace period after a
// request to stop is over, or with ctx.
func (x *execution) changeContext(ctx context.Context, c *core.Change) (context.Context, context.CancelFunc) {
	last := func() {}
	if dl, ok := ctx.Deadline(); ok {
		// A change that fills the reserve leaves a quarter of it for its record.
		ctx, last = context.WithDeadlineCause(ctx, dl.Add(-x.r.reserve(ctx)/4), &core.DeadlineError{Left: x.r.reserve(ctx) / 4, Reserve: x.r.reserve(ctx)})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(x.grace, func() { cancel(context.Cause(x.grace)) })
	stopTimer := func() bool { return true }
	if c.Timeout > 0 {
		stopTimer = time.AfterFunc(c.Timeout, func() { cancel(&core.TimeoutError{After: c.Timeout}) }).Stop
	}
	return ctx, func() {
		forget()
		stopTimer()
		cancel(nil)
		last()
	}
}

// startGrace makes x.grace, which ends when the grace period after a request to
// stop is over. The returned function ends the waiting for it.
func (x *execution) startGrace() func() {
	grace, cancel := context.WithCancelCause(context.Background()) //nolint:forbidigo // ends with startGrace, not with a change
	x.grace = grace
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-grace.Done():
			return
		case <-x.o.Stop:
		}
		timer := time.NewTimer(max(x.r.o.Grace, 0))
		defer timer.Stop()
		select {
		case <-grace.Done():
		case <-timer.C:
			cancel(&core.InterruptedError{Reason: "asked to stop, and the grace period ended"})
		}
	}()
	return func() {
		cancel(nil)
		<-ended
	}
}

// notBegun records that the attempt never began, which only its owner can know.
func (x *execution) notBegun(st *plan.Stage, cur *plan.Change, began time.Time, why error) result {
	e := notBegun(x.resultEntry(st, cur, core.StateRolledBack, began), x.before)
	e.Error = x.entryError(why)
	return result{entries: []core.Entry{e}, status: ChangeNotReached, stop: why, rollBackFrom: -1, began: began}
}

// applied records success.
func (x *execution) applied(st *plan.Stage, cur *plan.Change, began time.Time) result {
	return result{entries: []core.Entry{x.resultEntry(st, cur, core.StateApplied, began)}, status: ChangeApplied, rollBackFrom: -1, began: began}
}

// failure is an attempt that did not succeed.
type failure struct {
	err     error
	step    int // index of the failing step; -1: none
	unknown bool
}

func (x *execution) changeError(st *plan.Stage, cur *plan.Change, f failure, state core.State) *core.ChangeError {
	return &core.ChangeError{
		ChangeID: cur.Change.ID, Stage: st.Name, Phase: core.OpApply, Step: f.step + 1, Steps: len(cur.Change.Pairs()),
		Err: x.secrets.RedactError(f.err), State: state, Unknown: f.unknown,
	}
}

// failed records a failure without a transaction.
func (x *execution) failed(ctx context.Context, st *plan.Stage, cur *plan.Change, began time.Time, f failure) result {
	from := f.step
	var left []string
	doubt := false
	if core.IsNothingDone(f.err) && !f.unknown {
		switch from--; {
		case mayHaveLeft(x.before): // what it found may be an earlier attempt's, and may not
			left = []string{fmt.Sprintf("step %d (an earlier attempt may have done it)", f.step+1)}
			doubt = x.before.Unknown || x.before.State == core.StateStarted
		case from < 0:
			return x.rolledBack(ctx, st, cur, began, f, nothingDone)
		}
	}
	e := x.resultEntry(st, cur, core.StateFailed, began)
	e.Error, e.Unknown = x.entryError(f.err), f.unknown
	res := result{
		entries: []core.Entry{e}, status: ChangeFailed, err: x.changeError(st, cur, f, core.StateFailed), rollBackFrom: -1, left: left, began: began,
		stop: x.mustStop(ctx, f.err),
	}
	if !f.unknown && canTakeBack(cur.Change, from) && !errors.Is(res.stop, core.ErrLeaseLost) && from >= 0 {
		res.rollBackFrom = from
	} else if doubt { // a probe speaks for the whole change: not while a rollback takes back some of it
		res.entries[0].Unknown = true
	}
	return res
}

// canTakeBack reports whether any of the steps up to step has a rollback.
func canTakeBack(c *core.Change, step int) bool {
	for i, p := range c.Pairs() {
		if i <= step && !p.Rollback.IsZero() {
			return true
		}
	}
	return false
}

// mustStop says why the run cannot go on after a failed change: the lease is
// lost or the run was asked to stop. Nil when other stages may go on.
func (x *execution) mustStop(ctx context.Context, err error) error {
	var stopped *core.InterruptedError
	var timeout *core.TimeoutError
	var deadline *core.DeadlineError
	var behind *core.StoreBehindError
	switch cause := context.Cause(ctx); {
	case x.h.isLost() || errors.Is(err, core.ErrLeaseLost):
		return core.ErrLeaseLost
	case errors.As(err, &behind):
		return behind
	case errors.As(err, &stopped), errors.As(cause, &stopped):
		return stopped
	case errors.As(cause, &deadline):
		return deadline
	case cause != nil && !errors.As(cause, &timeout):
		return &core.InterruptedError{Reason: cause.Error()}
	}
	return nil
}

// explain puts the reason of a cancelled context before a step's error.
func explain(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// runStep runs one step; a panic in it is its error.
func runStep(ctx context.Context, step core.Step, s *core.Session) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &core.PanicError{Value: v, Stack: string(debug.Stack())}
		}
	}()
	return step.Do(ctx, s)
}

// step runs step number i+1 of a change, or its rollback.
func (x *execution) step(ctx context.Context, cur *plan.Change, op core.Operation, i int, s core.Step, handle any) error {
	ctx, span := x.r.tel.step(ctx, x.id, cur.Change, op, i)
	failpoint.Hit(failpoint.StepStarting)
	session := x.session(cur, handle, i)
	session.Captured, session.MayBeThere = x.capturedBy(i), mayHaveLeft(x.before)
	session.IdempotencyKey = x.idempotencyKey(cur.Change.ID, op, i)
	err := runStep(ctx, s, session)
	failpoint.Hit(failpoint.StepDone)
	span.endStep(err)
	return err
}

func (x *execution) session(cur *plan.Change, handle any, step int) *core.Session {
	steps := len(cur.Change.Pairs())
	return &core.Session{
		Handle: handle, ChangeID: cur.Change.ID, Step: step + 1,
		Resolve: func(ctx context.Context, text string) (string, error) {
			return core.Expand(ctx, x.secrets.InPayloads(), text)
		},
		Progress: func(p core.Progress) {
			p.Text = x.secrets.Redact(p.Text)
			x.emit(Progressed{ChangeID: cur.Change.ID, Step: step + 1, Steps: steps, Progress: p})
		},
		IdempotencyKey: x.idempotencyKey(cur.Change.ID, core.OpApply, step),
	}
}

// emit hands events over one at a time, also when a step reports from several
// goroutines.
func (x *execution) emit(e Event) {
	x.emitting.Lock()
	defer x.emitting.Unlock()
	x.r.o.Events(e)
}
