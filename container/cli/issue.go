package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func (c *command) issueCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "issue", Short: "See and resolve what waits for a person", Args: noArgs}
	cmd.AddCommand(c.issueListCommand(), c.issueGetCommand(), c.issueResolveCommand())
	return groupOnly(cmd)
}

// base is this command with the global flags that it was given: what printed
// commands begin with, so that they read the same configuration.
func (c *command) base() string {
	base := c.name()
	if c.configPath != "" {
		base += " -c " + core.ShellQuote(c.configPath)
	}
	if c.ledger != "" {
		base += " --ledger " + c.ledger
	}
	return base
}

func (c *command) issueListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the changes that wait for a person", Args: noArgs,
		RunE: c.doGracefully("issue list", func(ctx context.Context, _ []string) error {
			d, err := c.quietly().IssueList(ctx, operation.IssueListRequest{})
			if err != nil {
				return err
			}
			c.result(d, func(out *printer) {
				if len(d.Issues) == 0 {
					out.linef("No issues.")
					return
				}
				rows := [][]string{{"CHANGE", "STATE", "SINCE (UTC)", "REASON", "ERROR"}}
				for _, is := range d.Issues {
					msg := ""
					if is.Error != nil {
						msg = core.Cap(is.Error.Message, 100)
					}
					rows = append(rows, []string{is.ChangeID, is.State, is.Since.Format("2006-01-02 15:04:05"), is.Reason, msg})
				}
				out.table(rows)
				out.linef("See what is known, and the next commands, with: %s issue get ID", c.base())
			})
			return nil
		}),
	}
}

func (c *command) issueGetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "get [ID]", Aliases: []string{"describe"}, Short: "Say what happened to a change, what is known of it, and what to do; without ID: the first issue",
		Args: atMostOne,
		RunE: c.doGracefully("issue get", func(ctx context.Context, args []string) error {
			r := operation.IssueGetRequest{First: len(args) == 0}
			if !r.First {
				r.ChangeID = args[0]
			}
			d, err := c.quietly().IssueGet(ctx, r)
			if err != nil {
				return err
			}
			c.result(d, func(out *printer) {
				if d.IssueDetail == nil {
					out.linef("No issues.")
					return
				}
				printIssue(out, d.IssueDetail, c.session.HolderGone(ctx, d.Head))
			})
			return nil
		}),
	}
}

