package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing" //nolint:depguard // the makers of servers are those of the tests
)

// server is what the makers of servers ask for.
type server = testing.TB

// host is to the makers of servers what a test is, without being one: they say through it
// what is missing, and what is to be done in the end.
type host struct {
	testing.TB // nil: for what no maker asks

	ctx      context.Context //nolint:containedctx // Context returns it
	dir      string
	err      error
	cleanups []func()
}

func newHost(ctx context.Context) *host {
	dir, err := os.MkdirTemp("", "flamingock-bench-targets")
	if err != nil {
		dir = os.TempDir()
	}
	h := &host{ctx: ctx, dir: dir}
	if err == nil {
		h.Cleanup(func() { _ = os.RemoveAll(dir) }) //nolint:errcheck // in a directory for what is temporary
	}
	return h
}

// run calls f, which ends at its first failure, and returns that.
func (h *host) run(f func(server)) error {
	h.err = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(h)
	}()
	<-done
	return h.err
}

// close does what is to be done in the end, the last first.
func (h *host) close() {
	for _, f := range slices.Backward(h.cleanups) {
		if err := h.run(func(server) { f() }); err != nil {
			fmt.Fprintln(os.Stderr, "bench-targets:", err)
		}
	}
}

func (h *host) Helper()                  {}
func (h *host) Name() string             { return "bench-targets" }
func (h *host) Context() context.Context { return h.ctx }
func (h *host) Cleanup(f func())         { h.cleanups = append(h.cleanups, f) }
func (h *host) Logf(string, ...any)      {}

func (h *host) Errorf(format string, args ...any) {
	h.err = errors.Join(h.err, fmt.Errorf(format, args...))
}

func (h *host) Fatal(args ...any) {
	h.Errorf("%s", fmt.Sprint(args...))
	runtime.Goexit()
}

func (h *host) Fatalf(format string, args ...any) {
	h.Errorf(format, args...)
	runtime.Goexit()
}

// Skip is a failure here: what was asked for cannot be measured.
func (h *host) Skip(args ...any) { h.Fatal(args...) }

func (h *host) Skipf(format string, args ...any) { h.Fatalf(format, args...) }
