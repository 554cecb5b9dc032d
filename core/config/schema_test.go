package config

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// schemaTypes are kinds of target systems: two that decode their settings, one
// that wants none, and one that cannot be asked.
func schemaTypes() []core.TargetType {
	type sqlite struct {
		DSN  string `yaml:"dsn"`
		Path string `yaml:"path"`
	}
	type postgres struct {
		DSN      core.Secret `yaml:"dsn"`
		PoolSize uint        `yaml:"poolSize"`
	}
	return []core.TargetType{
		{Name: "sqlite", New: decodes[sqlite]},
		{Name: "postgres", New: decodes[postgres]},
		{Name: "rest", New: func(string, core.Settings) (core.Target, error) { return nil, nil }}, //nolint:nilnil // a fake
		{Name: "x", New: func(string, core.Settings) (core.Target, error) { panic("not with these") }},
		{Name: "y"},
	}
}

func decodes[T any](id string, s core.Settings) (core.Target, error) {
	var into T
	if err := s.Decode(&into); err != nil {
		return nil, err
	}
	return core.NewClientTarget(id, into), nil
}

func TestSchemaGolden(t *testing.T) {
	golden(t, "schema.golden.json", string(Schema(schemaTypes())))
}

// loaderOnly names the faulty files that a schema cannot refuse, and why.
func loaderOnly() map[string]string {
	return map[string]string{
		"table":       "the environment may name it",
		"short lease": "a schema cannot compare durations",
		"long lease":  "a schema cannot compare durations",
		"ledger":      "the environment may name it",
		"no key":      "the environment may name it",
		"no host":     "a schema cannot look for ids",
		"zip's path":  "a schema cannot clean paths",
		"big":         "a schema cannot compare sizes",
		"http":        "a schema cannot tell which host is this machine",
	}
}

func goodFiles() map[string]string {
	return map[string]string{
		"nulls":          "ledger:\nauditStore:\nlock:\ndeadline:\ngrace:\nprofiles:\ndrift:\nmetadata:\nenabled:\nstages:\ntargetSystems:\n",
		"inner nulls":    "auditStore: {file: , dynamodb: }\nlock: {lease: , wait: }\nstages: [{name: a, location: , dependsOn: }]\ntargetSystems: {a: {type: sqlite, path: }}\n",
		"numbers":        "ledger: 12\nlock: {wait: 0}\nmetadata: {a: 1, b: true}\nprofiles: [1]\n",
		"empty ledger":   "ledger: ''\n",
		"other types":    "targetSystems: {a: {type: rest, b: [c]}, d: {type: x, e: {f: g}}, h: {type: y}, i: {type: custom, j: k}}\n",
		"no settings":    "targetSystems: {a: {type: sqlite}}\n",
		"location only":  "stages: [{location: a/b}, {name: ../x}]\n",
		"file store":     "auditStore: {file: x.db}\n",
		"within":         "auditStore: {targetSystem: a, file: , dynamodb: }\ntargetSystems: {a: {type: sqlite, path: x}}\n",
		"sources":        "source: {dir: , artifact: , s3: {bucket: b.b, key: 1, versionId: , sha256: '', path: a/, maxSize: 1000}}\n",
		"only artifact":  "source: {artifact: {}}\n",
		"notify":         "notify: [{eventBridge: {}}, {webhook: {url: 'http://[::1]:80/x', headers: }, on: }, {sns: , webhook: {url: '${env:X}'}, on: [applied, applied]}]\n",
		"long durations": "lock: {wait: 1h2m3.5s}\ngrace: +5s\n",
	}
}

func badTargets() map[string]string {
	return map[string]string{
		"no such type":    "targetSystems: {a: {type: oracle}}\n",
		"no such setting": "targetSystems: {a: {type: sqlite, dns: x}}\n",
		"wrong setting":   "targetSystems: {a: {type: postgres, poolSize: many}}\n",
		"negative":        "targetSystems: {a: {type: postgres, poolSize: -1}}\n",
	}
}

// loads is the loader's verdict, with that of the target systems: they see their
// settings after Load.
func loads(text string) error {
	c, err := load(Options{}, "f.yaml", []byte(text))
	if err != nil {
		return err
	}
	for _, ts := range c.TargetSystems {
		i := slices.IndexFunc(schemaTypes(), func(t core.TargetType) bool { return t.Name == ts.Type })
		switch {
		case ts.Type == "custom" || ts.Type == "rest" || ts.Type == "x" || ts.Type == "y":
		case i < 0:
			return errors.New("no such type")
		default:
			if _, err := schemaTypes()[i].New(ts.ID, ts.Settings); err != nil {
				return err
			}
		}
	}
	return nil
}

// The loader and the schema give the same verdict.
func TestSchemaAgreesWithLoad(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema(schemaTypes())))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(name, text string) {
		t.Helper()
		root, _ := strictyaml.Parse("f.yaml", []byte(text))
		if root == nil {
			return // no YAML that we take: no schema is asked
		}
		var v any
		strictyaml.Decode(root, &v)
		refused, err := s.Validate(v), loads(text)
		_, excepted := loaderOnly()[name]
		switch {
		case err != nil && refused == nil && !excepted:
			t.Errorf("%s: Load refuses it, the schema does not: %v", name, err)
		case err == nil && refused != nil:
			t.Errorf("%s: the schema refuses it, Load does not: %v", name, refused)
		case err != nil && refused != nil && excepted:
			t.Errorf("%s: the schema refuses it as well; it is no exception", name)
		}
	}
	for name, f := range faultyFiles() {
		check(name, f.in)
	}
	for name, text := range badTargets() {
		if loads(text) == nil {
			t.Errorf("%s: no fault", name)
		}
		check(name, text)
	}
	for name, text := range goodFiles() {
		if err := loads(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(name, text)
	}
	for _, name := range []string{"all.yaml", "bad.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		check(name, string(data))
	}
	for name := range loaderOnly() {
		if _, ok := faultyFiles()[name]; !ok {
			t.Errorf("%s is excepted, but there is no such file", name)
		}
	}
}

// Every key of the file is described, and nothing else is.
func TestSchemaDescribesEveryKey(t *testing.T) {
	var paths []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		if t == reflect.TypeFor[*strictyaml.Node]() {
			return
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		for i := range t.NumField() {
			f := t.Field(i)
			at := path + f.Tag.Get("yaml")
			paths = append(paths, at)
			walk(f.Type, at+".")
		}
	}
	walk(reflect.TypeFor[file](), "")
	slices.Sort(paths)
	if d := cmp.Diff(paths, slices.Sorted(maps.Keys(descriptions()))); d != "" {
		t.Errorf("-keys +descriptions:\n%s", d)
	}
}
