package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/template"
)

// What can be found by reading is found when the files are loaded, at its place, and
// nobody is asked. UPDATE=1 writes the golden file.
func TestFaults(t *testing.T) {
	target := targetOf(t, entry{settings: settings{BaseURL: "https://nobody.invalid"}})
	in, err := os.ReadFile("testdata/faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, doc := range strings.Split(string(in), "---\n") {
		title, body, _ := strings.Cut(strings.TrimPrefix(doc, "# "), "\n")
		_, err := load(target, body)
		var v *core.ValidationError
		if !errors.As(err, &v) {
			t.Errorf("%s: %v", title, err)
			continue
		}
		fmt.Fprintf(&out, "# %s\n", title)
		for _, f := range v.Faults {
			fmt.Fprintf(&out, "%s\n", strings.TrimPrefix(f.String(), "changes/_0001__a.yaml:"))
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/faults.golden", []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/faults.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

// The schema for editors takes what the loader takes, and refuses unknown keys.
func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(template.Schema([]core.TargetType{Type()})))
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
	for text, good := range map[string]bool{
		`{"apply":{"method":"POST","path":"/plans","json":{"a":[1,null]},"expect":{"status":[201,"2xx"],"json":{"$.a":1}},"existing":{"path":"/x","expect":{"json":{"$.a":1}}}}}`: true,
		`{"apply":{"method":"DELETE","path":"/x"},"probe":{"path":"/x","applied":{"status":200},"notApplied":{"status":404}}}`:                                                    true,
		`{"apply":{"method":"POST","path":"/plans","jsn":{}}}`:                        false,
		`{"apply":{"method":"POST","path":["/plans"]}}`:                               false,
		`{"apply":{"method":"POST","path":"/plans","expect":{"json":[]}}}`:            false,
		`{"apply":{"method":"POST","path":"/plans"},"probe":{"path":"/x","when":{}}}`: false,
	} {
		v := map[string]any{"id": "a", "template": "http", "targetSystem": "billing"}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
