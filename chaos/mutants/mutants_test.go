package mutants_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/mutants"
)

// Every mutant still fits the code: otherwise it would break nothing.
func TestEveryMutantApplies(t *testing.T) {
	for _, m := range mutants.All() {
		t.Run(m.ID, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", m.File))
			if err != nil {
				t.Fatal(err)
			}
			broken, err := m.Apply(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), m.File, broken, parser.SkipObjectResolution); err != nil {
				t.Error(err)
			}
			if len(m.Suites) == 0 || m.Rule == "" {
				t.Errorf("it names no suite or no rule: %+v", m)
			}
		})
	}
}

// A mutant that changes nothing survives, one that breaks a rule does not, and one that
// does not compile is an error and not a success.
func TestRunner(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	r := &mutants.Runner{Root: root, Scratch: t.TempDir(), LookupEnv: func(string) (string, bool) { return "", false }, Timeout: time.Minute}
	suite := mutants.Suite{Package: "./core/plan", Run: "TestDecisions$"}
	if err := r.Sound(t.Context(), []mutants.Suite{suite}); err != nil {
		t.Fatal(err)
	}
	const old = "return Verdict{Skip, \"applied\"}, nil"
	m := mutants.Mutant{ID: "same", Rule: "none", File: "core/plan/decide.go", Old: old, New: old + " // the same", Suites: []mutants.Suite{suite, {Package: "./dynamo", Needs: "NO_SERVER"}}}
	same, err := r.Run(t.Context(), m)
	if err != nil || same.Caught() || len(same.Absent) != 1 || len(same.Silent) != 1 {
		t.Errorf("a mutant that changes nothing: %+v, %v", same, err)
	}
	m.ID, m.New = "broken", "return Verdict{Apply, \"applied\"}, nil"
	broken, err := r.Run(t.Context(), m)
	if err != nil || !broken.Caught() {
		t.Errorf("a mutant that applies twice: %+v, %v", broken, err)
	}
	m.ID, m.New = "nonsense", "return Verdict{Nonsense}, nil"
	if o, err := r.Run(t.Context(), m); err == nil || !strings.Contains(err.Error(), "does not compile") {
		t.Errorf("a mutant that does not compile: %+v, %v", o, err)
	}
	var out bytes.Buffer
	if n := mutants.Print(&out, []mutants.Outcome{same, broken}); n != 1 || !strings.Contains(out.String(), "NOTHING") {
		t.Errorf("%d survived:\n%s", n, out.String())
	}
}
