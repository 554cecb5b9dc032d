//go:build unix

package disturb

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing" //nolint:depguard // this package is for tests
	"time"
)

// trials is how often a case is tried at most, each time with twice the lease.
const trials = 4

// Try runs a case whose expectations hold on a machine that answers within its lease.
// When one is not met and the machine, or a server, stood still for an eighth of the
// lease meanwhile, the case says nothing and is tried again, from its beginning, with
// twice the lease. On a machine that did not stand still it fails at once; and what
// must hold on any machine ([Violated]) fails whatever the machine did.
//
// It returns how many tries said nothing.
func (b *Bench) Try(t testing.TB, lease time.Duration, f func(t testing.TB, lease time.Duration)) (again int) {
	t.Helper()
	for n := 1; ; n++ {
		tr, began := &trial{TB: t}, time.Now()
		tr.run(func() { f(tr, lease) })
		if len(tr.faults) == 0 {
			return again
		}
		stood, on := b.pulse.longest(began)
		if tr.violated || stood < lease/8 || n == trials {
			t.Fatalf("(lease %s, try %d; the longest wait, on %s, was %s)\n%s", lease, n, on, stood, strings.Join(tr.faults, "\n"))
		}
		t.Logf("%s kept a request waiting for %s: tried again with twice the lease of %s", on, stood, lease)
		again++
		lease *= 2
	}
}

// Violated is t.Errorf for what no slow machine excuses.
func Violated(t testing.TB, format string, args ...any) {
	t.Helper()
	if tr, ok := t.(*trial); ok {
		tr.mu.Lock()
		tr.violated = true
		tr.mu.Unlock()
	}
	t.Errorf(format, args...)
}

// trial is a test that keeps its faults for itself until it is known whether they count.
type trial struct {
	testing.TB

	mu       sync.Mutex
	faults   []string
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

func (tr *trial) Failed() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.faults) > 0 || tr.TB.Failed()
}
