package standstill

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// trials is how often a case is tried at most.
	trials = 6
	// longer is how many times a lease grows at most: a case that lasts longer is more
	// likely to meet a machine that stands still.
	longer = 8
)

// Try runs a case whose expectations hold on a machine that answers within its lease.
// When one is not met and the machine, or a server, stood still for the pulse's share of
// the lease meanwhile, the case says nothing and is tried again, from its beginning, with
// twice the lease, eight times the first at most. On a machine that did not stand still it
// fails at once; and what must hold on any machine ([Violated]) fails whatever the machine
// did.
//
// It may run beside others, in a goroutine of its own, and returns how many tries said
// nothing. What a case logs is shown when it fails. Its context ends with the try, and
// what it gave to Cleanup is done then.
func (p *Pulse) Try(t testing.TB, lease time.Duration, f func(t testing.TB, lease time.Duration)) (again int) {
	t.Helper()
	return p.try(t, lease, longer*lease, f)
}

// TryFixed is Try for a case whose times are what they are, such as those of production
// code or of a promise: it is tried again as it was. Bound is the shortest of them.
func (p *Pulse) TryFixed(t testing.TB, bound time.Duration, f func(t testing.TB)) (again int) {
	t.Helper()
	return p.try(t, bound, bound, func(t testing.TB, _ time.Duration) { f(t) })
}

func (p *Pulse) try(t testing.TB, lease, longest time.Duration, f func(t testing.TB, lease time.Duration)) (again int) {
	t.Helper()
	for n := 1; ; n++ {
		tr, began := &trial{TB: t}, time.Now()
		tr.run(func() { f(tr, lease) })
		if len(tr.faults) == 0 {
			return again
		}
		p.settle()
		stood, on := p.longest(began)
		if tr.violated || stood < lease/p.share || n == trials {
			t.Errorf("(lease %s, try %d; the longest wait, on %s, was %s)\n%s\n%s", lease, n, on, stood, strings.Join(tr.faults, "\n"), strings.Join(tr.logs, "\n"))
			return again
		}
		lease = min(2*lease, longest)
		t.Logf("%s kept a request waiting for %s: tried again, with a lease of %s, what failed with\n%s", on, stood, lease, strings.Join(tr.faults, "\n"))
		again++
	}
}

// Violated is t.Errorf for what no slow machine excuses. What wraps the t of a case has
// a method Unwrap.
func Violated(t testing.TB, format string, args ...any) {
	t.Helper()
	inner := t
	for u, wraps := t.(unwrapper); wraps; u, wraps = inner.(unwrapper) {
		inner = u.Unwrap()
	}
	if tr, ok := inner.(*trial); ok {
		tr.mu.Lock()
		tr.violated = true
		tr.mu.Unlock()
	}
	t.Errorf(format, args...)
}

type unwrapper interface{ Unwrap() testing.TB }

// trial is a test that keeps its faults for itself until it is known whether they count.
type trial struct {
	testing.TB

	ctx context.Context

	mu       sync.Mutex
	faults   []string
	logs     []string
	violated bool
	cleanups []func()
}

// run runs f, then what cleans up after it, in goroutines that FailNow may end.
func (tr *trial) run(f func()) {
	alone := func(f func()) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f()
		}()
		<-ended
	}
	ctx, cancel := context.WithCancel(tr.TB.Context())
	tr.ctx = ctx
	alone(f)
	cancel()
	for last := tr.last(); last != nil; last = tr.last() {
		alone(last)
	}
}

// Cleanup is for the end of the try, since the next one is not to find what it left.
func (tr *trial) Cleanup(f func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.cleanups = append(tr.cleanups, f)
}

// last takes what was given to Cleanup last; nil when nothing is left.
func (tr *trial) last() (f func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if n := len(tr.cleanups); n > 0 {
		f, tr.cleanups = tr.cleanups[n-1], tr.cleanups[:n-1]
	}
	return f
}

// Context ends with the try.
func (tr *trial) Context() context.Context { return tr.ctx }

func (tr *trial) add(fault string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.faults = append(tr.faults, strings.TrimSuffix(fault, "\n"))
}

func (tr *trial) Error(args ...any)                 { tr.add(fmt.Sprintln(args...)) }
func (tr *trial) Errorf(format string, args ...any) { tr.add(fmt.Sprintf(format, args...)) }
func (tr *trial) Fail()                             { tr.add("failed") }
func (tr *trial) FailNow()                          { tr.Fail(); runtime.Goexit() }
func (tr *trial) Fatal(args ...any)                 { tr.Error(args...); runtime.Goexit() }
func (tr *trial) Fatalf(format string, args ...any) { tr.Errorf(format, args...); runtime.Goexit() }

func (tr *trial) Log(args ...any) { tr.log(fmt.Sprintln(args...)) }

func (tr *trial) Logf(format string, args ...any) { tr.log(fmt.Sprintf(format, args...)) }

func (tr *trial) log(line string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.logs = append(tr.logs, strings.TrimSuffix(line, "\n"))
}

func (tr *trial) Failed() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.faults) > 0 || tr.TB.Failed()
}
