package run

import (
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// Status is the result of a run.
type Status string

// The results.
const (
	Success    Status = "SUCCESS"
	NoChanges  Status = "NO_CHANGES"
	Failed     Status = "FAILED"
	Incomplete Status = "INCOMPLETE"
)

// StageStatus is the result of one stage.
type StageStatus string

// The results of a stage.
const (
	StageSuccess    StageStatus = "SUCCESS"
	StageNoChanges  StageStatus = "NO_CHANGES"
	StageFailed     StageStatus = "FAILED"
	StageBlocked    StageStatus = "BLOCKED"
	StageNotReached StageStatus = "NOT_REACHED"
	StageIncomplete StageStatus = "INCOMPLETE"
)

// ChangeStatus is the result of one change in a run.
type ChangeStatus string

// The results of a change.
const (
	ChangeApplied        ChangeStatus = "APPLIED"
	ChangeAlreadyApplied ChangeStatus = "ALREADY_APPLIED"
	ChangeReconciled     ChangeStatus = "RECONCILED"
	ChangeFailed         ChangeStatus = "FAILED"
	ChangeRolledBack     ChangeStatus = "ROLLED_BACK"
	ChangeRollbackFailed ChangeStatus = "ROLLBACK_FAILED"
	ChangeNotReached     ChangeStatus = "NOT_REACHED"
	ChangeBlocked        ChangeStatus = "BLOCKED"
	ChangeRunning        ChangeStatus = "RUNNING"
	ChangeSkipped        ChangeStatus = "SKIPPED"
)

// Report is what a run did: complete on success and on failure.
type Report struct {
	Ledger      string
	ExecutionID string // "" when the run never held the lease
	Status      Status
	StartedAt   time.Time
	Duration    time.Duration
	Stages      []StageReport
	Counts      map[ChangeStatus]int
	// Drift lists what the policy warns about.
	Drift []core.Drift
}

// StageReport is what a run did with a stage.
type StageReport struct {
	Name    string
	Status  StageStatus
	Reason  string // why it is blocked or not reached
	Changes []ChangeReport
}

// ChangeReport is what a run did with a change.
type ChangeReport struct {
	ChangeID string
	Status   ChangeStatus
	Reason   string
	TxType   core.TxType
	Attempt  int
	Duration time.Duration
	Err      error // nil unless it failed in this run; secrets are removed
}

// done collects results by change id while a run goes on.
type done struct {
	changes map[string]ChangeReport
}

func (d *done) set(c ChangeReport) { d.changes[c.ChangeID] = c }

// report combines the last plan with what was done. stopped tells the stages that
// a failure stopped; err is the run's error.
func (d *done) report(p *plan.Plan, stopped func(stage string) bool, err error) *Report {
	rep := &Report{Ledger: p.Ledger, Counts: map[ChangeStatus]int{}}
	work := false
	for i := range p.Stages {
		st := &p.Stages[i]
		sr := StageReport{Name: st.Name, Changes: make([]ChangeReport, 0, len(st.Changes))}
		var applied, failed, unreached int
		waits := whyWaits(st, stopped)
		for j := range st.Changes {
			c, ok := d.changes[st.Changes[j].Change.ID]
			if !ok {
				c = fromPlan(st, &st.Changes[j], firstNonEmpty(waits, whyStopped(st, stopped)))
			}
			switch c.Status {
			case ChangeApplied, ChangeReconciled:
				applied++
			case ChangeFailed, ChangeRolledBack, ChangeRollbackFailed:
				failed++
			case ChangeNotReached, ChangeRunning:
				unreached++
			case ChangeAlreadyApplied, ChangeSkipped, ChangeBlocked:
			}
			rep.Counts[c.Status]++
			sr.Changes = append(sr.Changes, c)
		}
		work = work || applied > 0
		sr.Status, sr.Reason = stageStatus(st, waits, applied, failed, unreached)
		if failed > 0 && core.CodeOf(err).Exit() == core.CodeInterrupted.Exit() {
			sr.Status = StageIncomplete
		}
		rep.Stages = append(rep.Stages, sr)
	}
	switch {
	case err == nil && work:
		rep.Status = Success
	case err == nil:
		rep.Status = NoChanges
	case core.CodeOf(err).Exit() == core.CodeInterrupted.Exit():
		rep.Status = Incomplete
	default:
		rep.Status = Failed
	}
	return rep
}

// whyWaits says why nothing of the stage ran, or "".
func whyWaits(st *plan.Stage, stopped func(stage string) bool) string {
	if st.Waits != "" {
		return st.Waits
	}
	for _, d := range st.DependsOn {
		if stopped(d) {
			return "it depends on stage " + d + ", which did not succeed"
		}
	}
	return ""
}

func whyStopped(st *plan.Stage, stopped func(stage string) bool) string {
	if stopped(st.Name) {
		return "a change before it in its stage did not succeed"
	}
	return ""
}

func stageStatus(st *plan.Stage, waits string, applied, failed, unreached int) (StageStatus, string) {
	switch {
	case failed > 0:
		return StageFailed, ""
	case st.Blocked:
		return StageBlocked, "a change waits for a person"
	case waits != "" && unreached > 0:
		return StageNotReached, waits
	case unreached > 0:
		return StageIncomplete, ""
	case applied > 0:
		return StageSuccess, ""
	}
	return StageNoChanges, ""
}

func fromPlan(st *plan.Stage, c *plan.Change, waits string) ChangeReport {
	out := ChangeReport{ChangeID: c.Change.ID, TxType: c.TxType, Reason: c.Reason}
	if c.Record != nil {
		out.Attempt = c.Record.Attempt
		if c.Record.TxType != "" {
			out.TxType = c.Record.TxType
		}
	}
	switch c.Decision {
	case plan.Skip:
		out.Status = ChangeAlreadyApplied
		if c.Filtered {
			out.Status = ChangeSkipped
		}
	case plan.Manual:
		out.Status = ChangeBlocked
	case plan.Running:
		out.Status = ChangeRunning
	case plan.Apply, plan.Settle:
		out.Status = ChangeNotReached
		switch {
		case st.Blocked:
			out.Reason = "its stage waits for a person"
		case waits != "":
			out.Reason = waits
		case c.Beyond:
			out.Reason = "it comes after the change to run up to"
		}
	}
	return out
}
