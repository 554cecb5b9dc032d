package sim

import (
	"errors"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// heal lets fresh processes, one after the other and undisturbed, bring the ledger
// to its end, and a person who looks at the target systems answer what is asked. A
// request that is still in the network lands after the first of them.
func (s *schedule) heal() {
	w := s.w
	s.faults, s.preemptions = 0, 0
	w.note("-- fresh processes")
	asked := 0
	for range 12 {
		err := s.alone("H", apply)
		var ie *core.InterventionError
		switch {
		case len(w.violations) > 0:
			return
		case err == nil:
			w.whole(asked)
			return
		case core.CodeOf(err) == core.CodeChangeFailed: // one that fails once
		case errors.As(err, &ie):
			for _, is := range ie.Issues {
				asked++
				if err := s.alone("P", answer(is)); err != nil {
					w.violate("resolve %s: %v", is.ChangeID, err)
				}
			}
		default:
			w.violate("a fresh process ended with %v", err)
			return
		}
	}
	w.violate("fresh processes do not come to an end")
}

// alone runs one more process to its end.
func (s *schedule) alone(name string, act func(*proc) (*run.Report, error)) error {
	p := s.w.spawn(fmt.Sprintf("%s%d.", name, len(s.w.procs)), act)
	go p.main()
	for s.step(undisturbed{}) {
	}
	return p.err
}

// answer is a person's word about an issue, after a look at the target system.
func answer(is core.Issue) func(*proc) (*run.Report, error) {
	return func(p *proc) (*run.Report, error) {
		as := core.StateManualMarkedRolledBack
		if p.w.effect(is.ChangeID) > 0 {
			as = core.StateManualMarkedApplied
		}
		_, err := p.runner().Resolve(p.ctx, run.Resolution{ChangeID: is.ChangeID, As: as, Reason: "looked at it"})
		return nil, err
	}
}

// whole is what must hold when everything is applied.
func (w *world) whole(asked int) {
	s := w.load()
	if err := core.VerifyChain(0, "", w.history()); err != nil {
		w.violate("%v", err)
	}
	starts := map[string]int{}
	for _, e := range w.history() {
		if e.State == core.StateStarted {
			starts[e.ChangeID]++
		}
	}
	for _, c := range w.changes() {
		id := c.ID
		if st := s.Records[id].State; !st.IsApplied() {
			w.violate("at the end %s is %q", id, st)
		}
		n := w.effect(id)
		switch {
		case w.unsure[id]:
		case n == 0:
			w.violate("at the end %s has no effect", id)
		case n > 1 && c.Recovery.Strategy != core.AlwaysRetry && n > 1+w.inFlight[id]:
			w.violate("at the end %s has its effect %d times", id, n)
		case w.svc.calls[id] > starts[id]:
			w.violate("%s acted %d times, and was started %d times", id, w.svc.calls[id], starts[id])
		}
	}
	// A run that was only asked to stop leaves nothing for a person.
	onlyStopped := len(w.faulted) == 1 && w.faulted[stopRun] > 0
	if asked > 0 && w.sc.steady && (onlyStopped || len(w.faulted) == 0) {
		w.violate("a person was asked %d times, and nothing had gone wrong", asked)
	}
}
