package template_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/targets/all"
)

// The examples keep the schemas of the command, with its real target systems.
func TestSchemasOfExamples(t *testing.T) {
	for pattern, schema := range map[string]func([]core.TargetType) []byte{
		"../../examples/*/changes/*.yaml": template.Schema, "../../examples/*/flamingock.yaml": config.Schema,
	} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema(all.Types())))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("schema.json", doc); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("schema.json")
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			root, faults := strictyaml.Parse(f, data)
			if root == nil {
				t.Errorf("%v", faults)
				continue
			}
			var v any
			strictyaml.Decode(root, &v)
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
}
