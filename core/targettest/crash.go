package targettest

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// crashCases say what a successor finds out about a process that died.
func crashCases() []testCase {
	return []testCase{
		{"crash/a marker settles what was committed but not recorded", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			p.beforeAppend = func(a core.Append) {
				if records(a, core.StateApplied) {
					p.die()
				}
			}
			w.crash(t, p, w.change(p, "alpha", "1"))
			w.isThere(t, "alpha", true)
			p = w.process(t)
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha RECONCILED")
			w.recorded(t, "alpha STARTED", "alpha APPLIED reconciled")
			w.ran(t, "alpha", 1)
			w.noMarkers(t)
		}},
		{"crash/in a step of a transaction", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			w.crash(t, p, then(w.change(p, "alpha", "1"), func(context.Context, *core.Session) error { p.die(); return nil }))
			w.comesBack(t, 2)
		}},
		{"crash/before the transaction", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			p.beforeTransact = func(*core.Transaction) { p.die() }
			w.crash(t, p, w.change(p, "alpha", "1"))
			w.comesBack(t, 1)
		}},
		{"crash/outside of a transaction waits for a person", 0, func(t testing.TB, w *world) {
			p := w.process(t)
			w.crash(t, p, then(w.direct(p, "alpha", "1"), func(context.Context, *core.Session) error { p.die(); return nil }))
			w.isThere(t, "alpha", true)
			p = w.process(t)
			p.apply(t, w.direct(p, "alpha", "1")).is(t, core.CodeManualIntervention, "alpha BLOCKED")
			w.ran(t, "alpha", 1)
		}},
		{"crash/a probe finds the effect", probe, func(t testing.TB, w *world) {
			p := w.process(t)
			w.crash(t, p, then(w.probed(p, "alpha"), func(context.Context, *core.Session) error { p.die(); return nil }))
			w.isThere(t, "alpha", true)
			p = w.process(t)
			p.apply(t, w.probed(p, "alpha")).is(t, "", "alpha RECONCILED")
			w.recorded(t, "alpha STARTED", "alpha APPLIED reconciled")
			w.isThere(t, "alpha", true)
			w.ran(t, "alpha", 1)
		}},
		{"crash/a probe finds nothing", probe, func(t testing.TB, w *world) {
			p := w.process(t)
			p.beforeOpen = p.die
			w.crash(t, p, w.probed(p, "alpha"))
			p = w.process(t)
			p.apply(t, w.probed(p, "alpha")).is(t, "", "alpha APPLIED")
			w.recorded(t, "alpha STARTED", "alpha ROLLED_BACK reconciled", "alpha STARTED", "alpha APPLIED")
			w.isThere(t, "alpha", true)
		}},
		{"crash/a probe changes nothing", probe | state, func(t testing.TB, w *world) {
			p := w.process(t)
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
			before := w.sys.State(t)
			handle, release, err := w.open(t).Open(w.ctx())
			check(t, "open", err)
			for name, want := range map[string]core.ProbeResult{"alpha": core.ProbeApplied, "beta": core.ProbeNotApplied} {
				if got, err := w.sys.Probe(name)(w.ctx(), session(handle)); got != want || err != nil {
					t.Errorf("probe of %s: got %s, %v; want %s", name, got, err, want)
				}
			}
			check(t, "release", release())
			if after := w.sys.State(t); after != before {
				t.Errorf("\n%s\nbecame\n%s", before, after)
			}
		}},
	}
}

// crash runs a change in a process that dies of it. Its connections die with it.
func (w *world) crash(t testing.TB, p *process, c core.Change) {
	t.Helper()
	p.apply(t, c).diedMidway(t)
	check(t, "close", p.target.Close())
}

// comesBack checks that a successor finds no marker and applies alpha, whose step
// was begun runs times by then.
func (w *world) comesBack(t testing.TB, runs int) {
	t.Helper()
	w.isThere(t, "alpha", false)
	p := w.process(t)
	p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
	w.recorded(t, "alpha STARTED", "alpha ROLLED_BACK reconciled", "alpha STARTED", "alpha APPLIED")
	w.ran(t, "alpha", runs)
	w.isThere(t, "alpha", true)
	w.noMarkers(t)
}

// probed is a direct change with a probe, whose repetition would be harmless.
func (w *world) probed(p *process, id string) core.Change {
	c := w.direct(p, id, "1")
	c.Probe, c.Apply.LateSafe = w.sys.Probe(id), true
	return c
}
