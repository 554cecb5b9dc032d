//go:build otel

package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

const canary = "canary-7f3a"

// collector is a receiver of OTLP/HTTP.
type collector struct {
	mu     sync.Mutex
	paths  []string
	bodies string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.paths, c.bodies = append(c.paths, r.URL.Path), c.bodies+string(b)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// apply runs one change that fails with a secret in its error, as a command does,
// and returns the warnings and how long closing took.
func apply(t testing.TB) (warnings []string, closing time.Duration) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "flamingock.yaml")
	if err := os.WriteFile(path, []byte("targetSystems: {x: {type: custom}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	change := core.Change{ID: "the-change", Order: "1", TargetSystem: "x", Apply: core.StepFor(func(context.Context, string) error {
		return &core.FaultError{Message: canary}
	})}
	a, err := app.New(app.Options{
		Program: core.Program{
			Stages:  []core.Stage{{Name: "s", Changes: []core.Change{change}}},
			Clients: []core.Target{core.NewClientTarget("x", "a client")},
		},
		ConfigPath: path, LookupEnv: os.LookupEnv,
		Events: func(e run.Event) {
			if w, ok := e.(run.Warned); ok {
				warnings = append(warnings, w.Text+": "+w.Err.Error())
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.LoadChanges(); err != nil {
		t.Fatal(err)
	}
	if err := a.OpenStore(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	r, err := a.Runner()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Apply(t.Context(), run.ApplyOptions{}); core.CodeOf(err) != core.CodeChangeFailed {
		t.Errorf("apply: %v", err)
	}
	began := time.Now()
	if err := a.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return warnings, time.Since(began)
}

func TestTelemetryIsSent(t *testing.T) {
	c := &collector{}
	srv := httptest.NewServer(c)
	defer srv.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	t.Setenv("OTEL_SERVICE_NAME", "my-service")
	warnings, _ := apply(t)
	slices.Sort(c.paths)
	if got := strings.Join(c.paths, " "); got != "/v1/metrics /v1/traces" || len(warnings) > 0 {
		t.Errorf("received %s; warnings %q", got, warnings)
	}
	for _, want := range []string{run.SpanRun, run.SpanChange, run.SpanStep, run.MetricRuns, "the-change", "my-service"} {
		if !strings.Contains(c.bodies, want) {
			t.Errorf("%s was not sent", want)
		}
	}
	if strings.Contains(c.bodies, canary) {
		t.Error("a secret was sent")
	}
}

func TestTelemetryIsOff(t *testing.T) {
	c := &collector{}
	srv := httptest.NewServer(c)
	defer srv.Close()
	for name, env := range map[string]map[string]string{
		"nothing set": {},
		"disabled":    {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": srv.URL},
		"none":        {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": srv.URL},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range env {
				t.Setenv(k, v)
			}
			if warnings, _ := apply(t); len(warnings) > 0 || len(c.paths) > 0 {
				t.Errorf("received %v; warnings %q", c.paths, warnings)
			}
		})
	}
	t.Run("protocol", func(t *testing.T) {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
		warnings, _ := apply(t)
		if len(warnings) != 1 || !strings.Contains(warnings[0], "must be http/protobuf") || len(c.paths) > 0 {
			t.Errorf("received %v; warnings %q", c.paths, warnings)
		}
	})
}

// A collector that accepts and never answers costs a bounded time and a warning.
func TestTelemetryIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
	standstill.Feel(t, 8).TryFixed(t, 8*time.Second, func(t testing.TB) {
		warnings, took := apply(t)
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "telemetry could not be sent: ") || took > 8*time.Second {
			t.Errorf("took %s; warnings %q", took, warnings)
		}
	})
}
