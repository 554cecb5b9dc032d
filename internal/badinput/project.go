package badinput

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
)

const (
	configFile = "flamingock.yaml"
	changeFile = "_0001__it.yaml"
	// changeID is the change's id, and the target system's.
	changeID = "it"
)

var position = regexp.MustCompile(`(^|/)` + changeFile + `:[1-9][0-9]*:[1-9][0-9]*$`)

// project is a directory with a configuration, one change, and its audit store.
type project struct {
	dir    string
	typ    core.TargetType
	system System
}

func newProject(t *testing.T, typ core.TargetType, s System, c Scenario) *project {
	t.Helper()
	p := &project{t.TempDir(), typ, s}
	settings, change := s.Settings, s.Good
	if c.Settings != "" {
		settings = c.Settings
	}
	if c.Change != "" {
		change = c.Change
	}
	p.write(t, configFile, "stages: [{ location: changes }]\ntargetSystems:\n  "+changeID+":\n    type: "+typ.Name+"\n    "+strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n    ")+"\n")
	p.write(t, filepath.Join("changes", changeFile), "id: "+changeID+"\nauthor: tests\ntargetSystem: "+changeID+"\n"+strings.TrimSpace(change)+"\n")
	return p
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// document is what the command line answers: section 5 of docs/design.md.
type document struct {
	Success bool
	Data    json.RawMessage
	Error   *struct {
		Code    core.Code
		Message string
		Hint    string
		Faults  []core.Fault
	}
}

// run runs the command line. The text is all that it said.
func (p *project) run(t *testing.T, args []string) (exit int, d document, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	exit = cli.Run(context.WithoutCancel(t.Context()), core.Program{Version: "test", Targets: []core.TargetType{p.typ}}, cli.Process{
		Args:  append([]string{"-c", filepath.Join(p.dir, configFile), "-o", "json"}, args...),
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		LookupEnv: func(name string) (string, bool) { v, ok := p.system.Env[name]; return v, ok },
	})
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Errorf("%v: the answer is no document: %v", args, err)
	}
	return exit, d, stdout.String() + stderr.String()
}

// step does a step, and holds its answer and the ledger against what is to be.
func (p *project) step(t *testing.T, s Step) document {
	t.Helper()
	if s.Before != nil {
		s.Before(t)
	}
	args := s.Args
	if len(args) == 0 {
		args = []string{"apply"}
	}
	exit, d, said := p.run(t, args)
	for _, fault := range s.faults(exit, d) {
		t.Errorf("%v: %s:\n%s", args, fault, said)
	}
	for _, secret := range p.system.Secrets {
		if strings.Contains(said, secret) {
			t.Errorf("%v: a secret is told:\n%s", args, said)
		}
	}
	if got := p.ledger(t); got != s.Ledger {
		t.Errorf("%v: the ledger has %q, want %q:\n%s", args, got, s.Ledger, said)
	}
	if s.After != nil {
		s.After(t)
	}
	return d
}

// faults says in what an answer is not as the step wants it.
func (s Step) faults(exit int, d document) []string {
	var all []string
	if want := s.Code.Exit(); exit != want {
		all = append(all, "the exit code is wrong: want "+string(s.Code)+"'s")
	}
	if s.Code == "" {
		if !d.Success || d.Error != nil {
			all = append(all, "it did not succeed")
		}
		return all
	}
	switch e := d.Error; {
	case e == nil:
		all = append(all, "there is no error")
	case e.Code != s.Code:
		all = append(all, "the error's code is "+string(e.Code)+", want "+string(s.Code))
	case e.Hint == "":
		all = append(all, "the error does not say what to do")
	case !strings.Contains(e.Message, s.Says):
		all = append(all, "the error does not say "+s.Says)
	case !strings.Contains(e.Hint, s.Next):
		all = append(all, "what to do does not say "+s.Next)
	}
	return all
}

// ledger is the states of the change's entries, the oldest first.
func (p *project) ledger(t *testing.T) string {
	t.Helper()
	exit, d, said := p.run(t, []string{"audit", "list", "--history"})
	var list struct {
		Entries []struct {
			ChangeID string
			State    string
		}
	}
	if err := json.Unmarshal(d.Data, &list); err != nil || exit != 0 {
		t.Fatalf("the ledger cannot be read: exit code %d, %v:\n%s", exit, err, said)
	}
	var states []string
	for _, e := range list.Entries {
		if e.ChangeID == changeID {
			states = append(states, e.State)
		}
	}
	return strings.Join(states, " ")
}
