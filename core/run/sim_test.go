package run_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// The fault simulation: every call that a run makes to the store or to a target
// system goes wrong in every way, one call a run. Whatever happened, the runs
// that follow, and a person who tells the truth where one is asked, must bring
// every change to APPLIED with each effect there exactly once.

// situation is what a run finds when it begins.
type situation struct {
	name string
	// before is the fault of the run before it, at the first call of a site whose
	// name begins with site; "" for no run before it.
	site  string
	fault fault
	fail  string // a further site at which that run's calls fail from then on
}

var situations = []situation{
	{name: "fresh"},
	{name: "died before a commit", site: "commit t1", fault: crashBefore},
	{name: "died after a commit", site: "commit t1", fault: crashAfter},
	{name: "answer to commit lost, marker not to be had", site: "commit t1", fault: loseAnswer, fail: "marked"},
	{name: "commit lost, marker not to be had", site: "commit t1", fault: downBefore, fail: "marked"},
	{name: "died before an effect", site: "effect n1", fault: crashBefore},
	{name: "died after an effect", site: "effect n1", fault: crashAfter},
	{name: "died before an effect with a probe", site: "effect q1", fault: crashBefore},
	{name: "died after an effect with a probe", site: "effect q1", fault: crashAfter},
	{name: "died after an effect that is retried", site: "effect r1", fault: crashAfter},
	{name: "died before a rollback", site: "undo f1", fault: crashBefore},
	{name: "died after a rollback", site: "undo f1", fault: crashAfter},
	{name: "died in the last stage", site: "commit t3", fault: crashAfter},
}

var faults = []fault{
	failBefore, loseAnswer, loseTwice, loseLate, downBefore, downAfter,
	crashBefore, crashAfter, pauseBefore, pauseAfter, cancelRun, stopRun,
}

// prepare brings the world into the situation.
func (s situation) prepare(w *world) {
	if s.site == "" {
		return
	}
	for range 3 { // a first run may end before it reaches the site
		hit := false
		p := w.process(func(_ int, site string) fault {
			switch {
			case !hit && strings.HasPrefix(site, s.site):
				hit = true
				return s.fault
			case hit && s.fail != "" && strings.HasPrefix(site, s.fail):
				return failBefore
			}
			return none
		})
		o := p.apply()
		if hit {
			return
		}
		w.resolveTruly(issuesOf(o.err))
	}
	w.t.Fatalf("no run reached %s", s.site)
}

// heal runs until nothing is left to do.
func (w *world) heal() {
	w.t.Helper()
	for range 8 {
		time.Sleep(time.Second) // late effects arrive
		o := w.process(nil).apply()
		switch code := o.code(); code {
		case "":
			return
		case core.CodeChangeFailed: // a change that fails once
		case core.CodeManualIntervention:
			w.resolveTruly(issuesOf(o.err))
		default:
			w.t.Errorf("an undisturbed run ended with %s: %v", code, o.err)
		}
	}
	w.t.Error("runs do not come to an end")
}

// mustBeWhole checks what must hold when everything is applied.
func (w *world) mustBeWhole() {
	w.t.Helper()
	s := w.load()
	if s.Head.Held() { // a dead one's, and nobody needed it: whoever does gets it
		more := w.process(nil)
		o := more.apply(func(o *run.Options) { o.Stages = append(slices.Clone(o.Stages), stage("more", plain("x1", "1"))) })
		if o.err != nil {
			w.t.Errorf("a lease was left that nobody can take: %v", o.err)
		}
	}
	for _, id := range w.changeIDs() {
		if st := s.Records[id].State; !st.IsApplied() {
			w.t.Errorf("%s is %s", id, st)
		}
		n := w.effect(id)
		switch {
		case n == 0:
			w.t.Errorf("%s has no effect", id)
		case n > 1 && id[0] != 'r':
			w.t.Errorf("%s has its effect %d times", id, n)
		}
		if id[0] == 'n' && w.svc.called(id) != 1 {
			w.t.Errorf("%s was executed %d times", id, w.svc.called(id))
		}
	}
	w.mustBeOrdered()
}

