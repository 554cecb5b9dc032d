package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

func (c *command) issueCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "issue", Short: "See and resolve what waits for a person", Args: noArgs}
	cmd.AddCommand(c.issueListCommand(), c.issueGetCommand(), c.issueResolveCommand())
	return groupOnly(cmd)
}

// issuePlan is the plan of the issue commands. Whoever is called at night must be
// able to read them also when a change file has a fault: then from the ledger
// alone, which knows every unfinished change.
func (c *command) issuePlan(ctx context.Context) (*plan.Plan, core.Snapshot, error) {
	p, snap, err := c.makePlan(ctx, &selectFlags{})
	var faulty *core.ValidationError
	if !errors.As(err, &faulty) || c.app == nil || c.app.Store != nil {
		return p, snap, err
	}
	c.warn("the change files have faults (see flamingock validate): what follows is from the ledger alone")
	if err := c.app.OpenStore(ctx, true); err != nil {
		return nil, snap, err
	}
	r, err := c.app.Runner()
	if err != nil {
		return nil, snap, err
	}
	return r.Plan(ctx, plan.Selection{})
}

// readIssues is what the issue commands begin with.
func (c *command) readIssues(ctx context.Context) (*plan.Plan, core.Snapshot, []issueData, error) {
	p, snap, err := c.issuePlan(ctx)
	if err != nil {
		return nil, snap, nil, err
	}
	issues, err := c.issues(ctx, p, snap)
	return p, snap, issues, err
}

// issueData is one issue, or a change that another execution is running.
type issueData struct {
	ChangeID string           `json:"changeId"`
	State    string           `json:"state"`
	Since    time.Time        `json:"since"`
	Seq      uint64           `json:"seq"`
	Reason   string           `json:"reason"`
	Error    *core.EntryError `json:"error"`
	Commands []string         `json:"commands"`
}

