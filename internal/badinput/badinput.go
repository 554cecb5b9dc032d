// Package badinput says what comes of what people get wrong, and of servers that are not
// as they should be: for each target system the same cases, through the command line. Of
// each it checks the exit code and the error's code, that the error names the next step,
// that no secret is told, and what the ledger holds afterwards.
package badinput

import (
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
)

// The cases. Each has an entry in [Harness.Cases], [Harness.Payloads] or [Harness.Idle],
// but for the first two, which every target system with a server can be asked.
const (
	AwayAtLoad       = "server/away at load: not contacted"
	AwayAtStart      = "server/away at start"
	AwayInMidChange  = "server/away in mid-change"
	WrongCredentials = "server/wrong credentials" //nolint:gosec // the name of a case
	TooOld           = "server/a version too old"
	RefusedHalfWay   = "change/refused half-way"
	ThereTheSame     = "object/is there already, the same"
	ThereAnother     = "object/is there already, another"
	DeletedRecently  = "object/deleted within the last 60 s"
	AnotherRegion    = "object/in another region"
	WrongTypes       = "payload/wrong types"
	UnknownFields    = "payload/unknown fields"
	ExclusiveFields  = "payload/both of two exclusive fields"
)

// Harness is what the cases need of a target system.
type Harness struct {
	Type core.TargetType
	// New makes an empty system for one case; what it registers with t.Cleanup is undone
	// after the case.
	New func(t *testing.T) System
	// Cases are what a person does, and what is to come of it, by the names above.
	Cases map[string]func(t *testing.T, s System) Scenario
	// Payloads are change files of the cases payload/…, from template: on.
	Payloads map[string]string
	// Idle says why cases do not apply to the target system.
	Idle map[string]string
}

// System is one system, and how the command line gets there.
type System struct {
	// Settings are those of the target system in the configuration, but for its type:
	// lines without indentation.
	Settings string
	// Env is the environment of the command line.
	Env map[string]string
	// Secrets must not be told.
	Secrets []string
	// Wire stands before the server. Nil: the system is a file.
	Wire *targettest.Proxy
	// Good is a change file that can be applied, from template: on.
	Good string
}

// Scenario is one change, applied once or several times.
type Scenario struct {
	// Change is the change file, from template: on. "": the System's Good.
	Change string
	// Settings stand in for the System's. "": they do not.
	Settings string
	Steps    []Step
}

// Step runs the command line once.
type Step struct {
	// Before brings about what the step meets. Optional.
	Before func(t *testing.T)
	// Args are the command line's; none: apply.
	Args []string
	// Code is the error's; "" for success. The exit code follows from it.
	Code core.Code
	// Says is a part of the error's message, Next of what it says is to be done. Next is
	// never empty where there is an error.
	Says, Next string
	// Ledger is the states of all entries of the change so far, in order.
	Ledger string
	// After looks at the system. Optional.
	After func(t *testing.T)
}

// Run runs every case as a subtest, one after the other.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			if why := h.Idle[c.name]; why != "" {
				t.Skip("does not apply: " + why)
			}
			c.run(t, h, c.name)
		})
	}
}

type testCase struct {
	name string
	run  func(t *testing.T, h Harness, name string)
}

func cases() []testCase {
	return []testCase{
		{AwayAtLoad, awayAtLoad},
		{AwayAtStart, awayAtStart},
		{AwayInMidChange, scenario},
		{WrongCredentials, scenario},
		{TooOld, scenario},
		{RefusedHalfWay, scenario},
		{ThereTheSame, scenario},
		{ThereAnother, scenario},
		{DeletedRecently, scenario},
		{AnotherRegion, scenario},
		{WrongTypes, payload},
		{UnknownFields, payload},
		{ExclusiveFields, payload},
	}
}

// awayAtLoad checks the files beside a server that is away, and counts who asks for it.
func awayAtLoad(t *testing.T, h Harness, _ string) {
	s := h.New(t)
	defer s.Wire.Down(t)()
	before := s.Wire.Accepted()
	p := newProject(t, h.Type, s, Scenario{})
	p.step(t, Step{Args: []string{"validate"}})
	p.step(t, Step{Args: []string{"plan"}})
	if n := s.Wire.Accepted() - before; n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// awayAtStart applies a change beside a server that is away, and again when it is back.
func awayAtStart(t *testing.T, h Harness, name string) {
	if h.Cases[name] != nil {
		scenario(t, h, name)
		return
	}
	s := h.New(t)
	up := s.Wire.Down(t)
	p := newProject(t, h.Type, s, Scenario{})
	p.step(t, Step{Code: core.CodeUnavailable})
	up()
	p.step(t, Step{Ledger: "STARTED APPLIED"})
}

// scenario goes through the steps of a case of the harness's.
func scenario(t *testing.T, h Harness, name string) {
	if h.Cases[name] == nil {
		t.Fatalf("the harness says nothing of %q", name)
	}
	s := h.New(t)
	c := h.Cases[name](t, s)
	p := newProject(t, h.Type, s, c)
	for _, step := range c.Steps {
		p.step(t, step)
	}
}

// payload checks and applies a change file that cannot be read. Nothing is contacted.
func payload(t *testing.T, h Harness, name string) {
	if h.Payloads[name] == "" {
		t.Fatalf("the harness has no payload for %q", name)
	}
	s := h.New(t)
	accepted := func() int {
		if s.Wire == nil {
			return 0
		}
		return s.Wire.Accepted()
	}
	before := accepted()
	p := newProject(t, h.Type, s, Scenario{Change: h.Payloads[name]})
	for _, args := range [][]string{{"validate"}, {"apply"}} {
		d := p.step(t, Step{Args: args, Code: core.CodeChangeSetInvalid})
		if d.Error == nil || len(d.Error.Faults) == 0 {
			t.Error("no fault has a place")
			continue
		}
		for _, f := range d.Error.Faults {
			if !position.MatchString(f.Where) {
				t.Errorf("the fault %q is at %q, which is no place", f.Message, f.Where)
			}
		}
	}
	if n := accepted() - before; n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}
