// Package app is the wiring that both mains share: configuration, changes, target
// systems, audit store and Runner. It decides nothing itself.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/filestore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/dynamo"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/failpoint"
	"github.com/flamingock/flamingock-go/internal/source"
)

// Options says what to wire.
type Options struct {
	Program core.Program
	// ConfigPath is the configuration file; "" is the default one.
	ConfigPath string
	// Flags are configuration values given on the command line, by key.
	Flags map[string]string
	// LookupEnv and Environ read the environment.
	LookupEnv func(string) (string, bool)
	Environ   func() []string
	// Trigger and Events are passed to the Runner.
	Trigger core.Trigger
	Events  func(run.Event)
	// Principal is who asked for this. "": the process's OS user.
	Principal string
	// MaxLease caps the configured lease, for a process that is stopped at a known
	// time; never below run.MinLease. 0: no cap.
	MaxLease time.Duration
	// AWS keeps configurations of AWS clients for others in this process. Nil: the
	// App's own are made anew.
	AWS *AWSConfigs
	// KeepClients leaves the Program's Clients open: others in this process use them.
	// If they do so at the same time, the Clients must be safe for that.
	KeepClients bool
	// Job is the CodePipeline job at work, for `source: {artifact}`; nil: there is none.
	Job *source.Job
	// DirVersion is recorded as the version of `source: {dir}`: the function's.
	DirVersion string
}

// App is a wired program. Close it.
type App struct {
	Config  *config.Config
	Stages  []core.Stage
	Targets map[string]core.Target
	Store   core.AuditStore
	// Secrets resolves references and removes their values from texts.
	Secrets *core.Redactor

	o        Options
	readOnly bool
	close    []func() error
}

// New reads the configuration and nothing else.
func New(o Options) (*App, error) {
	cfg, err := config.Load(config.Options{
		Path: o.ConfigPath, Optional: len(o.Program.Stages) > 0, LookupEnv: o.LookupEnv, Environ: o.Environ, Flags: o.Flags,
	})
	if err != nil {
		return nil, err
	}
	return &App{Config: cfg, Secrets: core.NewRedactor(cfg.Resolver()), o: o}, nil
}

// LoadChanges makes the target systems and loads and validates all changes. It
// contacts nothing. All faults come back at once.
func (a *App) LoadChanges() error {
	targetErr := a.makeTargets()
	var coded core.Coded
	if targetErr != nil && !errors.As(targetErr, &coded) {
		return targetErr
	}
	in := template.Input{
		Files: a.o.Program.Files, Code: a.o.Program.Stages, Targets: a.Targets, Types: a.o.Program.Targets, DisplayRoot: a.Config.Dir,
	}
	for _, s := range a.Config.Stages {
		in.Stages = append(in.Stages, template.StageDir(s))
	}
	stages, err := template.Load(in)
	if targetErr != nil {
		return errors.Join(targetErr, err)
	}
	if err != nil {
		return err
	}
	a.Stages = stages
	return nil
}

func (a *App) makeTargets() error {
	a.Targets = map[string]core.Target{}
	var errs []error
	for _, ts := range a.Config.TargetSystems {
		t, err := a.makeTarget(ts)
		if err != nil {
			errs = append(errs, err)
			a.Targets[ts.ID] = nil
			continue
		}
		a.Targets[ts.ID] = t
		if ts.Type != custom || !a.o.KeepClients {
			a.close = append(a.close, t.Close)
		}
	}
	for _, t := range a.o.Program.Clients {
		if _, configured := a.Targets[t.ID()]; !configured {
			a.Targets[t.ID()] = t
		}
	}
	return core.JoinConfigFaults(errs...)
}

// custom is the type of a target system whose client the Program brings.
const custom = "custom"

func (a *App) makeTarget(ts config.TargetSystem) (core.Target, error) {
	where := ts.Source.String()
	if ts.Type == custom {
		for _, t := range a.o.Program.Clients {
			if t.ID() == ts.ID {
				return t, nil
			}
		}
		return nil, &core.ConfigError{Where: where, Key: "targetSystems." + ts.ID, Reason: "type custom needs a Go client of this id, and this binary has none", Next: "compile it in: core.Program{Clients: …}"}
	}
	i := slices.IndexFunc(a.o.Program.Targets, func(t core.TargetType) bool { return t.Name == ts.Type })
	if i < 0 {
		names := []string{custom}
		for _, t := range a.o.Program.Targets {
			names = append(names, t.Name)
		}
		return nil, &core.ConfigError{Where: where, Key: "targetSystems." + ts.ID + ".type", Reason: fmt.Sprintf("unknown type %q%s", ts.Type, core.DidYouMean(ts.Type, names))}
	}
	t, err := a.o.Program.Targets[i].New(ts.ID, settings{ts.Settings, a.Secrets, a.storeDomain})
	var ce *core.ConfigError
	if errors.As(err, &ce) && ce.Where == "" {
		ce.Where = where
	}
	return t, err
}

// settings lets targets resolve through the Redactor, so that the values are
// known when texts are redacted.
type settings struct {
	core.Settings
	secrets *core.Redactor
	domain  func() string
}

func (s settings) Resolver() core.Resolver { return s.secrets }

// StoreDomain lets target systems see whether they are where the audit store is.
func (s settings) StoreDomain() string { return s.domain() }

