// Package pgtest gives tests a PostgreSQL server: the one that
// FLAMINGOCK_TEST_POSTGRES_URI names, or else one of the installed programs,
// started in a temporary directory on a loopback port. Without either, tests are
// skipped, with a word on how to get one.
//
// A server that this package started ends with the process that started it, even
// when that is killed. It does not sync: it survives its own death, not that of
// the machine.
package pgtest
