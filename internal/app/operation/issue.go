package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// IssueData is one issue, or a change that another execution is running.
type IssueData struct {
	ChangeID string           `json:"changeId"`
	State    string           `json:"state"`
	Since    time.Time        `json:"since"`
	Seq      uint64           `json:"seq"`
	Reason   string           `json:"reason"`
	Error    *core.EntryError `json:"error"`
	Commands []string         `json:"commands"`
}

// IssueListRequest asks for the changes that wait for a person.
type IssueListRequest struct{}

// IssueListData is the data of issue list.
type IssueListData struct {
	Issues []IssueData `json:"issues"`
}

// IssueList locks and writes nothing.
func (s *Session) IssueList(ctx context.Context, _ IssueListRequest) (*IssueListData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	_, _, issues, err := s.readIssues(ctx)
	if err != nil {
		return nil, err
	}
	return &IssueListData{issues}, nil
}

// readIssues is what the issue operations begin with.
func (s *Session) readIssues(ctx context.Context) (*plan.Plan, core.Snapshot, []IssueData, error) {
	p, snap, err := s.issuePlan(ctx)
	if err != nil {
		return nil, snap, nil, err
	}
	issues, err := s.issues(ctx, p, snap)
	return p, snap, issues, err
}

// issuePlan is the plan of the issue operations. Whoever is called at night must be
// able to read them also when a change file has a fault: then from the ledger
// alone, which knows every unfinished change.
func (s *Session) issuePlan(ctx context.Context) (*plan.Plan, core.Snapshot, error) {
	p, snap, err := s.MakePlan(ctx, Selection{})
	var faulty *core.ValidationError
	if !errors.As(err, &faulty) || s.app == nil || s.app.Store != nil {
		return p, snap, err
	}
	s.warn("the change files have faults (see flamingock validate): what follows is from the ledger alone")
	if err := s.app.OpenStore(ctx, true); err != nil {
		return nil, snap, err
	}
	r, err := s.app.Runner()
	if err != nil {
		return nil, snap, err
	}
	return r.Plan(ctx, plan.Selection{})
}

// issues lists the changes that wait for a person, and those that run now.
func (s *Session) issues(ctx context.Context, p *plan.Plan, snap core.Snapshot) ([]IssueData, error) {
	out := []IssueData{}
	add := func(rec core.Record, state, reason string, commands []string) error {
		e, err := s.firstError(ctx, rec)
		if err != nil {
			return err
		}
		out = append(out, IssueData{ChangeID: rec.ChangeID, State: state, Since: rec.At, Seq: rec.Seq, Reason: reason, Error: e, Commands: commands})
		return nil
	}
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			ch := &p.Stages[i].Changes[j]
			var err error
			switch {
			case ch.NeedsPerson():
				err = add(*ch.Record, string(ch.Record.State), ch.Reason, s.resolveCommands(*ch.Record))
			case ch.Decision == plan.Running:
				err = add(*ch.Record, string(plan.Running), "execution "+snap.Head.Holder.Execution+" on "+snap.Head.Holder.Host+" is at work on it", []string{})
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, is := range p.Lost {
		if err := add(snap.Records[is.ChangeID], string(is.State), is.Reason, s.resolveCommands(snap.Records[is.ChangeID])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// firstError returns the first error of the change's last attempt: that is the
// change's own, later ones are its rollback's.
func (s *Session) firstError(ctx context.Context, rec core.Record) (*core.EntryError, error) {
	entries, err := s.attempt(ctx, rec)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].Error != nil {
			return entries[i].Error, nil
		}
	}
	return nil, nil //nolint:nilnil // an attempt may have none
}

// attempt reads the entries of the change's last attempt.
func (s *Session) attempt(ctx context.Context, rec core.Record) ([]core.Entry, error) {
	var out []core.Entry
	q := core.HistoryQuery{Ledger: s.app.Config.Ledger, ChangeID: rec.ChangeID, AfterSeq: max(rec.StartedSeq, 1) - 1}
	for {
		page, err := s.app.Store.History(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Entries...)
		if page.Next == 0 {
			return out, nil
		}
		q.AfterSeq = page.Next
	}
}

func (s *Session) resolveCommands(rec core.Record) []string {
	f := func(as string) string {
		return fmt.Sprintf("%s issue resolve %s --as %s --seq %d --reason \"…\"", s.command(), core.ShellQuote(rec.ChangeID), as, rec.Seq)
	}
	return []string{f(AsApplied), f(AsRolledBack)}
}

func (s *Session) name() string { return cmp.Or(s.o.App.Program.Name, "flamingock") }

func (s *Session) command() string { return cmp.Or(s.o.Command, s.name()) }
