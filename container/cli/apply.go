package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// addSelection adds the flags that narrow a plan or a run.
func addSelection(cmd *cobra.Command, s *operation.Selection) {
	f := cmd.Flags()
	f.StringSliceVar(&s.Stages, "stage", nil, "only this `stage` (repeatable)")
	f.StringVar(&s.To, "to", "", "up to and including the change with this `id`")
	f.StringSliceVar(&s.Profiles, "profile", nil, "an active `profile` (repeatable; replaces the configured ones)")
	f.StringSliceVar(&s.Labels, "label", nil, "only changes with this `label` (repeatable)")
	f.BoolVar(&s.AllowOutOfOrder, "allow-out-of-order", false, "admit new changes ordered before applied ones")
}

func (c *command) setFlag(key, value string) {
	if c.flags == nil {
		c.flags = map[string]string{}
	}
	c.flags[key] = value
}

func (c *command) applyCommand() *cobra.Command {
	var sel operation.Selection
	var lockWait, timeout string
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Apply the pending changes",
		Long: `Apply runs every pending change in order, each under the lock and recorded before and after.
With nothing pending it takes no lock and writes nothing. It waits while another execution
holds the lock. The first SIGINT or SIGTERM stops it in good order, the second at once.`,
		Example: "  flamingock apply\n  flamingock apply --to create-orders --output json",
		Args:    noArgs,
	}
	addSelection(cmd, &sel)
	cmd.Flags().StringVar(&lockWait, "lock-wait", "", "how long to wait for the lock, such as 30s; 0s: not at all (default lock.wait)")
	cmd.Flags().StringVar(&timeout, "timeout", "", "stop in good order before this `time` has passed, such as 5m")
	cmd.RunE = c.doGracefully("apply", func(ctx context.Context, _ []string) error {
		if lockWait != "" {
			if d, err := time.ParseDuration(lockWait); err != nil || d < 0 {
				return &core.UsageError{Reason: "--lock-wait must be a time such as 30s or 5m; 0s: do not wait"}
			}
			c.setFlag("lock.wait", lockWait)
		}
		if timeout != "" {
			d, err := time.ParseDuration(timeout)
			if err != nil || d <= 0 {
				return &core.UsageError{Reason: "--timeout must be a time such as 90s or 5m"}
			}
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
		return c.apply(ctx, sel)
	})
	return cmd
}

// tellingTime bounds the notifications: after SIGTERM not much time is left.
const tellingTime = 5 * time.Second

func (c *command) apply(ctx context.Context, sel operation.Selection) error {
	progress := c.newProgress()
	defer progress.close()
	s := c.begin(progress.event, progress.warn)
	d, err := s.Apply(ctx, operation.ApplyRequest{Selection: sel})
	progress.close()
	s.Tell(ctx, d, err, tellingTime)
	if d == nil {
		return err
	}
	c.result(d, func(p *printer) {
		if d.Report == nil {
			p.linef("Flamingock is switched off (enabled: false): nothing was done.")
			return
		}
		printReport(p, d.Report, err)
	})
	return err
}

func printReport(p *printer, rep *run.Report, err error) {
	if len(rep.Stages) == 0 {
		if err == nil {
			p.linef("Nothing to do: no stages are configured (ledger %s).", rep.Ledger)
		}
		return // it failed before anything could be said
	}
	done := rep.Counts[run.ChangeApplied] + rep.Counts[run.ChangeReconciled]
	already := rep.Counts[run.ChangeAlreadyApplied]
	if rep.Status == run.NoChanges && rep.Counts[run.ChangeNotReached]+rep.Counts[run.ChangeBlocked]+rep.Counts[run.ChangeRunning] == 0 {
		if n := rep.Counts[run.ChangeSkipped]; n > 0 {
			p.linef("Nothing to do: %s applied, %d filtered out (ledger %s).", plural(already, "change")+" already", n, rep.Ledger)
			return
		}
		if already == 1 {
			p.linef("Nothing to do: the only change of ledger %s is applied.", rep.Ledger)
			return
		}
		p.linef("Nothing to do: all %s of ledger %s are applied.", plural(already, "change"), rep.Ledger)
		return
	}
	for _, st := range rep.Stages {
		printStage(p, st)
	}
	var drift *core.DriftError
	if errors.As(err, &drift) {
		p.linef("Nothing was run.")
		return
	}
	line := plural(done, "change") + " applied"
	if already > 0 {
		line += ", " + plural(already, "change") + " applied before"
	}
	for _, s := range []struct {
		status run.ChangeStatus
		words  string
	}{
		{run.ChangeFailed, "failed"},
		{run.ChangeRolledBack, "failed and rolled back"},
		{run.ChangeRollbackFailed, "failed with a failing rollback"},
		{run.ChangeBlocked, "waiting for a person"},
		{run.ChangeRunning, "being run by another execution"},
		{run.ChangeNotReached, "not reached"},
		{run.ChangeSkipped, "filtered out"},
	} {
		if n := rep.Counts[s.status]; n > 0 {
			line += ", " + plural(n, "change") + " " + s.words
		}
	}
	p.linef("%s: %s in %s (ledger %s).", p.paint(statusPaint(rep.Status), string(rep.Status)), line, short(rep.Duration), rep.Ledger)
}

func statusPaint(s run.Status) paint {
	switch s {
	case run.Success, run.NoChanges:
		return green
	case run.Incomplete:
		return yellow
	case run.Failed:
	}
	return red
}

func changePaint(s run.ChangeStatus) paint {
	switch s {
	case run.ChangeApplied, run.ChangeReconciled, run.ChangeAlreadyApplied:
		return green
	case run.ChangeFailed, run.ChangeRollbackFailed, run.ChangeBlocked:
		return red
	case run.ChangeRolledBack, run.ChangeRunning, run.ChangeNotReached:
		return yellow
	case run.ChangeSkipped:
		return dim
	}
	return ""
}

// printStage prints a stage with the changes that something is to be said about.
func printStage(p *printer, st run.StageReport) {
	head := "stage " + st.Name + ": " + string(st.Status)
	if st.Reason != "" {
		head += " (" + oneLine(st.Reason) + ")"
	}
	p.linef("%s", p.paint(bold, head))
	already := 0
	for _, ch := range st.Changes {
		if ch.Status == run.ChangeAlreadyApplied {
			already++
			continue
		}
		line := "  " + p.paint(changePaint(ch.Status), string(ch.Status)) + "  " + ch.ChangeID
		switch ch.Status {
		case run.ChangeApplied, run.ChangeRolledBack, run.ChangeFailed, run.ChangeRollbackFailed:
			line += "  " + p.paint(dim, short(ch.Duration))
		case run.ChangeAlreadyApplied, run.ChangeBlocked, run.ChangeNotReached, run.ChangeReconciled, run.ChangeRunning, run.ChangeSkipped:
			if ch.Reason != "" {
				line += "  " + oneLine(ch.Reason)
			}
		}
		p.linef("%s", line)
		if ch.Err != nil {
			p.linef("      %s", strings.ReplaceAll(strings.TrimSpace(ch.Err.Error()), "\n", "\n      "))
		}
	}
	if already > 0 {
		p.linef("  %s", p.paint(dim, plural(already, "change")+" applied before"))
	}
}
