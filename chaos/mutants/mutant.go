package mutants

import (
	"fmt"
	"strings"
)

// Mutant is one rule, and a change to the code that breaks it.
type Mutant struct {
	ID string
	// Rule is what is broken, in the words of design.md 3.
	Rule string
	// File is relative to the module's root. Old must be in it exactly once.
	File, Old, New string
	// Suites must notice it: at least one of them.
	Suites []Suite
}

// Suite is a set of tests.
type Suite struct {
	// Package is relative to the module's root, and Run as in go test -run.
	Package, Run string
	// Needs is a variable of the environment that names a server; "": none.
	Needs string
}

// The suites that show the rules.
var (
	simulation  = Suite{Package: "./chaos/sim"}
	linear      = Suite{Package: "./chaos/linear", Needs: "FLAMINGOCK_TEST_DYNAMODB_URI"}
	runner      = Suite{Package: "./core/run"}
	planner     = Suite{Package: "./core/plan"}
	inMemory    = Suite{Package: "./core/memstore"}
	embedded    = Suite{Package: "./core/filestore", Run: "Conformance"}
	inOneFile   = Suite{Package: "./core/filestore", Run: "Shared"}
	killed      = Suite{Package: "./chaos/process", Run: "TestKilled/within"}
	stopped     = Suite{Package: "./chaos/disturb", Run: "HolderInItsTransaction|WaitedFor"}
	onDynamoDB  = Suite{Package: "./dynamo", Run: "Conformance|Torn|Robbed|Seen|Busy", Needs: "FLAMINGOCK_TEST_DYNAMODB_URI"}
	sqlite      = Suite{Package: "./targets/sqlite", Run: "Conformance"}
	postgres    = Suite{Package: "./targets/postgres", Run: "Commit|Cut|Killed"}
	dynamoTable = Suite{Package: "./targets/dynamodb", Run: "Conformance", Needs: "FLAMINGOCK_TEST_DYNAMODB_URI"}
	codec       = Suite{Package: "./core"}
)

// All returns every mutant.
func All() []Mutant {
	var all []Mutant
	for _, group := range [][]Mutant{inStores(), inRunner(), inPlanner(), inTargets(), inOneTransaction()} {
		all = append(all, group...)
	}
	for i := range all {
		all[i].ID = fmt.Sprintf("M%02d", i+1)
	}
	return all
}

// Apply returns the file's text with the mutant's change.
func (m Mutant) Apply(text string) (string, error) {
	if n := strings.Count(text, m.Old); n != 1 {
		return "", fmt.Errorf("%s: %s has %d times, not once: %s", m.ID, m.File, n, m.Old)
	}
	return strings.Replace(text, m.Old, m.New, 1), nil
}
