//go:build otel

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/flamingock/flamingock-go/core"
)

// flushLimit bounds what the end of a command waits for a collector.
const flushLimit = 5 * time.Second

// startTelemetry makes providers that export over OTLP/HTTP, as far as the
// environment asks for them: docs/observability.md says how. The exporters and
// the SDK read the rest of OTEL_* from the environment themselves. Nothing is
// contacted before there is something to send.
func startTelemetry(lookup func(string) (string, bool), p core.Program) (telemetry, error) {
	env := environment{lookup}
	traces, metrics := env.wants("TRACES"), env.wants("METRICS")
	if env.get("OTEL_SDK_DISABLED") == "true" || !traces && !metrics {
		return telemetry{}, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"} {
		if v := env.get(name); v != "" && v != "http/protobuf" {
			return telemetry{}, fmt.Errorf("%s must be http/protobuf: this binary speaks no other protocol", name)
		}
	}
	ctx := context.Background() //nolint:forbidigo // exporters outlive the call that makes them
	res, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", cmp.Or(p.Name, "flamingock")), attribute.String("service.version", p.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv()) // the last one wins
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return telemetry{}, err
	}
	var (
		t      telemetry
		failed firstError
		stops  []func(context.Context) error
	)
	if traces {
		e, err := otlptracehttp.New(ctx)
		if err != nil {
			return telemetry{}, err
		}
		tp := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(spanExporter{e, &failed}))
		t.tracers, stops = tp, append(stops, tp.Shutdown)
	}
	if metrics {
		e, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return telemetry{}, errors.Join(err, stopAll(ctx, stops))
		}
		mp := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metricExporter{e, &failed})))
		t.meters, stops = mp, append(stops, mp.Shutdown)
	}
	t.flush = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, flushLimit, fmt.Errorf("no answer within %s", flushLimit))
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- stopAll(ctx, stops) }()
		select {
		case err := <-done:
			return cmp.Or(failed.get(), err)
		case <-ctx.Done():
			return cmp.Or(failed.get(), context.Cause(ctx))
		}
	}
	return t, nil
}

// stopAll stops everything at once: the time is one for all.
func stopAll(ctx context.Context, stops []func(context.Context) error) error {
	errs := make([]error, len(stops))
	var all sync.WaitGroup
	for i, stop := range stops {
		all.Go(func() { errs[i] = stop(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

type environment struct {
	lookup func(string) (string, bool)
}

func (e environment) get(name string) string {
	if e.lookup == nil {
		return ""
	}
	v, _ := e.lookup(name)
	return strings.TrimSpace(v)
}

// wants reports whether a signal is to be exported.
func (e environment) wants(signal string) bool {
	switch e.get("OTEL_" + signal + "_EXPORTER") {
	case "otlp":
		return true
	case "":
		return e.get("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || e.get("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	}
	return false
}

// firstError keeps the first failure of an export. The SDK would hand each one to
// a global handler, which writes to stderr in between our own lines.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

type spanExporter struct {
	sdktrace.SpanExporter
	failed *firstError
}

// ExportSpans implements sdktrace.SpanExporter. It never fails.
func (e spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.failed.set(e.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

type metricExporter struct {
	sdkmetric.Exporter
	failed *firstError
}

// Export implements sdkmetric.Exporter. It never fails.
func (e metricExporter) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	e.failed.set(e.Exporter.Export(ctx, m))
	return nil
}
