package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/dynamo"
)

func (c *command) storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Make and check the DynamoDB table of the audit store, and print the rights it needs", Args: noArgs}
	cmd.AddCommand(c.storeCreateCommand(), c.storeCheckCommand(), c.storePolicyCommand())
	return groupOnly(cmd)
}

func (c *command) storeCreateCommand() *cobra.Command {
	var tags []string
	var kms, longest string
	cmd := &cobra.Command{
		Use: "create", Short: "Make the DynamoDB table of the audit store",
		Long: `Create makes the table that the configuration names in auditStore.dynamodb: on demand, encrypted
at rest, with deletion protection, point-in-time recovery and the tag ` + dynamo.TagKey + `=` + dynamo.TagValue + `.
It ends when the table is ready. A table that exists gets what it lacks of that; one with other
keys, or that seems to belong to something else, is refused. It can be called again at any time.
Who makes tables with other tools needs no more than the keys pk and sk, both text: see store check.`,
		Example: "  flamingock store create --tag team=payments",
		Args:    noArgs,
	}
	cmd.Flags().StringArrayVar(&tags, "tag", nil, "another tag, `key=value` (repeatable)")
	cmd.Flags().StringVar(&kms, "kms-key", "", "the `ARN` of a KMS key that encrypts the table (default: a key of AWS's)")
	cmd.Flags().StringVar(&longest, "timeout", "5m", "give up after this `time`")
	cmd.RunE = c.do("store create", func(ctx context.Context, _ []string) error {
		d, err := time.ParseDuration(longest)
		if err != nil || d <= 0 {
			return &core.UsageError{Reason: "--timeout must be a time such as 90s or 10m"}
		}
		o := dynamo.CreateOptions{KMSKey: kms, Progress: func(text string) { c.note("%s", text) }}
		if o.Tags, err = parseTags(tags); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return c.createTable(ctx, o)
	})
	return cmd
}

func parseTags(tags []string) (map[string]string, error) {
	out := map[string]string{}
	for _, t := range tags {
		k, v, ok := strings.Cut(t, "=")
		if _, twice := out[k]; !ok || k == "" || twice {
			return nil, &core.UsageError{Reason: fmt.Sprintf("--tag %q is not key=value, or its key is given twice", t), Next: "write it as --tag team=payments"}
		}
		out[k] = v
	}
	return out, nil
}

// createdData is what store create says in JSON.
type createdData struct {
	Table    string   `json:"table"`
	Region   string   `json:"region"`
	ARN      string   `json:"arn"`
	Created  bool     `json:"created"`
	Changed  []string `json:"changed"`
	Warnings []string `json:"warnings"`
}

func (c *command) createTable(ctx context.Context, o dynamo.CreateOptions) error {
	if err := c.configure(); err != nil {
		return err
	}
	made, err := c.app().CreateTable(ctx, o)
	for _, w := range made.Warnings {
		c.warn(w)
	}
	if made.ARN == "" {
		return err // there is no table that anything could be said of
	}
	data := createdData{made.Table, made.Region, made.ARN, made.New, append([]string{}, made.Changed...), append([]string{}, made.Warnings...)}
	c.result(data, func(out *printer) {
		switch changed := strings.Join(made.Changed, ", "); {
		case made.New:
			out.linef("Table %s is made in %s (%s).", made.Table, made.Region, made.ARN)
		case changed != "":
			out.linef("Table %s exists in %s (%s). It lacked, and has now: %s.", made.Table, made.Region, made.ARN, changed)
		case err == nil:
			out.linef("Table %s exists in %s (%s). Nothing was changed.", made.Table, made.Region, made.ARN)
		}
	})
	return err
}

// findingData is a dynamo.Finding in JSON.
type findingData struct {
	Level dynamo.Level `json:"level"`
	About string       `json:"about"`
	Text  string       `json:"text"`
	Hint  string       `json:"hint"`
}

func (c *command) storeCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Check the DynamoDB table of the audit store, and that the ledger can be read",
		Long: `Check looks at the table's keys, status, replicas, time to live, recovery, protection, encryption,
billing and tag, and reads the ledger. It changes nothing. Faults are what keeps runs from being
safe or possible: it then ends with the exit code of the gravest. Warnings end with 0.`,
		Args: noArgs,
		RunE: c.do("store check", func(ctx context.Context, _ []string) error {
			if err := c.configure(); err != nil {
				return err
			}
			table, err := c.app().OpenTable(ctx)
			if err != nil {
				return err
			}
			found, err := table.Check(ctx, c.app().Config.Ledger)
			if err != nil {
				return err
			}
			c.printFindings(table.Table(), found)
			return found.Err()
		}),
	}
}

func (c *command) printFindings(table string, found dynamo.Findings) {
	data := struct {
		Table    string        `json:"table"`
		Findings []findingData `json:"findings"`
	}{table, []findingData{}}
	for _, f := range found {
		data.Findings = append(data.Findings, findingData{f.Level, f.About, c.redact(f.Text), c.ownCommands(f.Hint)})
	}
	c.result(data, func(out *printer) {
		rows := [][]string{{"LEVEL", "ABOUT", "FOUND"}}
		count := map[dynamo.Level]int{}
		for _, f := range data.Findings {
			rows = append(rows, []string{string(f.Level), f.About, f.Text})
			count[f.Level]++
		}
		out.table(rows)
		for _, f := range data.Findings {
			if f.Level == dynamo.LevelWarning && f.Hint != "" { // those of faults are the error's
				out.linef("%s: %s", f.About, f.Hint)
			}
		}
		out.linef("Table %s: %s, %s.", table, plural(count[dynamo.LevelFault], "fault"), plural(count[dynamo.LevelWarning], "warning"))
	})
}
