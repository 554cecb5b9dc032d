package cli

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app"
)

// completeWithin bounds what a press of the tab key may cost. Target systems are
// never contacted for it.
const completeWithin = 2 * time.Second

// completion is what can be completed: a value, and a word about it.
type completion struct{ value, about string }

// completes makes a function for cobra of one that looks things up. Whatever goes
// wrong, there is nothing to propose, and nothing is said: the person is typing.
func (c *command) completes(find func(ctx context.Context, a *app.App) []completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (out []cobra.Completion, next cobra.ShellCompDirective) {
		next = cobra.ShellCompDirectiveNoFileComp
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		defer func() {
			if recover() != nil { // a target system's, say
				out = nil
			}
		}()
		flags := map[string]string{}
		if c.ledger != "" {
			flags["ledger"] = c.ledger
		}
		a, err := app.New(app.Options{Program: c.program, ConfigPath: c.configPath, Flags: flags, LookupEnv: c.proc.LookupEnv, Environ: c.proc.Environ})
		if err != nil {
			return nil, next
		}
		for _, f := range find(ctx, a) {
			if !slices.Contains(args, f.value) {
				out = append(out, cobra.CompletionWithDesc(f.value, oneLine(f.about)))
			}
		}
		_ = a.Close() //nolint:errcheck // only read
		return out, next
	}
}

// onlyFirst completes the first argument and no further one.
func onlyFirst(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, toComplete)
	}
}

// ledgerOf reads the ledger, if it can be read.
func ledgerOf(ctx context.Context, a *app.App) core.Snapshot {
	if a.OpenStore(ctx, true) != nil {
		return core.Snapshot{}
	}
	s, err := a.Store.Load(ctx, a.Config.Ledger)
	if err != nil {
		return core.Snapshot{}
	}
	return s
}

// pendingChanges are the changes that are not applied, for --to.
func pendingChanges(ctx context.Context, a *app.App) (out []completion) {
	if a.LoadChanges() != nil {
		return nil
	}
	s := ledgerOf(ctx, a)
	for i := range a.Stages {
		for _, ch := range a.Stages[i].Changes {
			if rec, ok := s.Records[ch.ID]; !ok || !rec.State.IsApplied() {
				out = append(out, completion{ch.ID, "stage " + a.Stages[i].Name})
			}
		}
	}
	return out
}

// recordedChanges are those of the ledger that keep accepts.
func recordedChanges(keep func(core.Record) bool) func(context.Context, *app.App) []completion {
	return func(ctx context.Context, a *app.App) (out []completion) {
		s := ledgerOf(ctx, a)
		for _, id := range slices.Sorted(maps.Keys(s.Records)) {
			if rec := s.Records[id]; keep(rec) {
				out = append(out, completion{id, string(rec.State)})
			}
		}
		return out
	}
}

func anyRecord(core.Record) bool { return true }

// editedChanges are the applied changes that were edited, for drift accept.
func editedChanges(ctx context.Context, a *app.App) (out []completion) {
	if a.LoadChanges() != nil {
		return nil
	}
	s := ledgerOf(ctx, a)
	for i := range a.Stages {
		for j := range a.Stages[i].Changes {
			ch := &a.Stages[i].Changes[j]
			if rec := s.Records[ch.ID]; rec.State.IsApplied() && rec.Checksum != ch.Fingerprint() {
				out = append(out, completion{ch.ID, "edited since it was applied"})
			}
		}
	}
	return out
}

// stageNames are the configured stages and those in code.
func (c *command) stageNames(_ context.Context, a *app.App) (out []completion) {
	var seen []string
	add := func(name, about string) {
		if !slices.Contains(seen, name) {
			seen, out = append(seen, name), append(out, completion{name, about})
		}
	}
	for _, s := range a.Config.Stages {
		add(s.Name, firstOf(s.Description, s.Location))
	}
	for i := range c.program.Stages {
		add(c.program.Stages[i].Name, firstOf(c.program.Stages[i].Description, "in code"))
	}
	return out
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// directoryStages are the stages that new can write to.
func directoryStages(_ context.Context, a *app.App) (out []completion) {
	for _, s := range a.Config.Stages {
		if s.Location != "" {
			out = append(out, completion{s.Name, firstOf(s.Description, s.Location)})
		}
	}
	return out
}

func targetIDs(_ context.Context, a *app.App) (out []completion) {
	for _, t := range a.Config.TargetSystems {
		out = append(out, completion{t.ID, t.Type})
	}
	return out
}

// templateNames are the templates of all configured target systems.
func (c *command) templateNames(_ context.Context, a *app.App) (out []completion) {
	for _, t := range c.program.Targets {
		used := slices.ContainsFunc(targetIDs(context.Background(), a), func(x completion) bool { return x.about == t.Name }) //nolint:forbidigo // reads what is in memory
		for _, tpl := range t.Templates {
			if used && !slices.ContainsFunc(out, func(x completion) bool { return x.value == tpl.Name }) {
				out = append(out, completion{tpl.Name, ""})
			}
		}
	}
	return out
}

// completeFlags gives flags their values, wherever in the tree of commands they
// are. One that is misspelled here is a fault that a test finds.
func (c *command) completeFlags(root *cobra.Command) {
	fixed := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	issues := c.completes(recordedChanges(func(rec core.Record) bool { return rec.State.IsUnfinished() }))
	stages, to := c.completes(c.stageNames), c.completes(pendingChanges)
	byFlag := map[string]cobra.CompletionFunc{
		"stage": stages, "to": to, "target": c.completes(targetIDs), "template": c.completes(c.templateNames),
		"change": c.completes(recordedChanges(anyRecord)), "change-id": issues,
		"as": fixed("applied", "rolled-back"), "resolution": fixed("APPLIED", "ROLLED_BACK"),
		"output": fixed("text", "json"), "log-level": fixed("debug", "info", "warn", "error"),
		"config": cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	byCommand := map[string]cobra.CompletionFunc{
		"issue get": onlyFirst(issues), "issue resolve": onlyFirst(issues), "drift accept": onlyFirst(c.completes(editedChanges)),
	}
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		for name, f := range byFlag {
			if path == "new" && name == "stage" {
				f = c.completes(directoryStages)
			}
			if cmd.LocalFlags().Lookup(name) != nil {
				_ = cmd.RegisterFlagCompletionFunc(name, f) //nolint:errcheck // the flag is there, and has no other
			}
		}
		if f, ok := byCommand[path]; ok {
			cmd.ValidArgsFunction = f
		}
		for _, sub := range cmd.Commands() {
			at := sub.Name()
			if path != "" {
				at = path + " " + at
			}
			walk(sub, at)
		}
	}
	walk(root, "")
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
}
