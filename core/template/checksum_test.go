package template

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// The checksums of the files in testdata are fixed for ever: ledgers hold them.
// When this test fails, the code is wrong, never the golden file. New files may
// be added to it.
func TestChecksumGolden(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "checksums.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"java", "checksum"} {
		stages, err := Load(Input{
			Files: os.DirFS("testdata"), Stages: stageDirs(dir), Types: lenient(),
			Targets: map[string]core.Target{"mysql-inventory": sqlTarget("a"), "mongodb": sqlTarget("b"), "orders-db": sqlTarget("c")},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range stages[0].Changes {
			line := fmt.Sprintf("%s %s\n", c.Checksum, c.ID)
			if !strings.Contains(string(want), line) {
				t.Errorf("%s: got %s which is not in the golden file", c.Source.File, line)
			}
		}
	}
}

// lenient takes every payload, under the names of the real templates.
func lenient() []core.TargetType {
	var ts []core.Template
	for _, name := range []string{"sql", "mongodb"} {
		ts = append(ts, core.Template{Name: name, Aliases: []string{name + "-template", name + "-sync-template"}, Compile: func(core.Payload) (core.Step, error) {
			return placeholder(), nil
		}})
	}
	return []core.TargetType{{Name: "sqldb", Templates: ts}}
}

func sum(t *testing.T, text string) string {
	t.Helper()
	in := input(fstest.MapFS{"main/_0001__x.yaml": file(text)})
	in.Types = lenient()
	stages, err := Load(in)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return stages[0].Changes[0].Checksum
}

const base = `id: x
template: sql
targetSystem: orders-db
configuration: {b: [1, 2.50, true, null], a: "two"}
apply: |
  SELECT 1;
  SELECT ${env:X};
rollback: undo
`

func TestChecksumIgnores(t *testing.T) {
	want := sum(t, base)
	for name, text := range map[string]string{
		"id":             strings.Replace(base, "id: x", "id: y", 1),
		"alias":          strings.Replace(base, "sql", "sql-template", 1),
		"target's shape": strings.Replace(base, "orders-db", "{id: orders-db}", 1),
		"comments":       "# one\n" + strings.Replace(base, "rollback", "# two\nrollback", 1) + "# three\n",
		"key order":      "rollback: undo\n" + strings.TrimSuffix(base, "rollback: undo\n"),
		"inner order":    strings.Replace(base, `{b: [1, 2.50, true, null], a: "two"}`, `{a: "two", b: [1, 2.50, true, null]}`, 1),
		"style":          strings.Replace(base, `{b: [1, 2.50, true, null], a: "two"}`, "\n  'b':\n  - +1\n  - 25e-1\n  - True\n  - ~\n  a: 'two'", 1),
		"numbers":        strings.Replace(base, "[1, 2.50", "[0x1, 2.5e+0", 1),
		"CRLF":           strings.ReplaceAll(base, "\n", "\r\n"),
		"CR":             strings.ReplaceAll(base, "\n", "\r"),
		"BOM":            "\uFEFF" + base,
		"indentation":    strings.ReplaceAll(base, "  SELECT", "      SELECT"),
		"quotes":         strings.Replace(base, "rollback: undo", `"rollback": "un\x64o"`, 1),
		"block":          strings.Replace(base, "|\n  SELECT 1;\n  SELECT ${env:X};\n", `"SELECT 1;\nSELECT ${env:X};\n"`+"\n", 1),
		"escaped CRLF":   strings.Replace(base, "|\n  SELECT 1;\n  SELECT ${env:X};\n", `"SELECT 1;\r\nSELECT ${env:X};\r\n"`+"\n", 1),
		"the rest": base + "author: a\ndescription: d\nlabels: l\nprofiles: p\nrecovery: ALWAYS_RETRY\ntimeout: 1s\n" +
			"maxAttempts: 2\nallowOutOfOrder: true\n",
	} {
		if got := sum(t, text); got != want {
			t.Errorf("%s changes the checksum", name)
		}
	}
}

func TestChecksumSees(t *testing.T) {
	seen := map[string]string{sum(t, base): "base"}
	for name, text := range map[string]string{
		"template":         strings.Replace(base, "sql", "mongodb", 1),
		"target":           strings.Replace(base, "orders-db", "legacy", 1),
		"transactional":    base + "transactional: true\n",
		"not":              base + "transactional: false\n",
		"configuration":    strings.Replace(base, "2.50", "2.51", 1),
		"number":           strings.Replace(base, "2.50", "'2.50'", 1),
		"leading zero":     strings.Replace(base, "[1,", "[01,", 1),
		"null":             strings.Replace(base, "null", "'null'", 1),
		"missing":          strings.Replace(base, ", null", "", 1),
		"apply":            strings.Replace(base, "SELECT 1", "SELECT 2", 1),
		"trailing space":   strings.Replace(base, "SELECT 1;", "SELECT 1; ", 1),
		"chomping":         strings.Replace(base, "|", "|-", 1),
		"reference":        strings.Replace(base, "${env:X}", "${env:Y}", 1),
		"rollback":         strings.Replace(base, "undo", "undone", 1),
		"no rollback":      strings.Replace(base, "rollback: undo\n", "", 1),
		"steps":            "id: x\ntemplate: sql\ntargetSystem: orders-db\nsteps: [{apply: a, rollback: b}]\n",
		"steps' rollback":  "id: x\ntemplate: sql\ntargetSystem: orders-db\nsteps: [{apply: a}]\n",
		"steps' order":     "id: x\ntemplate: sql\ntargetSystem: orders-db\nsteps: [{apply: a}, {apply: b}]\n",
		"steps' order 2":   "id: x\ntemplate: sql\ntargetSystem: orders-db\nsteps: [{apply: b}, {apply: a}]\n",
		"nothing, wrapped": "id: x\ntemplate: sql\ntargetSystem: orders-db\nsteps: [{apply: [a]}]\n",
	} {
		got := sum(t, text)
		if other, dup := seen[got]; dup {
			t.Errorf("%s and %s have one checksum", name, other)
		}
		seen[got] = name
	}
}

func TestCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"{b: 1, a: [x, ~]}":                       `{"a":["x",null],"b":1}`,
		`"q\" b\\ \t\x01\u20ac 😀 <&>"`:            `"q\" b\\ \u0009\u0001€ 😀 <&>"`,
		"[0x1F, 0o17, -0, +7, 007, -01]":          `[31,15,0,7,"007","-01"]`,
		"[123456789012345678901234567890]":        `[123456789012345678901234567890]`,
		"[1.0, 1e3, .5, -2.50, 1e999, 01.5]":      `[1e+00,1e+03,5e-01,-2.5e+00,"1e999","01.5"]`,
		"[.inf, -.INF, +.Inf, .nan]":              `[+Inf,-Inf,+Inf,NaN]`,
		"[true, False, null, Null, yes, no, '~']": `[true,false,null,null,"yes","no","~"]`,
		"{1: a, true: b, ~: c, 0x1: d}":           `{"0x1":"d","1":"a","true":"b","~":"c"}`,
		"{}":                                      `{}`,
		"[]":                                      `[]`,
	} {
		n, faults := strictyaml.Parse("f", []byte(in))
		if faults != nil {
			t.Errorf("%s: %v", in, faults)
			continue
		}
		var b strings.Builder
		canonical(&b, n)
		if b.String() != want {
			t.Errorf("%s: got %s, want %s", in, b.String(), want)
		}
	}
}
