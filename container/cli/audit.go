package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
)

// defaultLimit is how many entries are listed when nobody says.
const defaultLimit = 1000

// auditFlags select entries.
type auditFlags struct {
	history bool
	since   string
	change  string
	state   string
	after   uint64
	limit   int
}

func (c *command) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read the ledger's history", Args: noArgs}
	var f auditFlags
	list := &cobra.Command{
		Use: "list", Short: "List the last entry of every change, or with --history all entries", Args: noArgs,
		Example: "  flamingock audit list --history --since 2026-11-01\n  flamingock audit list --change create-orders --history -o json",
	}
	list.Flags().BoolVar(&f.history, "history", false, "all entries, in the order in which they were written")
	list.Flags().StringVar(&f.since, "since", "", "only entries begun at or after this `time`: 2026-11-22, 2026-11-22T10:00:00 (UTC) or RFC 3339")
	list.Flags().StringVar(&f.change, "change", "", "only this change `id`")
	list.Flags().StringVar(&f.state, "state", "", "only entries with this `state`")
	list.Flags().Uint64Var(&f.after, "after", 0, "with --history: only entries after this `seq`, to read on where next points")
	list.Flags().IntVar(&f.limit, "limit", defaultLimit, "with --history: at most this many entries; 0: all, however much memory that takes")
	list.RunE = c.do("audit list", func(ctx context.Context, _ []string) error {
		keep, err := f.filter()
		if err != nil {
			return err
		}
		if err := c.configure(nil); err != nil {
			return err
		}
		if err := c.app.OpenStore(ctx, true); err != nil {
			return err
		}
		entries, next, err := c.readEntries(ctx, &f, keep)
		if err != nil {
			return err
		}
		c.result(newAuditData(entries, next), func(out *printer) { printEntries(out, entries, next) })
		return nil
	})
	cmd.AddCommand(list, c.auditVerifyCommand(), c.auditFixCommand())
	return groupOnly(cmd)
}

func (f *auditFlags) filter() (func(*core.Entry) bool, error) {
	var since time.Time
	if f.since != "" {
		var err error
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if since, err = time.ParseInLocation(layout, f.since, time.UTC); err == nil {
				break
			}
		}
		if err != nil {
			return nil, &core.UsageError{Reason: fmt.Sprintf("--since %q is not a time", f.since), Next: "write 2026-11-22, 2026-11-22T10:00:00 (UTC) or 2026-11-22T10:00:00+01:00"}
		}
	}
	state := core.State(strings.ToUpper(f.state))
	if f.state != "" && !slices.Contains(core.States(), state) {
		return nil, &core.UsageError{Reason: fmt.Sprintf("--state %q is not a state", f.state), Next: fmt.Sprintf("the states are %v", core.States())}
	}
	if f.limit < 0 {
		return nil, &core.UsageError{Reason: "--limit must not be negative"}
	}
	if !f.history && (f.after > 0 || f.limit != defaultLimit) {
		return nil, &core.UsageError{Reason: "--after and --limit go with --history"}
	}
	return func(e *core.Entry) bool {
		return !e.StartedAt.Before(since) && (state == "" || e.State == state)
	}, nil
}

// readEntries pages through the history; without --history it keeps each
// change's last entry.
func (c *command) readEntries(ctx context.Context, f *auditFlags, keep func(*core.Entry) bool) ([]core.Entry, uint64, error) {
	var out []core.Entry
	last := map[string]int{}
	q := core.HistoryQuery{Ledger: c.app.Config.Ledger, ChangeID: f.change, AfterSeq: f.after}
	for {
		page, err := c.app.Store.History(ctx, q)
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			if !f.history {
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
			} else if f.limit > 0 && len(out) == f.limit {
				return out, out[len(out)-1].Seq, nil
			}
			out = append(out, *e)
		}
		if page.Next == 0 {
			break
		}
		q.AfterSeq = page.Next
	}
	if !f.history {
		out = slices.DeleteFunc(out, func(e core.Entry) bool { return !keep(&e) })
	}
	return out, 0, nil
}

type auditData struct {
	Entries []entryData `json:"entries"`
	Next    *uint64     `json:"next"`
}

type entryData struct {
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
	Error        *core.EntryError `json:"error"`
}

func newEntryData(e core.Entry) entryData {
	d := entryData{
		Seq: e.Seq, ChangeID: e.ChangeID, State: e.State, Operation: e.Operation, Stage: e.Stage, Order: e.Order, Author: e.Author,
		TargetSystem: e.TargetSystem, TxType: e.TxType, Attempt: e.Attempt, StartedAt: e.StartedAt, DurationMs: e.DurationMs,
		ExecutionID: e.ExecutionID, Host: e.Host, Principal: e.Principal, Reason: e.Reason, Reconciled: e.Reconciled,
		Unknown: e.Unknown, SourceFile: e.SourceFile, Definition: e.Definition, Error: e.Error,
	}
	if !e.EndedAt.IsZero() {
		d.EndedAt = &e.EndedAt
	}
	return d
}

func newAuditData(entries []core.Entry, next uint64) auditData {
	d := auditData{Entries: []entryData{}}
	for _, e := range entries {
		d.Entries = append(d.Entries, newEntryData(e))
	}
	if next > 0 {
		d.Next = &next
	}
	return d
}

func printEntries(out *printer, entries []core.Entry, next uint64) {
	if len(entries) == 0 {
		out.linef("no entries")
		return
	}
	rows := [][]string{{"SEQ", "STATE", "CHANGE", "STAGE", "OPERATION", "STARTED (UTC)", "TOOK", "BY", "REASON"}}
	for _, e := range entries {
		took := ""
		if !e.EndedAt.IsZero() {
			took = short(e.EndedAt.Sub(e.StartedAt))
		}
		reason := e.Reason
		if e.Error != nil && reason == "" {
			reason = core.Cap(e.Error.Message, 100)
		}
		state := string(e.State)
		if e.ChangeID == "" {
			state = "-" // an act on the ledger itself
		}
		rows = append(rows, []string{fmt.Sprint(e.Seq), state, e.ChangeID, e.Stage, string(e.Operation), e.StartedAt.Format("2006-01-02 15:04:05"), took, e.Principal, reason})
	}
	out.table(rows)
	if next > 0 {
		out.linef("more: --after %d", next)
	}
}
