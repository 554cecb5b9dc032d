package states_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/states"
	"github.com/flamingock/flamingock-go/core"
)

var update = flag.Bool("update", false, "write the diagram into docs/safety.md")

// The diagram in docs/safety.md is the code's.
func TestDiagram(t *testing.T) {
	const file, begin, end = "../../docs/safety.md", "```mermaid\n", "```\n"
	all, err := states.All()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no diagram", file)
	}
	want := states.Mermaid(all)
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the diagram is out of date; write it with: go test ./chaos/states -update\n%s", want)
	}
	if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	all, err := states.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		before core.State
		entry  core.Entry
		wrong  bool
	}{
		{"first start", core.StateNone, core.Entry{State: core.StateStarted, Operation: core.OpApply}, false},
		{"end", core.StateStarted, core.Entry{State: core.StateApplied, Operation: core.OpApply}, false},
		{"started twice", core.StateApplied, core.Entry{State: core.StateStarted, Operation: core.OpApply}, true},
		{"never started", core.StateNone, core.Entry{State: core.StateApplied, Operation: core.OpApply}, true},
		{"settled", core.StateStarted, core.Entry{State: core.StateApplied, Operation: core.OpApply, Reconciled: true, Reason: "its marker", StartedSeq: 1, PrevSeq: 1, Seq: 9}, false},
		{"settled what was applied", core.StateApplied, core.Entry{State: core.StateRolledBack, Operation: core.OpRollback, Reconciled: true, Reason: "r", StartedSeq: 1, Seq: 9}, true},
		{"resolved", core.StateRollbackFailed, core.Entry{State: core.StateManualMarkedApplied, Operation: core.OpResolve}, false},
		{"resolved what was applied", core.StateApplied, core.Entry{State: core.StateManualMarkedRolledBack, Operation: core.OpResolve}, true},
		{"imported", core.StateNone, core.Entry{State: core.StateRollbackFailed, Operation: core.OpImport}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.entry.ChangeID = "c"
			if err := states.Check(all, c.before, &c.entry); (err != nil) != c.wrong {
				t.Error(err)
			}
		})
	}
}
