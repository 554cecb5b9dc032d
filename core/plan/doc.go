// Package plan decides, for every change, what a run may do with it: the decision
// table of design.md 3.4, drift, stages and their dependencies.
//
// Everything here is a pure function: no context, clock, I/O or logger. The same
// input gives the same plan, and its digest says so. A reason that a person can
// act on comes with every decision. The whole decision table is printed into
// testdata/decisions.golden by the tests.
package plan
