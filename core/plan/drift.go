package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flamingock/flamingock-go/core"
)

// findDrift compares code and ledger, and notes at each change how it drifted.
func findDrift(in *Input, p *Plan) []core.Drift {
	var out []core.Drift
	known := make(map[string]bool, len(in.Snapshot.Records))
	for i := range p.Stages {
		st := &p.Stages[i]
		lastApplied := "" // the id of the last applied change of the stage
		for j := len(st.Changes) - 1; j >= 0; j-- {
			c := &st.Changes[j]
			known[c.Change.ID] = true
			if c.Record != nil && c.Record.State.IsApplied() {
				if lastApplied == "" {
					lastApplied = c.Change.ID
				}
				if fp := c.Change.Fingerprint(); c.Record.Checksum != "" && fp != c.Record.Checksum {
					c.Drift = append(c.Drift, core.DriftEdited)
					out = append(out, core.Drift{
						Kind: core.DriftEdited, ChangeID: c.Change.ID, Stage: st.Name,
						Detail: fmt.Sprintf("was edited after it was applied (%s)", c.Change.Where()),
					})
				}
			}
			late := c.Record == nil && st.Waits != notSelected && !c.Beyond && c.Decision == Apply && lastApplied != "" && !c.Change.AllowOutOfOrder && !in.Select.AllowOutOfOrder
			if late {
				c.Drift = append(c.Drift, core.DriftLate)
				out = append(out, core.Drift{
					Kind: core.DriftLate, ChangeID: c.Change.ID, Stage: st.Name,
					Detail: fmt.Sprintf("is new, but %s, which comes after it, is applied already (%s)", lastApplied, c.Change.Where()),
				})
			}
		}
	}
	for id, r := range in.Snapshot.Records {
		if !known[id] && r.State != core.StateRolledBack && r.State != core.StateManualMarkedRolledBack {
			out = append(out, core.Drift{
				Kind: core.DriftLost, ChangeID: id, Stage: r.Stage,
				Detail: fmt.Sprintf("is %s in the ledger but not in the code", r.State),
			})
		}
	}
	p.Lost = lostIssues(in, known)
	slices.SortFunc(out, func(a, b core.Drift) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.ChangeID, b.ChangeID))
	})
	return out
}

// lostIssues are the unfinished changes that are not in the code any more.
func lostIssues(in *Input, known map[string]bool) []core.Issue {
	var out []core.Issue
	for id, r := range in.Snapshot.Records {
		// STARTED under a held lease: another execution, with newer code, is at work.
		running := in.Held && r.State == core.StateStarted
		if !known[id] && r.State.IsUnfinished() && !running {
			out = append(out, core.Issue{ChangeID: id, Stage: r.Stage, State: r.State, Reason: "it is unfinished in the ledger and no longer in the code"})
		}
	}
	slices.SortFunc(out, func(a, b core.Issue) int { return cmp.Compare(a.ChangeID, b.ChangeID) })
	return out
}

// Refused returns the drift that the policy does not admit, as a
// *core.DriftError; nil when there is none.
func (p *Plan) Refused(policy core.DriftPolicy) error {
	var bad []core.Drift
	for _, d := range p.Drift {
		if policy.For(d.Kind) == core.DriftFail {
			bad = append(bad, d)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &core.DriftError{Items: bad}
}

// Warned returns the drift to warn about.
func (p *Plan) Warned(policy core.DriftPolicy) []core.Drift {
	var out []core.Drift
	for _, d := range p.Drift {
		if policy.For(d.Kind) == core.DriftWarn {
			out = append(out, d)
		}
	}
	return out
}
