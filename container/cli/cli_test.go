package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/all"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain makes this test binary the command line itself, as two commands: the
// real one, and one with Go changes compiled in.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"flamingock": func() { cli.Main(core.Program{Version: "v0.0.0-test", Targets: all.Types()}) },
		"withgo":     func() { cli.Main(goProgram()) },
	})
}

// goProgram has changes in Go that act on files in the current directory, which
// is a target system without transactions.
func goProgram() core.Program {
	return core.Program{
		Version: "v0.0.0-test", Targets: all.Types(),
		Clients: []core.Target{core.NewClientTarget("files", files{"."})},
		Stages: []core.Stage{{Name: "go", Changes: []core.Change{
			{ID: "write-one", Order: "0001", Author: "tests", TargetSystem: "files", Revision: "1", Apply: core.StepFor(on(files.one)), Rollback: core.StepFor(on(files.undoOne))},
			{ID: "wait-for-it", Order: "0002", Author: "tests", TargetSystem: "files", Revision: "1", Apply: core.StepFor(on(files.wait)), Rollback: core.StepFor(on(files.undoWait))},
			{ID: "write-three", Order: "0003", Author: "tests", TargetSystem: "files", Revision: "1", Apply: core.StepFor(on(files.three))},
		}}},
	}
}

type files struct{ dir string }

// on turns a method into a step's function.
func on(f func(files, context.Context) error) func(context.Context, files) error {
	return func(ctx context.Context, h files) error { return f(h, ctx) }
}

func (f files) append(name, text string) error {
	h, err := os.OpenFile(filepath.Join(f.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = h.WriteString(text + "\n")
	return errors.Join(err, h.Close())
}

func (f files) one(context.Context) error     { return f.append("log", "one") }
func (f files) undoOne(context.Context) error { return f.append("log", "undo one") }
func (f files) three(context.Context) error   { return f.append("log", "three") }
func (f files) undoWait(context.Context) error {
	return f.append("log", "undo two")
}

// wait goes on when the file "go" exists, fails when "fail" does, and panics when
// "panic" does. With none of them it returns at once unless "slow" is there.
func (f files) wait(ctx context.Context) error {
	if err := f.append("log", "two begins"); err != nil {
		return err
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(f.dir, name))
		return err == nil
	}
	for exists("slow") && !exists("go") {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	if exists("fail") {
		return errors.New("the file fail is there")
	}
	if exists("panic") {
		panic("the file panic is there")
	}
	return f.append("log", "two ends")
}

func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exits,
			"await":   await,
			"many":    many,
			"cleaned": cleaned,
			"sends":   sends,
		},
	})
}

// exits CODE COMMAND ARGS… runs a command and wants that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// await FILE TEXT waits until FILE holds TEXT.
func await(ts *testscript.TestScript, _ bool, args []string) {
	path, deadline := ts.MkAbs(args[0]), time.Now().Add(2*time.Minute)
	for {
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not come to hold %q in time: %q", args[0], args[1], b)
		}
		time.Sleep(10 * time.Millisecond) // another process writes it
	}
}

// many N COMMAND ARGS… starts N processes at once and wants exit code 0 of each.
func many(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	results := make(chan error, n)
	for range n {
		go func() {
			path, err := lookPath(ts, args[1])
			if err != nil {
				results <- err
				return
			}
			cmd := exec.Command(path, args[2:]...)
			cmd.Dir, cmd.Env = ts.MkAbs("."), []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			ts.Fatalf("one of %d: %v", n, err)
		}
	}
}

func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, name); isExecutable(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: not found", name)
}

func isExecutable(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode()&0o111 != 0
}

// sends SIGNAL sends a signal to the process whose id the lock shows.
func sends(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("withgo", "lock", "show", "-o", "json"))
	m := regexp.MustCompile(`"pid": (\d+)`).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no process holds the lock: %s", ts.ReadFile("stdout"))
	}
	pid, err := strconv.Atoi(m[1])
	ts.Check(err)
	p, err := os.FindProcess(pid)
	ts.Check(err)
	sig, ok := map[string]os.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM}[args[0]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[0])
	}
	ts.Check(p.Signal(sig))
}

// cleaned FILE [stderr] writes the last output to FILE with what changes from run
// to run replaced.
func cleaned(ts *testscript.TestScript, _ bool, args []string) {
	from := "stdout"
	if len(args) > 1 {
		from = args[1]
	}
	out := ts.ReadFile(from)
	host, err := os.Hostname()
	ts.Check(err)
	who, err := user.Current()
	ts.Check(err)
	out = strings.ReplaceAll(out, " on "+host, " on HOST")
	out = regexp.MustCompile(`(?m)  `+regexp.QuoteMeta(who.Username)+` *$`).ReplaceAllString(out, "  WHO")
	for _, r := range []struct{ re, with string }{
		{regexp.QuoteMeta(ts.MkAbs(".")), "$WORK"},
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z)?`, "TIME"},
		{`"durationMs": \d+`, `"durationMs": 0`},
		{`\b\d+(\.\d+)?(µs|ms|s)\b`, "0s"},
		{`\b[0-9a-f]{32}\b`, "ID"},
		{`v1:[0-9a-f]{64}`, "v1:HASH"},
		{`"host": "[^"]*"`, `"host": "HOST"`},
		{`"principal": "[^"]*"`, `"principal": "WHO"`},
		{`go1[.0-9]+ \w+/\w+`, "GO"},
		{`(?m)([^ \n])  +`, "$1  "},
		{`(?m) +$`, ""},
	} {
		out = regexp.MustCompile(r.re).ReplaceAllString(out, r.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o644))
}
