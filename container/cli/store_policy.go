package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/dynamo"
)

var accountNumber = regexp.MustCompile(`^\d{12}$`)

func (c *command) storePolicyCommand() *cobra.Command {
	var account string
	var all bool
	cmd := &cobra.Command{
		Use: "policy [runner|reader|admin]", Short: "Print the least IAM policy for the audit store",
		Long: `Policy prints the IAM policy with the rights on the audit store that a role needs, and no others:
of a runner (default; apply, and people who resolve issues), a reader (plan, status, audit, wait) or
an admin (store create, store check). It contacts nothing. Items are those of the configured ledger
only; for several, add their names to dynamodb:LeadingKeys, or allow all with --all-ledgers.
The rights that the changes themselves need on their target systems are not in it.`,
		Example:   "  flamingock store policy runner --account 123456789012 > policy.json\n  aws iam create-policy --policy-name flamingock-runner --policy-document file://policy.json",
		Args:      atMostOne,
		ValidArgs: roleNames(),
	}
	cmd.Flags().StringVar(&account, "account", "", "the `number` of the AWS account (default: any)")
	cmd.Flags().BoolVar(&all, "all-ledgers", false, "allow every ledger in the table, not only the configured one")
	cmd.RunE = c.do("store policy", func(ctx context.Context, args []string) error {
		role := dynamo.RoleRunner
		if len(args) > 0 {
			role = dynamo.Role(args[0])
		}
		if !slices.Contains(dynamo.Roles(), role) {
			return &core.UsageError{Reason: fmt.Sprintf("there is no role %q%s", args[0], core.DidYouMean(args[0], roleNames())), Next: "name runner, reader or admin"}
		}
		if account != "" && !accountNumber.MatchString(account) {
			return &core.UsageError{Reason: "--account must be the twelve digits of an AWS account"}
		}
		if err := c.configure(); err != nil {
			return err
		}
		scope, err := c.app().PolicyScope(ctx)
		if err != nil {
			return err
		}
		if scope.Account = account; all {
			scope.Ledgers = nil
		}
		policy := dynamo.Policy(role, scope)
		text, err := json.MarshalIndent(policy, "", "  ")
		if err != nil {
			return err
		}
		c.result(struct {
			Role   dynamo.Role           `json:"role"`
			Policy dynamo.PolicyDocument `json:"policy"`
		}{role, policy}, func(out *printer) { out.linef("%s", text) })
		return nil
	})
	return cmd
}

func roleNames() []string {
	var names []string
	for _, r := range dynamo.Roles() {
		names = append(names, string(r))
	}
	return names
}
