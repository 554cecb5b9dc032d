package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// Main runs the command line over the process's arguments, environment and
// streams, and ends the process. The first SIGINT or SIGTERM asks it to stop in
// good order, the second ends it at once.
func Main(p core.Program) {
	if _, set := os.LookupEnv("GOGC"); !set { //nolint:forbidigo // a main; this is not configuration
		debug.SetGCPercent(400) // a short life: a few megabytes more are cheaper than collecting them
	}
	stop := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // a terminal or session that goes away
		signal.Notify(signals, syscall.SIGHUP)
	}
	// A reader of our output that goes away must not end a change in the middle.
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		<-signals
		close(stop)
		endBy(<-signals)
	}()
	code := Run(context.Background(), p, Process{ //nolint:forbidigo // this is the main
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		LookupEnv: os.LookupEnv, Environ: os.Environ, Stop: stop, //nolint:forbidigo // handed to core/config, which reads it
	})
	os.Exit(code) //nolint:forbidigo // this is the main
}

// endBy ends the process by the signal's default effect, so that whoever waits for
// it sees which one it was.
func endBy(sig os.Signal) {
	if n, ok := sig.(syscall.Signal); ok && os.Getpid() == 1 { // the kernel spares it the default effect
		os.Exit(128 + int(n)) //nolint:forbidigo // this is the main's
	}
	signal.Reset()
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(sig) == nil {
		<-time.After(time.Second) // the signal is on its way
	}
	os.Exit(core.CodeInterrupted.Exit()) //nolint:forbidigo // this is the main's
}

// Process is what a command line runs in.
type Process struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// LookupEnv and Environ read the environment. Nil: it is empty.
	LookupEnv func(string) (string, bool)
	Environ   func() []string
	// Now is the clock of durations and progress. Nil: time.Now.
	Now func() time.Time
	// Stop asks for an end in good order when it is closed. Nil: nobody asks.
	Stop <-chan struct{}
}

// Run runs one command line and returns its exit code: see design.md 5.
func Run(ctx context.Context, p core.Program, proc Process) int {
	if proc.LookupEnv == nil {
		proc.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if proc.Environ == nil {
		proc.Environ = func() []string { return nil }
	}
	if proc.Now == nil {
		proc.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	c := &command{program: p, proc: proc, began: proc.Now()}
	root := c.root()
	root.SetArgs(proc.Args)
	root.SetIn(proc.Stdin)
	root.SetOut(proc.Stdout)
	root.SetErr(proc.Stderr)
	found, err := root.ExecuteContextC(ctx)
	if err != nil && !c.started {
		c.operation = strings.TrimPrefix(strings.TrimPrefix(found.CommandPath(), c.name()), " ")
		if wantsJSON(proc.Args) {
			c.output = "json" // the flag may stand behind the one that is wrong
		}
		// cobra's own: an unknown command or flag, wrong arguments.
		var coded core.Coded
		if !errors.As(err, &coded) {
			err = &core.UsageError{Reason: err.Error(), Next: "see the commands with: " + c.name() + " --help"}
		}
	}
	return c.finish(err)
}

// wantsJSON finds --output json among arguments that could not be parsed.
func wantsJSON(args []string) bool {
	for i, a := range args {
		switch a {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			if i+1 < len(args) && args[i+1] == "json" {
				return true
			}
		}
	}
	return false
}

// command is one call of the command line.
type command struct {
	program core.Program
	proc    Process
	began   time.Time

	configPath string
	ledger     string
	output     string
	logLevel   string
	quiet      bool
	yes        bool
	noColor    bool
	flags      map[string]string // configuration given by flags of the command

	started   bool   // a command's own function was reached
	operation string // for the JSON document
	data      any
	session   *operation.Session
}

func (c *command) name() string {
	if c.program.Name != "" {
		return c.program.Name
	}
	return "flamingock"
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   c.name(),
		Short: "Apply versioned, audited changes to the systems that an application depends on",
		Long: `Flamingock applies changes as code: versioned, ordered, audited, each executed exactly
once on its target system, under a lock, with a recovery strategy when something fails.

It reads ` + "flamingock.yaml" + ` in the current directory, or the file named with --config.
Every setting can also be given in the environment: FLAMINGOCK_LOCK_WAIT=1m is lock.wait.

Exit codes: 0 done or nothing to do; 64 usage; 65 changes invalid, or drift; 69 audit store
or target system unavailable; 70 a change failed; 75 locked, or stopped in time: try again;
77 permission denied; 78 configuration invalid; 79 a person must resolve an issue; 80 pending.`,
		Example:       "  flamingock plan\n  flamingock apply\n  flamingock issue list",
		SilenceErrors: true, SilenceUsage: true,
		Version: app.Version(c.program),
	}
	if c.name() != "flamingock" {
		root.Example = strings.ReplaceAll(root.Example, "flamingock", c.name())
	}
	f := root.PersistentFlags()
	f.StringVarP(&c.configPath, "config", "c", "", "configuration `file` (FLAMINGOCK_CONFIG; default ./flamingock.yaml)")
	f.StringVar(&c.ledger, "ledger", "", "the `name` of the history (FLAMINGOCK_LEDGER)")
	f.StringVarP(&c.output, "output", "o", "text", "`format` of the result: text or json (FLAMINGOCK_OUTPUT)")
	f.StringVar(&c.logLevel, "log-level", "info", "least `level` that is logged: debug, info, warn or error (FLAMINGOCK_LOG_LEVEL)")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "no progress, only the result and errors")
	f.BoolVarP(&c.yes, "yes", "y", false, "do not ask for confirmation")
	f.BoolVar(&c.noColor, "no-color", false, "no colours (NO_COLOR)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &core.UsageError{Reason: err.Error(), Next: "see the flags with: " + cmd.CommandPath() + " --help"}
	})
	root.AddCommand(c.applyCommand(), c.planCommand(), c.statusCommand(), c.validateCommand(), c.auditCommand(), c.issueCommand(),
		c.driftCommand(), c.baselineCommand(), c.importCommand(), c.lockCommand(), c.storeCommand(), c.waitCommand(), c.newCommand(), c.configCommand(), c.schemaCommand(), c.versionCommand(), c.executeCommand(), c.manCommand())
	root.InitDefaultCompletionCmd()
	c.completeFlags(root)
	return groupOnly(root)
}

