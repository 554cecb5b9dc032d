package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func (c *command) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read the ledger's history", Args: noArgs}
	var r operation.AuditListRequest
	var since string
	list := &cobra.Command{
		Use: "list", Short: "List the last entry of every change, or with --history all entries", Args: noArgs,
		Example: "  flamingock audit list --history --since 2026-11-01\n  flamingock audit list --change create-orders --history -o json",
	}
	list.Flags().BoolVar(&r.History, "history", false, "all entries, in the order in which they were written")
	list.Flags().StringVar(&since, "since", "", "only entries begun at or after this `time`: 2026-11-22, 2026-11-22T10:00:00 (UTC) or RFC 3339")
	list.Flags().StringVar(&r.ChangeID, "change", "", "only this change `id`")
	list.Flags().StringVar(&r.State, "state", "", "only entries with this `state`")
	list.Flags().Uint64Var(&r.After, "after", 0, "with --history: only entries after this `seq`, to read on where next points")
	list.Flags().IntVar(&r.Limit, "limit", operation.DefaultLimit, "with --history: at most this many entries; 0: all, however much memory that takes")
	list.RunE = c.doGracefully("audit list", func(ctx context.Context, _ []string) error {
		var err error
		if r.Since, err = parseSince(since); err != nil {
			return err
		}
		if r.Limit == 0 {
			r.Limit = operation.NoLimit
		}
		d, err := c.quietly().AuditList(ctx, r)
		if err != nil {
			return err
		}
		c.result(d, func(out *printer) { printEntries(out, d) })
		return nil
	})
	cmd.AddCommand(list, c.auditVerifyCommand(), c.auditFixCommand())
	return groupOnly(cmd)
}

func parseSince(text string) (since time.Time, err error) {
	if text == "" {
		return since, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if since, err = time.ParseInLocation(layout, text, time.UTC); err == nil {
			return since, nil
		}
	}
	return since, &core.UsageError{Reason: fmt.Sprintf("--since %q is not a time", text), Next: "write 2026-11-22, 2026-11-22T10:00:00 (UTC) or 2026-11-22T10:00:00+01:00"}
}

func printEntries(out *printer, d *operation.AuditData) {
	if len(d.Entries) == 0 {
		out.linef("no entries")
		return
	}
	rows := [][]string{{"SEQ", "STATE", "CHANGE", "STAGE", "OPERATION", "STARTED (UTC)", "TOOK", "BY", "REASON"}}
	for _, e := range d.Entries {
		took := ""
		if e.EndedAt != nil {
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
	if d.Next != nil {
		out.linef("more: --after %d", *d.Next)
	}
}