// issues lists the changes that wait for a person, and those that run now.
func (c *command) issues(ctx context.Context, p *plan.Plan, snap core.Snapshot) ([]issueData, error) {
	out := []issueData{}
	add := func(rec core.Record, state, reason string, commands []string) error {
		e, err := c.lastError(ctx, rec)
		if err != nil {
			return err
		}
		out = append(out, issueData{ChangeID: rec.ChangeID, State: state, Since: rec.At, Seq: rec.Seq, Reason: reason, Error: e, Commands: commands})
		return nil
	}
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			ch := &p.Stages[i].Changes[j]
			var err error
			switch ch.Decision {
			case plan.Manual:
				err = add(*ch.Record, string(ch.Record.State), ch.Reason, c.resolveCommands(*ch.Record))
			case plan.Running:
				err = add(*ch.Record, string(plan.Running), "execution "+snap.Head.Holder.Execution+" on "+snap.Head.Holder.Host+" is at work on it", []string{})
			case plan.Apply, plan.Skip, plan.Settle:
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, is := range p.Lost {
		if err := add(snap.Records[is.ChangeID], string(is.State), is.Reason, c.resolveCommands(snap.Records[is.ChangeID])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lastError returns the error of the change's last attempt.
func (c *command) lastError(ctx context.Context, rec core.Record) (*core.EntryError, error) {
	entries, err := c.attempt(ctx, rec)
	if err != nil {
		return nil, err
	}
	var found *core.EntryError
	for i := range entries {
		if entries[i].Error != nil && found == nil {
			found = entries[i].Error // the first is the change's own, later ones its rollback's
		}
	}
	return found, nil
}

// attempt reads the entries of the change's last attempt.
func (c *command) attempt(ctx context.Context, rec core.Record) ([]core.Entry, error) {
	var out []core.Entry
	q := core.HistoryQuery{Ledger: c.app.Config.Ledger, ChangeID: rec.ChangeID, AfterSeq: max(rec.StartedSeq, 1) - 1}
	for {
		page, err := c.app.Store.History(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Entries...)
		if page.Next == 0 {
			return out, nil
		}
		q.AfterSeq = page.Next
	}
}

func (c *command) resolveCommands(rec core.Record) []string {
	base := c.base()
	f := func(as string) string {
		return fmt.Sprintf("%s issue resolve %s --as %s --seq %d --reason \"…\"", base, quote(rec.ChangeID), as, rec.Seq)
	}
	return []string{f("applied"), f("rolled-back")}
}

// base is this command with the global flags that it was given: what printed
// commands begin with, so that they read the same configuration.
func (c *command) base() string {
	base := c.name()
	if c.configPath != "" {
		base += " -c " + quote(c.configPath)
	}
	if c.ledger != "" {
		base += " --ledger " + c.ledger
	}
	return base
}

// quote quotes s for a shell when it has to be.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:=@%+,", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (c *command) issueListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the changes that wait for a person", Args: noArgs,
		RunE: c.do("issue list", func(ctx context.Context, _ []string) error {
			_, _, issues, err := c.readIssues(ctx)
			if err != nil {
				return err
			}
			c.result(struct {
				Issues []issueData `json:"issues"`
			}{issues}, func(out *printer) {
				if len(issues) == 0 {
					out.linef("No issues.")
					return
				}
				rows := [][]string{{"CHANGE", "STATE", "SINCE (UTC)", "REASON", "ERROR"}}
				for _, is := range issues {
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
		RunE: c.do("issue get", func(ctx context.Context, args []string) error {
			p, snap, issues, err := c.readIssues(ctx)
			if err != nil {
				return err
			}
			is, err := c.pick(p, snap, issues, args)
			if err != nil {
				return err
			}
			if is == nil {
				c.result(struct {
					Issue *issueData `json:"issue"`
				}{}, func(out *printer) { out.linef("No issues.") })
				return nil
			}
			rec := snap.Records[is.ChangeID]
			entries, err := c.attempt(ctx, rec)
			if err != nil {
				return err
			}
			known := c.whatIsKnown(p, rec)
			c.result(issueGetData{issueData: *is, TargetSystem: rec.TargetSystem, TxType: rec.TxType, Attempt: rec.Attempt, Known: known, Entries: newAuditData(entries, 0).Entries},
				func(out *printer) {
					c.printIssue(out, is, rec, entries, known, snap.Head, c.holderGone(ctx, snap.Head))
				})
			return nil
		}),
	}
}

type issueGetData struct {
	issueData
	TargetSystem string      `json:"targetSystem"`
	TxType       core.TxType `json:"txType"`
	Attempt      int         `json:"attempt"`
	Known        []string    `json:"known"`
	Entries      []entryData `json:"entries"`
}

// pick finds the issue that args name; nil when there is none at all.
func (c *command) pick(p *plan.Plan, snap core.Snapshot, issues []issueData, args []string) (*issueData, error) {
	if len(args) == 0 {
		if len(issues) == 0 {
			return nil, nil //nolint:nilnil // no issue is no error
		}
		return &issues[0], nil
	}
	id := args[0]
	if i := slices.IndexFunc(issues, func(is issueData) bool { return is.ChangeID == id }); i >= 0 {
		return &issues[i], nil
	}
	next := "see the issues with: " + c.name() + " issue list"
	if rec, ok := snap.Records[id]; ok {
		for i := range p.Stages {
			for j := range p.Stages[i].Changes {
				if ch := &p.Stages[i].Changes[j]; ch.Change.ID == id && ch.Decision != plan.Skip {
					return &issueData{ChangeID: id, State: string(rec.State), Since: rec.At, Seq: rec.Seq, Reason: "the next apply deals with it: " + ch.Reason, Commands: []string{c.base() + " apply"}}, nil
				}
			}
		}
		return nil, &core.UsageError{Reason: fmt.Sprintf("change %s has no issue: it is %s", id, rec.State), Next: next}
	}
	return nil, &core.UsageError{Reason: fmt.Sprintf("the ledger has no entry of a change %q%s", id, core.DidYouMean(id, recorded(snap))), Next: next}
}

func recorded(snap core.Snapshot) []string {
	var ids []string
	for id := range snap.Records {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// whatIsKnown says what the ledger tells about the target system.
func (c *command) whatIsKnown(p *plan.Plan, rec core.Record) []string {
	var known []string
	switch {
	case rec.TxType == core.TxSeparateMarker && (rec.State == core.StateStarted || rec.Unknown):
		known = append(known, "It ran in a transaction with a marker: the next apply asks the marker and goes on by itself.")
	case rec.State == core.StateFailed && rec.Unknown:
		known = append(known, "Its last call may or may not have taken effect in "+rec.TargetSystem+", and might still do so.")
	case rec.State == core.StateFailed && rec.Operation == core.OpRollback:
		known = append(known, "It failed, and was rolled back in part: steps without a rollback are left in "+rec.TargetSystem+".")
	case rec.State == core.StateFailed:
		known = append(known, "It failed without a transaction and was not rolled back: what it did before the failure is still in "+rec.TargetSystem+".")
	case rec.State == core.StateRollbackFailed:
		known = append(known, "It failed, and its rollback failed too: "+rec.TargetSystem+" holds part of it.")
	}
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			ch := p.Stages[i].Changes[j].Change
			if ch.ID != rec.ChangeID {
				continue
			}
			if ch.Source.File != "" {
				known = append(known, "It is defined in "+ch.Source.String()+".")
			}
			if ch.Fingerprint() != rec.Checksum {
				known = append(known, "It was edited since that attempt.")
			}
		}
	}
	return known
}

func (c *command) printIssue(out *printer, is *issueData, rec core.Record, entries []core.Entry, known []string, head core.Head, gone bool) {
	out.linef("%s  %s", out.paint(bold, is.ChangeID), out.paint(red, is.State))
	out.linef("stage %s, order %s, target system %s, %s, %s, attempt %d", rec.Stage, rec.Order, rec.TargetSystem, rec.TxType, rec.Strategy, rec.Attempt)
	out.linef("")
	out.linef("%s", out.paint(bold, "What happened"))
	for _, e := range entries {
		line := fmt.Sprintf("  %s  entry %d  %s", e.StartedAt.Format("2006-01-02 15:04:05"), e.Seq, e.State)
		if e.Reason != "" {
			line += "  " + oneLine(e.Reason)
		}
		out.linef("%s", line)
		if e.Error != nil {
			out.linef("      %s", strings.ReplaceAll(strings.TrimSpace(e.Error.Message), "\n", "\n      "))
		}
	}
	out.linef("")
	out.linef("%s", out.paint(bold, "What is known"))
	out.linef("  %s.", upperFirst(is.Reason))
	for _, k := range known {
		out.linef("  %s", k)
	}
	if len(entries) > 0 {
		e := entries[len(entries)-1]
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
	var as, reason string
	var seq uint64
	var force bool
	cmd := &cobra.Command{
		Use: "resolve ID --as applied|rolled-back --reason TEXT", Short: "Record what you found, or did, about a change that waits for you",
		Long: `Resolve records a person's word: the change is wholly there (--as applied), or nothing of it is
there and it may run again (--as rolled-back). If its last attempt left a marker in the target
system, that is asked first, and an answer that it contradicts is refused unless forced.`,
		Args: exactlyOne("the ID of the change"),
	}
	cmd.Flags().StringVar(&as, "as", "", "applied or rolled-back (required)")
	cmd.Flags().StringVar(&reason, "reason", "", "what you found and did; it is recorded (required)")
	cmd.Flags().Uint64Var(&seq, "seq", 0, "the entry that you saw: refused if there is a newer one")
	cmd.Flags().BoolVar(&force, "force", false, "also against the marker, or when the target system cannot be asked")
	cmd.RunE = c.do("issue resolve", func(ctx context.Context, args []string) error {
		state, err := resolution(as)
		if err != nil {
			return err
		}
		return c.resolve(ctx, run.Resolution{ChangeID: args[0], As: state, Reason: reason, Seq: seq, Force: force})
	})
	return cmd
}

func resolution(as string) (core.State, error) {
	switch strings.ToLower(strings.ReplaceAll(as, "_", "-")) {
	case "applied":
		return core.StateManualMarkedApplied, nil
	case "rolled-back":
		return core.StateManualMarkedRolledBack, nil
	case "":
		return "", &core.UsageError{Reason: "--as is required", Next: "--as applied, or --as rolled-back"}
	}
	return "", &core.UsageError{Reason: fmt.Sprintf("--as %q is neither applied nor rolled-back", as)}
}

func (c *command) resolve(ctx context.Context, res run.Resolution) error {
	r, err := c.openRunner(ctx, false, func(e run.Event) {
		if w, ok := e.(run.Warned); ok {
			c.warn(errors.Join(errors.New(w.Text), w.Err).Error())
		}
	})
	if err != nil {
		return err
	}
	snap, err := c.app.Store.Load(ctx, c.app.Config.Ledger)
	if err != nil {
		return err
	}
	if rec, ok := snap.Records[res.ChangeID]; ok && rec.State.IsUnfinished() && res.Reason != "" {
		if res.Seq == 0 {
			res.Seq = rec.Seq
		}
		entries, err := c.attempt(ctx, rec)
		if err != nil {
			return err
		}
		owner := ""
		if n := len(entries); n > 0 {
			owner = fmt.Sprintf("\nIts last owner was execution %s on %s: are you sure that this process is gone?", entries[n-1].ExecutionID, entries[n-1].Host)
		}
		if err := c.confirm(ctx, fmt.Sprintf("Change %s is %s since %s and will be %s.%s", rec.ChangeID, rec.State, rec.At.Format(time.RFC3339), res.As, owner)); err != nil {
			return err
		}
	}
	e, err := r.Resolve(ctx, res)
	if err != nil {
		return err
	}
	c.result(newEntryData(e), func(out *printer) {
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
