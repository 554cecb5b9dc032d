package template

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// The files of testdata/java are in the format of the Java edition, unchanged.
func TestLoadJavaFiles(t *testing.T) {
	stages, err := Load(Input{
		Files:  os.DirFS("testdata"),
		Stages: []StageDir{{Name: "java", Location: "java"}},
		Targets: map[string]core.Target{
			"mysql-inventory": sqlTarget("mysql-inventory"), "mongodb": sqlTarget("mongodb"), "gateway": apiTarget("gateway"),
		},
		Types: []core.TargetType{{Name: "sqldb", Templates: []core.Template{sqlTemplate(), func() core.Template {
			o := opsTemplate()
			o.Aliases = []string{"mongodb-sync-template"}
			o.RollbackRequired = false
			return o
		}()}}},
		DisplayRoot: "app",
	})
	if err != nil {
		t.Fatal(err)
	}
	type summary struct {
		ID, Order, Author, Target, Template, File string
		Strategy                                  core.Strategy
		Profiles                                  []string
		Pairs                                     int
		Rollback                                  bool
		Tx                                        *bool
	}
	var got []summary
	for _, c := range stages[0].Changes {
		got = append(got, summary{
			c.ID, c.Order, c.Author, c.TargetSystem, c.Source.Template, c.Source.String(),
			c.Recovery.Strategy, c.Profiles, len(c.Pairs()), c.HasRollback(), c.Transactional,
		})
	}
	no := false
	dir := filepath.Join("app", "java")
	want := []summary{
		{"create-users-table", "0001", "flamingock-team", "mysql-inventory", "sql", filepath.Join(dir, "_0001__create_users.yaml:1:1"), core.AlwaysRetry, nil, 1, true, &no},
		{"add-orders", "0002", "", "mysql-inventory", "sql", filepath.Join(dir, "_0002__add_orders.yml:3:1"), "", []string{"dev", "!prod"}, 1, false, nil},
		{"create-collections", "20250925_01", "team", "mongodb", "ops", filepath.Join(dir, "_20250925_01__collections.yaml:2:1"), core.ManualIntervention, nil, 2, true, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadChange(t *testing.T) {
	c := loadOne(t, `# a comment
id: all-of-it
author: me
description: everything
template: sql-template
targetSystem: orders-db
recovery: ALWAYS_RETRY
transactional: true
profiles: [dev, "!prod"]
labels: a, b
timeout: 1m
maxAttempts: 3
allowOutOfOrder: true
configuration: {splitStatements: false}
apply: |
  INSERT INTO t VALUES ('${env:ONE}', '${ssm:/two}', '${env:ONE}', '$${env:NOT}')
rollback: DELETE FROM t WHERE x = '${vault:a/b#c}'
`)
	if c.Apply.Name != "sql" || c.Rollback.Name != "sql" || c.Probe != nil {
		t.Errorf("got apply %+v, rollback %+v", c.Apply, c.Rollback)
	}
	if c.Checksum == "" || c.Definition() != "sql" {
		t.Errorf("got checksum %q, definition %q", c.Checksum, c.Definition())
	}
	yes := true
	c.Apply, c.Rollback, c.Checksum = core.Step{}, core.Step{}, ""
	want := core.Change{
		ID: "all-of-it", Order: "0001", Author: "me", Description: "everything", TargetSystem: "orders-db",
		Recovery: core.Recovery{Strategy: core.AlwaysRetry}, Transactional: &yes,
		Profiles: []string{"dev", "!prod"}, Labels: []string{"a", "b"},
		Timeout: time.Minute, MaxAttempts: 3, AllowOutOfOrder: true,
		Source:     core.Source{Position: core.Position{File: filepath.Join("main", "_0001__x.yaml"), Line: 2, Column: 1}, Template: "sql"},
		References: []core.Reference{{Scheme: "env", Key: "ONE"}, {Scheme: "ssm", Key: "/two"}, {Scheme: "vault", Key: "a/b#c"}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadStepsAndProbe(t *testing.T) {
	c := loadOne(t, `
id: x
template: ops
targetSystem: {id: orders-db}
steps:
  - apply: {type: insert, collection: "${env:C}"}
    rollback: {type: delete}
  - apply: {type: create, parameters: {"${env:K}": 1}}
    rollback: {type: drop}
`)
	var names []string
	for _, p := range c.Pairs() {
		names = append(names, p.Apply.Name, p.Rollback.Name)
	}
	if diff := cmp.Diff([]string{"insert", "delete", "create", "drop"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !c.Apply.IsZero() || !c.Rollback.IsZero() {
		t.Error("a change with steps has an apply or rollback of its own")
	}
	if diff := cmp.Diff([]core.Reference{{Scheme: "env", Key: "C"}, {Scheme: "env", Key: "K"}}, c.References); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	auto := loadOne(t, "id: x\ntemplate: call\ntargetSystem: gateway\napply: POST /x\nrollback: auto\n")
	if auto.Rollback.Name != "restore POST /x" || auto.Apply.Capture == nil || !auto.Captures() {
		t.Errorf("got %+v", auto)
	}
	for _, text := range []string{"", "probe: GET /x\n"} {
		if c := loadOne(t, "id: x\ntemplate: call\ntargetSystem: gateway\napply: POST /x\n"+text); c.Probe == nil {
			t.Errorf("%q: no probe", text)
		}
	}
}

func TestLoadMergesCode(t *testing.T) {
	step := core.Step{Do: func(context.Context, *core.Session) error { return nil }}
	in := input(fstest.MapFS{
		"main/_0001__a.yaml":        file("id: a\ntemplate: sql\ntargetSystem: orders-db\napply: x\n"),
		"main/_0003__c.yml":         file("id: c\ntemplate: sql\ntargetSystem: orders-db\napply: x\n"),
		"main/README.md":            file("no change"),
		"main/.hidden.yaml":         file("no: change"),
		"main/sub/_0009__deep.yaml": file("id: deep\n"),
	})
	in.Stages = append(in.Stages, StageDir{Name: "second", Description: "mine", DependsOn: []string{"main"}})
	in.Code = []core.Stage{
		{Name: "alone", Changes: []core.Change{{ID: "z", Order: "1", TargetSystem: "orders-db", Apply: step}}},
		{Name: "main", Description: "from code", DependsOn: []string{"alone"}, Changes: []core.Change{
			{ID: "d", Order: "0004", TargetSystem: "orders-db", Apply: step}, {ID: "b", Order: "0002", TargetSystem: "orders-db", Apply: step},
		}},
		{Name: "second", Description: "from code", DependsOn: []string{"main", "alone"}, Changes: []core.Change{{ID: "e", Order: "1", TargetSystem: "orders-db", Apply: step}}},
	}
	stages, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	type stage struct{ Name, Description, Location, DependsOn, IDs string }
	var got []stage
	for _, s := range stages {
		var ids []string
		for _, c := range s.Changes {
			ids = append(ids, c.ID)
		}
		got = append(got, stage{s.Name, s.Description, s.Location, strings.Join(s.DependsOn, " "), strings.Join(ids, " ")})
	}
	want := []stage{
		{"main", "from code", "main", "alone", "a b c d"},
		{"second", "mine", "", "main alone", "e"},
		{"alone", "", "", "", "z"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if in.Code[1].Changes[0].ID != "d" {
		t.Error("Load sorted the caller's slice")
	}
}

// On the disk a location may be relative, climb, or be absolute.
func TestLoadFromDisk(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"conf", "conf/in", "beside"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for dir, id := range map[string]string{"conf/in": "a", "beside": "b"} {
		text := "id: " + id + "\ntemplate: sql\ntargetSystem: orders-db\napply: x\n"
		if err := os.WriteFile(filepath.Join(root, dir, "_1__x.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A mounted ConfigMap is links to files.
	if err := os.Symlink("_1__x.yaml", filepath.Join(root, "beside", ".keep")); err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{"in", "./in", "../beside", filepath.Join(root, "beside")} {
		stages, err := Load(Input{
			Stages: []StageDir{{Name: "s", Location: location}}, Targets: targets(), Types: types(),
			DisplayRoot: filepath.Join(root, "conf"),
		})
		if err != nil {
			t.Errorf("%s: %v", location, err)
			continue
		}
		want := location
		if !filepath.IsAbs(want) {
			want = filepath.Join(root, "conf", location)
		}
		if got := stages[0].Changes[0].Source.File; got != filepath.Join(want, "_1__x.yaml") {
			t.Errorf("%s: got file %s", location, got)
		}
	}
}

// A change of a target system that is configured but faulty is not compiled; the
// stages come back, because the fault is the configuration's to report.
func TestLoadFaultyTarget(t *testing.T) {
	c := loadOne(t, "id: x\ntemplate: whatever\ntargetSystem: faulty\napply: x\n")
	if err := c.Apply.Do(context.Background(), nil); err == nil {
		t.Error("the placeholder's step did something")
	}
}

func TestOrders(t *testing.T) {
	for name, want := range map[string]string{
		"_0001__x.yaml": "0001", "_20250925_01__x.yaml": "20250925_01", "_a__b__c.yaml": "a", "_V1.2__x.yml": "V1.2",
		"_1__x.YAML": "1", "_1__.yaml": "1",
	} {
		stages, err := Load(input(fstest.MapFS{"main/" + name: file("id: x\ntemplate: sql\ntargetSystem: orders-db\napply: x\n")}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := stages[0].Changes[0].Order; got != want {
			t.Errorf("%s: got order %q, want %q", name, got, want)
		}
	}
}
