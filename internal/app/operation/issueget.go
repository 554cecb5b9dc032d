package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// IssueGetRequest asks what is known of a change.
type IssueGetRequest struct {
	ChangeID string
	First    bool // the first issue there is, whatever ChangeID says
}

// IssueGetData is the data of issue get.
type IssueGetData struct {
	*IssueDetail                 // nil: there is no first issue
	None         json.RawMessage `json:"issue,omitempty"` // null, when that is so
}

// IssueDetail is one issue and what is known of it.
type IssueDetail struct {
	IssueData
	TargetSystem string      `json:"targetSystem"`
	TxType       core.TxType `json:"txType"`
	Attempt      int         `json:"attempt"`
	Known        []string    `json:"known"`
	Entries      []EntryData `json:"entries"`

	// Record and Head are what this was made from.
	Record core.Record `json:"-"`
	Head   core.Head   `json:"-"`
}

// IssueGet locks and writes nothing.
func (s *Session) IssueGet(ctx context.Context, r IssueGetRequest) (*IssueGetData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	p, snap, issues, err := s.readIssues(ctx)
	if err != nil {
		return nil, err
	}
	var is IssueData
	switch {
	case !r.First:
		if is, err = s.find(p, snap, issues, r.ChangeID); err != nil {
			return nil, err
		}
	case len(issues) == 0:
		return &IssueGetData{None: json.RawMessage("null")}, nil
	default:
		is = issues[0]
	}
	rec := snap.Records[is.ChangeID]
	entries, err := s.attempt(ctx, rec)
	if err != nil {
		return nil, err
	}
	return &IssueGetData{IssueDetail: &IssueDetail{
		IssueData: is, TargetSystem: rec.TargetSystem, TxType: rec.TxType, Attempt: rec.Attempt, Known: whatIsKnown(p, rec), Entries: newEntries(entries),
		Record: rec, Head: snap.Head,
	}}, nil
}

// find finds the issue of a change, or says of one that the next apply deals with it.
func (s *Session) find(p *plan.Plan, snap core.Snapshot, issues []IssueData, id string) (IssueData, error) {
	if i := slices.IndexFunc(issues, func(is IssueData) bool { return is.ChangeID == id }); i >= 0 {
		return issues[i], nil
	}
	next := "see the issues with: " + s.name() + " issue list"
	if rec, ok := snap.Records[id]; ok {
		for i := range p.Stages {
			for j := range p.Stages[i].Changes {
				if ch := &p.Stages[i].Changes[j]; ch.Change.ID == id && ch.Decision != plan.Skip {
					return IssueData{ChangeID: id, State: string(rec.State), Since: rec.At, Seq: rec.Seq, Reason: "the next apply deals with it: " + ch.Reason, Commands: []string{s.command() + " apply"}}, nil
				}
			}
		}
		return IssueData{}, &core.UsageError{Reason: fmt.Sprintf("change %s has no issue: it is %s", id, rec.State), Next: next}
	}
	recorded := slices.Sorted(maps.Keys(snap.Records))
	return IssueData{}, &core.UsageError{Reason: fmt.Sprintf("the ledger has no entry of a change %q%s", id, core.DidYouMean(id, recorded)), Next: next}
}

// whatIsKnown says what the ledger tells about the target system.
func whatIsKnown(p *plan.Plan, rec core.Record) []string {
	var known []string
	switch {
	case rec.TxType == core.TxSeparateMarker && (rec.State == core.StateStarted || rec.Unknown):
		known = append(known, "It ran in a transaction with a marker: the next apply asks the marker and goes on by itself.")
	case rec.State == core.StateFailed && rec.Unknown:
		known = append(known, "Its last call may or may not have taken effect in "+rec.TargetSystem+", and might still do so.")
	case rec.State == core.StateFailed && rec.Operation == core.OpRollback:
		known = append(known, "It failed, and was rolled back in part: what its rollbacks do not take back is left in "+rec.TargetSystem+".")
	case rec.State == core.StateFailed:
		known = append(known, "It failed without a transaction and was not rolled back: what it did before the failure is still in "+rec.TargetSystem+".")
	case rec.State == core.StateRollbackFailed:
		known = append(known, "It failed, and its rollback failed too: "+rec.TargetSystem+" holds part of it.")
	}
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			ch := p.Stages[i].Changes[j].Change
			if ch.ID != rec.ChangeID {
				continue
			}
			if ch.Source.File != "" {
				known = append(known, "It is defined in "+ch.Source.String()+".")
			}
			if ch.Fingerprint() != rec.Checksum {
				known = append(known, "It was edited since that attempt.")
			}
		}
	}
	return known
}
