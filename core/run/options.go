package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/flamingock/flamingock-go/core"
)

// Defaults of Options.
const (
	DefaultLease = 30 * time.Second
	DefaultWait  = 3 * time.Minute
	DefaultGrace = 20 * time.Second
	MinLease     = time.Second
)

// Options configures a Runner.
type Options struct {
	// Ledger names the history. Required.
	Ledger string
	// Store is where history lives. Required.
	Store core.AuditStore
	// Stages have the changes. They are validated by New.
	Stages []core.Stage
	// Targets are the target systems by id.
	Targets map[string]core.Target
	// Resolver finds the values of references. Nil: there are none to be found.
	Resolver core.Resolver

	// Lease is how long contenders wait for a sign of life; at least MinLease,
	// DefaultLease when 0.
	Lease time.Duration
	// Wait bounds how long a run waits for a lease held by another execution;
	// DefaultWait when 0, no waiting when negative.
	Wait time.Duration
	// Reserve is the time kept back before a deadline for recording, rollback and
	// release. 0: the smaller of 10 s and a quarter of the time given.
	Reserve time.Duration
	// Grace is how long a running change may go on after Stop. DefaultGrace when
	// 0, none when negative.
	Grace time.Duration
	// Drift says what to do when code and ledger differ.
	Drift core.DriftPolicy

	// Trigger, Principal, Host, Version and Metadata go into every audit entry.
	Trigger   core.Trigger
	Principal string
	Host      string // os.Hostname when ""
	Version   string
	Metadata  map[string]string

	// Events receives what happens, one event at a time. Nil: nobody listens. It
	// must return promptly and not call the Runner.
	Events func(Event)
	// TracerProvider and MeterProvider receive spans and metrics: see names.go and
	// docs/observability.md. Nil: nobody; the global ones are not asked.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// Now and NewID are the clock and the source of ids: time.Now and 128 random
	// bits when nil. Now must return readings with a monotonic part.
	Now   func() time.Time
	NewID func() string
	// Random spreads out waits: a number from 0 up to 1. math/rand when nil.
	Random func() float64
}

// Runner runs the changes of one ledger. It may be used many times, one call at
// a time.
type Runner struct {
	o   Options
	tel *telemetry
}

// New checks the options and validates the changes. Errors: *core.ConfigError,
// *core.ValidationError.
func New(o Options) (*Runner, error) {
	if err := core.CheckLedger(o.Ledger); err != nil {
		return nil, err
	}
	if o.Store == nil {
		return nil, &core.ConfigError{Key: "auditStore", Reason: "an audit store is required"}
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Lease < MinLease {
		return nil, &core.ConfigError{Key: "lock.lease", Reason: "must be at least " + MinLease.String()}
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Events == nil {
		o.Events = func(Event) {}
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	if o.Random == nil {
		o.Random = mathrand.Float64 //nolint:forbidigo,gosec // the default of what is injected; for jitter only
	}
	if o.NewID == nil {
		o.NewID = randomID
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname() //nolint:errcheck // for people only
	}
	if o.Resolver == nil {
		o.Resolver = noResolver{}
	}
	if err := core.Validate(o.Stages, o.Targets); err != nil {
		return nil, err
	}
	if err := checkShared(o.Store, o.Targets); err != nil {
		return nil, err
	}
	return &Runner{o: o, tel: newTelemetry(&o)}, nil
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) //nolint:forbidigo // the default of what is injected; it never fails
	return hex.EncodeToString(b[:])
}

type noResolver struct{}

func (noResolver) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.Secret{}, &core.ConfigError{Reason: "the reference " + r.String() + " cannot be resolved", Err: errors.New("no resolver is configured")}
}
