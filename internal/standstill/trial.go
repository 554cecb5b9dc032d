package standstill

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// trials is how often a case is tried at most, each time with twice the lease.
const trials = 4

// Try runs a case whose expectations hold on a machine that answers within its lease.
// When one is not met and the machine, or a server, stood still for the pulse's share of
// the lease meanwhile, the case says nothing and is tried again, from its beginning, with
// twice the lease. On a machine that did not stand still it fails at once; and what must
// hold on any machine ([Violated]) fails whatever the machine did.
//
// It may run beside others, in a goroutine of its own, and returns how many tries said
// nothing. What a case logs is shown when it fails.
func (p *Pulse) Try(t testing.TB, lease time.Duration, f func(t testing.TB, lease time.Duration)) (again int) {
	t.Helper()
	for n := 1; ; n++ {
		tr, began := &trial{TB: t}, time.Now()
		tr.run(func() { f(tr, lease) })
		if len(tr.faults) == 0 {
			return again
		}
		stood, on := p.longest(began)
		if tr.violated || stood < lease/p.share || n == trials {
			t.Errorf("(lease %s, try %d; the longest wait, on %s, was %s)\n%s\n%s", lease, n, on, stood, strings.Join(tr.faults, "\n"), strings.Join(tr.logs, "\n"))
			return again
		}
		t.Logf("%s kept a request waiting for %s: tried again with twice the lease of %s", on, stood, lease)
		again++
		lease *= 2
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

	mu       sync.Mutex
	faults   []string
	logs     []string
	violated bool
}

// run runs f in a goroutine that FailNow may end.
func (tr *trial) run(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	<-ended
}

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
