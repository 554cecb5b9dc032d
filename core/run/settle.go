package run

import (
	"context"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// settleAll asks markers and probes what became of earlier attempts, records the
// answers, and plans again. It runs under the lease and before the first change
// is applied: answers from before the acquisition are never used.
func (x *execution) settleAll(ctx context.Context) error {
	todo := x.plan.ToSettle()
	if len(todo) == 0 {
		return nil
	}
	for _, c := range todo {
		if err := x.mayStart(ctx); err != nil {
			return err
		}
		if err := x.h.guard(ctx); err != nil {
			return err
		}
		if err := x.settle(ctx, c); err != nil {
			return err
		}
	}
	return x.makePlan(x.h.snapshot, false)
}

func (x *execution) settle(ctx context.Context, c *plan.Change) (err error) {
	began := x.r.o.Now()
	rec := *c.Record
	ctx, span := x.r.tel.change(ctx, x.id, rec.Stage, c, operationSettle, rec)
	defer func() { x.r.tel.endSettle(ctx, span, rec, x.done.changes[c.Change.ID], err) }()
	answer, err := x.ask(ctx, c, rec)
	if err != nil {
		return fmt.Errorf("change %s could not be settled: %w", c.Change.ID, err)
	}
	s := plan.SettleWith(rec, answer, c.Change.Recovery.OrDefault(), c.Change.LateSafe())
	if s.Record != "" {
		// What is recorded is about the earlier attempt: its own tx type, target
		// system and checksum, not today's.
		e := x.r.entryFor(x.id, rec.Stage, c.Change, rec, rec.TxType)
		now := x.r.o.Now()
		e.State, e.Reconciled, e.Unknown, e.Reason = s.Record, true, s.Unknown, s.Verdict.Reason
		e.TargetSystem, e.Checksum, e.Order = rec.TargetSystem, rec.Checksum, rec.Order
		e.StartedAt, e.EndedAt, e.Token = began, now, x.token
		if s.Record == core.StateRolledBack {
			e.Operation = core.OpRollback
		}
		if err := x.record(ctx, []core.Entry{e}, false); err != nil {
			return &core.RecordError{ChangeID: c.Change.ID, State: s.Record, Err: err}
		}
		// Not before APPLIED is recorded: until then the marker is all there is.
		if answer.Marker != nil && *answer.Marker {
			x.markers[rec.TargetSystem] = append(x.markers[rec.TargetSystem], markerOf(x.h.ledgerID, rec))
		}
	}
	if s.Verdict.Decision == plan.Skip {
		x.done.set(ChangeReport{ChangeID: c.Change.ID, Status: ChangeReconciled, Reason: s.Verdict.Reason, TxType: rec.TxType, Attempt: rec.Attempt, Duration: elapsed(began, x.r.o.Now())})
	} else {
		x.settled[c.Change.ID] = s.Verdict
	}
	x.emit(Settled{ChangeID: c.Change.ID, Stage: rec.Stage, Verdict: s.Verdict})
	return nil
}

// ask asks the marker, or else the probe.
func (x *execution) ask(ctx context.Context, c *plan.Change, rec core.Record) (plan.Answer, error) {
	id := c.Change.TargetSystem
	if rec.TxType == core.TxSeparateMarker {
		t, ok := x.r.o.Targets[id].(core.TxTarget)
		if !ok {
			return plan.Answer{}, &core.ConfigError{Key: id, Reason: "the earlier attempt left a marker in it, but as configured it has no transactions"}
		}
		if _, raised := x.fences[id]; !raised {
			if err := x.raise(ctx, t, 0); err != nil {
				return plan.Answer{}, err
			}
		}
		marked, err := t.Marked(ctx, markerOf(x.h.ledgerID, rec))
		failpoint.Hit(failpoint.MarkerAsked)
		if err != nil {
			return plan.Answer{}, wrapTarget(id, err)
		}
		return plan.Answer{Marker: &marked}, nil
	}
	handle, release, err := x.r.o.Targets[id].Open(ctx)
	if err != nil {
		return plan.Answer{}, wrapTarget(id, err)
	}
	defer x.giveBack(c, release)
	found, err := x.probe(ctx, c, handle)
	failpoint.Hit(failpoint.ProbeAsked)
	if err != nil {
		x.emit(Warned{Text: "the probe of change " + c.Change.ID + " failed", Err: x.secrets.RedactError(err)})
		found = core.ProbeUnknown
	}
	return plan.Answer{Probe: found}, nil
}

func markerOf(ledgerID string, rec core.Record) core.Marker {
	return core.Marker{LedgerID: ledgerID, ChangeID: rec.ChangeID, Seq: rec.StartedSeq}
}

func (x *execution) probe(ctx context.Context, c *plan.Change, handle any) (found core.ProbeResult, err error) {
	err = runStep(ctx, core.Step{Do: func(ctx context.Context, s *core.Session) error {
		var err error
		found, err = c.Change.Probe(ctx, s)
		return err
	}}, x.session(c, handle, 0))
	return found, err
}
