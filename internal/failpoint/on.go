//go:build failpoint && unix

package failpoint

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Enabled says whether this build has failpoints.
const Enabled = true

// Hit passes a point.
func Hit(p Point) { process().hit(p) }

// process is what this process was told. It fails loudly: a rule that is not
// understood would be a test that tests nothing.
var process = sync.OnceValue(func() *points {
	rules, err := parse(os.Getenv("FLAMINGOCK_FAILPOINT"))
	if err != nil {
		panic(err)
	}
	ps := &points{rules: rules, count: map[Point]int{}, trace: io.Discard, raise: raise}
	if path := os.Getenv("FLAMINGOCK_FAILPOINT_TRACE"); path != "" {
		if ps.trace, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			panic(err)
		}
	}
	return ps
})

type rule struct {
	point  Point
	nth    int
	signal syscall.Signal
}

var actions = map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP}

func parse(text string) (rules []rule, err error) {
	known := map[Point]bool{}
	for _, p := range All() {
		known[p] = true
	}
	for one := range strings.SplitSeq(text, ",") {
		if one == "" {
			continue
		}
		name, action, _ := strings.Cut(one, "=")
		name, number, counted := strings.Cut(name, "#")
		r := rule{point: Point(name), nth: 1, signal: actions[action]}
		if counted {
			if r.nth, err = strconv.Atoi(number); err != nil {
				r.nth = 0
			}
		}
		if !known[r.point] || r.nth < 1 || r.signal == 0 {
			return nil, fmt.Errorf("FLAMINGOCK_FAILPOINT: %q is no point with an action, such as %s#2=kill", one, Appending)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// points counts what is passed and acts on it.
type points struct {
	mu    sync.Mutex
	rules []rule
	count map[Point]int
	trace io.Writer
	raise func(syscall.Signal)
}

func (ps *points) hit(p Point) {
	ps.mu.Lock()
	ps.count[p]++
	n := ps.count[p]
	fmt.Fprintln(ps.trace, p)
	ps.mu.Unlock()
	for _, r := range ps.rules {
		if r.point == p && r.nth == n {
			ps.raise(r.signal)
		}
	}
}

// raise sends this process a signal and returns when it goes on after it.
func raise(s syscall.Signal) {
	send := func() error { return syscall.Kill(os.Getpid(), s) }
	if s == syscall.SIGSTOP {
		send = stop
	}
	if err := send(); err != nil {
		panic(err)
	}
	if s == syscall.SIGKILL {
		select {} // the signal is on its way
	}
}
