package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func (c *command) driftCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "drift", Short: "See and accept differences between code and ledger", Args: noArgs}
	list := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List applied changes that were edited or are gone, and new ones that come too late", Args: noArgs,
		RunE: c.do("drift list", func(ctx context.Context, _ []string) error {
			p, _, err := c.quietly().MakePlan(ctx, operation.Selection{})
			if err != nil {
				return err
			}
			policy := c.app().Config.Drift
			d := driftData{Drift: []driftItem{}}
			for _, it := range p.Drift {
				d.Drift = append(d.Drift, driftItem{it, policy.For(it.Kind)})
			}
			c.result(d, func(out *printer) {
				if len(d.Drift) == 0 {
					out.linef("No drift.")
					return
				}
				rows := [][]string{{"KIND", "CHANGE", "STAGE", "APPLY", "DETAIL"}}
				for _, it := range d.Drift {
					rows = append(rows, []string{string(it.Kind), it.ChangeID, it.Stage, string(it.Action) + "s", it.Detail})
				}
				out.table(rows)
			})
			return nil
		}),
	}
	var reason string
	accept := &cobra.Command{
		Use: "accept ID --reason TEXT", Short: "Record the present content of an edited change as the one that counts; nothing is run",
		Args: exactlyOne("the ID of the change"),
	}
	accept.Flags().StringVar(&reason, "reason", "", "why the edit is right; it is recorded (required)")
	accept.RunE = c.do("drift accept", func(ctx context.Context, args []string) error {
		r, err := c.openRunner(ctx, false)
		if err != nil {
			return err
		}
		e, err := r.AcceptDrift(ctx, args[0], reason)
		if err != nil {
			return err
		}
		c.result(operation.NewEntryData(&e), func(out *printer) {
			out.linef("The present content of %s counts now. Recorded as entry %d.", e.ChangeID, e.Seq)
		})
		return nil
	})
	cmd.AddCommand(list, accept)
	return groupOnly(cmd)
}

type driftData struct {
	Drift []driftItem `json:"drift"`
}

type driftItem struct {
	core.Drift
	// Action is what apply does about it.
	Action core.DriftAction `json:"action"`
}

func (c *command) baselineCommand() *cobra.Command {
	var reason, to string
	cmd := &cobra.Command{
		Use: "baseline --reason TEXT", Short: "Record changes as applied without running them, for a system that has them already",
		Long: `Baseline records every change that the ledger does not know as applied, without running it: for a
system that had them before Flamingock came. What the profiles filter out is left. With --to, only those up to and including one.`,
		Example: "  flamingock baseline --to create-orders --reason 'made by hand in 2024'",
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why they count as applied; it is recorded (required)")
	cmd.Flags().StringVar(&to, "to", "", "only up to and including the change with this `id`")
	cmd.RunE = c.do("baseline", func(ctx context.Context, _ []string) error {
		r, err := c.openRunner(ctx, false)
		if err != nil {
			return err
		}
		if reason != "" {
			what := "Every change that the ledger does not know"
			if to != "" {
				what += ", up to " + to + ","
			}
			if err := c.confirm(ctx, what+" will be recorded as applied, and never be run."); err != nil {
				return err
			}
		}
		sel := plan.Selection{To: to, Profiles: c.app().Config.Profiles, AllowOutOfOrder: true}
		n, err := r.Baseline(ctx, sel, reason)
		c.result(struct {
			Recorded int `json:"recorded"`
		}{n}, func(out *printer) {
			if err == nil || n > 0 {
				out.linef("%s recorded as applied (ledger %s).", plural(n, "change"), c.app().Config.Ledger)
			}
		})
		return err
	})
	return cmd
}
