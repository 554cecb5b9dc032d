package operation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// How many entries of the history are listed.
const (
	DefaultLimit = 1000        // when nobody says
	NoLimit      = math.MaxInt // however much memory that takes
)

// AuditListRequest asks for the last entry of every change, or for all entries.
type AuditListRequest struct {
	History  bool      // all, in the order in which they were written
	Since    time.Time // only entries begun then or later
	ChangeID string    // only this change's; "": all
	State    string    // only entries with this state; "": all
	After    uint64    // with History: only entries after this seq
	Limit    int       // with History: at most so many; 0: DefaultLimit
}

// AuditData is the data of audit list.
type AuditData struct {
	Entries []EntryData `json:"entries"`
	// Next is the After to read on with; nil when there is no more.
	Next *uint64 `json:"next"`
}

// EntryData is an audit entry.
type EntryData struct {
	Seq          uint64           `json:"seq"`
	ChangeID     string           `json:"changeId"`
	State        core.State       `json:"state"`
	Operation    core.Operation   `json:"operation"`
	Stage        string           `json:"stage"`
	Order        string           `json:"order"`
	Author       string           `json:"author"`
	TargetSystem string           `json:"targetSystem"`
	TxType       core.TxType      `json:"txType"`
	Attempt      int              `json:"attempt"`
	StartedAt    time.Time        `json:"startedAt"`
	EndedAt      *time.Time       `json:"endedAt"`
	DurationMs   int64            `json:"durationMs"`
	ExecutionID  string           `json:"executionId"`
	Host         string           `json:"host"`
	Principal    string           `json:"principal"`
	Reason       string           `json:"reason"`
	Reconciled   bool             `json:"reconciled"`
	Unknown      bool             `json:"unknown"`
	SourceFile   string           `json:"sourceFile"`
	Definition   string           `json:"definition"`
	Captured     []string         `json:"captured,omitempty"`
	TakenBack    []int            `json:"takenBack,omitempty"`
	Error        *core.EntryError `json:"error"`
}

// NewEntryData makes it from an entry.
func NewEntryData(e *core.Entry) EntryData {
	d := EntryData{
		Seq: e.Seq, ChangeID: e.ChangeID, State: e.State, Operation: e.Operation, Stage: e.Stage, Order: e.Order, Author: e.Author,
		TargetSystem: e.TargetSystem, TxType: e.TxType, Attempt: e.Attempt, StartedAt: e.StartedAt, DurationMs: e.DurationMs,
		ExecutionID: e.ExecutionID, Host: e.Host, Principal: e.Principal, Reason: e.Reason, Reconciled: e.Reconciled,
		Unknown: e.Unknown, SourceFile: e.SourceFile, Definition: e.Definition, Captured: e.Captured, TakenBack: e.TakenBack, Error: e.Error,
	}
	if at := e.EndedAt; !at.IsZero() {
		d.EndedAt = &at
	}
	return d
}

func newEntries(entries []core.Entry) []EntryData {
	out := make([]EntryData, len(entries))
	for i := range entries {
		out[i] = NewEntryData(&entries[i])
	}
	return out
}

// AuditList reads the history; it does not need the changes.
func (s *Session) AuditList(ctx context.Context, r AuditListRequest) (*AuditData, error) {
	ctx, cancel := s.stoppable(ctx)
	defer cancel()
	keep, err := r.filter()
	if err != nil {
		return nil, err
	}
	if err := s.Configure(); err != nil {
		return nil, err
	}
	if err := s.app.OpenStore(ctx, true); err != nil {
		return nil, err
	}
	entries, next, err := s.readEntries(ctx, &r, keep)
	if err != nil {
		return nil, err
	}
	d := &AuditData{Entries: newEntries(entries)}
	if next > 0 {
		d.Next = &next
	}
	return d, nil
}

func (r *AuditListRequest) filter() (func(*core.Entry) bool, error) {
	state := core.State(strings.ToUpper(r.State))
	if r.State != "" && !slices.Contains(core.States(), state) {
		return nil, &core.UsageError{Reason: fmt.Sprintf("--state %q is not a state", r.State), Next: fmt.Sprintf("the states are %v", core.States())}
	}
	if r.Limit < 0 {
		return nil, &core.UsageError{Reason: "--limit must not be negative"}
	}
	if !r.History && (r.After > 0 || cmp.Or(r.Limit, DefaultLimit) != DefaultLimit) {
		return nil, &core.UsageError{Reason: "--after and --limit go with --history"}
	}
	return func(e *core.Entry) bool {
		return !e.StartedAt.Before(r.Since) && (state == "" || e.State == state)
	}, nil
}

// readEntries pages through the history; without History it keeps each change's
// last entry.
func (s *Session) readEntries(ctx context.Context, r *AuditListRequest, keep func(*core.Entry) bool) ([]core.Entry, uint64, error) {
	var out []core.Entry
	last, limit := map[string]int{}, cmp.Or(r.Limit, DefaultLimit)
	q := core.HistoryQuery{Ledger: s.app.Config.Ledger, ChangeID: r.ChangeID, AfterSeq: r.After}
	for {
		page, err := s.app.Store.History(ctx, q)
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			if !r.History {
				if e.ChangeID == "" {
					continue
				}
				if at, ok := last[e.ChangeID]; ok {
					out[at] = *e
					continue
				}
				last[e.ChangeID] = len(out)
			} else if !keep(e) {
				continue
			} else if len(out) == limit {
				return out, out[len(out)-1].Seq, nil
			}
			out = append(out, *e)
		}
		if page.Next == 0 {
			break
		}
		q.AfterSeq = page.Next
	}
	if !r.History {
		out = slices.DeleteFunc(out, func(e core.Entry) bool { return !keep(&e) })
	}
	return out, 0, nil
}
