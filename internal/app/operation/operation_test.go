package operation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// project writes a configuration with the audit store in a directory of its own.
func project(t *testing.T, text string) (config string) {
	t.Helper()
	config = filepath.Join(t.TempDir(), "flamingock.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// client is a target system of the Program's that knows whether it was closed.
type client struct {
	core.Target
	closed atomic.Bool
}

func newClient() *client { return &client{Target: core.NewClientTarget("memory", struct{}{})} }

func (c *client) Close() error {
	c.closed.Store(true)
	return nil
}

const inMemory = "targetSystems: { memory: { type: custom } }\n"

// program has one change for each step.
func program(c *client, steps ...func() error) core.Program {
	p := core.Program{Version: "v0.0.0-test", Clients: []core.Target{c}, Stages: []core.Stage{{Name: "go"}}}
	for i, f := range steps {
		p.Stages[0].Changes = append(p.Stages[0].Changes, core.Change{
			ID: fmt.Sprintf("change-%d", i+1), Order: fmt.Sprint(i + 1), Author: "tests", TargetSystem: "memory", Revision: "1",
			Apply: core.StepFor(func(context.Context, struct{}) error { return f() }),
		})
	}
	return p
}

func nothing() error { return nil }

func code(d operation.Document) core.Code {
	if d.Error == nil {
		return ""
	}
	return d.Error.Code
}

// data is what a document must hold.
func data[T any](t *testing.T, d operation.Document) T {
	t.Helper()
	v, ok := d.Data.(T)
	if !ok {
		t.Fatalf("got the data %#v with the error %+v", d.Data, d.Error)
	}
	return v
}

// TestLife goes through all operations on one ledger, as somebody other than the
// command line.
func TestLife(t *testing.T) {
	t.Parallel()
	fail := errors.New("not yet")
	p := program(newClient(), nothing, func() error { return fail })
	var events []run.Event
	o := operation.Options{App: app.Options{
		Program: p, ConfigPath: project(t, inMemory), Trigger: core.Trigger{Kind: "direct", ID: "7"}, Principal: "arn:aws:sts::1:role/r", Flags: map[string]string{"ledger": "orders/prod"},
		Events: func(e run.Event) { events = append(events, e) },
	}, Command: "tool", Hint: func(s string) string { return "HINT " + s }}
	do := func(r operation.Request, want core.Code) operation.Document {
		t.Helper()
		d := operation.Do(t.Context(), o, r)
		if got := code(d); got != want || d.Operation != r.Operation() || d.Success != (want == "") {
			t.Fatalf("%s: got %q, want %q: %+v", r.Operation(), got, want, d.Error)
		}
		return d
	}
	if d := data[*operation.ValidateData](t, do(operation.ValidateRequest{}, "")); d.Changes != 2 || d.Stages != 1 || d.TargetSystems != 1 {
		t.Errorf("got %+v", d)
	}
	do(operation.ValidateRequest{Applied: true}, core.CodePending)
	if d := data[*operation.IssueGetData](t, do(operation.IssueGetRequest{First: true}, "")); d.IssueDetail != nil {
		t.Errorf("got %+v", d)
	}
	d := do(operation.ApplyRequest{}, core.CodeChangeFailed)
	if got := data[*operation.ApplyData](t, d); got.Status != run.Failed || got.Ledger != "orders/prod" || !strings.HasPrefix(d.Error.Hint, "HINT ") || len(events) == 0 {
		t.Errorf("got %+v, %+v and %d events", got, d.Error, len(events))
	}
	do(operation.StatusRequest{}, "")
	if d := data[*operation.StatusData](t, do(operation.StatusRequest{Judge: true}, core.CodeManualIntervention)); len(d.Issues) != 1 || d.LastExecution.Principal != o.App.Principal {
		t.Errorf("got %+v", d)
	}
	list := data[*operation.IssueListData](t, do(operation.IssueListRequest{}, ""))
	if len(list.Issues) != 1 || list.Issues[0].Error == nil || !strings.HasPrefix(list.Issues[0].Commands[0], "tool issue resolve change-2 --as applied --seq ") {
		t.Fatalf("got %+v", list)
	}
	do(operation.IssueGetRequest{ChangeID: "change-1"}, core.CodeUsage)

	refused := operation.IssueResolveRequest{
		ChangeID: "change-2", As: operation.AsRolledBack, Reason: "looked",
		Confirm: func(_ context.Context, q operation.Resolving) error {
			if q.Last == nil || q.Record.ChangeID != "change-2" || q.As != core.StateManualMarkedRolledBack {
				t.Errorf("asked about %+v", q)
			}
			return &core.UsageError{Reason: "no"}
		},
	}
	do(refused, core.CodeUsage)
	refused.Confirm, refused.Seq = nil, 1
	do(refused, core.CodeUsage) // there is a newer entry
	refused.Seq = list.Issues[0].Seq
	e := data[*operation.EntryData](t, do(refused, ""))
	if e.State != core.StateManualMarkedRolledBack || e.Principal != o.App.Principal || e.Reason != "looked" {
		t.Errorf("got %+v", e)
	}
	fail = nil
	do(operation.ApplyRequest{}, "")
	do(operation.StatusRequest{Judge: true}, "")
	if d := data[*operation.PlanData](t, do(operation.PlanRequest{}, "")); d.Counts.Skip != 2 || d.Lock.Held {
		t.Errorf("got %+v", d)
	}
	if d := data[*operation.AuditData](t, do(operation.AuditListRequest{History: true, Limit: 3}, "")); len(d.Entries) != 3 || d.Next == nil || *d.Next != 3 {
		t.Errorf("got %+v", d)
	}
	if d := data[*operation.AuditData](t, do(operation.AuditListRequest{Since: time.Now().Add(time.Hour)}, "")); len(d.Entries) != 0 || d.Next != nil {
		t.Errorf("got %+v", d)
	}
	do(operation.AuditListRequest{Limit: -1}, core.CodeUsage)
	do(operation.AuditListRequest{Limit: operation.DefaultLimit + 1}, core.CodeUsage)
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	d := operation.Do(t.Context(), operation.Options{App: app.Options{
		Program: program(newClient(), func() error { return errors.New("it ran") }), ConfigPath: project(t, inMemory+"enabled: false\n"),
	}}, operation.ApplyRequest{})
	if got := data[*operation.ApplyData](t, d); !d.Success || got.Status != run.NoChanges || got.Report != nil {
		t.Errorf("got %+v", d)
	}
}

// What was given for many calls stays as it is, also when a call names profiles.
func TestProfiles(t *testing.T) {
	t.Parallel()
	p := program(newClient(), nothing, nothing)
	p.Stages[0].Changes[0].Profiles = []string{"a"}
	p.Stages[0].Changes[1].Profiles = []string{"b"}
	flags := map[string]string{"profiles": "a"}
	o := operation.Options{App: app.Options{Program: p, ConfigPath: project(t, inMemory), Flags: flags}}
	for want, profiles := range map[string][]string{"change-1": nil, "change-2": {"b"}} {
		d := data[*operation.PlanData](t, operation.Do(t.Context(), o, operation.PlanRequest{Selection: operation.Selection{Profiles: profiles}}))
		if got := d.Plan.ToApply(); len(got) != 1 || got[0] != want {
			t.Errorf("%v: got %v, want %s", profiles, got, want)
		}
	}
	if len(flags) != 1 || flags["profiles"] != "a" {
		t.Errorf("the caller's flags are %v now", flags)
	}
}

// Warnings and errors have no secrets in them, whoever put them there.
func TestSecrets(t *testing.T) {
	t.Parallel()
	leaky := core.TargetType{Name: "leaky", New: func(id string, s core.Settings) (core.Target, error) {
		var c struct {
			DSN string `yaml:"dsn"`
		}
		if err := s.Decode(&c); err != nil {
			return nil, err
		}
		dsn, err := core.Expand(t.Context(), s.Resolver(), c.DSN)
		if err != nil {
			return nil, err
		}
		return nil, &core.UnavailableError{System: id, Err: fmt.Errorf("cannot dial %s", dsn)}
	}}
	o := operation.Options{App: app.Options{
		Program: core.Program{Targets: []core.TargetType{leaky}}, ConfigPath: project(t, "targetSystems: { db: { type: leaky, dsn: \"${env:DSN}\" } }\n"),
		LookupEnv: func(name string) (string, bool) { return "s3cr3t", name == "DSN" },
	}, Hint: func(s string) string { return s + " with s3cr3t" }}
	d := operation.Do(t.Context(), o, operation.PlanRequest{})
	if text := string(d.Encode()); code(d) != core.CodeUnavailable || strings.Contains(text, "s3cr3t") || !strings.Contains(text, "cannot dial [secret]") {
		t.Errorf("got %s", text)
	}
	// Before there is a configuration there is nothing to remove.
	o.App.ConfigPath = "/nowhere/flamingock.yaml"
	if d := operation.Do(t.Context(), o, operation.PlanRequest{}); code(d) != core.CodeConfigInvalid {
		t.Errorf("got %+v", d)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	p := program(newClient(), func() error { close(stop); return nil }, nothing)
	o := operation.Options{App: app.Options{Program: p, ConfigPath: project(t, inMemory)}, Stop: stop}
	d := operation.Do(t.Context(), o, operation.ApplyRequest{})
	if got := data[*operation.ApplyData](t, d); code(d) != core.CodeInterrupted || got.Counts[run.ChangeApplied] != 1 || got.Counts[run.ChangeNotReached] != 1 {
		t.Errorf("got %+v", d)
	}
	ctx, cancel := operation.Stoppable(t.Context(), stop)
	defer cancel()
	<-ctx.Done()
	if core.CodeOf(context.Cause(ctx)) != core.CodeInterrupted {
		t.Errorf("got %v", context.Cause(ctx))
	}
}

// The lease that others see is the configured one, or the cap.
func TestLease(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 5 * time.Second: 5 * time.Second, time.Hour: 30 * time.Second, time.Millisecond: time.Second, -time.Second: time.Second,
	} {
		config := project(t, inMemory)
		var seen time.Duration
		p := program(newClient(), func() error {
			s := operation.New(operation.Options{App: app.Options{Program: program(newClient(), nothing), ConfigPath: config}})
			d, err := s.Plan(t.Context(), operation.PlanRequest{})
			if err != nil {
				return err
			}
			seen = d.Head.Lease
			return s.Close()
		})
		d := operation.Do(t.Context(), operation.Options{App: app.Options{Program: p, ConfigPath: config, MaxLease: limit}}, operation.ApplyRequest{})
		if !d.Success || seen != want {
			t.Errorf("at most %s: got %s, want %s (%+v)", limit, seen, want, d.Error)
		}
	}
}

// Many calls at once in one process, with the same options.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	var applied atomic.Int32
	step := func() error { applied.Add(1); return nil }
	c := newClient()
	o := operation.Options{App: app.Options{
		Program: program(c, step, step), ConfigPath: project(t, inMemory+"lock: { wait: 1m }\n"), Flags: map[string]string{"profiles": "x"}, KeepClients: true, AWS: &app.AWSConfigs{},
	}}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			r := []operation.Request{operation.ApplyRequest{}, operation.PlanRequest{Selection: operation.Selection{Profiles: []string{"y"}}}, operation.StatusRequest{}}[i%3]
			if d := operation.Do(t.Context(), o, r); !d.Success {
				t.Errorf("%s: %+v", d.Operation, d.Error)
			}
		})
	}
	all.Wait()
	if applied.Load() != 2 {
		t.Errorf("%d changes ran, want 2", applied.Load())
	}
	if c.closed.Load() {
		t.Error("the client that others use was closed")
	}
	o.App.KeepClients = false
	operation.Do(t.Context(), o, operation.PlanRequest{})
	if !c.closed.Load() {
		t.Error("the client was not closed")
	}
}

