package sim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// bound is how far an exploration goes.
type bound struct {
	preemptions, faults int
	schedules           int // at most
}

// explorer tries all schedules of a scenario within a bound, depth first, each
// from the start. A state that was reached before with as much left to spend is
// not explored again.
type explorer struct {
	sc    *scenario
	bound bound

	stack     []prefix
	visited   map[digest]uint32 // bit p*4+f: was here with p preemptions and f faults left
	schedules int
	effects   int
	inFlight  int
	diverged  int
	cut       bool
	broken    *schedule // the first with a violation
}

// prefix is a schedule's beginning: which option was taken at each point, and the
// last one's name, by which a repetition knows that it is one.
type prefix struct {
	choices []uint16
	last    string
}

// explore stops at the first violation.
func explore(t *testing.T, sc *scenario, b bound) *explorer {
	e := &explorer{sc: sc, bound: b, visited: map[digest]uint32{}, stack: []prefix{{}}}
	for len(e.stack) > 0 && e.broken == nil {
		if e.schedules == b.schedules {
			e.cut = true
			break
		}
		from := e.stack[len(e.stack)-1]
		e.stack = e.stack[:len(e.stack)-1]
		e.schedules++
		again := true
		for i := 0; again && i < repetitions; i++ {
			again = e.try(t, from)
		}
		if again {
			e.diverged++
		}
	}
	return e
}

// try plays the schedule that begins with from, and reports whether it could not
// be followed.
func (e *explorer) try(t *testing.T, from prefix) (diverged bool) {
	synctest.Test(t, func(*testing.T) {
		d := &deepener{e: e, from: from}
		s := play(e.sc, e.bound.preemptions, e.bound.faults, d)
		if len(s.w.violations) > 0 {
			e.broken = s
		}
		diverged = d.diverged && e.broken == nil
		if diverged {
			return
		}
		e.effects += s.w.effects
		for _, n := range s.w.inFlight {
			e.inFlight += n
		}
	})
	return diverged
}

// deepener follows its prefix, and from there on the first option, and leaves the
// others for later.
type deepener struct {
	e     *explorer
	from  prefix
	taken []uint16
	// diverged: at this point of the prefix the options are others than they were.
	diverged bool
}

// A process that wakes up after a deadline chooses by chance between what is ready
// for it (select). Few schedules have that, and a repetition soon finds the same
// choice again.
const repetitions = 20

func (d *deepener) choose(s *schedule, options []option) int {
	k := len(d.taken)
	i := 0
	if k < len(d.from.choices) {
		i = int(d.from.choices[k])
		if i >= len(options) || k == len(d.from.choices)-1 && options[i].label() != d.from.last {
			d.diverged = true
			return -1
		}
	} else {
		if d.e.been(s) {
			return -1
		}
		for j := len(options) - 1; j > 0; j-- {
			choices := make([]uint16, k+1)
			copy(choices, d.taken)
			choices[k] = uint16(j)
			d.e.stack = append(d.e.stack, prefix{choices, options[j].label()})
		}
	}
	d.taken = append(d.taken, uint16(i))
	return i
}

// been reports whether the state was explored with as much left, and notes it.
func (e *explorer) been(s *schedule) bool {
	key := s.key()
	seen := e.visited[key]
	if seen&(1<<(s.preemptions*4+s.faults)) != 0 {
		return true
	}
	for p := range s.preemptions + 1 {
		for f := range s.faults + 1 {
			seen |= 1 << (p*4 + f)
		}
	}
	e.visited[key] = seen
	return false
}

func (e *explorer) String() string {
	text := fmt.Sprintf("exhaustive up to %d preemptions and %d faults: %d schedules, %d states", e.bound.preemptions, e.bound.faults, e.schedules, len(e.visited))
	if e.inFlight > 0 {
		text += fmt.Sprintf("; %d acts of a process that had lost its lease meanwhile", e.inFlight)
	}
	if e.diverged > 0 {
		text += fmt.Sprintf("; %d schedules did not repeat", e.diverged)
	}
	if e.cut {
		text += fmt.Sprintf("; CUT at %d schedules, %d left", e.bound.schedules, len(e.stack))
	}
	return text
}

