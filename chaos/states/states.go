// Package states is the life of a change as a diagram. What a plan allows is computed
// from the decision table itself (core/plan), what an attempt and a person write is
// listed here; the tests that run real Runners hold every history they see against it.
package states

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// Transition is a step that an audit entry may record.
type Transition struct {
	From, To core.State
	// Writer is who writes it.
	Writer Writer
}

// Writer is who writes an entry.
type Writer string

// The writers.
const (
	Start    Writer = "a run starts it"           // an execution whose plan says APPLY
	Attempt  Writer = "the attempt"               // the execution that started it
	Settling Writer = "settled: marker or probe"  // a later execution
	Person   Writer = "a person: issue resolve"   // or an operator's other act
	Adopted  Writer = "a person: baseline"        // for what was there before
	Accepted Writer = "a person: drift accept"    // records a new checksum
	Imported Writer = "import of another edition" // keeps that edition's states
)

// All returns every transition, in the order of a change's life, imports aside: those
// record whatever the other edition recorded.
func All() ([]Transition, error) {
	all := []Transition{
		{core.StateStarted, core.StateApplied, Attempt},
		{core.StateStarted, core.StateFailed, Attempt},
		{core.StateStarted, core.StateRolledBack, Attempt},     // it never began
		{core.StateStarted, core.StateRollbackFailed, Attempt}, // likewise, and that is what was known before
		{core.StateFailed, core.StateRolledBack, Attempt},
		{core.StateFailed, core.StateRollbackFailed, Attempt},
		{core.StateFailed, core.StateFailed, Attempt}, // rolled back in part
		{core.StateNone, core.StateManualMarkedApplied, Adopted},
		{core.StateApplied, core.StateApplied, Accepted},
		{core.StateManualMarkedApplied, core.StateManualMarkedApplied, Accepted},
	}
	err := eachCase(func(c plan.Case, v plan.Verdict) {
		from := core.StateNone
		if c.Record != nil {
			from = c.Record.State
		}
		switch v.Decision {
		case plan.Apply:
			all = append(all, Transition{from, core.StateStarted, Start})
		case plan.Manual:
			all = append(all, Transition{from, core.StateManualMarkedApplied, Person}, Transition{from, core.StateManualMarkedRolledBack, Person})
		case plan.Settle: // a person may be faster than the next run
			all = append(all, Transition{from, core.StateManualMarkedApplied, Person}, Transition{from, core.StateManualMarkedRolledBack, Person})
			for _, s := range settlements(c) {
				if s.Record != "" {
					all = append(all, Transition{from, s.Record, Settling})
				}
			}
		case plan.Skip, plan.Running:
		}
	})
	order := append([]core.State{core.StateNone}, core.States()...)
	slices.SortFunc(all, func(a, b Transition) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.From), slices.Index(order, b.From)), cmp.Compare(slices.Index(order, a.To), slices.Index(order, b.To)), cmp.Compare(a.Writer, b.Writer))
	})
	return slices.Compact(all), err
}

// eachCase calls use with every row of the decision table that has a free head.
func eachCase(use func(plan.Case, plan.Verdict)) error {
	bools := []bool{false, true}
	cases := []plan.Case{{}}
	for _, state := range core.States() {
		for _, tx := range append(core.TxTypes(), "") {
			for _, strategy := range []core.Strategy{core.ManualIntervention, core.AlwaysRetry} {
				for _, operation := range []core.Operation{core.OpApply, core.OpRollback, core.OpUndo} {
					for _, unknown := range bools {
						for _, probe := range bools {
							for _, attempts := range []int{0, 1} {
								cases = append(cases, plan.Case{
									Record:   &core.Record{ChangeID: "c", State: state, TxType: tx, Operation: operation, Unknown: unknown, Attempt: 1},
									Strategy: strategy, Probe: probe, MaxAttempts: attempts, SameTarget: true, SameChecksum: true,
								})
							}
						}
					}
				}
			}
		}
	}
	for _, c := range cases {
		v, err := plan.Decide(c)
		if err != nil {
			return err
		}
		use(c, v)
	}
	return nil
}

// settlements are what may follow when the target system is asked.
func settlements(c plan.Case) []plan.Settlement {
	var all []plan.Settlement
	if c.Record.TxType == core.TxSeparateMarker {
		for _, marked := range []bool{false, true} {
			all = append(all, plan.SettleWith(*c.Record, plan.Answer{Marker: &marked}, c.Strategy, false))
		}
		return all
	}
	for _, answer := range []core.ProbeResult{core.ProbeApplied, core.ProbeNotApplied, core.ProbeConflict, core.ProbeUnknown} {
		for _, lateSafe := range []bool{false, true} {
			all = append(all, plan.SettleWith(*c.Record, plan.Answer{Probe: answer}, c.Strategy, lateSafe))
		}
	}
	return all
}

// Check reports whether entry e may follow a change's state before it.
func Check(all []Transition, before core.State, e *core.Entry) error {
	writer := writerOf(e)
	if e.ChangeID == "" || writer == Imported {
		return nil
	}
	for _, t := range all {
		if t.From == before && t.To == e.State && t.Writer == writer {
			return nil
		}
	}
	return fmt.Errorf("entry %d takes change %s from %q to %q (%s), which no rule allows", e.Seq, e.ChangeID, before, e.State, writer)
}

func writerOf(e *core.Entry) Writer {
	switch {
	case e.Reconciled:
		return Settling
	case e.State == core.StateStarted:
		return Start
	}
	switch e.Operation {
	case core.OpResolve:
		return Person
	case core.OpBaseline:
		return Adopted
	case core.OpAccept:
		return Accepted
	case core.OpImport:
		return Imported
	case core.OpApply, core.OpRollback, core.OpUndo, core.OpUnlock:
	}
	return Attempt
}

// Mermaid draws the diagram.
func Mermaid(all []Transition) string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	type edge struct{ from, to core.State }
	var order []edge
	by := map[edge][]string{}
	for _, t := range all {
		e := edge{t.From, t.To}
		if by[e] == nil {
			order = append(order, e)
		}
		by[e] = append(by[e], string(t.Writer))
	}
	for _, e := range order {
		from := string(e.from)
		if from == "" {
			from = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", from, e.to, strings.Join(by[e], " / "))
	}
	return b.String()
}
