package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flamingock/flamingock-go/core"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", name, diff)
	}
}

// environment makes options with an environment.
func environment(env map[string]string) Options {
	return Options{
		LookupEnv: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		Environ: func() []string {
			var out []string
			for k, v := range env {
				out = append(out, k+"="+v)
			}
			return out
		},
	}
}

// of loads a configuration from a text.
func of(t *testing.T, text string, o Options) *Config {
	t.Helper()
	c, err := load(o, filepath.Join("conf", "flamingock.yaml"), []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

var compare = []cmp.Option{cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(TargetSystem{}, "Settings")}

func TestLoadAll(t *testing.T) {
	path := filepath.Join("testdata", "all.yaml")
	c, err := Load(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Path: path, Dir: "testdata", Ledger: "orders/prod",
		AuditStore: AuditStore{DynamoDB: &DynamoDB{Table: "flamingock", Region: "eu-west-1", AllowGlobalTable: true}},
		Lock:       Lock{Lease: 45 * time.Second, Wait: time.Minute},
		Deadline:   Deadline{Reserve: 10 * time.Second}, Grace: 15 * time.Second,
		Profiles: []string{"dev", "eu"},
		Drift:    core.DriftPolicy{Edited: core.DriftWarn, Lost: core.DriftAllow, Late: core.DriftFail},
		Metadata: map[string]string{"team": "payments", "token": "t0k3n"}, Enabled: true,
		Events: Events{Allow: []AllowedEvent{{"aws.codepipeline", "CodePipeline Pipeline Execution State Change"}}, ECS: []string{"PRE_SCALE_UP", "POST_SCALE_UP"}},
		Stages: []Stage{
			{Name: "main", Location: "changes", Source: core.Position{File: path, Line: 11, Column: 5}},
			{Name: "seed", Description: "test data", Location: "../seed/", DependsOn: []string{"main"}, Source: core.Position{File: path, Line: 12, Column: 5}},
			{Name: "in-code", Source: core.Position{File: path, Line: 13, Column: 5}},
		},
		TargetSystems: []TargetSystem{
			{ID: "orders-db", Type: "postgres", Source: core.Position{File: path, Line: 15, Column: 3}},
			{ID: "local-db", Type: "sqlite", Source: core.Position{File: path, Line: 16, Column: 3}},
			{ID: "rest", Type: "rest", Source: core.Position{File: path, Line: 17, Column: 3}},
		},
	}
	if diff := cmp.Diff(want, c, compare...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	golden(t, "all.golden", shown(c))
}

func shown(c *Config) string {
	var b strings.Builder
	for _, v := range c.Values() {
		fmt.Fprintf(&b, "%s = %s (%s)\n", v.Key, v.Value, filepath.ToSlash(v.Origin))
	}
	return b.String()
}

func TestDefaults(t *testing.T) {
	c := of(t, "stages: [{location: changes}]\n", Options{})
	want := &Config{
		Path: filepath.Join("conf", "flamingock.yaml"), Dir: "conf", Ledger: "default",
		AuditStore: AuditStore{File: filepath.Join("conf", ".flamingock", "audit.db")},
		Lock:       Lock{Lease: 30 * time.Second, Wait: 3 * time.Minute}, Grace: 20 * time.Second, Enabled: true,
		Drift:  core.DriftPolicy{Edited: core.DriftFail, Lost: core.DriftWarn, Late: core.DriftFail},
		Stages: []Stage{{Name: "changes", Location: "changes", Source: core.Position{File: filepath.Join("conf", "flamingock.yaml"), Line: 1, Column: 10}}},
	}
	if diff := cmp.Diff(want, c, compare...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	golden(t, "defaults.golden", shown(c))
}

func TestPrecedence(t *testing.T) {
	const text = "ledger: file\nlock: {lease: 10s, wait: 11s}\nprofiles: [a]\nmetadata: {a: b}\nenabled: true\ndrift: {late: warn}\n"
	o := environment(map[string]string{
		"FLAMINGOCK_LEDGER": "env", "FLAMINGOCK_LOCK_WAIT": "12s", "FLAMINGOCK_PROFILES": "x, y", "FLAMINGOCK_METADATA": "k=v, token=a=b",
		"FLAMINGOCK_ENABLED": "0", "FLAMINGOCK_DRIFT_LATE": "allow", "FLAMINGOCK_GRACE": "", "FLAMINGOCK_AUDITSTORE_FILE": "x.db",
		"FLAMINGOCK_DEADLINE_RESERVE": "2s",
	})
	o.Flags = map[string]string{"lock.wait": "13s", "profiles": ""}
	c := of(t, text, o)
	want := Config{
		Path: c.Path, Dir: c.Dir, Ledger: "env", Lock: Lock{10 * time.Second, 13 * time.Second}, Grace: 20 * time.Second,
		Metadata: map[string]string{"k": "v", "token": "a=b"}, AuditStore: AuditStore{File: "x.db"},
		Drift:    core.DriftPolicy{Edited: core.DriftFail, Lost: core.DriftWarn, Late: core.DriftAllow},
		Deadline: Deadline{Reserve: 2 * time.Second},
	}
	if diff := cmp.Diff(&want, c, compare...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	golden(t, "precedence.golden", shown(c))
}

func TestStoreChoice(t *testing.T) {
	for name, c := range map[string]struct {
		text       string
		env, flags map[string]string
		file       string
		table      string
	}{
		"file":               {"auditStore: {file: a.db}\n", nil, nil, filepath.Join("conf", "a.db"), ""},
		"absolute":           {"auditStore: {file: /a.db}\n", nil, nil, "/a.db", ""},
		"dynamodb":           {"ledger: l\nauditStore: {dynamodb: {table: t}}\n", nil, nil, "", "t"},
		"environment's":      {"ledger: l\nauditStore: {file: a.db}\n", map[string]string{"FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE": "t"}, nil, "", "t"},
		"environment's file": {"ledger: l\nauditStore: {dynamodb: {table: t}}\n", map[string]string{"FLAMINGOCK_AUDITSTORE_FILE": "b.db"}, nil, "b.db", ""},
		"flag's":             {"ledger: l\n", map[string]string{"FLAMINGOCK_AUDITSTORE_FILE": "b.db"}, map[string]string{"auditStore.dynamodb.table": "t"}, "", "t"},
	} {
		o := environment(c.env)
		o.Flags = c.flags
		got := of(t, c.text, o)
		table := ""
		if got.AuditStore.DynamoDB != nil {
			table = got.AuditStore.DynamoDB.Table
		}
		if got.AuditStore.File != c.file || table != c.table {
			t.Errorf("%s: got file %q and table %q, want %q and %q", name, got.AuditStore.File, table, c.file, c.table)
		}
	}
}

// The database of a target system is a third place, chosen like the others.
func TestStoreWithinATargetSystem(t *testing.T) {
	const targets = "targetSystems: {app: {type: sqlite, path: app.db}, b: {type: x}}\n"
	type env = map[string]string
	for name, c := range map[string]struct {
		text       string
		env, flags map[string]string
		want       AuditStore
		origin     string
	}{
		"the file's":                       {"auditStore: {targetSystem: app}\n", nil, nil, AuditStore{TargetSystem: "app"}, "conf/flamingock.yaml:1:28"},
		"nothing":                          {"auditStore: {targetSystem: }\n", nil, nil, AuditStore{File: filepath.Join("conf", defaultStore)}, "default"},
		"the environment's":                {"", env{"FLAMINGOCK_AUDITSTORE_TARGETSYSTEM": "b"}, nil, AuditStore{TargetSystem: "b"}, "environment variable FLAMINGOCK_AUDITSTORE_TARGETSYSTEM"},
		"the environment's, before a file": {"auditStore: {file: a.db}\n", env{"FLAMINGOCK_AUDITSTORE_TARGETSYSTEM": "app"}, nil, AuditStore{TargetSystem: "app"}, "environment variable FLAMINGOCK_AUDITSTORE_TARGETSYSTEM"},
		"the environment's, before a table": {
			"ledger: l\nauditStore: {dynamodb: {table: t}}\n",
			env{"FLAMINGOCK_AUDITSTORE_TARGETSYSTEM": "app"},
			nil,
			AuditStore{TargetSystem: "app"},
			"environment variable FLAMINGOCK_AUDITSTORE_TARGETSYSTEM",
		},
		"after the environment's file":  {"auditStore: {targetSystem: app}\n", env{"FLAMINGOCK_AUDITSTORE_FILE": "b.db"}, nil, AuditStore{File: "b.db"}, ""},
		"after the environment's table": {"ledger: l\nauditStore: {targetSystem: gone}\n", env{"FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE": "t"}, nil, AuditStore{DynamoDB: &DynamoDB{Table: "t"}}, ""},
		"after a flag":                  {"", env{"FLAMINGOCK_AUDITSTORE_TARGETSYSTEM": "app"}, env{"auditStore.file": "c.db"}, AuditStore{File: "c.db"}, ""},
	} {
		o := environment(c.env)
		o.Flags = c.flags
		got := of(t, c.text+targets, o)
		if d := cmp.Diff(c.want, got.AuditStore); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		for _, v := range got.Values() {
			if v.Key == "auditStore.targetSystem" && (v.Value != c.want.TargetSystem || c.origin != "" && v.Origin != c.origin) {
				t.Errorf("%s: shown as %+v, want origin %s", name, v, c.origin)
			}
		}
	}
}

func TestAllowGlobalTable(t *testing.T) {
	const variable = "FLAMINGOCK_AUDITSTORE_DYNAMODB_ALLOWGLOBALTABLE"
	for name, c := range map[string]struct {
		text, env, want string
		origin          string
	}{
		"not said":        {"", "", "false", "default"},
		"file":            {", allowGlobalTable: true", "", "true", "flamingock.yaml:2:53"},
		"empty":           {", allowGlobalTable: ", "", "false", "default"},
		"environment":     {"", "true", "true", "environment variable " + variable},
		"environment, no": {", allowGlobalTable: true", "false", "false", "environment variable " + variable},
	} {
		got := of(t, "ledger: l\nauditStore: {dynamodb: {table: t"+c.text+"}}\n", environment(map[string]string{variable: c.env}))
		var shown Value
		for _, v := range got.Values() {
			if v.Key == keyAllowGlobal {
				shown = v
			}
		}
		if shown.Value != c.want || shown.Origin != c.origin && !strings.HasSuffix(shown.Origin, c.origin) || (c.want == "true") != got.AuditStore.DynamoDB.AllowGlobalTable {
			t.Errorf("%s: %+v, %t", name, shown, got.AuditStore.DynamoDB.AllowGlobalTable)
		}
	}
	// A store that was not chosen says nothing about it.
	for _, v := range of(t, "ledger: l\n", environment(nil)).Values() {
		if v.Key == keyAllowGlobal {
			t.Errorf("the embedded store shows %+v", v)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := of(t, "ledger: x\n", environment(map[string]string{
		"FLAMINGOCK_LOCK_WAITS": "1s", "FLAMINGOCK_STAGES": "x", "FLAMINGOCK_CONFIG": "x", "FLAMINGOCK_TEST_X": "x",
		"FLAMINGOCK_LOG_LEVEL": "x", "FLAMINGOCK_OUTPUT": "x", "HOME": "x", "FLAMINGOCK_LEDGER": "y", "FLAMINGO": "x",
	}))
	want := []string{
		`the environment variable FLAMINGOCK_LOCK_WAITS is no setting and is ignored; did you mean "FLAMINGOCK_LOCK_WAIT"?`,
		"the environment variable FLAMINGOCK_STAGES is no setting and is ignored",
	}
	if diff := cmp.Diff(want, c.Warnings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMissingFile(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := Load(Options{})
	var e *core.ConfigError
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "flamingock.yaml not found here") || !strings.Contains(e.Hint(), "--config or FLAMINGOCK_CONFIG") {
		t.Errorf("got %v, hint %s", err, core.HintOf(err))
	}
	c, err := Load(Options{Optional: true})
	if err != nil || c.Ledger != "default" || c.Path != "" || c.Dir != "." || c.AuditStore.File != filepath.FromSlash(".flamingock/audit.db") {
		t.Errorf("got %+v, %v", c, err)
	}
	// A file that was named must be there.
	for _, o := range []Options{{Path: "x.yaml", Optional: true}, func() Options {
		o := environment(map[string]string{"FLAMINGOCK_CONFIG": "x.yaml"})
		o.Optional = true
		return o
	}()} {
		if _, err := Load(o); !errors.As(err, &e) || e.Error() != "x.yaml: the configuration file does not exist" {
			t.Errorf("got %v", err)
		}
	}
	if err := os.Mkdir("dir.yaml", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Options{Path: "dir.yaml"}); !errors.As(err, &e) || e.Error() != "dir.yaml: is a directory, not a file" {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(DefaultPath, []byte("ledger: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(Options{}); err != nil || c.Ledger != "here" {
		t.Errorf("got %+v, %v", c, err)
	}
}
