package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func (c *command) statusCommand() *cobra.Command {
	var r operation.StatusRequest
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the ledger stands: counts, pending changes, issues, drift, lock",
		Args:  noArgs,
	}
	cmd.Flags().BoolVar(&r.Judge, "exit-code", false, "exit with 80 when changes are pending, 79 for issues, 65 for drift")
	cmd.RunE = c.doGracefully("status", func(ctx context.Context, _ []string) error {
		d, err := c.quietly().Status(ctx, r)
		if d == nil {
			return err
		}
		c.result(d, func(out *printer) { printStatus(out, d, c.app().Config.Drift) })
		return err
	})
	return cmd
}

func (c *command) validateCommand() *cobra.Command {
	var r operation.ValidateRequest
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check configuration and changes; contact nothing",
		Args:  noArgs,
	}
	cmd.Flags().BoolVar(&r.Applied, "applied", false, "also read the ledger, and fail when changes are pending (80), wait for a person (79) or have drifted (65)")
	cmd.RunE = c.doGracefully("validate", func(ctx context.Context, _ []string) error {
		d, err := c.quietly().Validate(ctx, r)
		if d == nil {
			return err
		}
		words := "valid"
		if r.Applied {
			words = "valid and applied"
		}
		c.result(d, func(out *printer) {
			if err == nil {
				out.linef("%s in %s on %s: %s.", plural(d.Changes, "change"), plural(d.Stages, "stage"), plural(d.TargetSystems, "target system"), words)
			}
		})
		return err
	})
	return cmd
}

func printStatus(out *printer, d *operation.StatusData, policy core.DriftPolicy) {
	p, n := d.Plan, d.Counts
	out.linef("ledger %s at entry %d: %d applied, %d pending, %d waiting for a person, %d running, %d filtered out", p.Ledger, p.HeadSeq, n.Skip, len(d.Pending), len(p.Issues()), n.Running, n.Filtered)
	const most = 20
	for i, id := range d.Pending {
		if i == most {
			out.linef("  … and %d more", len(d.Pending)-most)
			break
		}
		out.linef("  pending: %s", id)
	}
	for _, is := range d.Issues {
		out.linef("%s %s %s: %s", out.paint(red, "issue:"), is.ChangeID, is.State, oneLine(is.Reason))
	}
	printDrift(out, p, policy)
	if d.Head.Held() {
		printLock(out, d.Head, d.Lock.HolderGone)
	} else {
		out.linef("lock: free")
	}
	if l := d.LastExecution; l != nil {
		what := l.ChangeID + " " + string(l.State)
		if l.ChangeID == "" {
			what = string(l.Operation)
		}
		out.linef("last entry: %s by execution %s on %s at %s", what, l.ExecutionID, l.Host, l.At.Format(time.RFC3339))
	}
}
