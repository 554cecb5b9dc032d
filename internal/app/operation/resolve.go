package operation

import (
	"context"
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// What a person can say of an issue.
const (
	AsApplied    = "applied"
	AsRolledBack = "rolled-back"
)

// IssueResolveRequest is a person's word about a change that waits for one.
type IssueResolveRequest struct {
	ChangeID string
	As       string // AsApplied or AsRolledBack
	Reason   string // required; it is recorded
	Seq      uint64 // of the entry that the person saw. 0: the one that is the last now
	Force    bool   // also against the marker, or when the target system cannot be asked

	// Confirm is asked before anything is written; an error ends it. Nil: it is
	// confirmed.
	Confirm func(context.Context, Resolving) error
}

// Resolving is what a person is about to decide.
type Resolving struct {
	Record core.Record
	As     core.State
	Last   *core.Entry // of the last attempt; nil when there is none
}

// IssueResolve records it, and returns the entry.
func (s *Session) IssueResolve(ctx context.Context, r IssueResolveRequest) (*EntryData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	state, err := resolution(r.As)
	if err != nil {
		return nil, err
	}
	runner, err := s.Open(ctx, false)
	if err != nil {
		return nil, err
	}
	snap, err := s.app.Store.Load(ctx, s.app.Config.Ledger)
	if err != nil {
		return nil, err
	}
	if rec, ok := snap.Records[r.ChangeID]; ok && rec.State.IsUnfinished() && r.Reason != "" {
		if r.Seq == 0 {
			r.Seq = rec.Seq
		}
		if err := s.confirm(ctx, &r, rec, state); err != nil {
			return nil, err
		}
	}
	e, err := runner.Resolve(ctx, run.Resolution{ChangeID: r.ChangeID, As: state, Reason: r.Reason, Seq: r.Seq, Force: r.Force})
	if err != nil {
		return nil, err
	}
	d := NewEntryData(&e)
	return &d, nil
}

func (s *Session) confirm(ctx context.Context, r *IssueResolveRequest, rec core.Record, as core.State) error {
	if r.Confirm == nil {
		return nil
	}
	entries, err := s.attempt(ctx, rec)
	if err != nil {
		return err
	}
	q := Resolving{Record: rec, As: as}
	if n := len(entries); n > 0 {
		q.Last = &entries[n-1]
	}
	return r.Confirm(ctx, q)
}

func resolution(as string) (core.State, error) {
	switch strings.ToLower(strings.ReplaceAll(as, "_", "-")) {
	case AsApplied:
		return core.StateManualMarkedApplied, nil
	case AsRolledBack:
		return core.StateManualMarkedRolledBack, nil
	case "":
		return "", &core.UsageError{Reason: "--as is required", Next: "--as applied, or --as rolled-back"}
	}
	return "", &core.UsageError{Reason: fmt.Sprintf("--as %q is neither applied nor rolled-back", as)}
}
