package testserver

import (
	"errors"
	"testing"
)

// MissingError says that there is no server to be had, and how to get one.
type MissingError struct{ How string }

func (e *MissingError) Error() string { return e.How }

// Need goes on when err is nil. It skips the test that lacks a server, and fails one
// whose server did not start.
func Need(t testing.TB, server string, err error) {
	t.Helper()
	switch missing := (*MissingError)(nil); {
	case errors.As(err, &missing):
		t.Skip(missing.Error())
	case err != nil:
		t.Fatalf("the server %s did not start: %v", server, err)
	}
}

// Tests are the tests of a package, after which servers are stopped.
type Tests struct {
	m    *testing.M
	stop []func()
}

// StopAfter calls stop when the tests have run, before anybody looks for what they left
// behind.
func StopAfter(m *testing.M, stop ...func()) Tests { return Tests{m, stop} }

// Run runs the tests and returns the exit code.
func (t Tests) Run() int {
	defer func() {
		for _, stop := range t.stop {
			stop()
		}
	}()
	return t.m.Run()
}
