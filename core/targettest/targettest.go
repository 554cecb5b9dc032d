package targettest

import (
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// Harness says how to make the target system under test, and what it can do.
type Harness struct {
	// New makes one empty system. Every case calls it once; what it registers with
	// t.Cleanup is undone after the case.
	New func(t testing.TB) System
	// Tx says that the system has transactions: its targets are core.TxTarget.
	Tx bool
	// Type is the target type, for its templates. The zero value: the system has none.
	Type core.TargetType
	// Templates has an entry for every template of Type.
	Templates []Template
	// Try runs a case, from its beginning again when the machine or the system's server
	// stood still: leases and time limits say nothing then. What must never be is
	// reported with standstill.Violated. Nil: it is run once.
	Try func(t testing.TB, f func(t testing.TB))
}

// System is one system and what can be done to it. The steps take any handle of the
// system, inside and outside of a transaction. Names are short lower case words.
type System struct {
	// Open returns a target that shares nothing in memory with the others, as another
	// process would have it. It contacts nothing. The suite closes it.
	Open func() core.Target
	// Create makes and removes something that is called name.
	Create func(name string) core.StepPair
	// Ensure makes what Create makes, whether or not it is there already.
	Ensure func(name string) core.Step
	// Effect looks whether it is there, past every target.
	Effect func(t testing.TB, name string) bool

	// The rest is optional.

	// Probe finds out whether the effect of Create is there.
	Probe func(name string) core.Probe
	// Slow is a step without an effect that takes a minute, unless its context ends.
	Slow core.Step
	// Refused is a step that the system itself refuses, such as a wrong statement.
	Refused core.Step
	// Ends are steps that end the transaction they are given, each by another way.
	Ends map[string]core.Step
	// Down makes the system unreachable for all targets, those that are connected
	// included, until up is called.
	Down func(t testing.TB) (up func())
	// State returns everything that is in the system, our own tables included, as
	// text to be compared.
	State func(t testing.TB) string
}

// Template is a template of the target type with payloads for it, each as the lines
// of a change file from apply: or steps: on, without indentation.
type Template struct {
	Name string
	// Valid can be applied to an empty system. One with a rollback, or without.
	Valid string
	// Invalid are payloads that must not load, by what is wrong with them. The suite
	// adds unknown keys, wrong types and empty payloads.
	Invalid map[string]string
}

// Run runs every case as a parallel subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.start(t, h)
		})
	}
}

// testCase is one named statement about target systems.
type testCase struct {
	name  string
	needs need
	run   func(t testing.TB, w *world)
}

// need is what a case needs of a harness.
type need int

const (
	tx need = 1 << iota
	templates
	probe
	slow
	refused
	ends
	down
	state
	noTx
)

func (c testCase) start(t testing.TB, h Harness) {
	t.Helper()
	if why := h.lacks(c.needs); why != "" {
		t.Skip("does not apply: " + why)
	}
	try := h.Try
	if try == nil {
		try = func(t testing.TB, f func(t testing.TB)) { f(t) }
	}
	try(t, func(t testing.TB) {
		s := h.New(t)
		if why := s.lacks(c.needs); why != "" {
			t.Skip("does not apply: the harness has no " + why)
		}
		c.run(t, newWorld(t, h, s))
	})
}

func (h Harness) lacks(n need) string {
	switch {
	case n&tx != 0 && !h.Tx:
		return "the target system has no transactions"
	case n&noTx != 0 && h.Tx:
		return "the target system has transactions"
	case n&templates != 0 && len(h.Type.Templates) == 0:
		return "the target system has no templates"
	}
	return ""
}

func (s System) lacks(n need) string {
	switch {
	case n&probe != 0 && s.Probe == nil:
		return "Probe"
	case n&slow != 0 && s.Slow.IsZero():
		return "Slow"
	case n&refused != 0 && s.Refused.IsZero():
		return "Refused"
	case n&ends != 0 && len(s.Ends) == 0:
		return "Ends"
	case n&down != 0 && s.Down == nil:
		return "Down"
	case n&state != 0 && s.State == nil:
		return "State"
	}
	return ""
}

// cases lists the whole suite.
func cases() []testCase {
	var all []testCase
	for _, group := range [][]testCase{
		contractCases(), sessionCases(), restoreCases(), markerCases(), crashCases(), commitCases(), fenceCases(), holderCases(), retryCases(), stopCases(),
		outageCases(), lostCases(), endedCases(), raceCases(), templateCases(), snippetCases(),
	} {
		all = append(all, group...)
	}
	return all
}
