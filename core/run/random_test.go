package run_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// notes collects what a bubble has to say: rapid cannot be told from inside one.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) Helper()                           {}
func (n *notes) Error(args ...any)                 { n.Errorf("%s", fmt.Sprint(args...)) }
func (n *notes) Fatal(args ...any)                 { n.Error(args...); runtime.Goexit() }
func (n *notes) Fatalf(format string, args ...any) { n.Errorf(format, args...); runtime.Goexit() }
func (n *notes) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

// script is what happens to one process.
type script struct {
	Start  time.Duration
	Faults map[int]fault // by call
}

func drawScripts(rt *rapid.T) []script {
	n := rapid.IntRange(2, 3).Draw(rt, "processes")
	scripts := make([]script, n)
	for i := range scripts {
		scripts[i] = script{
			Start:  time.Duration(rapid.IntRange(0, 8000).Draw(rt, "start")) * time.Millisecond,
			Faults: rapid.MapOfN(rapid.IntRange(1, 50), rapid.SampledFrom(faults), 0, 4).Draw(rt, "faults"),
		}
	}
	return scripts
}

// TestRandomFaults lets two or three processes run at once, with faults, crashes
// and pauses at any of their calls. No person acts before all of them are gone.
func TestRandomFaults(t *testing.T) {
	// Not parallel: it sets rapid's own flag, and the time is meant for it alone.
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("2000"); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	rapid.Check(t, func(rt *rapid.T) {
		scripts := drawScripts(rt)
		if time.Since(began) > 8*time.Second {
			return // enough for every day
		}
		if lines := play(t, scripts); len(lines) > 0 {
			rt.Fatal(strings.Join(lines, "\n"))
		}
	})
}

func play(t *testing.T, scripts []script) []string {
	var n notes
	synctest.Test(t, func(*testing.T) {
		w := newWorld(&n, mixed()...)
		w.watchOrder()
		var ends []<-chan outcome
		var procs []*process
		for _, s := range scripts {
			p := w.process(func(k int, _ string) fault { return s.Faults[k] })
			procs = append(procs, p)
			c := make(chan outcome, 1)
			ends = append(ends, c)
			go func() {
				time.Sleep(s.Start)
				c <- p.apply()
			}()
		}
		for _, c := range ends {
			if o := <-c; !o.died && !slices.Contains([]int{0, 69, 70, 75, 79}, o.code().Exit()) {
				n.Errorf("%s ended with %s: %v", o.p.name, o.code(), o.err)
			}
		}
		w.heal()
		w.mustBeWhole()
		if len(n.lines) > 0 {
			for _, p := range procs {
				n.Errorf("%s: %s", p.name, strings.Join(p.sites, ", "))
			}
			n.Errorf("history: %s", strings.Join(w.states(), ", "))
		}
	})
	return n.lines
}
