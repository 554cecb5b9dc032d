package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

const telemetryCanary = "telemetryCanary-7f3a"

// observed records the spans and metrics of runs.
type observed struct {
	spans   *tracetest.SpanRecorder
	metrics *metric.ManualReader
}

func observe(o *run.Options) observed {
	r := observed{tracetest.NewSpanRecorder(), metric.NewManualReader()}
	o.TracerProvider = trace.NewTracerProvider(trace.WithSpanProcessor(r.spans))
	o.MeterProvider = metric.NewMeterProvider(metric.WithReader(r.metrics))
	return r
}

// tree returns the ended spans, children below their parents, with their own
// attributes but the execution and the ledger, which are checked here.
func (r observed) tree(t *testing.T) []string {
	t.Helper()
	spans := r.spans.Ended()
	slices.SortStableFunc(spans, func(a, b trace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	if n := len(r.spans.Started()); n != len(spans) {
		t.Errorf("%d spans were started, %d ended", n, len(spans))
	}
	var out []string
	var walk func(parent oteltrace.SpanID, indent string)
	walk = func(parent oteltrace.SpanID, indent string) {
		for _, s := range spans {
			if s.Parent().SpanID() != parent {
				continue
			}
			line := indent + strings.TrimPrefix(s.Name(), "flamingock.")
			seen := map[attribute.Key]bool{}
			for _, a := range s.Attributes() {
				seen[a.Key] = true
				if a.Key != run.AttrLedger && a.Key != run.AttrExecution {
					line += " " + strings.TrimPrefix(string(a.Key), "flamingock.") + "=" + a.Value.String()
				}
			}
			if s.Status().Code == codes.Error {
				line += " !"
			}
			if !seen[run.AttrLedger] || !seen[run.AttrExecution] || s.Status().Description != "" || len(s.Events()) > 0 {
				t.Errorf("%s: attributes %v, status %+v, events %v", s.Name(), s.Attributes(), s.Status(), s.Events())
			}
			out = append(out, line)
			walk(s.SpanContext().SpanID(), indent+"  ")
		}
	}
	walk(oteltrace.SpanID{}, "")
	return out
}

// counts returns every data point of the metrics: the value of a counter, the
// count of a histogram.
func (r observed) counts(t *testing.T) []string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.metrics.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	var out []string
	line := func(name string, set attribute.Set, n any) {
		text := strings.TrimPrefix(name, "flamingock.")
		for _, a := range set.ToSlice() {
			text += " " + strings.TrimPrefix(string(a.Key), "flamingock.") + "=" + a.Value.String()
		}
		out = append(out, fmt.Sprint(text, ": ", n))
	}
	for _, s := range rm.ScopeMetrics {
		if s.Scope.Name != run.TelemetryScope {
			t.Errorf("scope %s", s.Scope.Name)
		}
		for _, m := range s.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					line(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					line(m.Name, p.Attributes, p.Count)
				}
			default:
				t.Errorf("%s is a %T", m.Name, d)
			}
		}
	}
	slices.Sort(out)
	return out
}

// leaks reports everything recorded that holds the telemetryCanary.
func (r observed) leaks(t *testing.T) {
	t.Helper()
	for _, s := range r.spans.Ended() {
		if text := fmt.Sprintf("%s %v %v %v %v", s.Name(), s.Attributes(), s.Events(), s.Status(), s.Links()); strings.Contains(text, telemetryCanary) {
			t.Errorf("a secret is in a span: %s", text)
		}
	}
	for _, line := range r.counts(t) {
		if strings.Contains(line, telemetryCanary) {
			t.Errorf("a secret is in a metric: %s", line)
		}
	}
}

type canaryResolver struct{}

func (canaryResolver) Resolve(context.Context, core.Reference) (core.Secret, error) {
	return core.NewSecret(telemetryCanary), nil
}

// refusedErr is an error of a driver that repeats what it was sent.
type refusedErr struct{ text string }

