package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// scenario is what the processes have to do.
type scenario struct {
	name   string
	stages func() []core.Stage
	// acts are the processes, in the order of their names A, B, …
	acts []func(*proc) (*run.Report, error)
	// faults are those that are tried, beside crash.
	faults []fault
	// steady: no change fails, no deadline ends before one does, and nobody acts but
	// the Runners, so that without a fault every run must end well.
	steady bool

	breakStore func(*memstore.Store) core.AuditStore
	breakDB    func(*database)
}

// The changes. The first letter of an id says what kind it is.

// inTx is a change with a marker: t…
func inTx(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "db", Apply: core.Step{Do: func(ctx context.Context, s *core.Session) error {
		return s.Handle.(*txn).put(ctx, id)
	}}}
}

// shared is a change in the store's transaction: s…
func shared(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "aud", Apply: core.Step{Do: func(ctx context.Context, s *core.Session) error {
		return s.Handle.(*collector).put(ctx, id)
	}}}
}

// plain is a change without a transaction: n…
func plain(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "svc", Apply: core.Step{Do: func(ctx context.Context, s *core.Session) error {
		t := s.Handle.(*svcTarget)
		if !sleptThrough(ctx) {
			t.p.mustHold(id)
		}
		return t.add(ctx, id, false)
	}}}
}

// reversible is a plain change with a rollback: v…
func reversible(id, order string) core.Change {
	c := plain(id, order)
	c.Rollback = core.Step{Do: func(ctx context.Context, s *core.Session) error { return s.Handle.(*svcTarget).takeBack(ctx, id) }}
	return c
}

// retried is a plain change that is always tried again: r…
func retried(id, order string) core.Change {
	c := plain(id, order)
	c.Recovery.Strategy = core.AlwaysRetry
	return c
}

// probed is a change that can be asked for, and whose late effect is harmless,
// because it has one only where there is none: q…
func probed(id, order string) core.Change {
	return core.Change{
		ID: id, Order: order, TargetSystem: "svc",
		Apply: core.Step{LateSafe: true, Do: func(ctx context.Context, s *core.Session) error {
			t := s.Handle.(*svcTarget)
			if !sleptThrough(ctx) {
				t.p.mustHold(id)
			}
			return t.add(ctx, id, true)
		}},
		Probe: probe(id),
	}
}

// asked is a change that can be asked for, but a late effect of it would count
// twice: p…
func asked(id, order string) core.Change {
	c := plain(id, order)
	c.Probe = probe(id)
	return c
}

func probe(id string) core.Probe {
	return func(ctx context.Context, s *core.Session) (found core.ProbeResult, err error) {
		t := s.Handle.(*svcTarget)
		err = t.p.reach(ctx, kProbe, id, func() error {
			found = core.ProbeNotApplied
			if t.svc.rows[id] > 0 {
				found = core.ProbeApplied
			}
			t.p.seen.add(string(found))
			return nil
		})
		return found, err
	}
}

// flaky fails, definitely, the first time that it is run, after it had its effect.
func flaky(c core.Change) core.Change {
	do := c.Apply.Do
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		err := do(ctx, s)
		if err != nil {
			return err
		}
		if !procOf(s.Handle).w.failedOnce(c.ID) {
			return errors.New("the change failed")
		}
		return nil
	}
	return c
}

// slow works for d before it has its effect.
func slow(c core.Change, d time.Duration) core.Change {
	do := c.Apply.Do
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		p := procOf(s.Handle)
		before := p.frozenSoFar()
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if p.frozenSoFar() > before {
			ctx = context.WithValue(ctx, sleptKey{}, true)
		}
		return do(ctx, s)
	}
	return c
}

// sleptThrough: the process was paused while the step was at work, after the
// Runner had made sure of its lease.
func sleptThrough(ctx context.Context) bool { return ctx.Value(sleptKey{}) != nil }

type sleptKey struct{}

func procOf(handle any) *proc {
	switch h := handle.(type) {
	case *txn:
		return h.t.p
	case *collector:
		return h.t.p
	case *svcTarget:
		return h.p
	}
	return nil
}

// failedOnce reports whether the change has failed before, and that it does now.
func (w *world) failedOnce(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.failed[id]
	w.failed[id] = true
	return was
}

func one(changes ...core.Change) func() []core.Stage {
	return func() []core.Stage { return []core.Stage{{Name: "main", Changes: slices.Clone(changes)}} }
}

// effect returns how often the change's effect is there.
func (w *world) effect(id string) int { return w.db.rows[id] + w.svc.rows[id] }

func isTx(id string) bool { return id[0] == 't' || id[0] == 's' }

// The acts of people.

// resolver looks at the target system and says what is there, for each change
// that is unfinished, whether or not somebody is at work on it.
func resolver(p *proc) (*run.Report, error) {
	r := p.runner()
	var s core.Snapshot
	found := map[string]bool{}
	err := p.reach(p.ctx, kLook, "at ledger and targets", func() error {
		s = p.w.load()
		for _, c := range p.w.changes() {
			found[c.ID] = p.w.effect(c.ID) > 0
			p.saw[c.ID] = s.Records[c.ID].Seq
			p.seen.num(flag(found[c.ID]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.seen.snapshot(s)
	for _, c := range p.w.changes() {
		rec, ok := s.Records[c.ID]
		if !ok || !rec.State.IsUnfinished() {
			continue
		}
		as := core.StateManualMarkedRolledBack
		if found[c.ID] {
			as = core.StateManualMarkedApplied
		}
		_, one := r.Resolve(p.ctx, run.Resolution{ChangeID: c.ID, As: as, Reason: "looked at it", Seq: rec.Seq})
		err = errors.Join(err, one)
	}
	return nil, err
}

// unlocker ends the lease of whoever holds it, rightly or not.
func unlocker(p *proc) (*run.Report, error) {
	var h core.Head
	if err := p.reach(p.ctx, kLook, "at the lock", func() error { h = p.w.load().Head; return nil }); err != nil {
		return nil, err
	}
	p.seen.head(h)
	if !h.Held() {
		return nil, nil
	}
	_, err := p.runner().Unlock(p.ctx, h.Token, "its process is gone")
	return nil, err
}

func (w *world) changes() []core.Change {
	var all []core.Change
	for _, st := range w.sc.stages() {
		all = append(all, st.Changes...)
	}
	return all
}
