package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

func (c *command) statusCommand() *cobra.Command {
	var exitCode bool
	var sel selectFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the ledger stands: counts, pending changes, issues, drift, lock",
		Args:  noArgs,
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 80 when changes are pending, 79 for issues, 65 for drift")
	cmd.RunE = c.do("status", func(ctx context.Context, _ []string) error {
		p, snap, err := c.makePlan(ctx, &sel)
		if err != nil {
			return err
		}
		d, err := c.newStatusData(ctx, p, snap)
		if err != nil {
			return err
		}
		policy := c.app.Config.Drift
		c.result(d, func(out *printer) { printStatus(out, p, snap, d, policy) })
		if exitCode {
			return notApplied(p, policy)
		}
		return nil
	})
	return cmd
}

func (c *command) validateCommand() *cobra.Command {
	var applied bool
	var sel selectFlags
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check configuration and changes; contact nothing",
		Args:  noArgs,
	}
	cmd.Flags().BoolVar(&applied, "applied", false, "also read the ledger, and fail when changes are pending (80), wait for a person (79) or have drifted (65)")
	cmd.RunE = c.do("validate", func(ctx context.Context, _ []string) error {
		if err := c.configure(nil); err != nil {
			return err
		}
		if err := c.app.LoadChanges(); err != nil {
			return err
		}
		d := validateData{Stages: len(c.app.Stages), TargetSystems: len(c.app.Targets)}
		for i := range c.app.Stages {
			d.Changes += len(c.app.Stages[i].Changes)
		}
		words := "valid"
		var err error
		if applied {
			if err = c.app.OpenStore(ctx, true); err != nil {
				return err
			}
			r, rerr := c.app.Runner()
			if rerr != nil {
				return rerr
			}
			p, _, perr := r.Plan(ctx, sel.selection(c))
			if perr != nil {
				return perr
			}
			if err = notApplied(p, c.app.Config.Drift); err == nil {
				words = "valid and applied"
			}
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

type validateData struct {
	Stages        int `json:"stages"`
	Changes       int `json:"changes"`
	TargetSystems int `json:"targetSystems"`
}

// notApplied says why the ledger does not hold these changes, gravest first.
func notApplied(p *plan.Plan, policy core.DriftPolicy) error {
	var errs []error
	if issues := p.Issues(); len(issues) > 0 {
		errs = append(errs, &core.InterventionError{Issues: issues})
	}
	if err := p.Refused(policy); err != nil {
		errs = append(errs, err)
	}
	if pending := p.Pending(); len(pending) > 0 {
		errs = append(errs, &core.PendingError{ChangeIDs: pending})
	}
	return errors.Join(errs...)
}

type statusData struct {
	Ledger        string         `json:"ledger"`
	Counts        plan.Counts    `json:"counts"`
	Pending       []string       `json:"pending"`
	Issues        []issueData    `json:"issues"`
	Drift         []core.Drift   `json:"drift"`
	Lock          *lockData      `json:"lock"`
	LastExecution *lastExecution `json:"lastExecution"`
}

type lastExecution struct {
	ExecutionID string         `json:"executionId"`
	At          time.Time      `json:"at"`
	ChangeID    string         `json:"changeId"`
	State       core.State     `json:"state"`
	Operation   core.Operation `json:"operation"`
	Host        string         `json:"host"`
	Principal   string         `json:"principal"`
}

func (c *command) newStatusData(ctx context.Context, p *plan.Plan, snap core.Snapshot) (statusData, error) {
	issues, err := c.issues(ctx, p, snap)
	if err != nil {
		return statusData{}, err
	}
	d := statusData{Ledger: p.Ledger, Counts: p.Counts, Pending: p.ToApply(), Issues: issues, Drift: p.Drift, Lock: newLockData(snap.Head, c.holderGone(ctx, snap.Head))}
	if d.Pending == nil {
		d.Pending = []string{}
	}
	if d.Drift == nil {
		d.Drift = []core.Drift{}
	}
	if snap.Head.Seq > 0 {
		page, err := c.app.Store.History(ctx, core.HistoryQuery{Ledger: p.Ledger, AfterSeq: snap.Head.Seq - 1, Limit: 1})
		if err != nil {
			return d, err
		}
		for _, e := range page.Entries {
			d.LastExecution = &lastExecution{ExecutionID: e.ExecutionID, At: e.StartedAt, ChangeID: e.ChangeID, State: e.State, Operation: e.Operation, Host: e.Host, Principal: e.Principal}
		}
	}
	return d, nil
}

func printStatus(out *printer, p *plan.Plan, snap core.Snapshot, d statusData, policy core.DriftPolicy) {
	n := p.Counts
	out.linef("ledger %s at entry %d: %d applied, %d pending, %d waiting for a person, %d running, %d filtered out", p.Ledger, p.HeadSeq, n.Skip, len(d.Pending), n.Manual, n.Running, n.Filtered)
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
	if snap.Head.Held() {
		printLock(out, snap.Head, d.Lock.HolderGone)
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
