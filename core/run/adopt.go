package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// Baseline records changes as applied without running them: for a system that has
// them already when Flamingock comes to it. Only changes that the ledger does not
// know and that sel admits are recorded, in the order in which they would run: up
// to and including sel.To, not those that profiles or labels filter out. It returns how many were recorded; after an error
// a repetition goes on where it stopped.
//
// Errors: *core.UsageError when sel names what does not exist or no reason is given,
// *core.HeldError, and those of the store.
func (r *Runner) Baseline(ctx context.Context, sel plan.Selection, reason string) (int, error) {
	if reason == "" {
		return 0, &core.UsageError{Reason: "a reason is required", Next: `say why they count as applied: --reason "…"`}
	}
	exec := r.o.NewID()
	h, err := r.obtain(withGiven(ctx), exec, nil, func(s core.Snapshot, _ bool) (intent, error) {
		entries, err := r.baselineEntries(exec, s, sel, reason)
		return intent{idle: len(entries) == 0}, err
	})
	if err != nil || h == nil {
		return 0, err
	}
	n, err := r.baselineHeld(h, exec, sel, reason)
	return n, errors.Join(err, r.letGo(h))
}

func (r *Runner) baselineHeld(h *holding, exec string, sel plan.Selection, reason string) (int, error) {
	entries, err := r.baselineEntries(exec, h.snapshot, sel, reason)
	if err != nil {
		return 0, err
	}
	done := 0
	for batch := range slices.Chunk(entries, core.MaxEntries) {
		if err := h.guard(h.ctx); err != nil {
			return done, err
		}
		for i := range batch {
			batch[i].Token = h.lease.Token
		}
		if err := r.put(h, batch, done+len(batch) == len(entries)); err != nil {
			return done, err
		}
		done += len(batch)
	}
	return done, nil
}

// put appends an operator's entries, for as long as records have.
func (r *Runner) put(h *holding, entries []core.Entry, release bool) error {
	ctx, cancel := r.lastContext(h.ctx)
	defer cancel()
	return wrapStore(h.append(ctx, entries, release, nil))
}

func (r *Runner) baselineEntries(exec string, s core.Snapshot, sel plan.Selection, reason string) ([]core.Entry, error) {
	p, err := plan.Build(plan.Input{
		Ledger: r.o.Ledger, Stages: r.o.Stages, Targets: r.o.Targets, Snapshot: s, Select: sel,
	})
	if err != nil {
		return nil, err
	}
	var out []core.Entry
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			c := &p.Stages[i].Changes[j]
			if c.Record != nil || c.Beyond || c.Filtered {
				continue
			}
			e := r.entryFor(exec, p.Stages[i].Name, c.Change, core.Record{}, c.TxType)
			e.State, e.Operation, e.Reason, e.EndedAt = core.StateManualMarkedApplied, core.OpBaseline, reason, e.StartedAt
			out = append(out, e)
		}
	}
	return out, nil
}

// AcceptDrift records the present content of an applied change as the one that
// counts, so that its edit is no drift any more. Nothing is run.
//
// Errors: *core.UsageError when there is no such drift or no reason is given,
// *core.HeldError, and those of the store.
func (r *Runner) AcceptDrift(ctx context.Context, changeID, reason string) (core.Entry, error) {
	if reason == "" {
		return core.Entry{}, &core.UsageError{Reason: "a reason is required", Next: `say why the edit is right: --reason "…"`}
	}
	exec := r.o.NewID()
	h, err := r.obtain(withGiven(ctx), exec, nil, func(s core.Snapshot, _ bool) (intent, error) {
		e, err := r.acceptEntry(exec, s, changeID, reason)
		return intent{entries: []core.Entry{e}, release: true}, err
	})
	if err != nil {
		return core.Entry{}, err
	}
	if len(h.written) > 0 {
		return h.written[0], nil
	}
	e, err := r.acceptEntry(exec, h.snapshot, changeID, reason)
	if err == nil {
		e.Token = h.lease.Token
		entries := []core.Entry{e}
		err = r.put(h, entries, true)
		e = entries[0]
	}
	return e, errors.Join(err, r.letGo(h))
}

func (r *Runner) acceptEntry(exec string, s core.Snapshot, changeID, reason string) (core.Entry, error) {
	none := func(why string) (core.Entry, error) {
		return core.Entry{}, &core.UsageError{Reason: fmt.Sprintf("change %s has no edit to accept: %s", changeID, why), Next: "see the drift with: flamingock drift list"}
	}
	c := r.change(changeID)
	if c == nil {
		return none("it is not in the code")
	}
	rec, ok := s.Records[changeID]
	switch {
	case !ok:
		return none("it is not applied yet")
	case !rec.State.IsApplied():
		return none("it is " + string(rec.State))
	case rec.Checksum == c.Fingerprint():
		return none("it is as it was applied")
	}
	e := r.entryFor(exec, rec.Stage, c, rec, rec.TxType)
	e.State, e.Operation, e.Reason, e.EndedAt = rec.State, core.OpAccept, reason, e.StartedAt
	e.TargetSystem = rec.TargetSystem // where it was applied
	return e, nil
}
