package operation

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// ApplyRequest asks for the pending changes to be applied.
type ApplyRequest struct{ Selection }

// ApplyData is the data of apply.
type ApplyData struct {
	Status      run.Status               `json:"status"`
	Ledger      string                   `json:"ledger,omitempty"`
	ExecutionID string                   `json:"executionId"`
	Stages      []StageData              `json:"stages"`
	Counts      map[run.ChangeStatus]int `json:"counts"`
	Drift       []core.Drift             `json:"drift,omitempty"`

	// Report is what this was made from; nil when Flamingock is switched off.
	Report *run.Report `json:"-"`
}

// StageData is a stage of ApplyData.
type StageData struct {
	Name    string          `json:"name"`
	Status  run.StageStatus `json:"status"`
	Reason  string          `json:"reason,omitempty"`
	Changes []ChangeData    `json:"changes"`
}

// ChangeData is a change of ApplyData.
type ChangeData struct {
	ChangeID   string           `json:"changeId"`
	Status     run.ChangeStatus `json:"status"`
	DurationMs int64            `json:"durationMs"`
	TxType     core.TxType      `json:"txType,omitempty"`
	Attempt    int              `json:"attempt,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	Error      *string          `json:"error"`
}

// Apply runs the pending changes. There is data beside the error once a run was
// tried. A deadline of ctx is kept; cancelling ctx cancels the running change.
func (s *Session) Apply(ctx context.Context, r ApplyRequest) (*ApplyData, error) {
	if err := s.configure(r.Selection); err != nil {
		return nil, err
	}
	if !s.app.Config.Enabled {
		return &ApplyData{Status: run.NoChanges, Stages: []StageData{}, Counts: map[run.ChangeStatus]int{}}, nil
	}
	runner, err := s.load(ctx, false)
	if err != nil {
		return nil, err
	}
	rep, err := runner.Apply(ctx, run.ApplyOptions{Select: s.selection(r.Selection), Stop: s.o.Stop})
	for _, d := range rep.Drift {
		s.warn(string(d.Kind) + ": " + d.ChangeID + " " + d.Detail)
	}
	return newApplyData(rep), err
}

func newApplyData(rep *run.Report) *ApplyData {
	d := &ApplyData{Status: rep.Status, Ledger: rep.Ledger, ExecutionID: rep.ExecutionID, Counts: rep.Counts, Drift: rep.Drift, Stages: []StageData{}, Report: rep}
	for _, st := range rep.Stages {
		sd := StageData{Name: st.Name, Status: st.Status, Reason: st.Reason, Changes: []ChangeData{}}
		for _, ch := range st.Changes {
			cd := ChangeData{ChangeID: ch.ChangeID, Status: ch.Status, DurationMs: ch.Duration.Milliseconds(), TxType: ch.TxType, Attempt: ch.Attempt, Reason: ch.Reason}
			if ch.Err != nil {
				text := ch.Err.Error()
				cd.Error = &text
			}
			sd.Changes = append(sd.Changes, cd)
		}
		d.Stages = append(d.Stages, sd)
	}
	return d
}
