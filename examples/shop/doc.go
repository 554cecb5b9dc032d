// Package shop has the test of this example: flamingock.yaml and what is below changes,
// run by the command line against real servers, killed on the way, and brought to its
// end. README.md says how to run it.
package shop