// mustBeOrdered checks the history: nothing starts before what comes before it
// is applied, and nothing that is applied starts again.
func (w *world) mustBeOrdered() {
	w.t.Helper()
	applied := map[string]bool{}
	for _, e := range w.history() {
		if e.State == core.StateStarted {
			if applied[e.ChangeID] {
				w.t.Errorf("entry %d starts %s, which is applied", e.Seq, e.ChangeID)
			}
			for _, id := range w.before(e.ChangeID) {
				if !applied[id] {
					w.t.Errorf("entry %d starts %s before %s is applied", e.Seq, e.ChangeID, id)
				}
			}
		}
		if e.ChangeID != "" {
			applied[e.ChangeID] = e.State.IsApplied()
		}
	}
}

func (w *world) before(id string) []string {
	var ids []string
	for i := range w.stages {
		st := &w.stages[i]
		j := slices.IndexFunc(st.Changes, func(c core.Change) bool { return c.ID == id })
		if j < 0 {
			continue
		}
		for _, c := range st.Changes[:j] {
			ids = append(ids, c.ID)
		}
		for _, other := range w.stages {
			if slices.Contains(st.DependsOn, other.Name) {
				for _, c := range other.Changes {
					ids = append(ids, c.ID)
				}
			}
		}
	}
	return ids
}

func TestEveryFaultAtEveryCall(t *testing.T) {
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var want []string
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, mixed()...)
				s.prepare(w)
				want = statuses(w.process(nil).apply().rep)
			})
			for i, f := range faults {
				for k, reached := 1+i%stride, true; reached && !t.Failed(); k += stride {
					synctest.Test(t, func(t *testing.T) { reached = disturb(t, s, f, k, want) })
					if k > 500 {
						t.Fatal("a run does not come to an end")
					}
				}
			}
		})
	}
}

// disturb lets the k-th call of one run go wrong, and heals.
func disturb(t *testing.T, s situation, f fault, k int, want []string) (reached bool) {
	w := newWorld(t, mixed()...)
	s.prepare(w)
	w.watchOrder()
	at := ""
	p := w.process(func(n int, site string) fault {
		if n != k {
			return none
		}
		reached, at = true, site
		return f
	})
	end := p.applyAsync()
	paused := f == pauseBefore || f == pauseAfter
	var other <-chan outcome
	if paused { // a second process must not be disturbed by one that wakes up
		time.Sleep(time.Millisecond)
		other = w.process(nil).applyAsync()
	}
	o := <-end
	if paused {
		if e := (<-other).code().Exit(); e != 0 && e != 70 && e != 79 && e != 75 {
			t.Errorf("the other process ended with %d", e)
		}
	}
	synctest.Wait()
	if !o.died && !paused {
		mustFit(t, o, f, at, want)
	}
	w.heal()
	w.mustBeWhole()
	if t.Failed() {
		t.Logf("situation %q; call %d (%s) %s; run ended %s: %v", s.name, k, at, f, o.code(), o.err)
		t.Logf("calls: %s", strings.Join(p.sites, ", "))
		t.Logf("history: %s", strings.Join(w.states(), ", "))
	}
	return reached
}

// mustFit checks that what a run says fits what was done to it.
func mustFit(t *testing.T, o outcome, f fault, site string, want []string) {
	t.Helper()
	ofStore := site == "acquire" || site == "append" || site == "release" || site == "renew"
	healed := ofStore && (f == failBefore || f == loseAnswer || f == loseTwice)
	switch code := o.code(); {
	case healed:
		if d := cmp.Diff(want, statuses(o.rep)); d != "" {
			t.Errorf("a request was sent again, but the run differs: %s", d)
		}
	case site == "load" && f == failBefore:
		if code != core.CodeUnavailable {
			t.Errorf("code %s: %v", code, o.err)
		}
	case code == "":
		for _, st := range o.rep.Stages {
			for _, c := range st.Changes {
				if c.Status == "" || strings.Contains("FAILED ROLLED_BACK ROLLBACK_FAILED NOT_REACHED BLOCKED RUNNING", string(c.Status)) {
					t.Errorf("the run ended well, but %s is %s", c.ChangeID, c.Status)
				}
			}
		}
	case f == stopRun || f == cancelRun:
		if e := code.Exit(); e != 75 && e != 70 && e != 79 {
			t.Errorf("code %s: %v", code, o.err)
		}
	case code == core.CodeInternal:
		t.Errorf("code %s: %v", code, o.err)
	}
	if f == stopRun && o.code() != "" && o.rep.Status == "" {
		t.Error("no status")
	}
}
