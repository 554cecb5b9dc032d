package run

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// ApplyOptions narrows and steers one run.
type ApplyOptions struct {
	Select plan.Selection
	// Stop asks the run to stop in good order when it is closed: no new change
	// starts, the running one gets the grace period. Nil: nobody asks.
	Stop <-chan struct{}
}

// Apply runs the pending changes. The report is never nil, also on failure; nil
// is returned as error when everything is applied or nothing was to do.
//
// Errors, joined when there are several: *core.ChangeError,
// *core.InterventionError, *core.DriftError, *core.HeldError,
// *core.DeadlineError, *core.InterruptedError, *core.RecordError,
// core.ErrLeaseLost, *core.UnavailableError, *core.StoreError,
// *core.PermissionError, *core.ConfigError, *core.UsageError. core.CodeOf
// classifies them.
//
// A deadline of ctx is kept: the run stops before it, with *core.DeadlineError.
// Cancelling ctx cancels the running change at once.
func (r *Runner) Apply(ctx context.Context, o ApplyOptions) (*Report, error) {
	started := r.o.Now()
	x := r.newExecution(o)
	ctx, span := r.tel.run(ctx, x.id, r.o.Trigger)
	err := x.secrets.RedactError(x.run(withGiven(ctx)))
	// What waits for a person is not known while another execution is at work.
	if x.plan != nil && len(x.plan.Blocking()) > 0 && !x.whileHeld {
		err = errors.Join(err, &core.InterventionError{Issues: x.plan.Blocking()})
	}
	var rep *Report
	if x.plan == nil {
		rep = &Report{Ledger: r.o.Ledger, Status: Failed, Counts: map[ChangeStatus]int{}}
		if core.CodeOf(err).Exit() == core.CodeInterrupted.Exit() {
			rep.Status = Incomplete
		}
	} else {
		rep = x.done.report(x.plan, x.stopped, err)
		rep.Drift = x.plan.Warned(r.o.Drift)
	}
	if x.h != nil {
		rep.ExecutionID = x.id
	}
	rep.StartedAt, rep.Duration = started.UTC().Round(0), elapsed(started, r.o.Now())
	r.tel.endRun(ctx, span, rep, err)
	return rep, err
}

// execution is one call of Apply.
type execution struct {
	r       *Runner
	id      string
	o       ApplyOptions
	secrets *core.Redactor
	plan    *plan.Plan
	// whileHeld: the plan was made while another execution held the lease.
	whileHeld bool
	done      done
	h         *holding
	token     uint64
	settled   map[string]plan.Verdict
	before    core.Record // of the change that was started last: before that
	captured  []string    // by the steps of the change at work
	// keptByOther: what was captured comes from the ledger, without secrets.
	keptByOther bool

	index, total int
	stoppedAt    map[string]bool          // stages in which a change failed
	fences       map[string]uint64        // target id -> N of the raised fence
	markers      map[string][]core.Marker // target id -> markers that can be deleted
	failures     []error                  // of changes, in order
	emitting     sync.Mutex
	grace        context.Context // ends with the grace period after a request to stop
}

func (r *Runner) newExecution(o ApplyOptions) *execution {
	secrets, ok := r.o.Resolver.(*core.Redactor)
	if !ok {
		secrets = core.NewRedactor(r.o.Resolver)
	}
	return &execution{
		r: r, id: r.o.NewID(), o: o, secrets: secrets, done: done{changes: map[string]ChangeReport{}},
		settled: map[string]plan.Verdict{}, stoppedAt: map[string]bool{}, fences: map[string]uint64{}, markers: map[string][]core.Marker{},
	}
}

func (x *execution) run(ctx context.Context) error {
	h, err := x.r.obtain(ctx, x.id, x.o.Stop, func(s core.Snapshot, held bool) (intent, error) {
		return x.decide(ctx, s, held)
	})
	if err != nil || h == nil {
		return err
	}
	x.h, x.token = h, h.lease.Token
	// Also when a target system's client panics: who no longer works must not go
	// on renewing.
	defer h.close()
	err = x.work(h.ctx)
	return errors.Join(append(x.failures, err)...)
}

// decide plans on one load and says what to do.
func (x *execution) decide(ctx context.Context, s core.Snapshot, held bool) (intent, error) {
	if err := x.makePlan(s, held); err != nil {
		return intent{}, err
	}
	p := x.plan
	if err := p.Refused(x.r.o.Drift); err != nil {
		return intent{}, err
	}
	if !p.HasWork() {
		waitFor := held && (p.Counts.Running > 0 || p.Counts.Manual > 0)
		return intent{idle: !waitFor, waitOnly: waitFor}, nil
	}
	if err := x.mayStart(ctx); err != nil {
		return intent{}, err
	}
	in := intent{ready: x.ready}
	// What is there before a change is looked at under the lease only.
	if st, c := p.Next(nil); len(p.ToSettle()) == 0 && !captures(c) {
		in.entries = []core.Entry{x.startedEntry(s, st, c)}
	}
	return in, nil
}

func (x *execution) makePlan(s core.Snapshot, held bool) error {
	p, err := plan.Build(plan.Input{
		Ledger: x.r.o.Ledger, Stages: x.r.o.Stages, Targets: x.r.o.Targets, Snapshot: s, Held: held, Select: x.o.Select, Settled: x.settled,
	})
	if err != nil {
		return err
	}
	x.plan, x.whileHeld = p, held
	x.emit(Planned{p})
	return nil
}