// storeDomain says where the audit store is and with which credentials it is used;
// "" for one that shares its transactions with nobody.
func (a *App) storeDomain() string {
	if d := a.Config.AuditStore.DynamoDB; d != nil {
		return awsclient.Domain(awsclient.Settings{Region: d.Region, Endpoint: d.Endpoint})
	}
	if id := a.Config.AuditStore.TargetSystem; id != "" {
		return core.DomainWithin(id)
	}
	return ""
}

// OpenStore opens the audit store. A read-only one is not created when missing.
func (a *App) OpenStore(ctx context.Context, readOnly bool) error {
	a.readOnly = readOnly
	if d := a.Config.AuditStore.DynamoDB; d != nil {
		cfg, err := a.o.AWS.load(ctx, awsclient.Settings{Region: d.Region, Endpoint: d.Endpoint})
		if err != nil {
			return a.under("auditStore.dynamodb", err)
		}
		a.Store = dynamo.New(cfg, d.Table, dynamo.Options{AllowGlobalTable: d.AllowGlobalTable, Domain: a.storeDomain()})
		return nil
	}
	file, o := a.Config.AuditStore.File, filestore.Options{ReadOnly: readOnly}
	if id := a.Config.AuditStore.TargetSystem; id != "" {
		dsn, path, err := a.database(ctx, id)
		if err != nil {
			return err
		}
		file, o.Within = path, &filestore.Within{DSN: dsn, Domain: a.storeDomain()}
	}
	s, err := filestore.Open(ctx, file, &o)
	if err != nil {
		return err
	}
	a.Store = s
	a.close = append(a.close, s.Close)
	return nil
}

// hosting is a target system whose database can hold the embedded audit store.
type hosting interface {
	Database(ctx context.Context) (dsn, path string, err error)
}

// database asks the target system in whose database the audit store is.
func (a *App) database(ctx context.Context, id string) (dsn, path string, err error) {
	i := slices.IndexFunc(a.Config.TargetSystems, func(t config.TargetSystem) bool { return t.ID == id }) // the configuration has checked that it is there
	t, err := a.makeTarget(a.Config.TargetSystems[i])
	if err != nil {
		return "", "", err
	}
	if a.Config.TargetSystems[i].Type != custom { // which is the Program's to close
		defer func() { err = errors.Join(err, t.Close()) }()
	}
	h, ok := t.(hosting)
	if !ok {
		return "", "", &core.ConfigError{
			Where: a.Config.Path, Key: "auditStore.targetSystem", Reason: "a target system of type " + t.Type() + " cannot hold the audit store",
			Next: "name one of type sqlite, or give the audit store a file of its own",
		}
	}
	return h.Database(ctx)
}

// under says to which key of the configuration a fault of an AWS client belongs.
func (a *App) under(key string, err error) error {
	var ce *core.ConfigError
	if errors.As(err, &ce) {
		if ce.Key != "" {
			key += "." + ce.Key
		}
		ce.Key, ce.Where = key, a.Config.Path
	}
	return err
}

// Runner makes the Runner over what was loaded and opened.
func (a *App) Runner() (*run.Runner, error) {
	wait := a.Config.Lock.Wait
	if wait == 0 {
		wait = -1 // 0 s means no waiting here, and the default there
	}
	grace := a.Config.Grace
	if grace == 0 {
		grace = -1
	}
	var tel telemetry
	if !a.readOnly { // what only reads has nothing to tell
		tel = a.telemetry()
	}
	return run.New(run.Options{
		Ledger: a.Config.Ledger, Store: a.Store, Stages: a.Stages, Targets: a.Targets, Resolver: a.Secrets,
		Lease: a.lease(), Wait: wait, Reserve: a.Config.Deadline.Reserve, Grace: grace, Drift: a.Config.Drift,
		Trigger: a.o.Trigger, Principal: cmp.Or(a.o.Principal, principal()), Version: Version(a.o.Program), Metadata: a.Config.Metadata, Events: a.o.Events,
		TracerProvider: tel.tracers, MeterProvider: tel.meters, Now: failpoint.Clock(time.Now), //nolint:forbidigo // the process's clock
	})
}

// lease is how long others wait for a sign of life of this process.
func (a *App) lease() time.Duration {
	if a.o.MaxLease == 0 {
		return a.Config.Lock.Lease
	}
	return min(a.Config.Lock.Lease, max(a.o.MaxLease, run.MinLease))
}

// Close frees everything that was opened, the last first.
func (a *App) Close() error {
	var errs []error
	for _, f := range slices.Backward(a.close) {
		errs = append(errs, f())
	}
	a.close = nil
	return errors.Join(errs...)
}

// principal is who runs the process: its OS user.
func principal() string {
	u, err := user.Current()
	if err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid()) // a container's user often has no name
}

// Version is the program's, or else what the Go toolchain noted in the binary.
func Version(p core.Program) string {
	if p.Version != "" {
		return p.Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	rev, dirty := "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			rev = s.Value
		case "vcs.modified":
			dirty, _ = strconv.ParseBool(s.Value) //nolint:errcheck // false is right
		}
	}
	switch {
	case rev == "":
		return "dev"
	case dirty:
		return "dev-" + rev[:min(len(rev), 12)] + "-dirty"
	}
	return "dev-" + rev[:min(len(rev), 12)]
}
