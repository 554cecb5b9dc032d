package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// telemetry makes the spans and metrics of a Runner. The nil pointer makes none:
// every method may be called on it, and returns before it does anything.
type telemetry struct {
	tracer                     trace.Tracer
	runs, changes, waits       metric.Int64Counter
	changeDuration, waitLength metric.Float64Histogram
	ledger                     attribute.KeyValue
}

// span is one span of ours; nil when there is no telemetry.
type span struct{ trace.Span }

// operationSettle is the attribute of a change whose earlier attempt is settled;
// all others are core.OpApply and core.OpRollback.
const operationSettle core.Operation = "settle"

// newTelemetry returns nil when nobody listens.
func newTelemetry(o *Options) *telemetry {
	if o.TracerProvider == nil && o.MeterProvider == nil {
		return nil
	}
	t := &telemetry{ledger: AttrLedger.String(o.Ledger)}
	tracers, meters := o.TracerProvider, o.MeterProvider
	if tracers == nil {
		tracers = tracenoop.NewTracerProvider()
	}
	if meters == nil {
		meters = metricnoop.NewMeterProvider()
	}
	t.tracer = tracers.Tracer(TelemetryScope, trace.WithInstrumentationVersion(o.Version))
	m := meters.Meter(TelemetryScope, metric.WithInstrumentationVersion(o.Version))
	t.runs = counter(m, MetricRuns, "{run}", "Runs, by their result.")
	t.changes = counter(m, MetricChanges, "{change}", "Changes that runs executed or settled, by their result.")
	t.waits = counter(m, MetricWaits, "{wait}", "Waits for a lock that another execution held.")
	t.changeDuration = seconds(m, MetricChangeDuration, "How long changes took, with rollback and records.")
	t.waitLength = seconds(m, MetricWaitDuration, "How long executions waited for the lock.")
	return t
}

// counter makes a counter. One that cannot be made must not keep anything from
// running: it counts nothing.
func counter(m metric.Meter, name, unit, description string) metric.Int64Counter {
	c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	if err != nil || c == nil {
		return metricnoop.Int64Counter{}
	}
	return c
}

// seconds makes a histogram of seconds, from milliseconds up to an hour.
func seconds(m metric.Meter, name, description string) metric.Float64Histogram {
	h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600))
	if err != nil || h == nil {
		return metricnoop.Float64Histogram{}
	}
	return h
}

// run begins the span of a run.
func (t *telemetry) run(ctx context.Context, exec string, trigger core.Trigger) (context.Context, *span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, SpanRun, AttrExecution.String(exec), AttrTrigger.String(trigger.Kind))
}

func (t *telemetry) endRun(ctx context.Context, s *span, rep *Report, err error) {
	if t == nil {
		return
	}
	status := []attribute.KeyValue{AttrStatus.String(string(rep.Status))}
	if err != nil {
		status = append(status, AttrErrorType.String(string(core.CodeOf(err))))
	}
	t.runs.Add(ctx, 1, metric.WithAttributes(append(status, t.ledger)...))
	s.finish(err != nil, status)
}

// change begins the span of a change.
func (t *telemetry) change(ctx context.Context, exec, stage string, c *plan.Change, op core.Operation, rec core.Record) (context.Context, *span) {
	if t == nil {
		return ctx, nil
	}
	tx := c.TxType
	if op == operationSettle {
		tx = rec.TxType // it is about the earlier attempt
	}
	return t.start(ctx, SpanChange, AttrExecution.String(exec), AttrStage.String(stage), AttrChange.String(c.Change.ID),
		AttrTargetSystem.String(c.Change.TargetSystem), AttrTxType.String(string(tx)), AttrAttempt.Int(rec.Attempt), AttrOperation.String(string(op)))
}

