package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones by name also where the machine has no list of them, as in our container

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
)

// importFlags say what is imported.
type importFlags struct {
	from, timezone, reason string
	table                  app.JavaTable
	dryRun                 bool
}

// importSources are the editions that a history can come from.
func importSources() []string { return []string{app.FromJava} }

func (c *command) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import --from flamingock-java",
		Short: "Take over the history of the Java edition, so that nothing of it is run again",
		Long: `Import reads the audit table of Flamingock's Java edition on DynamoDB and records its history
as entries of this ledger. What is applied there counts as applied here; nothing is run, and the
table is only read. It can be repeated: rows that were imported before are left out, so that it
goes on where an import stopped, and adds what the Java edition has written since. Changes that
already have entries of this edition are not touched.

The Java edition notes local times without a zone: name the zone of the machines that it ran on
with --timezone. Stop the Java edition first. More in docs/import.md.`,
		Example: "  flamingock import --from flamingock-java --dry-run\n  flamingock import --from flamingock-java --table flamingockAuditLog --timezone Europe/Madrid",
		Args:    noArgs,
	}
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "the `edition` whose history it is: "+strings.Join(importSources(), ", ")+" (required)")
	fl.StringVar(&f.table.Table, "table", app.DefaultJavaTable, "the `name` of its audit table")
	fl.StringVar(&f.table.Region, "region", "", "the table's AWS `region` (default: that of the configured audit store, or of the environment)")
	fl.StringVar(&f.table.Endpoint, "endpoint", "", "the `url` of its DynamoDB (default: that of the configured audit store, or AWS)")
	fl.StringVar(&f.table.Profile, "aws-profile", "", "the `profile` of ~/.aws/config to read it with")
	fl.StringVar(&f.timezone, "timezone", "UTC", "the `zone` of its times: UTC, or a name such as Europe/Madrid")
	fl.StringVar(&f.reason, "reason", "", "why; it is recorded (default: imported from … table …)")
	fl.BoolVar(&f.dryRun, "dry-run", false, "only show what would be recorded")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(importSources(), cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there, and has no other
	cmd.RunE = c.do("import", func(ctx context.Context, _ []string) error { return c.runImport(ctx, &f) })
	return cmd
}

func (f *importFlags) check() error {
	if f.from == "" {
		return &core.UsageError{Reason: "--from is required", Next: "--from " + strings.Join(importSources(), ", or --from ")}
	}
	if !slices.Contains(importSources(), f.from) {
		hint := core.DidYouMean(f.from, importSources())
		if hint == "" {
			hint = "; there is " + strings.Join(importSources(), ", ")
		}
		return &core.UsageError{Reason: fmt.Sprintf("--from %q is no edition that can be imported%s", f.from, hint), Next: "--from " + app.FromJava}
	}
	zone, err := time.LoadLocation(f.timezone)
	if err != nil || f.timezone == "Local" {
		return &core.UsageError{Reason: fmt.Sprintf("--timezone %q is not known", f.timezone), Next: "give UTC, or the IANA name of a zone such as Europe/Madrid or America/New_York"}
	}
	f.table.Zone = zone
	return nil
}

func (c *command) runImport(ctx context.Context, f *importFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	r, err := c.openRunner(ctx, f.dryRun)
	if err != nil {
		return err
	}
	h, err := c.app().ReadJavaTable(ctx, f.table)
	if err != nil {
		c.data = newImportData(f, nil, nil).withFaults(err)
		return err
	}
	c.note("table %s: %s read", f.table.Table, plural(len(h.Rows)+h.System, "row"))
	if !f.dryRun && len(h.Rows) > 0 {
		if err := c.confirm(ctx, fmt.Sprintf("The history in table %s will be recorded in ledger %s. What is recorded stays.", f.table.Table, c.app().Config.Ledger)); err != nil {
			return err
		}
	}
	rep, err := r.Import(ctx, run.Import{Origin: h.Origin, Rows: h.Rows, Reason: f.reason, DryRun: f.dryRun, Progress: c.importProgress()})
	d := newImportData(f, h, &rep)
	for _, w := range d.Warnings {
		c.warn(w)
	}
	c.result(d, func(out *printer) { c.printImport(out, d, err) })
	return err
}

// importProgress says from time to time how far it is.
func (c *command) importProgress() func(done, total int) {
	told := c.proc.Now()
	return func(done, total int) {
		if now := c.proc.Now(); now.Sub(told) >= stillEvery {
			told = now
			c.note("%d of %d entries recorded", done, total)
		}
	}
}
