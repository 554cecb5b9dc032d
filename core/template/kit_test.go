package template

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
)

// The handles of the two kinds of target systems in these tests.
type (
	conn struct{}
	tx   struct{}
	api  struct{}
)

type fakeTarget struct {
	id, typ string
	handles core.Handles
}

func (f fakeTarget) ID() string                 { return f.id }
func (f fakeTarget) Type() string               { return f.typ }
func (f fakeTarget) Handles() core.Handles      { return f.handles }
func (f fakeTarget) Ping(context.Context) error { return nil }
func (f fakeTarget) Close() error               { return nil }
func (f fakeTarget) Open(context.Context) (any, func() error, error) {
	return nil, nil, errors.New("unused")
}

func sqlTarget(id string) core.Target {
	return fakeTarget{id, "sqldb", core.Handles{Direct: reflect.TypeFor[conn](), Tx: reflect.TypeFor[tx]()}}
}

func apiTarget(id string) core.Target {
	return fakeTarget{id, "api", core.Handles{Direct: reflect.TypeFor[api]()}}
}

func stageDirs(names ...string) (out []StageDir) {
	for _, n := range names {
		out = append(out, StageDir{Name: n, Location: n})
	}
	return out
}
func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func targets() map[string]core.Target {
	return map[string]core.Target{
		"orders-db": sqlTarget("orders-db"), "legacy": sqlTarget("legacy"), "gateway": apiTarget("gateway"),
		"bare": fakeTarget{"bare", "custom", core.Handles{Direct: reflect.TypeFor[api]()}}, "faulty": nil,
	}
}

// sqlTemplate takes text, refuses "SYNTAX" at its place, and "NOTX" outside of
// transactions.
func sqlTemplate() core.Template {
	return core.Template{
		Name: "sql", Aliases: []string{"sql-template"},
		Compile: func(p core.Payload) (core.Step, error) {
			var cfg struct {
				SplitStatements *bool `yaml:"splitStatements"`
			}
			text, err := p.Text()
			if err := errors.Join(p.Configuration(&cfg), err); err != nil {
				return core.Step{}, err
			}
			if strings.TrimSpace(text.Value) == "" {
				return core.Step{}, p.Fault(0, 0, "the SQL is empty")
			}
			s := core.Step{Do: func(context.Context, *core.Session) error { return nil }}
			for i, line := range strings.Split(text.Value, "\n") {
				if j := strings.Index(line, "SYNTAX"); j >= 0 {
					return core.Step{}, p.Fault(i+1, j+1, "this is no SQL")
				}
				if strings.Contains(line, "NOTX") {
					s.NotTransactional = "NOTX commits implicitly"
				}
			}
			return s, nil
		},
	}
}

// opsTemplate takes steps with structured payloads.
func opsTemplate() core.Template {
	return core.Template{
		Name: "ops", Aliases: []string{"ops-template"}, StepsOnly: true, RollbackRequired: true,
		Compile: func(p core.Payload) (core.Step, error) {
			var op struct {
				Type       string         `yaml:"type"`
				Collection string         `yaml:"collection"`
				Parameters map[string]any `yaml:"parameters"`
			}
			if err := p.Decode(&op); err != nil {
				return core.Step{}, err
			}
			if op.Type == "" {
				return core.Step{}, p.Fault(0, 0, "type is missing")
			}
			return core.Step{Name: op.Type, Do: func(context.Context, *core.Session) error { return nil }}, nil
		},
	}
}

// callTemplate takes one call, probes, and takes a probe of the file's.
func callTemplate() core.Template {
	probe := func(context.Context, *core.Session) (core.ProbeResult, error) { return core.ProbeApplied, nil }
	return core.Template{
		Name: "call", SingleOnly: true,
		Compile: func(p core.Payload) (core.Step, error) {
			if _, err := p.Text(); err != nil {
				return core.Step{}, errors.New("plain error")
			}
			s := core.Step{Name: "call", Do: func(context.Context, *core.Session) error { return nil }}
			if !p.Rollback() {
				s.Capture = func(context.Context, *core.Session) (string, error) { return "before", nil }
			}
			return s, nil
		},
		Restore: func(apply core.Payload) (core.Step, error) {
			text, err := apply.Text()
			if text.Value == "NOWAY" {
				return core.Step{}, apply.Fault(0, 0, "it cannot be put back by itself")
			}
			return core.Step{Name: "restore " + text.Value, Do: func(context.Context, *core.Session) error { return nil }}, err
		},
		Probe: func([]core.Payload) (core.Probe, error) { return probe, nil },
		CustomProbe: func(p core.Payload) (core.Probe, error) {
			var s string
			if err := p.Decode(&s); err != nil {
				return nil, err
			}
			return probe, nil
		},
	}
}

func types() []core.TargetType {
	return []core.TargetType{
		{Name: "sqldb", Templates: []core.Template{sqlTemplate(), opsTemplate()}},
		{Name: "api", Templates: []core.Template{callTemplate()}},
		{Name: "custom"},
	}
}

// input is an Input over files in memory, with one stage "main".
func input(files fstest.MapFS) Input {
	return Input{Files: files, Stages: stageDirs("main"), Targets: targets(), Types: types()}
}

// loadOne loads one change file.
func loadOne(t *testing.T, text string) core.Change {
	t.Helper()
	stages, err := Load(input(fstest.MapFS{"main/_0001__x.yaml": file(text)}))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return stages[0].Changes[0]
}

// faultsIn returns the faults of err, one a line.
func faultsIn(t *testing.T, err error) string {
	t.Helper()
	var v *core.ValidationError
	if !errors.As(err, &v) {
		t.Fatalf("got %v, want a *core.ValidationError", err)
	}
	lines := make([]string, len(v.Faults))
	for i, f := range v.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
