package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// waitEvery is how often wait looks at the ledger.
const waitEvery = time.Second

func (c *command) waitCommand() *cobra.Command {
	var timeout string
	cmd := &cobra.Command{
		Use: "wait", Short: "Wait until the ledger holds these changes; needs only read rights",
		Long: `Wait blocks until every change of this configuration is applied: for the many replicas of an
application while one job applies. It changes nothing. It ends with 0 when all are applied,
with 79 as soon as one waits for a person, with 65 when code and ledger have drifted apart,
and with 80 when the time is over.`,
		Example: "  flamingock wait --timeout 10m",
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&timeout, "timeout", "", "give up after this `time`, such as 10m (default: never)")
	cmd.RunE = c.do("wait", func(ctx context.Context, _ []string) error {
		var over <-chan time.Time
		if timeout != "" {
			d, err := time.ParseDuration(timeout)
			if err != nil || d <= 0 {
				return &core.UsageError{Reason: "--timeout must be a time such as 90s or 10m"}
			}
			t := time.NewTimer(d)
			defer t.Stop()
			over = t.C
		}
		return c.wait(ctx, over)
	})
	return cmd
}

func (c *command) wait(ctx context.Context, over <-chan time.Time) error {
	r, err := c.openRunner(ctx, true)
	if err != nil {
		return err
	}
	sel := plan.Selection{Profiles: c.app().Config.Profiles}
	began, told := c.proc.Now(), time.Time{}
	ticker := time.NewTicker(waitEvery)
	defer ticker.Stop()
	for {
		p, _, err := r.Plan(ctx, sel)
		if err != nil {
			return err
		}
		state := operation.NotApplied(p, c.app().Config.Drift)
		if core.CodeOf(state) != core.CodePending {
			if state == nil {
				c.result(struct {
					Ledger   string `json:"ledger"`
					Changes  int    `json:"changes"`
					WaitedMs int64  `json:"waitedMs"`
				}{p.Ledger, p.Counts.Skip, c.since(began).Milliseconds()}, func(out *printer) {
					out.linef("Ledger %s holds all %s; waited %s.", p.Ledger, plural(p.Counts.Skip, "change"), short(c.since(began)))
				})
			}
			return state
		}
		if c.since(told) >= stillEvery {
			told = c.proc.Now()
			c.note("waiting for %s of ledger %s", plural(len(p.Pending()), "change"), p.Ledger)
		}
		select {
		case <-ticker.C:
		case <-over:
			return state
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
