// Package sim explores what two or three processes can do to one ledger. It has
// tests only: the real Runner, planner and store code run in virtual time
// (testing/synctest), and a scheduler decides at every call to the audit store
// or to a target system, and at every step of a change, who goes on and what
// goes wrong: a crash, a pause past the lease, a lost answer, a request that
// lands late, a network that is gone for a while, a request to stop.
//
//   - TestExplore tries all schedules of small cases within a bound: so many
//     preemptions, so many faults. States that were seen are not explored again.
//   - TestRandomSchedules draws schedules of larger cases from seeds.
//   - TestBreaksAreFound breaks one rule at a time and requires that it shows.
//
// What must hold is in invariants_test.go and is checked after every step. When
// all processes have ended, fresh ones and a person who tells the truth must
// bring the ledger to its end.
//
// The environment steers it, for make chaos: FLAMINGOCK_CHAOS=full takes the
// larger bounds, FLAMINGOCK_CHAOS_SEED=n plays one seed and prints what happened,
// and FLAMINGOCK_CHAOS_REPORT names a file to which every test appends its rows as
// JSON lines.
//
// Not modelled: real databases' locks (core/targettest has them), torn reads of a
// store (core/storetest), bundles that differ between processes, clocks that jump
// (core/run). A process that is paused between a check and its effect can act once
// on a target system without transactions, and no protocol can prevent that; such
// acts are counted, and bounded, but are no violation.
package sim
