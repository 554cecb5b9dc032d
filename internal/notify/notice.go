package notify

import (
	"slices"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

// Notice is what came of a run.
type Notice struct {
	Ledger  string
	Trigger core.Trigger
	// Report is nil when no run was tried: the configuration or the changes had faults.
	Report *run.Report
	Err    error
	// Issues are the new ones, see NewIssues.
	Issues []Issue
	// Source is what the changes were read from: source.Source.Metadata.
	Source map[string]string
	// Command is what commands begin with, for whoever reads this: a program and its
	// global flags, such as flamingock --ledger orders/prod. "": flamingock with the
	// ledger.
	Command string
}

// Issue is a change that waits for a person.
type Issue struct {
	ChangeID string
	State    core.State
	Seq      uint64 // of its last entry; 0 when it is not known
	Reason   string
}

// NewIssues returns the changes that wait for a person now, and did not before the
// run: those that the run brought there, and those that an execution which is gone
// left STARTED, which nobody else can tell of. after is a plan made when the run was
// over; without one, the changes of the report that failed without a rollback count.
func NewIssues(rep *run.Report, after *plan.Plan) []Issue {
	if rep == nil {
		return nil
	}
	failed := map[string]run.ChangeReport{}
	for _, st := range rep.Stages {
		for _, c := range st.Changes {
			switch c.Status {
			case run.ChangeFailed, run.ChangeRollbackFailed, run.ChangeRolledBack:
				failed[c.ChangeID] = c
			default:
			}
		}
	}
	if after == nil {
		return withoutPlan(rep, failed)
	}
	var out []Issue
	for i := range after.Stages {
		for j := range after.Stages[i].Changes {
			c := &after.Stages[i].Changes[j]
			if !c.NeedsPerson() || c.Record == nil {
				continue
			}
			if _, ours := failed[c.Record.ChangeID]; ours || c.Record.State == core.StateStarted {
				out = append(out, Issue{c.Record.ChangeID, c.Record.State, c.Record.Seq, c.Reason})
			}
		}
	}
	return out
}

func withoutPlan(rep *run.Report, failed map[string]run.ChangeReport) []Issue {
	var out []Issue
	for _, st := range rep.Stages {
		for _, c := range st.Changes {
			if _, ok := failed[c.ChangeID]; !ok || c.Status == run.ChangeRolledBack {
				continue
			}
			reason := c.Reason
			if reason == "" && c.Err != nil {
				reason = c.Err.Error()
			}
			out = append(out, Issue{c.ChangeID, core.State(c.Status), 0, reason})
		}
	}
	return out
}

// Occasions are what there is to tell of n.
//
//   - failed: the run ended with an error that a later run alone does not mend. A held
//     lock, a lost lease, a near deadline and a signal are none of these.
//   - issue: there are new issues.
//   - applied: the run ended well and at least one change was applied or reconciled.
func (n *Notice) Occasions() []config.Occasion {
	var out []config.Occasion
	code := core.CodeOf(n.Err)
	if n.Err != nil && code != core.CodePending && code.Exit() != core.CodeInterrupted.Exit() {
		out = append(out, config.OnFailed)
	}
	if len(n.Issues) > 0 {
		out = append(out, config.OnIssue)
	}
	if n.Err == nil && n.Report != nil && n.Report.Counts[run.ChangeApplied]+n.Report.Counts[run.ChangeReconciled] > 0 {
		out = append(out, config.OnApplied)
	}
	return out
}

// wanted are those of the occasions that a notification is for.
func wanted(on, occasions []config.Occasion) bool {
	return slices.ContainsFunc(occasions, func(o config.Occasion) bool { return slices.Contains(on, o) })
}

// Wanted reports whether one of the notifications is for an occasion: whether it is
// worth finding out.
func Wanted(list []config.Notification, o config.Occasion) bool {
	return slices.ContainsFunc(list, func(n config.Notification) bool { return slices.Contains(n.On, o) })
}

// Timeout bounds all notifications of a run together, within the context.
const Timeout = 5 * time.Second