func printIssue(out *printer, is *operation.IssueDetail, gone bool) {
	rec, head := is.Record, is.Head
	out.linef("%s  %s", out.paint(bold, is.ChangeID), out.paint(red, is.State))
	out.linef("stage %s, order %s, target system %s, %s, %s, attempt %d", rec.Stage, rec.Order, rec.TargetSystem, rec.TxType, rec.Strategy, rec.Attempt)
	out.linef("")
	out.linef("%s", out.paint(bold, "What happened"))
	for _, e := range is.Entries {
		line := fmt.Sprintf("  %s  entry %d  %s", e.StartedAt.Format("2006-01-02 15:04:05"), e.Seq, e.State)
		if e.Reason != "" {
			line += "  " + oneLine(e.Reason)
		}
		out.linef("%s", line)
		for i, before := range e.Captured {
			if before != "" {
				out.linef("      before step %d: %s", i+1, oneLine(before))
			}
		}
		if e.Error != nil {
			out.linef("      %s", strings.ReplaceAll(strings.TrimSpace(e.Error.Message), "\n", "\n      "))
		}
	}
	out.linef("")
	out.linef("%s", out.paint(bold, "What is known"))
	out.linef("  %s.", upperFirst(is.Reason))
	for _, k := range is.Known {
		out.linef("  %s", k)
	}
	if n := len(is.Entries); n > 0 {
		e := is.Entries[n-1]
		if gone && head.Holder.Execution == e.ExecutionID {
			out.linef("  Its last owner was execution %s on %s: process %d, which is gone.", e.ExecutionID, e.Host, head.Holder.PID)
		} else {
			out.linef("  Its last owner was execution %s on %s. Make sure that this process is gone.", e.ExecutionID, e.Host)
		}
	}
	if head.Held() && !gone {
		out.linef("  The lock is held by execution %s on %s since %s.", head.Holder.Execution, head.Holder.Host, head.Holder.Since.Format(time.RFC3339))
	}
	if len(is.Commands) == 0 {
		return
	}
	out.linef("")
	out.linef("%s", out.paint(bold, "What to do"))
	if len(is.Commands) == 2 {
		out.linef("  Look into %s. When the change is wholly there (or you have completed it):", rec.TargetSystem)
		out.linef("    %s", is.Commands[0])
		out.linef("  When nothing of it is there (or you have undone it), so that it may run again:")
		out.linef("    %s", is.Commands[1])
		return
	}
	for _, cmd := range is.Commands {
		out.linef("    %s", cmd)
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (c *command) issueResolveCommand() *cobra.Command {
	var r operation.IssueResolveRequest
	cmd := &cobra.Command{
		Use: "resolve ID --as applied|rolled-back --reason TEXT", Short: "Record what you found, or did, about a change that waits for you",
		Long: `Resolve records a person's word: the change is wholly there (--as applied), or nothing of it is
there and it may run again (--as rolled-back). If its last attempt left a marker in the target
system, that is asked first, and an answer that it contradicts is refused unless forced.`,
		Args: exactlyOne("the ID of the change"),
	}
	cmd.Flags().StringVar(&r.As, "as", "", "applied or rolled-back (required)")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "what you found and did; it is recorded (required)")
	cmd.Flags().Uint64Var(&r.Seq, "seq", 0, "the entry that you saw: refused if there is a newer one")
	cmd.Flags().BoolVar(&r.Force, "force", false, "also against the marker, or when the target system cannot be asked")
	cmd.RunE = c.doGracefully("issue resolve", func(ctx context.Context, args []string) error {
		r.ChangeID = args[0]
		return c.resolve(ctx, r)
	})
	return cmd
}

func (c *command) resolve(ctx context.Context, r operation.IssueResolveRequest) error {
	r.Confirm = func(ctx context.Context, q operation.Resolving) error {
		owner := ""
		if q.Last != nil {
			owner = fmt.Sprintf("\nIts last owner was execution %s on %s: are you sure that this process is gone?", q.Last.ExecutionID, q.Last.Host)
		}
		return c.confirm(ctx, fmt.Sprintf("Change %s is %s since %s and will be %s.%s", q.Record.ChangeID, q.Record.State, q.Record.At.Format(time.RFC3339), q.As, owner))
	}
	e, err := c.begin(func(e run.Event) {
		if w, ok := e.(run.Warned); ok {
			c.warn(errors.Join(errors.New(w.Text), w.Err).Error())
		}
	}, c.tell).IssueResolve(ctx, r)
	if err != nil {
		return err
	}
	c.result(e, func(out *printer) {
		out.linef("Change %s is %s. Recorded as entry %d.", e.ChangeID, e.State, e.Seq)
	})
	return nil
}

// confirm asks on a terminal. Without one, or with --yes, it does not ask.
func (c *command) confirm(ctx context.Context, question string) error {
	if c.yes || c.output == "json" || !isTerminal(c.proc.Stdin) {
		return nil
	}
	fmt.Fprintf(c.proc.Stderr, "%s\nGo on? [y/N] ", clean(question, false))
	answer := make(chan string, 1)
	go func() { // ends with the process at the latest: a read cannot be called off
		line, err := bufio.NewReader(c.proc.Stdin).ReadString('\n')
		if err != nil {
			line = ""
		}
		answer <- line
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case line := <-answer:
		if a := strings.ToLower(strings.TrimSpace(line)); a == "y" || a == "yes" {
			return nil
		}
	}
	return &core.UsageError{Reason: "not confirmed: nothing was done", Next: "answer y, or give --yes"}
}
