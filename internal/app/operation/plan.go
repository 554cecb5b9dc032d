package operation

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// PlanRequest asks what apply would do.
type PlanRequest struct{ Selection }

// PlanData is the data of plan.
type PlanData struct {
	Ledger  string          `json:"ledger"`
	HeadSeq uint64          `json:"headSeq"`
	Digest  string          `json:"digest"`
	Stages  []PlanStageData `json:"stages"`
	Counts  plan.Counts     `json:"counts"`
	Drift   []core.Drift    `json:"drift"`
	Lock    *LockData       `json:"lock"`

	// Plan and Head are what this was made from.
	Plan *plan.Plan `json:"-"`
	Head core.Head  `json:"-"`
}

// PlanStageData is a stage of PlanData.
type PlanStageData struct {
	Name    string           `json:"name"`
	Blocked bool             `json:"blocked"`
	Waits   string           `json:"waits,omitempty"`
	Changes []PlanChangeData `json:"changes"`
}

// PlanChangeData is a change of PlanData.
type PlanChangeData struct {
	ChangeID     string           `json:"changeId"`
	Order        string           `json:"order"`
	TargetSystem string           `json:"targetSystem"`
	State        core.State       `json:"state"`
	Decision     plan.Decision    `json:"decision"`
	Reason       string           `json:"reason"`
	TxType       core.TxType      `json:"txType"`
	Drift        []core.DriftKind `json:"drift"`
	// Steps are what is yet to be done: those of a change that is to be applied, now or,
	// after it is settled, perhaps.
	Steps []PlanStepData `json:"steps,omitempty"`
}

// PlanStepData is a step of PlanChangeData.
type PlanStepData struct {
	Name string `json:"name"`
	Does string `json:"does"`
}

// Plan locks and writes nothing.
func (s *Session) Plan(ctx context.Context, r PlanRequest) (*PlanData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	p, snap, err := s.MakePlan(ctx, r.Selection)
	if err != nil {
		return nil, err
	}
	return newPlanData(p, snap.Head, s.HolderGone(ctx, snap.Head)), nil
}

func newPlanData(p *plan.Plan, head core.Head, gone bool) *PlanData {
	d := &PlanData{
		Ledger: p.Ledger, HeadSeq: p.HeadSeq, Digest: p.Digest, Counts: p.Counts, Stages: []PlanStageData{}, Drift: p.Drift, Lock: NewLockData(head, gone),
		Plan: p, Head: head,
	}
	if d.Drift == nil {
		d.Drift = []core.Drift{}
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		sd := PlanStageData{Name: st.Name, Blocked: st.Blocked, Waits: st.Waits, Changes: []PlanChangeData{}}
		for j := range st.Changes {
			ch := &st.Changes[j]
			cd := PlanChangeData{
				ChangeID: ch.Change.ID, Order: ch.Change.Order, TargetSystem: ch.Change.TargetSystem, Decision: ch.Decision,
				Reason: ch.Reason, TxType: ch.TxType, Drift: ch.Drift,
			}
			if ch.Record != nil {
				cd.State = ch.Record.State
			}
			if cd.Drift == nil {
				cd.Drift = []core.DriftKind{}
			}
			if ch.Decision == plan.Apply || ch.Decision == plan.Settle {
				for _, pair := range ch.Change.Pairs() {
					cd.Steps = append(cd.Steps, PlanStepData{Name: pair.Apply.Label(), Does: pair.Apply.Summary()})
				}
			}
			sd.Changes = append(sd.Changes, cd)
		}
		d.Stages = append(d.Stages, sd)
	}
	return d
}
