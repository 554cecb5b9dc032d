package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// drawn chooses by chance, and keeps what it chose.
type drawn struct {
	rnd     *rand.Rand
	switchy float64 // how often another process comes in
	faulty  float64 // how often something goes wrong
}

func (d *drawn) choose(_ *schedule, options []option) int {
	pick := func(want func(option) bool) int {
		var of []int
		for i, o := range options {
			if want(o) {
				of = append(of, i)
			}
		}
		if len(of) == 0 {
			return 0
		}
		return of[d.rnd.IntN(len(of))]
	}
	// Drawn in this order every time, so that a seed means the same everywhere.
	switched, faulty := d.rnd.Float64() < d.switchy, d.rnd.Float64() < d.faulty
	first := options[0]
	i := 0
	if switched {
		i = pick(func(o option) bool { return o.f == none })
	}
	if !faulty {
		return i
	}
	at := options[i]
	if at.c == nil || at.landing {
		at = first
	}
	return pick(func(o option) bool { return o.c == at.c && o.c != nil && o.f != none })
}

// draw makes a large scenario from a seed: two or three processes that begin again
// when they end, up to six changes of every kind in up to two stages, people.
func draw(rnd *rand.Rand) (*scenario, *drawn) {
	kinds := []func(id, order string) core.Change{inTx, inTx, plain, shared, retried, probed, asked, reversible}
	letters := []string{"t", "t", "n", "s", "r", "q", "p", "v"}
	stages := make([]core.Stage, 1+rnd.IntN(2))
	n := 1 + rnd.IntN(6)
	steady := true
	for i := range stages {
		stages[i].Name = fmt.Sprintf("stage%d", i)
	}
	if len(stages) == 2 && rnd.IntN(2) == 0 {
		stages[1].DependsOn = []string{"stage0"}
	}
	for i := range n {
		k := rnd.IntN(len(kinds))
		id, order := fmt.Sprintf("%s%d", letters[k], i+1), fmt.Sprint(i+1)
		c := kinds[k](id, order)
		if rnd.IntN(6) == 0 {
			steady = false
			c = slow(c, time.Duration(1+rnd.IntN(30))*tick+tick/5)
		}
		if rnd.IntN(8) == 0 && id[0] != 'q' {
			c = flaky(c)
			steady = false
		}
		st := &stages[i*len(stages)/n]
		st.Changes = append(st.Changes, c)
	}
	stages = slices.DeleteFunc(stages, func(s core.Stage) bool { return len(s.Changes) == 0 })
	sc := &scenario{
		name: "drawn", faults: append(slices.Clone(network), stopRun, cancelRun), steady: steady,
		stages: func() []core.Stage {
			all := slices.Clone(stages)
			for i := range all {
				all[i].Changes = slices.Clone(all[i].Changes)
			}
			return all
		},
	}
	for range 2 + rnd.IntN(2) {
		act := apply
		if rnd.IntN(4) == 0 {
			sc.steady = false
			act = within(time.Duration(5+rnd.IntN(60))*tick + tick/3)
		}
		if rnd.IntN(3) == 0 {
			act = twice(act)
		}
		sc.acts = append(sc.acts, act)
	}
	for _, person := range []func(*proc) (*run.Report, error){resolver, unlocker} {
		if rnd.IntN(4) == 0 {
			sc.acts = append(sc.acts, person)
			sc.steady = false
		}
	}
	return sc, &drawn{rnd: rnd, switchy: rnd.Float64() * 0.4, faulty: rnd.Float64() * 0.12}
}

// within applies with a deadline.
func within(d time.Duration) func(*proc) (*run.Report, error) {
	return func(p *proc) (*run.Report, error) {
		ctx, cancel := context.WithTimeout(p.ctx, d)
		defer cancel()
		return p.runner().Apply(ctx, run.ApplyOptions{Stop: p.stop})
	}
}

// twice does it again when a run says that it is worth it.
func twice(act func(*proc) (*run.Report, error)) func(*proc) (*run.Report, error) {
	return func(p *proc) (*run.Report, error) {
		rep, err := act(p)
		if err != nil && core.CodeOf(err).Exit() == 75 {
			p.w.note("%s tries again after %s", p.name, outcome(err))
			return act(p)
		}
		return rep, err
	}
}

// playSeed plays one random schedule.
func playSeed(t *testing.T, n uint64) *schedule {
	var s *schedule
	synctest.Test(t, func(*testing.T) {
		sc, ch := draw(rand.New(rand.NewPCG(n, 7)))
		s = play(sc, 1000, 1000, ch)
	})
	return s
}

func (sc *scenario) String() string {
	text := ""
	for _, st := range sc.stages() {
		text += st.Name + ":"
		for _, c := range st.Changes {
			text += " " + c.ID
		}
		if len(st.DependsOn) > 0 {
			text += fmt.Sprintf(" (after %v)", st.DependsOn)
		}
		text += "; "
	}
	return text + fmt.Sprintf("%d processes", len(sc.acts))
}

func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	if n, ok := seed(t); ok {
		replay(t, n)
		return
	}
	n := uint64(800)
	if full() {
		n = 60_000
	}
	effects, faults, acts, violations, last := 0, 0, 0, 0, uint64(0)
	for last < n && violations == 0 {
		last++
		s := playSeed(t, last)
		effects += s.w.effects
		for _, k := range s.w.faulted {
			faults += k
		}
		for _, k := range s.w.inFlight {
			acts += k
		}
		if violations = len(s.w.violations); violations > 0 {
			t.Errorf("seed %d (%s=%d plays it again): %s\n%s", last, seedVariable, last, s.w.sc, s.report())
		}
	}
	note := fmt.Sprintf("seeds 1 to %d, %d faults; %d acts of a process that had lost its lease meanwhile", last, faults, acts)
	t.Log(note)
	row(t, report.Row{Scenario: "model: random schedules", Runs: int(last), Effects: effects, Violations: violations, Note: note})
}

// replay plays one seed and tells all of it.
func replay(t *testing.T, n uint64) {
	var s *schedule
	for range repetitions {
		if s = playSeed(t, n); len(s.w.violations) > 0 {
			t.Fatalf("seed %d: %s\n%s", n, s.w.sc, s.report())
		}
	}
	t.Logf("seed %d: %s\n%s", n, s.w.sc, s.report())
}

// TestASeedReplays: what a seed does can be looked at again.
func TestASeedReplays(t *testing.T) {
	t.Parallel()
	seeds := uint64(40)
	if full() {
		seeds = 3000
	}
	for n := uint64(1); n <= seeds; n++ {
		want, same := playSeed(t, n).w.told(), false
		diff := ""
		for i := 0; i < repetitions && !same; i++ {
			diff = cmp.Diff(want, playSeed(t, n).w.told())
			same = diff == ""
		}
		if !same {
			t.Errorf("seed %d does not replay:\n%s", n, diff)
		}
	}
}