func (s *schedule) report() string {
	return fmt.Sprintf("%s\nwhat happened:\n%s", strings.Join(s.w.violations, "\n"), strings.Join(s.w.told(), "\n"))
}

// cases are small: two processes, two or three changes.
func cases() []*scenario {
	two := []func(*proc) (*run.Report, error){apply, apply}
	return []*scenario{
		{name: "a marker, then none", stages: one(inTx("t1", "1"), plain("n1", "2")), acts: two, faults: network, steady: true},
		{name: "none, then a shared one", stages: one(plain("n1", "1"), shared("s1", "2")), acts: two, faults: network, steady: true},
		{name: "two markers", stages: one(inTx("t1", "1"), inTx("t2", "2")), acts: two, faults: network, steady: true},
		{name: "probes", stages: one(probed("q1", "1"), asked("p1", "2")), acts: two, faults: network, steady: true},
		{name: "a failure and its rollback", stages: one(flaky(reversible("v1", "1")), flaky(inTx("t1", "2"))), acts: two, faults: network},
		{name: "always retried, in two stages", stages: func() []core.Stage {
			return []core.Stage{{Name: "a", Changes: []core.Change{retried("r1", "1")}}, {Name: "b", DependsOn: []string{"a"}, Changes: []core.Change{shared("s1", "1")}}}
		}, acts: two, faults: network, steady: true},
		{name: "longer than the lease", stages: one(slow(inTx("t1", "1"), 25*tick+tick/5), slow(plain("n1", "2"), 17*tick+tick/5)), acts: two, faults: network, steady: true},
		{name: "alone, and asked to stop", stages: one(inTx("t1", "1"), plain("n1", "2"), shared("s1", "3")), acts: two[:1], faults: append([]fault{stopRun, cancelRun}, network...), steady: true},
		{name: "a person resolves", stages: one(inTx("t1", "1"), plain("n1", "2")), acts: append(two[:1:1], resolver), faults: network},
		{name: "a person unlocks", stages: one(inTx("t1", "1"), shared("s1", "2")), acts: append(two[:1:1], unlocker), faults: network},
	}
}

// daily is the bound of every day. make chaos takes the others: nightly for all
// cases, those of three changes too, and deep, with two faults, for a few.
var (
	daily   = bound{preemptions: 1, faults: 1, schedules: 20_000}
	nightly = bound{preemptions: 2, faults: 1, schedules: 100_000}
	deep    = bound{preemptions: 1, faults: 2, schedules: 100_000}
)

// threeChanges are cases for the larger bounds.
func threeChanges() []*scenario {
	two := []func(*proc) (*run.Report, error){apply, apply}
	return []*scenario{
		{name: "three changes, each of its own kind", stages: one(inTx("t1", "1"), plain("n2", "2"), shared("s3", "3")), acts: two, faults: network, steady: true},
		{name: "three changes, asked, failing, marked", stages: one(asked("p1", "1"), flaky(reversible("v2", "2")), inTx("t3", "3")), acts: two, faults: network},
	}
}

func TestExplore(t *testing.T) {
	if !full() {
		for _, sc := range cases() {
			exploring(t, sc, daily)
		}
		return
	}
	for _, sc := range append(cases(), threeChanges()...) {
		exploring(t, sc, nightly)
	}
	for _, sc := range cases()[:3] {
		sc.name += ", two faults"
		exploring(t, sc, deep)
	}
}

func exploring(t *testing.T, sc *scenario, b bound) {
	t.Run(sc.name, func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		e := explore(t, sc, b)
		t.Logf("%s (%s)", e, time.Since(began).Round(time.Millisecond))
		violations := 0
		if e.broken != nil {
			violations = len(e.broken.w.violations)
			t.Errorf("%s", e.broken.report())
		}
		row(t, report.Row{Scenario: "model: " + sc.name, Runs: e.schedules, Effects: e.effects, Violations: violations, Note: e.String()})
	})
}