func (e *refusedErr) Error() string { return e.text }

func TestTelemetryOfChanges(t *testing.T) {
	c := &client{}
	var inStep oteltrace.SpanContext
	leaky := core.StepFor(func(ctx context.Context, _ *client) error {
		inStep = oteltrace.SpanContextFromContext(ctx)
		return fmt.Errorf("at line 1: %w", &refusedErr{"syntax error near " + telemetryCanary})
	})
	panics := core.StepFor(func(context.Context, *client) error { panic(telemetryCanary) })
	o := run.Options{
		Ledger: "l", Store: memstore.New(), Resolver: canaryResolver{}, Trigger: core.Trigger{Kind: "cli", ID: telemetryCanary}, Principal: telemetryCanary,
		Metadata: map[string]string{"k": telemetryCanary},
		Targets:  map[string]core.Target{"t": core.NewClientTarget("t", c)},
		Stages: []core.Stage{
			{Name: "good", Changes: []core.Change{
				{ID: "a", Order: "1", Author: telemetryCanary, Description: telemetryCanary, TargetSystem: "t", Apply: step("a", nil)},
			}},
			{Name: "bad", Changes: []core.Change{
				{ID: "b", Order: "1", TargetSystem: "t", References: []core.Reference{{Scheme: "env", Key: "X"}}, Steps: []core.StepPair{
					{Apply: step("b1", nil), Rollback: step("undo b1", nil)},
					{Apply: leaky, Rollback: step("undo b2", errors.New(telemetryCanary))},
				}},
				{ID: "never", Order: "2", TargetSystem: "t", Apply: step("never", nil)},
			}},
			{Name: "worse", Changes: []core.Change{{ID: "p", Order: "1", TargetSystem: "t", Apply: panics, Rollback: step("undo p", nil)}}},
		},
	}
	seen := observe(&o)
	r, err := run.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err = r.Apply(t.Context(), run.ApplyOptions{}); err == nil {
			t.Error("no error")
		}
	}
	want := []string{
		"run trigger=cli status=FAILED error.type=ChangeFailed !",
		"  change stage=good change.id=a target_system=t tx_type=NON_TX attempt=1 operation=apply status=APPLIED",
		"    step change.id=a target_system=t operation=apply step=1 steps=1",
		"  change stage=bad change.id=b target_system=t tx_type=NON_TX attempt=1 operation=apply status=ROLLBACK_FAILED error.type=run_test.refusedErr !",
		"    step change.id=b target_system=t operation=apply step=1 steps=2",
		"    step change.id=b target_system=t operation=apply step=2 steps=2 error.type=run_test.refusedErr !",
		"    step change.id=b target_system=t operation=rollback step=2 steps=2 error.type=errors.errorString !",
		"  change stage=worse change.id=p target_system=t tx_type=NON_TX attempt=1 operation=apply status=ROLLED_BACK error.type=core.PanicError !",
		"    step change.id=p target_system=t operation=apply step=1 steps=1 error.type=core.PanicError !",
		"    step change.id=p target_system=t operation=rollback step=1 steps=1",
		"run trigger=cli status=FAILED error.type=ChangeFailed !",
		"  change stage=worse change.id=p target_system=t tx_type=NON_TX attempt=2 operation=apply status=ROLLED_BACK error.type=core.PanicError !",
		"    step change.id=p target_system=t operation=apply step=1 steps=1 error.type=core.PanicError !",
		"    step change.id=p target_system=t operation=rollback step=1 steps=1",
	}
	if d := cmp.Diff(want, seen.tree(t)); d != "" {
		t.Errorf("spans (-want +got):\n%s", d)
	}
	wantCounts := []string{
		"change.duration ledger=l status=APPLIED target_system=t tx_type=NON_TX: 1",
		"change.duration ledger=l status=ROLLBACK_FAILED target_system=t tx_type=NON_TX: 1",
		"change.duration ledger=l status=ROLLED_BACK target_system=t tx_type=NON_TX: 2",
		"changes ledger=l status=APPLIED target_system=t tx_type=NON_TX: 1",
		"changes ledger=l status=ROLLBACK_FAILED target_system=t tx_type=NON_TX: 1",
		"changes ledger=l status=ROLLED_BACK target_system=t tx_type=NON_TX: 2",
		"runs error.type=ChangeFailed ledger=l status=FAILED: 2",
	}
	if d := cmp.Diff(wantCounts, seen.counts(t)); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
	seen.leaks(t)
	found := slices.ContainsFunc(seen.spans.Ended(), func(s trace.ReadOnlySpan) bool {
		return s.Name() == run.SpanStep && s.SpanContext().SpanID() == inStep.SpanID()
	})
	if !found {
		t.Error("what a step calls is not below the step's span")
	}
}

