package handler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
	"github.com/flamingock/flamingock-go/internal/notify"
)

// graceOnStop is what a running change gets when the process is asked to stop: Lambda
// ends it half a second later, and the outcome has to be recorded.
const graceOnStop = 100 * time.Millisecond

// applyAll is the request of triggers that bring none: all that is configured.
func applyAll() *events.Request { return &events.Request{Operation: events.OpApply} }

// do does what is asked for and reports it to log and metrics. What goes wrong is in
// the outcome, a panic too: whoever waits for an answer must get one.
func (in *invocation) do(ctx context.Context, r *events.Request, trigger core.Trigger, waited time.Duration) *outcome {
	began := in.h.proc.Now()
	cfg, err := in.config()
	if err == nil {
		err = in.check(cfg, r)
	}
	if err != nil {
		out := in.failed(err)
		out.doc.Operation = string(r.Operation)
		in.report(ctx, out)
		return out
	}
	ctx, cancel := in.untilSoft(ctx)
	defer cancel()
	j := &journal{ctx: ctx, log: in.log.With("ledger", cfg.Ledger)}
	version, _ := in.h.proc.LookupEnv("AWS_LAMBDA_FUNCTION_VERSION")
	s := operation.New(operation.Options{
		App: app.Options{
			Program: in.h.program, ConfigPath: in.h.configPath(), Flags: in.flags(cfg, waited), LookupEnv: in.h.proc.LookupEnv, Environ: in.h.proc.Environ,
			Trigger: trigger, Principal: in.principal(), MaxLease: in.left() / 3, AWS: &in.h.configs, KeepClients: true, Events: j.event,
			Job: in.job, DirVersion: version,
		},
		Stop: in.h.proc.Stop, Warn: j.warn,
	})
	j.redact = s.Redact
	out := &outcome{ledger: cfg.Ledger}
	data, err := in.perform(ctx, s, r, j)
	if d, ok := data.(*operation.ApplyData); ok {
		out.apply = d
	}
	out.doc = operation.NewDocument(string(r.Operation), began, in.h.proc.Now().Sub(began), data, operation.NewFailure(err, s.Redact, nil))
	outOfTime(ctx, out.doc.Error)
	in.report(ctx, out)
	if r.Operation == events.OpApply {
		in.h.metrics.write(out, in.id, in.h.proc.Now(), j.waited || out.code() == core.CodeLockHeld)
	}
	return out
}

// outOfTime gives a run that was overtaken by its deadline, because a change took too
// long to notice, the name of one that stopped before it: to whoever retries by the
// name they are the same.
func outOfTime(ctx context.Context, f *operation.Failure) {
	if f != nil && f.Code == core.CodeInterrupted && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.Code, f.Message = core.CodeDeadlineNear, "stopped at the deadline: "+f.Message
	}
}

// check refuses a request for another ledger than the configured one: its stages and
// target systems belong to that.
func (in *invocation) check(cfg *config.Config, r *events.Request) error {
	if r.Ledger == "" || r.Ledger == cfg.Ledger {
		return nil
	}
	return &core.ConfigError{
		Where: "the request", Key: "ledger", Reason: fmt.Sprintf("it is for %s, and this function is configured for %s", r.Ledger, cfg.Ledger),
		Next: "send it to the function of that ledger, or leave the ledger out",
	}
}

// flags adapt the configuration to a process that is stopped at a known time. waited
// is how long earlier invocations waited for the lock.
func (in *invocation) flags(cfg *config.Config, waited time.Duration) map[string]string {
	flags := map[string]string{"grace": min(cfg.Grace, graceOnStop).String()}
	if waited > 0 {
		flags["lock.wait"] = max(cfg.Lock.Wait-waited, 0).String()
	}
	// A reserve that is longer than the invocation would let nothing ever start.
	if left := in.left(); left > 0 && cfg.Deadline.Reserve > left/2 {
		flags["deadline.reserve"] = (left / 4).String()
	}
	return flags
}

// perform does one operation and closes its session. A panic is its error.
func (in *invocation) perform(ctx context.Context, s *operation.Session, r *events.Request, j *journal) (data any, err error) {
	defer func() {
		if v := recover(); v != nil {
			j.log.ErrorContext(ctx, "panic", "stack", core.Cap(string(debug.Stack()), 8<<10))
			data, err = nil, &panicError{s.Redact(core.Cap(fmt.Sprint(v), 1000))}
		}
		if cerr := s.Close(); cerr != nil { // what was recorded stays as it is
			j.warn(cerr.Error())
		}
	}()
	sel := operation.Selection{Stages: r.Stages, To: r.To, Labels: r.Labels, Profiles: r.Profiles, AllowOutOfOrder: r.AllowOutOfOrder}
	switch r.Operation {
	case events.OpApply:
		d, err := s.Apply(ctx, operation.ApplyRequest{Selection: sel})
		s.Tell(ctx, d, err, in.toTell())
		return answer(d, err)
	case events.OpPlan:
		return answer(s.Plan(ctx, operation.PlanRequest{Selection: sel}))
	case events.OpStatus:
		return answer(s.Status(ctx, operation.StatusRequest{}))
	case events.OpValidate:
		return answer(s.Validate(ctx, operation.ValidateRequest{Applied: r.Applied}))
	case events.OpAuditList:
		return answer(s.AuditList(ctx, operation.AuditListRequest{
			History: r.History, Since: r.Since, ChangeID: r.ChangeID, State: r.State, After: r.After, Limit: r.Limit,
		}))
	case events.OpIssueList:
		return answer(s.IssueList(ctx, operation.IssueListRequest{}))
	case events.OpIssueGet:
		return answer(s.IssueGet(ctx, operation.IssueGetRequest{ChangeID: r.ChangeID}))
	case events.OpIssueResolve:
		return answer(s.IssueResolve(ctx, operation.IssueResolveRequest{
			ChangeID: r.ChangeID, As: string(r.As), Reason: r.Reason, Seq: r.Seq, Force: r.Force,
		}))
	}
	return nil, &core.UsageError{Reason: "operation " + string(r.Operation) + " is not known"}
}

// toTell is how long telling may take: what is left is for the answer.
func (in *invocation) toTell() time.Duration {
	if left := in.left(); left > 0 {
		return left / 2
	}
	return notify.Timeout
}

// answer keeps a nil pointer from becoming data that is not nil.
func answer[T any](d *T, err error) (any, error) {
	if d == nil {
		return nil, err
	}
	return d, err
}

// panicError is a panic outside of a change: of a target system's client, or ours.
type panicError struct{ text string }

func (e *panicError) Error() string { return "panic: " + e.text }

// Code returns Internal.
func (e *panicError) Code() core.Code { return core.CodeInternal }
