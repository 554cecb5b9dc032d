package plan_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

var update = flag.Bool("update", false, "write testdata/decisions.golden")

// TestDecisions prints the decision table and compares it with the golden file,
// which is its documentation: every row is one input of the table.
func TestDecisions(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The decision table\n\nWritten by `go test ./core/plan -update`. Unless a section says otherwise the change's target system and checksum are as recorded.\n")
	states(&b, t)
	unknowns(&b, t)
	operations(&b, t)
	imports(&b, t)
	attempts(&b, t)
	settlements(&b)
	const file = "testdata/decisions.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the table changed (-golden +code); if that is meant: go test ./core/plan -update\n%s", d)
	}
}

func decide(t *testing.T, c plan.Case) plan.Verdict {
	t.Helper()
	v, err := plan.Decide(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func caseOf(s core.State, tx core.TxType, strategy core.Strategy) plan.Case {
	return plan.Case{
		Record:   &core.Record{ChangeID: "c", State: s, TxType: tx, Operation: core.OpApply, Attempt: 1, TargetSystem: "old"},
		Strategy: strategy, SameTarget: true, SameChecksum: true,
	}
}

var strategies = []core.Strategy{core.ManualIntervention, core.AlwaysRetry}

func table(b *strings.Builder, title string, head ...string) {
	fmt.Fprintf(b, "\n## %s\n\n| %s |\n|%s\n", title, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
}

func row(b *strings.Builder, cells ...any) {
	for _, c := range cells {
		s := fmt.Sprint(c)
		if s == "" {
			s = "(none)"
		}
		b.WriteString("| " + s + " ")
	}
	b.WriteString("|\n")
}

func states(b *strings.Builder, t *testing.T) {
	table(b, "Recorded states", "state", "recorded tx type", "strategy", "head", "decision", "reason")
	for _, s := range append([]core.State{core.StateNone}, core.States()...) {
		for _, tx := range append(core.TxTypes(), "") {
			for _, st := range strategies {
				for _, held := range []bool{false, true} {
					c := caseOf(s, tx, st)
					if c.Held = held; s == core.StateNone {
						c.Record = nil
					}
					v := decide(t, c)
					row(b, s, tx, st, map[bool]string{true: "held", false: "free"}[held], v.Decision, v.Reason)
				}
			}
		}
	}
}

func unknowns(b *strings.Builder, t *testing.T) {
	table(b, "Unknown outcomes: a STARTED, or a FAILED nobody can tell about, with a free head",
		"state", "recorded tx type", "strategy", "target system", "checksum", "probe", "decision", "reason")
	for _, s := range []core.State{core.StateStarted, core.StateFailed} {
		for _, tx := range core.TxTypes() {
			for _, st := range strategies {
				for _, target := range []bool{true, false} {
					for _, sum := range []bool{true, false} {
						for _, probe := range []bool{false, true} {
							c := caseOf(s, tx, st)
							c.Record.Unknown = s == core.StateFailed
							c.SameTarget, c.SameChecksum, c.Probe = target, sum, probe
							v := decide(t, c)
							row(b, s, tx, st, map[bool]string{true: "same", false: "another"}[target], map[bool]string{true: "same", false: "edited"}[sum],
								map[bool]string{true: "yes", false: "no"}[probe], v.Decision, v.Reason)
						}
					}
				}
			}
		}
	}
}

func TestAskedBefore(t *testing.T) {
	c := caseOf(core.StateFailed, core.TxNone, core.ManualIntervention)
	c.Record.Unknown, c.Probe = true, true
	for _, asked := range []bool{false, true} {
		c.Record.Reconciled = asked
		ch := plan.Change{Change: &core.Change{}, Record: c.Record, Verdict: decide(t, c)}
		if ch.Decision != plan.Settle || ch.NeedsPerson() != asked {
			t.Errorf("asked before: %t; %+v, needs a person: %t", asked, ch.Verdict, ch.NeedsPerson())
		}
	}
}

func operations(b *strings.Builder, t *testing.T) {
	table(b, "Other operations than apply, without a recorded end", "operation", "recorded tx type", "strategy", "decision", "reason")
	for _, op := range []core.Operation{core.OpRollback, core.OpUndo} {
		for _, tx := range core.TxTypes() {
			for _, st := range strategies {
				c := caseOf(core.StateStarted, tx, st)
				c.Record.Operation, c.Probe = op, true
				v := decide(t, c)
				row(b, op, tx, st, v.Decision, v.Reason)
			}
		}
	}
}

func imports(b *strings.Builder, t *testing.T) {
	table(b, "Imported from another edition, without a checksum, with a probe", "state", "recorded tx type", "strategy", "target system", "decision", "reason")
	for _, s := range core.States() {
		for _, tx := range core.TxTypes() {
			for _, st := range strategies {
				for _, target := range []bool{true, false} {
					c := caseOf(s, tx, st)
					c.Record.Operation, c.SameTarget, c.SameChecksum, c.Probe = core.OpImport, target, false, true
					v := decide(t, c)
					row(b, s, tx, st, map[bool]string{true: "same", false: "another"}[target], v.Decision, v.Reason)
				}
			}
		}
	}
}

func attempts(b *strings.Builder, t *testing.T) {
	table(b, "After 3 attempts", "state", "recorded tx type", "strategy", "maxAttempts", "decision", "reason")
	for _, s := range core.States() {
		for _, tx := range []core.TxType{core.TxNone, core.TxSeparateMarker} {
			for _, st := range strategies {
				for _, limit := range []int{0, 3, 4} {
					c := caseOf(s, tx, st)
					c.Record.Attempt, c.MaxAttempts = 3, limit
					v := decide(t, c)
					row(b, s, tx, st, limit, v.Decision, v.Reason)
				}
			}
		}
	}
}

func settlements(b *strings.Builder) {
	table(b, "What follows from a target system's answer", "state before", "answer", "strategy", "late effect", "recorded", "then", "reason")
	yes, no := true, false
	answers := []struct {
		name string
		a    plan.Answer
	}{
		{"marker is there", plan.Answer{Marker: &yes}},
		{"no marker", plan.Answer{Marker: &no}},
		{"probe: APPLIED", plan.Answer{Probe: core.ProbeApplied}},
		{"probe: NOT_APPLIED", plan.Answer{Probe: core.ProbeNotApplied}},
		{"probe: CONFLICT", plan.Answer{Probe: core.ProbeConflict}},
		{"probe: UNKNOWN", plan.Answer{Probe: core.ProbeUnknown}},
		{"probe: something else", plan.Answer{Probe: "PERHAPS"}},
	}
	for _, s := range []core.State{core.StateStarted, core.StateFailed} {
		for _, a := range answers {
			for _, st := range strategies {
				for _, late := range []bool{false, true} {
					r := core.Record{State: s, Unknown: s == core.StateFailed}
					got := plan.SettleWith(r, a.a, st, late)
					recorded := string(got.Record)
					if got.Record != "" && got.Unknown {
						recorded += ", unknown"
					} else if got.Record == "" {
						recorded = "nothing new"
					}
					row(b, s, a.name, st, map[bool]string{true: "harmless", false: "possible"}[late], recorded, got.Verdict.Decision, got.Verdict.Reason)
				}
			}
		}
	}
}

func TestUnknownStateIsAnError(t *testing.T) {
	for _, st := range strategies {
		v, err := plan.Decide(caseOf("PAUSED", core.TxNone, st))
		var se *core.StoreError
		if !errors.As(err, &se) || se.Kind != core.StoreNewer || v.Decision != "" || !strings.Contains(err.Error(), "PAUSED") {
			t.Errorf("%v, %v", v, err)
		}
	}
}

// TestJavaTable compares with the Java edition's table, row by row, and names
// every difference.
func TestJavaTable(t *testing.T) {
	const A, S, M = plan.Apply, plan.Skip, plan.Manual
	java := map[core.State]map[core.TxType][2]plan.Decision{}
	for _, tx := range append(core.TxTypes(), "") {
		failed := [2]plan.Decision{A, A}
		if tx == core.TxNone || tx == "" {
			failed[0] = M
		}
		for s, d := range map[core.State][2]plan.Decision{
			core.StateApplied: {S, S}, core.StateManualMarkedApplied: {S, S}, core.StateStarted: {M, A}, core.StateFailed: failed,
			core.StateRolledBack: {A, A}, core.StateManualMarkedRolledBack: {A, A}, core.StateRollbackFailed: {M, A},
		} {
			if java[s] == nil {
				java[s] = map[core.TxType][2]plan.Decision{}
			}
			java[s][tx] = d
		}
	}
	differences := map[string]plan.Decision{ // design.md 3.4
		"STARTED TX_SEPARATE_WITH_MARKER MANUAL_INTERVENTION": plan.Settle,
		"STARTED TX_SEPARATE_WITH_MARKER ALWAYS_RETRY":        plan.Settle,
		"STARTED TX_SHARED MANUAL_INTERVENTION":               plan.Apply,
	}
	for _, s := range core.States() {
		for tx, want := range java[s] {
			for i, st := range strategies {
				key := fmt.Sprintf("%s %s %s", s, tx, st)
				w := want[i]
				if d, ok := differences[key]; ok {
					w = d
				}
				if got := decide(t, caseOf(s, tx, st)).Decision; got != w {
					t.Errorf("%s: %s, want %s", key, got, w)
				}
			}
		}
	}
}