// mayStart is asked before every append that contains a STARTED.
func (x *execution) mayStart(ctx context.Context) error {
	select {
	case <-x.o.Stop:
		return &core.InterruptedError{Reason: "asked to stop"}
	default:
	}
	if err := ctx.Err(); err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, core.ErrLeaseLost) {
			return cause
		}
		return &core.InterruptedError{Reason: context.Cause(ctx).Error()}
	}
	if dl, ok := ctx.Deadline(); ok {
		left, reserve := time.Until(dl), x.r.reserve(ctx) //nolint:forbidigo // deadlines are on the machine's clock
		if left < reserve {
			return &core.DeadlineError{Left: left, Reserve: reserve}
		}
	}
	return nil
}

// ready checks before the first write what would make every change fail:
// references without a value, and target systems that cannot be reached.
func (x *execution) ready(ctx context.Context) error {
	asked := map[string]bool{}
	for i := range x.plan.Stages {
		st := &x.plan.Stages[i]
		if !st.Runs() {
			continue
		}
		for j := range st.Changes {
			c := &st.Changes[j]
			if c.Beyond || c.Decision != plan.Apply && c.Decision != plan.Settle {
				continue
			}
			for _, ref := range c.Change.References {
				if _, err := x.secrets.Resolve(ctx, ref); err != nil {
					return noValue(c.Change, ref, err)
				}
			}
			id := c.Change.TargetSystem
			if asked[id] {
				continue
			}
			asked[id] = true
			if err := x.r.o.Targets[id].Ping(ctx); err != nil {
				return wrapTarget(id, err)
			}
		}
	}
	return nil
}

func noValue(c *core.Change, ref core.Reference, err error) error {
	out := &core.ConfigError{Where: c.Where(), Key: "change " + c.ID, Reason: ref.String() + " has no value", Next: core.HintOf(err), Err: err}
	var cause *core.ConfigError
	if errors.As(err, &cause) {
		out.Reason, out.Err = ref.String()+": "+cause.Reason, cause.Err
	}
	return out
}

func wrapTarget(id string, err error) error {
	var coded core.Coded
	// A call that was cancelled says nothing about the system.
	if err == nil || errors.Is(err, core.ErrLeaseLost) || errors.Is(err, context.Canceled) || errors.As(err, &coded) {
		return err
	}
	return &core.UnavailableError{System: "target system " + id, Err: err}
}

// work runs under the lease until nothing is left to do, and frees it.
func (x *execution) work(ctx context.Context) error {
	defer x.startGrace()()
	st, cur, err := x.begin(ctx)
	for err == nil && cur != nil {
		st, cur, err = x.one(ctx, st, cur)
	}
	lost := x.h.isLost() && !x.h.released // what was written with a release was ours
	freed := x.r.letGo(x.h)
	switch {
	case !lost:
		err = errors.Join(err, freed)
	case !errors.Is(err, core.ErrLeaseLost):
		err = errors.Join(err, core.ErrLeaseLost)
	}
	x.forgetMarkers(ctx)
	return err
}

// begin settles what is open and starts the first change.
func (x *execution) begin(ctx context.Context) (*plan.Stage, *plan.Change, error) {
	if x.h.tookOver {
		if err := x.makePlan(x.h.snapshot, false); err != nil {
			return nil, nil, err
		}
		if err := x.plan.Refused(x.r.o.Drift); err != nil {
			return nil, nil, err
		}
		if err := x.ready(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := x.settleAll(ctx); err != nil {
		return nil, nil, err
	}
	x.total = x.plan.Counts.Apply
	st, c := x.next()
	if len(x.h.written) > 0 {
		x.note(x.h.written)
		return st, c, nil
	}
	if c == nil {
		return nil, nil, nil
	}
	if err := x.mayStart(ctx); err != nil {
		return nil, nil, err
	}
	return x.start(ctx, st, c)
}

// next returns the next change to apply, if there is one.
func (x *execution) next() (*plan.Stage, *plan.Change) { return x.plan.Next(x.stopped) }

// stopped reports whether a change of the stage failed, or of one it depends on.
func (x *execution) stopped(stage string) bool {
	if x.stoppedAt[stage] {
		return true
	}
	for i := range x.plan.Stages {
		if st := &x.plan.Stages[i]; st.Name == stage {
			for _, d := range st.DependsOn {
				if x.stopped(d) {
					return true
				}
			}
		}
	}
	return false
}

// note takes written entries over into what is known of the ledger.
func (x *execution) note(entries []core.Entry) {
	if x.h.snapshot.Records == nil {
		x.h.snapshot.Records = map[string]core.Record{}
	}
	for i := range entries {
		if e := &entries[i]; e.ChangeID != "" {
			x.h.snapshot.Records[e.ChangeID] = e.Record()
		}
	}
}

// record appends entries. It is given more time than the run has left: what was
// done is recorded also when the run is cancelled, and a STARTED whose answer is
// not awaited would leave it open whether the change began.
func (x *execution) record(ctx context.Context, entries []core.Entry, release bool) error {
	return x.recordWith(ctx, entries, release, nil)
}

// recordWith is record with the writes of a change in the same transaction.
func (x *execution) recordWith(ctx context.Context, entries []core.Entry, release bool, items any) error {
	ctx, cancel := x.r.lastContext(ctx)
	defer cancel()
	if err := x.h.append(ctx, entries, release, items); err != nil {
		return wrapStore(err)
	}
	x.note(entries)
	return nil
}
