package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// seen is what a case showed.
type seen struct {
	found    string
	apart    string // how the ledger and the target system differed at the kill, if they share transactions
	exit     int
	person   string
	listed   bool // issue list has what the person was asked
	history  string
	content  string
	held     bool   // the lock, at the end
	verified int    // the exit code of audit verify
	idle     int    // the exit code of one more run
	after    string // that run: the history and the content
}

// judge compares with what must follow, and says what is different.
func judge(want outcome, got seen) (violations []string) {
	differ := func(what string, got, want any) {
		if got != want {
			violations = append(violations, fmt.Sprintf("%s: got %v, want %v", what, got, want))
		}
	}
	differ("the target system at the kill", got.found, want.found)
	differ("the ledger and the target system are apart", got.apart, "")
	differ("exit code of the next run", got.exit, want.exit)
	differ("a person answers", got.person, want.person)
	differ("issue list has it", got.listed, want.person != "")
	differ("history", got.history, want.history)
	differ("the target system at the end", got.content, want.atEnd())
	differ("the lock is held", got.held, want.held)
	differ("exit code of audit verify", got.verified, 0)
	differ("exit code of one more run", got.idle, 0)
	differ("after one more run", got.after, want.history+" | "+want.atEnd())
	return violations
}

// never says what must not be on any machine: an effect that is there twice, where a
// change is not repeated on its author's word, and a chain that is broken.
func (s *scenario) never(got seen) string {
	if got.verified == core.CodeConfigInvalid.Exit() {
		return "the ledger is damaged"
	}
	if got.apart != "" {
		return "at the kill: " + got.apart
	}
	if effects := strings.Fields(got.content); !strings.Contains(s.name, "ALWAYS_RETRY") && len(slices.Compact(effects)) != len(effects) {
		return "the target system at the end: " + got.content
	}
	return ""
}

func TestNever(t *testing.T) {
	once, always := &scenario{name: "plain file"}, &scenario{name: "plain file, ALWAYS_RETRY"}
	twice, damaged := seen{content: "one one two-a"}, seen{content: onceEach, verified: 78}
	if once.never(seen{content: onceEach, verified: 75}) != "" || always.never(twice) != "" {
		t.Error("what may be is not allowed")
	}
	if once.never(twice) == "" || always.never(damaged) == "" || always.never(seen{apart: "there is nothing"}) == "" {
		t.Error("what must never be is not seen")
	}
}

// The judge must see each kind of fault: a case that cannot fail shows nothing.
func TestTheJudgeSees(t *testing.T) {
	want := outcome{found: "one", history: plain}
	good := seen{found: "one", history: plain, content: onceEach, after: plain + " | " + onceEach}
	if v := judge(want, good); len(v) > 0 {
		t.Fatalf("what is as it must be is judged: %q", v)
	}
	for name, spoil := range map[string]func(*seen){
		"the target system at the kill":              func(s *seen) { s.found = "" },
		"the ledger and the target system are apart": func(s *seen) { s.apart = "there is nothing" },
		"exit code of the next run":                  func(s *seen) { s.exit = 79 },
		"a person answers":                           func(s *seen) { s.person = "one applied" },
		"issue list has it":                          func(s *seen) { s.listed = true },
		"history":                                    func(s *seen) { s.history = "one STARTED STARTED APPLIED, two STARTED APPLIED" },
		"the target system at the end":               func(s *seen) { s.content = "one one two-a two-b" },
		"the lock is held":                           func(s *seen) { s.held = true },
		"exit code of audit verify":                  func(s *seen) { s.verified = 78 },
		"exit code of one more run":                  func(s *seen) { s.idle = 79 },
		"after one more run":                         func(s *seen) { s.after = plain + " | one one two-a two-b" },
		"the target system at the end: ":             func(s *seen) { s.content = "one two-a" },
	} {
		got := good
		spoil(&got)
		if v := judge(want, got); len(v) != 1 || !strings.HasPrefix(v[0], name) {
			t.Errorf("%s is spoilt, and the judge says %q", name, v)
		}
	}
}

func TestRowsOf(t *testing.T) {
	outcomes := map[string]outcome{"x": {}, "y": {}}
	got, err := rowsOf("a x\n\nb@embedded x # remark\n  a y\nb@dynamodb y\nb y\n", "dynamodb", outcomes)
	want := []row{{"a", 1, "x"}, {"a", 2, "y"}, {"b", 1, "y"}, {"b", 2, "y"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"a", "a x y", "a z"} {
		if got, err := rowsOf(bad, "embedded", outcomes); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
