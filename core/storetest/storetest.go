package storetest

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
)

// Harness says how to make the store under test.
type Harness struct {
	// New makes one empty store. It is called once; what it registers with
	// t.Cleanup is undone after the last case.
	New func(t *testing.T) Factory
	// Rounds is how often a race is run, and how long. 0 means 50.
	Rounds int
}

// Factory gives handles on one store.
type Factory struct {
	// Open returns a handle that shares nothing in memory with the others, as
	// another process would have it. The factory closes it. Cases call it at once.
	Open func() core.AuditStore
	// PlantState, if it can be done, makes the recorded state of a change the
	// given string, behind the store's back.
	PlantState func(t *testing.T, ledger, changeID, state string)
}

// Run runs every case as a parallel subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	f := h.New(t)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(c.name, h, f)
			if f.PlantState != nil {
				w.plant = func(ledger, changeID, state string) { f.PlantState(t, ledger, changeID, state) }
			}
			c.run(t, w)
		})
	}
}

// tb is what a case needs of a test: *testing.T has it, *rapid.T has it, and so
// has the recorder with which the suite's own tests watch a case fail.
type tb = rapid.TB

// testCase is one named statement about stores.
type testCase struct {
	name string
	run  func(t tb, w *world)
}

// cases lists the whole suite.
func cases() []testCase {
	var all []testCase
	for _, group := range [][]testCase{
		leaseCases(), fenceCases(), appendCases(), conflictCases(), repeatCases(), operatorCases(), historyCases(), loadCases(), raceCases(), randomCases(),
	} {
		all = append(all, group...)
	}
	return all
}

// world is where one case happens: a ledger of its own.
type world struct {
	ctx    context.Context
	ledger string
	rounds int
	open   func() core.AuditStore
	plant  func(ledger, changeID, state string) // nil: cannot be done
}

func newWorld(name string, h Harness, f Factory) *world {
	w := &world{ctx: context.Background(), ledger: "storetest/" + strings.NewReplacer(" ", "-", "'", "").Replace(name), rounds: h.Rounds, open: f.Open}
	if w.rounds <= 0 {
		w.rounds = 50
	}
	return w
}

// sub returns a world like w with another ledger.
func (w *world) sub(n int) *world {
	c := *w
	c.ledger += "-" + strconv.Itoa(n)
	return &c
}
