package app

import (
	"context"

	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/internal/notify"
)

// Notify tells whoever `notify:` of the configuration names what came of a run; call
// it when the lease is released. The errors are warnings, redacted. New issues are
// looked for, at the cost of one read, when the run failed and somebody wants to know.
func (a *App) Notify(ctx context.Context, n notify.Notice) []error {
	list := a.Config.Notify
	if len(list) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notify.Timeout)
	defer cancel()
	n.Ledger = a.Config.Ledger
	if n.Err != nil && n.Report != nil && notify.Wanted(list, config.OnIssue) {
		n.Issues = notify.NewIssues(n.Report, a.planAfter(ctx))
	}
	errs := notify.Send(ctx, list, n, notify.Options{Resolver: a.Secrets, Redact: a.Secrets.Redact, Load: a.o.AWS.load})
	for i := range errs {
		errs[i] = a.Secrets.RedactError(errs[i])
	}
	return errs
}

// planAfter plans once more; nil when that cannot be done, for then the report says
// enough.
func (a *App) planAfter(ctx context.Context) *plan.Plan {
	if a.Store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notify.Timeout/3) // sending needs the rest
	defer cancel()
	r, err := a.Runner()
	if err != nil {
		return nil
	}
	p, _, err := r.Plan(ctx, plan.Selection{Profiles: a.Config.Profiles})
	if err != nil {
		return nil
	}
	return p
}
