package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// readAll makes a record of what go test -json has said.
func readAll(t *testing.T, said string) (r *record, log *bytes.Buffer) {
	t.Helper()
	log = new(bytes.Buffer)
	r = newRecord(log, suites())
	if err := r.read(strings.NewReader(said)); err != nil {
		t.Fatal(err)
	}
	return r, log
}

func recorded(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/recorded.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What was recorded has every outcome: a case and a server that lack something, a case
// that fails, one that does not apply, and a package that does not build.
func TestTables(t *testing.T) {
	r, log := readAll(t, recorded(t))
	var out bytes.Buffer
	if ok, err := r.print(&out, false); ok || err != nil {
		t.Errorf("print: got %t, %v; want false", ok, err)
	}
	out.WriteString("\n---- standard error ----\n" + log.String())
	const golden = "testdata/tables.golden.md"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerdict(t *testing.T) {
	line := func(action, test, output string) string {
		return `{"Action":"` + action + `","Package":"m/flamingock-go/targets/a","Test":"` + test + `","Output":"` + output + `"}` + "\n"
	}
	const good, other = "TestConformance/contract/one", "TestConformance/contract/two"
	pass := line("run", good, "") + line("pass", good, "")
	for name, tt := range map[string]struct {
		said       string
		requireAll bool
		want       bool
	}{
		"all passed":                     {pass, true, true},
		"nothing was run":                {"", false, false},
		"one failed":                     {pass + line("run", other, "") + line("fail", other, ""), false, false},
		"one never ended":                {pass + line("run", other, ""), false, false},
		"one lacks something":            {pass + line("run", other, "") + line("output", other, "    a_test.go:1: needs a server") + line("skip", other, ""), false, true},
		"one lacks what is required":     {pass + line("run", other, "") + line("output", other, "    a_test.go:1: needs a server") + line("skip", other, ""), true, false},
		"one does not apply":             {pass + line("run", other, "") + line("output", other, "    a_test.go:1: does not apply: no files") + line("skip", other, ""), true, true},
		"a package ended before its end": {pass + `{"Action":"fail","Package":"m/flamingock-go/targets/b"}` + "\n", false, false},
		"another test failed":            {pass + line("fail", "TestElse", ""), false, true}, // go test's exit code counts, too
	} {
		r, _ := readAll(t, tt.said)
		var out bytes.Buffer
		if got, err := r.print(&out, tt.requireAll); got != tt.want || err != nil {
			t.Errorf("%s: got %t, %v, want %t:\n%s", name, got, err, tt.want, out.String())
		}
	}
}

func TestVariant(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "OfDDL": "of DDL", "OnAReplicaSet": "on a replica set", "OfTransactionsOnTheModel": "of transactions on the model",
		"/MySQL_8.0.12": "MySQL 8.0.12", "OfDDL/MariaDB": "of DDL, MariaDB",
	} {
		if got := variant(strings.Split(name, "/")); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
