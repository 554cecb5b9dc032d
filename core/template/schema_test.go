package template

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// validator is a validator of change files by their schema. That the schema is a
// schema is checked on the way.
func validator(t *testing.T, types []core.TargetType) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema(types)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("change.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("change.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaGolden(t *testing.T) {
	golden(t, filepath.Join("testdata", "schema.golden.json"), string(Schema(types())))
}

// loaderOnly names the faulty files that a schema cannot refuse, and why.
func loaderOnly() map[string]string {
	const (
		otherFiles = "it takes the configuration to know"
		meaning    = "it is in the meaning of the payload's text"
		types      = "a file does not tell the type of its target system, so any of a name's templates may be meant"
	)
	return map[string]string{
		"custom":           otherFiles,
		"other type's":     types,
		"place in literal": meaning, "place in plain": meaning, "place in quotes": meaning, "place in rollback": meaning,
		"empty text": meaning, "transactional": meaning, "auto rollback": meaning, "auto, impossible": meaning,
	}
}

// schemaRefuses names the good files that the schema refuses, and why.
func schemaRefuses() map[string]string {
	return map[string]string{
		"leading zero": "other readers of YAML take it for a number, or for another one",
	}
}

func goodFiles() map[string]string {
	const h = "id: x\ntargetSystem: orders-db\n"
	return map[string]string{
		"least":           head + "apply: x\n",
		"all":             "id: a\nauthor: me\ndescription: d\ntemplate: sql-template\ntargetSystem: {id: orders-db}\nrecovery: {strategy: ALWAYS_RETRY}\ntransactional: true\nprofiles: [dev, \"!prod\"]\nlabels: a, b\ntimeout: 1m30s\nmaxAttempts: 3\nallowOutOfOrder: true\nconfiguration: {splitStatements: false}\napply: |\n  SELECT 1\nrollback: y\n",
		"nulls":           head + "author:\ndescription: ~\nrecovery:\ntransactional:\nprofiles:\nlabels:\ntimeout:\nmaxAttempts:\nconfiguration:\nrollback:\nprobe:\napply: x\n",
		"numbers as text": "id: 12\ntemplate: sql\ntargetSystem: orders-db\nauthor: 1.5\ndescription: true\nlabels: [1, true]\napply: 5\n",
		"timeouts":        head + "timeout: 0\napply: x\n",
		"other timeouts":  head + "timeout: +1h2.5m.5s\napply: x\n",
		"plain recovery":  head + "recovery: MANUAL_INTERVENTION\napply: x\n",
		"steps":           head + "steps: [{apply: x}, {apply: y, rollback: z}, {apply: z, rollback: }]\napply: ~\nrollback:\n",
		"ops":             h + "template: ops-template\nsteps: [{apply: {type: a, parameters: {a: [1]}}, rollback: {type: b, collection: 7}}]\n",
		"call":            "id: x\ntargetSystem: gateway\ntemplate: call\napply: x\nprobe: y\n",
		"references":      head + "apply: ${env:X}\nrollback: a ${ssm:/x}\n",
		"automatic":       "id: x\ntemplate: call\ntargetSystem: gateway\napply: a\nrollback: auto\n",
		"flow":            "{id: x, template: sql, targetSystem: orders-db, apply: x}",
		"leading zero":    "id: 007\ntemplate: sql\ntargetSystem: orders-db\napply: x\n",
		"!!":              head + "profiles: ['!!x', 'a b', b]\nlabels: [c]\napply: x\n",
	}
}

// The loader and the schema give the same verdict.
func TestSchemaAgreesWithLoad(t *testing.T) {
	s := validator(t, types())
	check := func(name, text string) {
		t.Helper()
		root, _ := strictyaml.Parse("f.yaml", []byte(text))
		if root == nil {
			return // no YAML that we take: no schema is asked
		}
		var v any
		strictyaml.Decode(root, &v)
		refused := s.Validate(v)
		_, err := Load(input(fstest.MapFS{"main/_0001__x.yaml": file(text)}))
		except, excepted := loaderOnly()[name]
		_, stricter := schemaRefuses()[name]
		switch {
		case err != nil && refused == nil && !excepted:
			t.Errorf("%s: Load refuses it, the schema does not: %v", name, err)
		case err == nil && refused != nil && !stricter:
			t.Errorf("%s: the schema refuses it, Load does not: %v", name, refused)
		case err != nil && refused != nil && excepted:
			t.Errorf("%s: the schema refuses it as well; it is no exception (%s)", name, except)
		case err == nil && refused == nil && stricter:
			t.Errorf("%s: both accept it; it is no exception", name)
		}
	}
	for name, c := range faultyFiles() {
		check(name, c.in)
	}
	for name, text := range goodFiles() {
		if _, err := Load(input(fstest.MapFS{"main/_0001__x.yaml": file(text)})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(name, text)
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(loaderOnly())), slices.Collect(maps.Keys(schemaRefuses()))) {
		_, bad := faultyFiles()[name]
		if _, good := goodFiles()[name]; !bad && !good {
			t.Errorf("%s is excepted, but there is no such file", name)
		}
	}
}

// The files of testdata, which are good one by one unless they are named here.
func TestSchemaAgreesWithTestdata(t *testing.T) {
	withJava := types()
	withJava[0].Templates[1].Aliases = []string{"mongodb-sync-template", "ops-template"}
	withJava[0].Templates[1].RollbackRequired = false
	s := validator(t, withJava)
	bad := map[string]bool{
		"bad/_0002__same_id.yaml": true, "bad/_0003__steps.yaml": true, "bad/_0006__nowhere.yaml": true,
		"bad/_0008__no_id.yaml": true, "bad/_002__same_order.yaml": true,
		"checksum/_0001__steps.yaml": true, // its template is not among these
	}
	seen := 0
	err := fs.WalkDir(os.DirFS("testdata"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "ml") {
			return err
		}
		data, err := os.ReadFile(filepath.Join("testdata", path))
		if err != nil {
			return err
		}
		root, _ := strictyaml.Parse(path, data)
		if root == nil {
			return nil
		}
		seen++
		var v any
		strictyaml.Decode(root, &v)
		if err := s.Validate(v); (err != nil) != bad[path] {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files, %v", seen, err)
	}
}

// Every key of a change file is described, and nothing else is.
func TestSchemaDescribesEveryKey(t *testing.T) {
	properties, ok := strictyaml.SchemaOf(reflect.TypeFor[document]())["properties"].(strictyaml.Schema)
	if !ok {
		t.Fatal("no properties")
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(properties)), slices.Sorted(maps.Keys(descriptions()))); d != "" {
		t.Errorf("-keys +descriptions:\n%s", d)
	}
}

// Templates of one name may differ from type to type; one that panics on an empty
// payload is not described, and does no harm.
func TestSchemaOfStrangeTemplates(t *testing.T) {
	one := core.Template{Name: "x", Compile: func(p core.Payload) (core.Step, error) { return core.Step{}, p.Decode(new(int)) }}
	two := core.Template{Name: "x", Compile: func(p core.Payload) (core.Step, error) { return core.Step{}, p.Decode(new(bool)) }}
	three := core.Template{Name: "y", Compile: func(core.Payload) (core.Step, error) { panic("nothing there") }}
	s := validator(t, []core.TargetType{{Name: "a", Templates: []core.Template{one, three}}, {Name: "b", Templates: []core.Template{two}}})
	file := func(template string, payload any) map[string]any {
		return map[string]any{"id": "i", "targetSystem": "t", "template": template, "apply": payload}
	}
	for _, good := range []map[string]any{file("x", 1), file("x", true), file("y", "s"), file("y", []any{})} {
		if err := s.Validate(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []map[string]any{file("x", "s"), file("x", []any{}), file("z", 1)} {
		if err := s.Validate(bad); err == nil {
			t.Errorf("%v: no fault", bad)
		}
	}
	if _, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema(nil))); err != nil {
		t.Error(err)
	}
}
