package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func (c *command) planCommand() *cobra.Command {
	var sel operation.Selection
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do, and why; lock and write nothing",
		Args:  noArgs,
	}
	addSelection(cmd, &sel)
	cmd.RunE = c.doGracefully("plan", func(ctx context.Context, _ []string) error {
		d, err := c.quietly().Plan(ctx, operation.PlanRequest{Selection: sel})
		if err != nil {
			return err
		}
		c.result(d, func(out *printer) { printPlan(out, d, c.app().Config.Drift) })
		return nil
	})
	return cmd
}

func printPlan(out *printer, d *operation.PlanData, policy core.DriftPolicy) {
	p := d.Plan
	for i := range p.Stages {
		st := &p.Stages[i]
		head := "stage " + st.Name
		switch {
		case st.Blocked:
			head += ": blocked, a change waits for a person"
		case st.Waits != "":
			head += ": not run, " + st.Waits
		}
		out.linef("%s", out.paint(bold, head))
		rows := [][]string{{"  DECISION", "ORDER", "CHANGE", "TARGET", "TX TYPE", "REASON"}}
		under := [][]string{nil}
		applied := 0
		for j := range st.Changes {
			ch := &st.Changes[j]
			if ch.Decision == plan.Skip && !ch.Filtered && len(ch.Drift) == 0 {
				applied++
				continue
			}
			reason := ch.Reason
			for _, d := range ch.Drift {
				reason += fmt.Sprintf(" [drift: %s]", d)
			}
			if ch.Beyond {
				reason += " [after --to]"
			}
			rows = append(rows, []string{"  " + string(ch.Decision), ch.Change.Order, ch.Change.ID, ch.Change.TargetSystem, string(ch.TxType), reason})
			under = append(under, steps(d.Stages[i].Changes[j].Steps))
		}
		if len(rows) > 1 {
			out.tableWith(rows, under)
		}
		if applied > 0 {
			out.linef("  %s", out.paint(dim, plural(applied, "change")+" applied before"))
		}
	}
	printDrift(out, p, policy)
	if d.Head.Held() {
		printLock(out, d.Head, d.Lock.HolderGone)
	}
	n := p.Counts
	line := fmt.Sprintf("%d to apply, %d to settle, %d waiting for a person, %d running, %d applied, %d filtered out", n.Apply, n.Settle, n.Manual, n.Running, n.Skip, n.Filtered)
	if n.NotReached > 0 {
		line += fmt.Sprintf(", %d not reached", n.NotReached)
	}
	out.linef("%s.", line)
	out.linef("ledger %s at entry %d, plan %s", p.Ledger, p.HeadSeq, p.Digest)
}

// mostSteps is how many lines a plan has about the steps of one change.
const mostSteps = 5

// steps says what each step of a change will do.
func steps(all []operation.PlanStepData) []string {
	var lines []string
	for i, s := range all {
		if len(all) > mostSteps && i == mostSteps-1 {
			return append(lines, fmt.Sprintf("    and %d more steps", len(all)-i))
		}
		lines = append(lines, "    - "+s.Does)
	}
	return lines
}

func printDrift(out *printer, p *plan.Plan, policy core.DriftPolicy) {
	for _, d := range p.Drift {
		word := "drift"
		switch policy.For(d.Kind) {
		case core.DriftFail:
			word = out.paint(red, "drift, apply refuses it")
		case core.DriftWarn:
			word = out.paint(yellow, "drift")
		case core.DriftAllow:
		}
		out.linef("%s: %s: %s %s", word, d.Kind, d.ChangeID, oneLine(d.Detail))
	}
}
