package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// onceValue is a flag that may be given once: a second -c would be the global one,
// given before the command, and silently lost.
type onceValue struct{ into *string }

func (v *onceValue) String() string {
	if v.into == nil {
		return ""
	}
	return *v.into
}
func (v *onceValue) Type() string { return "string" }
func (v *onceValue) Set(s string) error {
	if *v.into != "" {
		return errors.New("-c is the change's id here: name the configuration with --config")
	}
	*v.into = s
	return nil
}

// executeCommand is the Java edition's form of apply.
func (c *command) executeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "execute", Short: "Flamingock's own form: execute apply", Hidden: true}
	cmd.AddCommand(c.applyCommand())
	return groupOnly(cmd)
}

// auditFixCommand is the Java edition's form of issue resolve. That has no
// reason; one can be given, and what is recorded otherwise says where it came from.
func (c *command) auditFixCommand() *cobra.Command {
	var id, resolutionName, reason string
	cmd := &cobra.Command{
		Use: "fix -c ID -r APPLIED|ROLLED_BACK", Short: "Flamingock's own form of issue resolve", Args: noArgs,
	}
	// -c is --config everywhere else; here it is the Java edition's. A flag of the
	// same name keeps the global one, with its -c, away.
	cmd.Flags().StringVar(&c.configPath, "config", "", "configuration `file` (FLAMINGOCK_CONFIG; default ./flamingock.yaml)")
	cmd.Flags().VarP(&onceValue{into: &id}, "change-id", "c", "the `id` of the change (required)")
	cmd.Flags().StringVarP(&resolutionName, "resolution", "r", "", "APPLIED or ROLLED_BACK (required)")
	cmd.Flags().StringVar(&reason, "reason", "audit fix", "what you found and did; it is recorded")
	cmd.RunE = c.doGracefully("audit fix", func(ctx context.Context, _ []string) error {
		if id == "" {
			return &core.UsageError{Reason: "--change-id is required", Next: "see the issues with: " + c.name() + " issue list"}
		}
		if resolutionName == "" {
			return &core.UsageError{Reason: "--resolution is required", Next: "-r APPLIED, or -r ROLLED_BACK"}
		}
		return c.resolve(ctx, operation.IssueResolveRequest{ChangeID: id, As: resolutionName, Reason: reason})
	})
	return cmd
}