// A transactional change, and what settles it after its process died.
func TestTelemetryOfTransactions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, core.Stage{Name: "s", Changes: []core.Change{inTx("t1", "1")}})
		w.process(func(_ int, site string) fault {
			if site == "commit t1" {
				return crashAfter
			}
			return none
		}).apply()
		var seen observed
		if out := w.process(nil).apply(func(o *run.Options) { seen = observe(o) }); out.err != nil {
			t.Fatal(out.err)
		}
		want := []string{
			"run trigger= status=SUCCESS",
			"  lock.wait lock.holder.execution.id=HOLDER",
			"  change stage=s change.id=t1 target_system=db tx_type=TX_SEPARATE_WITH_MARKER attempt=1 operation=settle status=RECONCILED",
		}
		got := seen.tree(t)
		for i, line := range got {
			if before, _, ok := strings.Cut(line, "execution.id="); ok {
				got[i] = before + "execution.id=HOLDER"
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("spans (-want +got):\n%s", d)
		}
		wantCounts := []string{
			"changes ledger=test/ledger status=RECONCILED target_system=db tx_type=TX_SEPARATE_WITH_MARKER: 1",
			"lock.wait.duration ledger=test/ledger: 1",
			"lock.waits ledger=test/ledger: 1",
			"runs ledger=test/ledger status=SUCCESS: 1",
		}
		if d := cmp.Diff(wantCounts, seen.counts(t)); d != "" {
			t.Errorf("metrics (-want +got):\n%s", d)
		}
	})
}

// A wait that ends without the lock.
func TestTelemetryOfWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, core.Stage{Name: "s", Changes: []core.Change{inTx("t1", "1")}})
		err := w.store.Acquire(t.Context(), core.Acquisition{
			Ledger: ledger, LedgerID: "id", Owner: "other", Token: 1, Lease: time.Hour, Holder: core.Holder{Execution: "theirs"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var seen observed
		out := w.process(nil).apply(func(o *run.Options) { seen = observe(o) })
		if out.code() != core.CodeLockHeld {
			t.Fatal(out.err)
		}
		want := []string{"run trigger= status=INCOMPLETE error.type=LockHeld !", "  lock.wait lock.holder.execution.id=theirs"}
		if d := cmp.Diff(want, seen.tree(t)); d != "" {
			t.Errorf("spans (-want +got):\n%s", d)
		}
		spans := seen.spans.Ended()
		if took := spans[0].EndTime().Sub(spans[0].StartTime()); spans[0].Name() != run.SpanWait || took < time.Minute {
			t.Errorf("%s took %s", spans[0].Name(), took)
		}
		wantCounts := []string{"lock.wait.duration ledger=test/ledger: 1", "lock.waits ledger=test/ledger: 1", "runs error.type=LockHeld ledger=test/ledger status=INCOMPLETE: 1"}
		if d := cmp.Diff(wantCounts, seen.counts(t)); d != "" {
			t.Errorf("metrics (-want +got):\n%s", d)
		}
	})
}
