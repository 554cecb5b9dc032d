package operation

import (
	"context"
	"errors"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// StatusRequest asks where the ledger stands.
type StatusRequest struct {
	// Judge makes it an error, beside the data, when the ledger does not hold all
	// changes: see NotApplied.
	Judge bool
}

// StatusData is the data of status.
type StatusData struct {
	Ledger        string         `json:"ledger"`
	Counts        plan.Counts    `json:"counts"`
	Pending       []string       `json:"pending"`
	Issues        []IssueData    `json:"issues"`
	Drift         []core.Drift   `json:"drift"`
	Lock          *LockData      `json:"lock"`
	LastExecution *LastExecution `json:"lastExecution"`

	// Plan and Head are what this was made from.
	Plan *plan.Plan `json:"-"`
	Head core.Head  `json:"-"`
}

// LastExecution is who wrote the last entry, and what.
type LastExecution struct {
	ExecutionID string         `json:"executionId"`
	At          time.Time      `json:"at"`
	ChangeID    string         `json:"changeId"`
	State       core.State     `json:"state"`
	Operation   core.Operation `json:"operation"`
	Host        string         `json:"host"`
	Principal   string         `json:"principal"`
}

// Status locks and writes nothing.
func (s *Session) Status(ctx context.Context, r StatusRequest) (*StatusData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	p, snap, err := s.MakePlan(ctx, Selection{})
	if err != nil {
		return nil, err
	}
	d, err := s.newStatusData(ctx, p, snap)
	if err != nil {
		return nil, err
	}
	if r.Judge {
		return d, NotApplied(p, s.app.Config.Drift)
	}
	return d, nil
}

func (s *Session) newStatusData(ctx context.Context, p *plan.Plan, snap core.Snapshot) (*StatusData, error) {
	issues, err := s.issues(ctx, p, snap)
	if err != nil {
		return nil, err
	}
	d := &StatusData{
		Ledger: p.Ledger, Counts: p.Counts, Pending: p.ToApply(), Issues: issues, Drift: p.Drift, Lock: NewLockData(snap.Head, s.HolderGone(ctx, snap.Head)),
		Plan: p, Head: snap.Head,
	}
	if d.Pending == nil {
		d.Pending = []string{}
	}
	if d.Drift == nil {
		d.Drift = []core.Drift{}
	}
	if snap.Head.Seq == 0 {
		return d, nil
	}
	page, err := s.app.Store.History(ctx, core.HistoryQuery{Ledger: p.Ledger, AfterSeq: snap.Head.Seq - 1, Limit: 1})
	if err != nil {
		return nil, err
	}
	for i := range page.Entries {
		e := &page.Entries[i]
		d.LastExecution = &LastExecution{ExecutionID: e.ExecutionID, At: e.StartedAt, ChangeID: e.ChangeID, State: e.State, Operation: e.Operation, Host: e.Host, Principal: e.Principal}
	}
	return d, nil
}

// ValidateRequest asks whether configuration and changes are valid.
type ValidateRequest struct {
	// Applied reads the ledger as well, and makes it an error when that does not
	// hold all changes: see NotApplied.
	Applied bool
}

// ValidateData is the data of validate.
type ValidateData struct {
	Stages        int `json:"stages"`
	Changes       int `json:"changes"`
	TargetSystems int `json:"targetSystems"`
}

// Validate contacts nothing, the audit store aside when it is asked to.
func (s *Session) Validate(ctx context.Context, r ValidateRequest) (*ValidateData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	if err := s.Configure(); err != nil {
		return nil, err
	}
	if _, err := s.app.OpenSource(ctx); err != nil {
		return nil, err
	}
	if err := s.app.LoadChanges(); err != nil {
		return nil, err
	}
	d := &ValidateData{Stages: len(s.app.Stages), TargetSystems: len(s.app.Targets)}
	for i := range s.app.Stages {
		d.Changes += len(s.app.Stages[i].Changes)
	}
	if !r.Applied {
		return d, nil
	}
	if err := s.app.OpenStore(ctx, true); err != nil {
		return nil, err
	}
	runner, err := s.app.Runner()
	if err != nil {
		return nil, err
	}
	p, _, err := runner.Plan(ctx, s.selection(Selection{}))
	if err != nil {
		return nil, err
	}
	return d, NotApplied(p, s.app.Config.Drift)
}

// NotApplied says why the ledger does not hold the changes of a plan, gravest first;
// nil when it does.
func NotApplied(p *plan.Plan, policy core.DriftPolicy) error {
	var errs []error
	if issues := p.Issues(); len(issues) > 0 {
		errs = append(errs, &core.InterventionError{Issues: issues})
	}
	if err := p.Refused(policy); err != nil {
		errs = append(errs, err)
	}
	if pending := p.Pending(); len(pending) > 0 {
		errs = append(errs, &core.PendingError{ChangeIDs: pending})
	}
	return errors.Join(errs...)
}
