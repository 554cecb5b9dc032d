package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

func (c *command) planCommand() *cobra.Command {
	var sel selectFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do, and why; lock and write nothing",
		Args:  noArgs,
	}
	sel.add(cmd)
	cmd.RunE = c.do("plan", func(ctx context.Context, _ []string) error {
		sel.config(c)
		p, snap, err := c.makePlan(ctx, &sel)
		if err != nil {
			return err
		}
		policy := c.app.Config.Drift
		gone := c.holderGone(ctx, snap.Head)
		c.result(newPlanData(p, snap, gone), func(out *printer) { printPlan(out, p, snap, policy, gone) })
		return nil
	})
	return cmd
}

// makePlan is what plan, status, validate and the issue commands start with.
func (c *command) makePlan(ctx context.Context, sel *selectFlags) (*plan.Plan, core.Snapshot, error) {
	r, err := c.openRunner(ctx, true, nil)
	if err != nil {
		return nil, core.Snapshot{}, err
	}
	return r.Plan(ctx, sel.selection(c))
}

type planData struct {
	Ledger  string          `json:"ledger"`
	HeadSeq uint64          `json:"headSeq"`
	Digest  string          `json:"digest"`
	Stages  []planStageData `json:"stages"`
	Counts  plan.Counts     `json:"counts"`
	Drift   []core.Drift    `json:"drift"`
	Lock    *lockData       `json:"lock"`
}

type planStageData struct {
	Name    string           `json:"name"`
	Blocked bool             `json:"blocked"`
	Waits   string           `json:"waits,omitempty"`
	Changes []planChangeData `json:"changes"`
}

type planChangeData struct {
	ChangeID     string           `json:"changeId"`
	Order        string           `json:"order"`
	TargetSystem string           `json:"targetSystem"`
	State        core.State       `json:"state"`
	Decision     plan.Decision    `json:"decision"`
	Reason       string           `json:"reason"`
	TxType       core.TxType      `json:"txType"`
	Drift        []core.DriftKind `json:"drift"`
}

func newPlanData(p *plan.Plan, snap core.Snapshot, gone bool) planData {
	d := planData{Ledger: p.Ledger, HeadSeq: p.HeadSeq, Digest: p.Digest, Counts: p.Counts, Stages: []planStageData{}, Drift: p.Drift, Lock: newLockData(snap.Head, gone)}
	if d.Drift == nil {
		d.Drift = []core.Drift{}
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		sd := planStageData{Name: st.Name, Blocked: st.Blocked, Waits: st.Waits, Changes: []planChangeData{}}
		for j := range st.Changes {
			ch := &st.Changes[j]
			cd := planChangeData{
				ChangeID: ch.Change.ID, Order: ch.Change.Order, TargetSystem: ch.Change.TargetSystem, Decision: ch.Decision,
				Reason: ch.Reason, TxType: ch.TxType, Drift: ch.Drift,
			}
			if ch.Record != nil {
				cd.State = ch.Record.State
			}
			if cd.Drift == nil {
				cd.Drift = []core.DriftKind{}
			}
			sd.Changes = append(sd.Changes, cd)
		}
		d.Stages = append(d.Stages, sd)
	}
	return d
}

func printPlan(out *printer, p *plan.Plan, snap core.Snapshot, policy core.DriftPolicy, gone bool) {
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
		}
		if len(rows) > 1 {
			out.table(rows)
		}
		if applied > 0 {
			out.linef("  %s", out.paint(dim, plural(applied, "change")+" applied before"))
		}
	}
	printDrift(out, p, policy)
	if snap.Head.Held() {
		printLock(out, snap.Head, gone)
	}
	n := p.Counts
	line := fmt.Sprintf("%d to apply, %d to settle, %d waiting for a person, %d running, %d applied, %d filtered out", n.Apply, n.Settle, n.Manual, n.Running, n.Skip, n.Filtered)
	if n.NotReached > 0 {
		line += fmt.Sprintf(", %d not reached", n.NotReached)
	}
	out.linef("%s.", line)
	out.linef("ledger %s at entry %d, plan %s", p.Ledger, p.HeadSeq, p.Digest)
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