// Changes can come from anywhere, and what was opened is closed when somebody's code
// panics.
func TestFilesAndPanic(t *testing.T) {
	t.Parallel()
	c := newClient()
	o := operation.Options{App: app.Options{
		Program:    core.Program{Clients: []core.Target{c}, Files: fstest.MapFS{"changes/_0001__one.yaml": {Data: []byte("id: [")}}},
		ConfigPath: project(t, inMemory+"stages: [{ location: changes }]\n"),
	}}
	if d := operation.Do(t.Context(), o, operation.ValidateRequest{}); code(d) != core.CodeChangeSetInvalid || len(d.Error.Faults) == 0 || !c.closed.Load() {
		t.Errorf("got %+v", d.Error)
	}
	c = newClient()
	o.App.Program.Clients = []core.Target{c}
	o.App.Program.Targets = []core.TargetType{{Name: "broken", New: func(string, core.Settings) (core.Target, error) { panic("broken") }}}
	o.App.ConfigPath = project(t, "targetSystems:\n  memory: { type: custom }\n  other: { type: broken }\n")
	defer func() {
		if r := recover(); r != "broken" || !c.closed.Load() {
			t.Errorf("got %v; closed %t", r, c.closed.Load())
		}
	}()
	operation.Do(t.Context(), o, operation.ValidateRequest{})
}