// endChange ends the span of an attempt. A report without a status is that of a
// change that panicked outside of its steps.
func (t *telemetry) endChange(ctx context.Context, s *span, c *plan.Change, rep ChangeReport) {
	if t == nil {
		return
	}
	status := []attribute.KeyValue{AttrStatus.String(string(rep.Status))}
	if rep.Err != nil {
		status = append(status, AttrErrorType.String(errorType(rep.Err)))
	}
	by := metric.WithAttributes(t.ledger, AttrTargetSystem.String(c.Change.TargetSystem), AttrTxType.String(string(c.TxType)), status[0])
	t.changes.Add(ctx, 1, by)
	t.changeDuration.Record(ctx, rep.Duration.Seconds(), by)
	s.finish(rep.Err != nil || rep.Status == "", status)
}

// endSettle ends the span of a settlement. Only one that was the end of the
// change counts as a result.
func (t *telemetry) endSettle(ctx context.Context, s *span, rec core.Record, rep ChangeReport, err error) {
	if t == nil {
		return
	}
	var status []attribute.KeyValue
	if rep.Status != "" {
		status = append(status, AttrStatus.String(string(rep.Status)))
		t.changes.Add(ctx, 1, metric.WithAttributes(t.ledger, AttrTargetSystem.String(rec.TargetSystem), AttrTxType.String(string(rec.TxType)), status[0]))
	}
	if err != nil {
		status = append(status, AttrErrorType.String(errorType(err)))
	}
	s.finish(err != nil, status)
}

// step begins the span of a step, which is number index+1 of its change.
func (t *telemetry) step(ctx context.Context, exec string, c *core.Change, op core.Operation, index int) (context.Context, *span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, SpanStep, AttrExecution.String(exec), AttrChange.String(c.ID), AttrTargetSystem.String(c.TargetSystem),
		AttrOperation.String(string(op)), AttrStep.Int(index+1), AttrSteps.Int(len(c.Pairs())))
}

func (s *span) endStep(err error) {
	if s == nil {
		return
	}
	var status []attribute.KeyValue
	if err != nil {
		status = append(status, AttrErrorType.String(errorType(err)))
	}
	s.finish(err != nil, status)
}

func (t *telemetry) start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, *span) {
	ctx, s := t.tracer.Start(ctx, name, trace.WithAttributes(append(attrs, t.ledger)...))
	return ctx, &span{s}
}

// finish ends a span. The status of a failed one has no description: that would
// be the text of an error.
func (s *span) finish(failed bool, attrs []attribute.KeyValue) {
	s.SetAttributes(attrs...)
	if failed {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}

// lockWait is the wait of one execution for the lock; nil when there is no
// telemetry.
type lockWait struct {
	t    *telemetry
	exec string
	from time.Time
	span *span
}

func (t *telemetry) lockWait(exec string) *lockWait {
	if t == nil {
		return nil
	}
	return &lockWait{t: t, exec: exec}
}

// begin begins the wait, the first time that it is called.
func (w *lockWait) begin(ctx context.Context, now time.Time, holder core.Holder) {
	if w == nil || w.span != nil {
		return
	}
	w.from = now
	_, w.span = w.t.start(ctx, SpanWait, AttrExecution.String(w.exec), AttrHolder.String(holder.Execution))
}

// end ends the wait, if there was one.
func (w *lockWait) end(ctx context.Context, now func() time.Time) {
	if w == nil || w.span == nil {
		return
	}
	by := metric.WithAttributes(w.t.ledger)
	w.t.waits.Add(ctx, 1, by)
	w.t.waitLength.Record(ctx, elapsed(w.from, now()).Seconds(), by)
	w.span.finish(false, nil)
}

// errorType is the Go type of the error at the bottom of err, which says more
// than the types that wrap it, and cannot hold what an error's text can.
func errorType(err error) string {
	for {
		var next error
		switch x := err.(type) { //nolint:errorlint // walking the chain by hand
		case *core.ChangeError:
			next = x.Err
		case interface{ Unwrap() []error }:
			if errs := x.Unwrap(); len(errs) > 0 {
				next = errs[0]
			}
		default:
			next = errors.Unwrap(err)
		}
		if next == nil {
			return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
		}
		err = next
	}
}
