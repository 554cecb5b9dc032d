// Package layers checks the import graph of this module against section 2 of
// docs/design.md. Rules is the table; a test of this package loads the graph
// with the go command and reports every import that the table forbids.
//
// A package that no row of the table speaks for is reported as well: a new
// directory gets its place in the architecture before it gets its code merged.
// Imports made by _test.go files are free, with one consequence: what only
// tests import never reaches a user.
package layers
