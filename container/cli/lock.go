package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func (c *command) lockCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "lock", Short: "Show the lock, or free it on a person's word", Args: noArgs}
	show := &cobra.Command{
		Use: "show", Short: "Show who holds the lock", Args: noArgs,
		RunE: c.do("lock show", func(ctx context.Context, _ []string) error {
			snap, err := c.loadHead(ctx, true)
			if err != nil {
				return err
			}
			gone := c.session.HolderGone(ctx, snap.Head)
			c.result(struct {
				Lock *operation.LockData `json:"lock"`
			}{operation.NewLockData(snap.Head, gone)}, func(out *printer) {
				if !snap.Head.Held() {
					out.linef("lock: free (ledger %s)", c.app().Config.Ledger)
					return
				}
				printLock(out, snap.Head, gone)
				if gone {
					return
				}
				out.linef("When you know that this process is gone: %s lock release %d --reason \"…\"", c.base(), snap.Head.Token)
			})
			return nil
		}),
	}
	var reason string
	release := &cobra.Command{
		Use: "release TOKEN", Short: "Free a held lock; its holder can no longer write to the ledger",
		Long: `Release frees a lock whose holder is known to be gone. A dead holder's lock is taken over by
itself after its lease, so this is seldom needed. TOKEN is shown by lock show. If the holder
still lives, it cannot write to the ledger any more, but a call to a target system that it has
under way cannot be recalled.`,
		Args: exactlyOne("the TOKEN that lock show prints"),
	}
	release.Flags().StringVar(&reason, "reason", "", "why; it is recorded (required)")
	release.RunE = c.do("lock release", func(ctx context.Context, args []string) error {
		token, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return &core.UsageError{Reason: fmt.Sprintf("%q is not a token", args[0]), Next: "see it with: " + c.name() + " lock show"}
		}
		snap, err := c.loadHead(ctx, false)
		if err != nil {
			return err
		}
		if snap.Head.Held() && snap.Head.Token == token && reason != "" {
			if err := c.confirm(ctx, fmt.Sprintf("The lock is held by execution %s on %s (process %d) since %s.\nAre you sure that this process is gone?",
				snap.Head.Holder.Execution, snap.Head.Holder.Host, snap.Head.Holder.PID, snap.Head.Holder.Since.Format(time.RFC3339))); err != nil {
				return err
			}
		}
		r, err := c.app().Runner()
		if err != nil {
			return err
		}
		e, err := r.Unlock(ctx, token, reason)
		if err != nil {
			return err
		}
		c.result(operation.NewEntryData(&e), func(out *printer) { out.linef("The lock is free. Recorded as entry %d.", e.Seq) })
		return nil
	})
	cmd.AddCommand(show, release)
	return groupOnly(cmd)
}

// groupOnly makes a command that only groups others show its help, and refuse
// what it does not know.
func groupOnly(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var known []string
		for _, sub := range cmd.Commands() {
			known = append(known, sub.Name())
		}
		return &core.UsageError{Reason: fmt.Sprintf("unknown command %q for %q%s", args[0], cmd.CommandPath(), core.DidYouMean(args[0], known)), Next: "see the commands with: " + cmd.CommandPath() + " --help"}
	}
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &core.UsageError{Reason: fmt.Sprintf("%s takes no arguments, but was given %q", cmd.CommandPath(), args[0]), Next: "see its flags with: " + cmd.CommandPath() + " --help"}
	}
	return nil
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &core.UsageError{Reason: fmt.Sprintf("%s takes one argument, but was given %d", cmd.CommandPath(), len(args)), Next: "see: " + cmd.CommandPath() + " --help"}
	}
	return nil
}

func exactlyOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &core.UsageError{Reason: fmt.Sprintf("%s needs exactly one argument: %s", cmd.CommandPath(), what), Next: "see: " + cmd.CommandPath() + " --help"}
		}
		return nil
	}
}

// loadHead opens the store without the changes and loads the ledger.
func (c *command) loadHead(ctx context.Context, readOnly bool) (core.Snapshot, error) {
	if err := c.configure(); err != nil {
		return core.Snapshot{}, err
	}
	if err := c.app().OpenStore(ctx, readOnly); err != nil {
		return core.Snapshot{}, err
	}
	return c.app().Store.Load(ctx, c.app().Config.Ledger)
}

func printLock(out *printer, h core.Head, gone bool) {
	out.linef("lock: held by execution %s on %s (process %d, %s) since %s, token %d, lease %s",
		h.Holder.Execution, h.Holder.Host, h.Holder.PID, h.Holder.Principal, h.Holder.Since.Format(time.RFC3339), h.Token, h.Lease)
	if gone {
		out.linef("      its process is gone: the next run takes the lock over")
	}
}
