package mutants

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Runner runs suites against mutants.
type Runner struct {
	// Root is the module's directory, and Scratch one that may be written to.
	Root, Scratch string
	// LookupEnv tells which servers there are.
	LookupEnv func(string) (string, bool)
	// All asks every suite of a mutant; false: those up to the first that notices.
	All bool
	// Timeout ends one suite. A suite that it ends has noticed something, too: a mutant
	// may let a run wait for ever.
	Timeout time.Duration
}

// Outcome is what became of one mutant.
type Outcome struct {
	Mutant Mutant
	// By are the tests that failed, each with its package. None: it survived.
	By []string
	// Silent are the suites that were asked and noticed nothing.
	Silent []string
	// Absent are suites that need a server that is not there.
	Absent []string
}

// Caught reports whether a test noticed.
func (o Outcome) Caught() bool { return len(o.By) > 0 }

// Sound runs the suites without any mutant: one that fails by itself shows nothing.
func (r *Runner) Sound(ctx context.Context, suites []Suite) error {
	for _, s := range suites {
		if !r.has(s) {
			continue
		}
		failed, out, err := r.test(ctx, s, "")
		if err == nil && len(failed) > 0 {
			err = fmt.Errorf("%s fails without a mutant: %s\n%s", s.Package, strings.Join(failed, " "), out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Suites are those of ms, each once.
func Suites(ms []Mutant) []Suite {
	var all []Suite
	for _, m := range ms {
		for _, s := range m.Suites {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// Run builds the code with m and asks its suites.
func (r *Runner) Run(ctx context.Context, m Mutant) (Outcome, error) {
	o := Outcome{Mutant: m}
	overlay, err := r.overlay(m)
	if err != nil {
		return o, err
	}
	if out, err := r.command(ctx, "build", "-overlay", overlay, "./"+filepath.ToSlash(filepath.Dir(m.File))).CombinedOutput(); err != nil {
		return o, fmt.Errorf("%s does not compile: %w\n%s", m.ID, err, out)
	}
	for _, s := range m.Suites {
		if !r.has(s) {
			o.Absent = append(o.Absent, s.Package)
			continue
		}
		failed, _, err := r.test(ctx, s, overlay)
		if err != nil {
			return o, err
		}
		if len(failed) == 0 {
			o.Silent = append(o.Silent, s.Package)
		}
		for _, name := range failed {
			o.By = append(o.By, strings.TrimPrefix(s.Package, "./")+"."+name)
		}
		if o.Caught() && !r.All {
			break
		}
	}
	return o, nil
}

func (r *Runner) has(s Suite) bool {
	if s.Needs == "" {
		return true
	}
	value, ok := r.LookupEnv(s.Needs)
	return ok && value != ""
}

// overlay writes the mutant's file and the file that tells the go command of it.
func (r *Runner) overlay(m Mutant) (string, error) {
	path := filepath.Join(r.Root, m.File)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	broken, err := m.Apply(string(text))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(r.Scratch, m.ID)
	instead := filepath.Join(dir, filepath.Base(m.File))
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: instead}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(instead, []byte(broken), 0o600), os.WriteFile(overlay, list, 0o600))
}

func (r *Runner) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.Root
	return cmd
}

var failedTest = regexp.MustCompile(`^--- FAIL: (\S+)`)

// test runs one suite and returns the names of the tests that failed.
func (r *Runner) test(ctx context.Context, s Suite, overlay string) (failed []string, out []byte, err error) {
	args := []string{"test", "-count=1", "-failfast", "-timeout", r.Timeout.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if s.Run != "" {
		args = append(args, "-run", s.Run)
	}
	cmd := r.command(ctx, append(args, s.Package)...)
	if overlay != "" { // for what the tests build themselves
		cmd.Env = append(cmd.Environ(), "GOFLAGS=-overlay="+overlay)
	}
	out, err = cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return nil, out, ctx.Err()
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil, out, err
	}
	if bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")) {
		return nil, out, fmt.Errorf("the tests of %s do not compile:\n%s", s.Package, out)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if m := failedTest.FindStringSubmatch(lines.Text()); m != nil {
			failed = append(failed, m[1])
		}
	}
	switch {
	case len(failed) > 0:
	case bytes.Contains(out, []byte("panic: test timed out")):
		failed = []string{"(no end)"}
	default: // a panic in another goroutine, a race, os.Exit
		failed = []string{"(ended)"}
	}
	return failed, out, lines.Err()
}

// Print writes a table of outcomes and returns how many survived.
func Print(w io.Writer, all []Outcome) (survived int) {
	fmt.Fprintln(w, "| mutant | rule that is broken | in | noticed by |\n|---|---|---|---|")
	for _, o := range all {
		by := strings.Join(o.By, ", ")
		if !o.Caught() {
			survived++
			by = "NOTHING"
		}
		if len(o.Absent) > 0 {
			by += " (not asked, for want of a server: " + strings.Join(o.Absent, ", ") + ")"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", o.Mutant.ID, o.Mutant.Rule, o.Mutant.File, by)
	}
	return survived
}