// do wraps the function of a command that ends when the process is asked to stop:
// it has nothing to bring to a good end.
func (c *command) do(name string, f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return c.doGracefully(name, func(ctx context.Context, args []string) error {
		ctx, cancel := operation.Stoppable(ctx, c.proc.Stop)
		defer cancel()
		return f(ctx, args)
	})
}

// doGracefully wraps a command's function: it checks the global flags, notes the
// operation and closes what was opened. The function itself heeds Stop, or what it
// calls does.
func (c *command) doGracefully(name string, f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c.started, c.operation = true, name
		if err := c.checkGlobal(cmd); err != nil {
			return err
		}
		err := f(cmd.Context(), args)
		if c.session != nil {
			if cerr := c.session.Close(); cerr != nil {
				err = errors.Join(err, cerr)
			}
		}
		return err
	}
}

func (c *command) checkGlobal(cmd *cobra.Command) error {
	// An empty value is nearly always a variable that is not set: to run without
	// what it should have said is worse than to stop.
	var empty error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.String() == "" || f.Value.String() == "[]" {
			empty = &core.UsageError{Reason: "--" + f.Name + " is given, but empty", Next: "give it a value, or leave it out"}
		}
	})
	if empty != nil {
		return empty
	}
	for name, into := range map[string]*string{"output": &c.output, "log-level": &c.logLevel} {
		if v, ok := c.proc.LookupEnv("FLAMINGOCK_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))); ok && v != "" && !cmd.Flags().Changed(name) {
			*into = v
		}
	}
	if c.output != "text" && c.output != "json" {
		return &core.UsageError{Reason: fmt.Sprintf("--output %q is neither text nor json", c.output)}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.logLevel)); err != nil {
		return &core.UsageError{Reason: fmt.Sprintf("--log-level %q is not debug, info, warn or error", c.logLevel)}
	}
	if c.configPath == "" {
		c.configPath, _ = c.proc.LookupEnv("FLAMINGOCK_CONFIG")
	}
	if _, off := c.proc.LookupEnv("NO_COLOR"); off {
		c.noColor = true
	}
	return nil
}

// begin makes the session of a command. Events and warn are told what goes on.
func (c *command) begin(events func(run.Event), warn func(string)) *operation.Session {
	flags := maps.Collect(maps.All(c.flags))
	if c.ledger != "" {
		flags["ledger"] = c.ledger
	}
	c.session = operation.New(operation.Options{
		App: app.Options{
			Program: c.program, ConfigPath: c.configPath, Flags: flags, LookupEnv: c.proc.LookupEnv, Environ: c.proc.Environ,
			Trigger: core.Trigger{Kind: "cli"}, Events: events,
		},
		Stop: c.proc.Stop, Warn: warn, Command: c.base(),
	})
	return c.session
}

// quietly is begin for a command that shows no progress.
func (c *command) quietly() *operation.Session { return c.begin(nil, c.tell) }

// app is what was wired; nil before the configuration is read.
func (c *command) app() *app.App {
	if c.session == nil {
		return nil
	}
	return c.session.App()
}

// configure reads the configuration.
func (c *command) configure() error { return c.quietly().Configure() }

// openRunner configures, loads the changes, opens the audit store, and makes the
// Runner.
func (c *command) openRunner(ctx context.Context, readOnly bool) (*run.Runner, error) {
	return c.quietly().Open(ctx, readOnly)
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
