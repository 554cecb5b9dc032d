package app

import (
	"context"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// telemetry is where spans and metrics go. The zero value is nowhere.
type telemetry struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
	// flush sends what is left, within a bounded time. Nil: there is nothing to send.
	flush func(context.Context) error
}

// telemetry starts the exporters that this binary was built with; without the
// build tag otel there are none. Whatever goes wrong with them is a warning: the
// result of a command never depends on who watches it.
func (a *App) telemetry() telemetry {
	t, err := startTelemetry(a.o.LookupEnv, core.Program{Name: a.o.Program.Name, Version: Version(a.o.Program)})
	if err != nil {
		a.warn("telemetry is not sent", err)
		return telemetry{}
	}
	if t.flush != nil {
		a.close = append(a.close, func() error {
			if err := t.flush(context.Background()); err != nil { //nolint:forbidigo // bounded by flush; the command's own context may be over
				a.warn("telemetry could not be sent", err)
			}
			return nil
		})
	}
	return t
}

func (a *App) warn(text string, err error) {
	if a.o.Events != nil {
		a.o.Events(run.Warned{Text: text, Err: a.Secrets.RedactError(err)})
	}
}
