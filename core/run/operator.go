package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// Plan loads the ledger once and plans. It takes no lock and writes nothing. A
// lease whose holder is proven dead does not count as held.
func (r *Runner) Plan(ctx context.Context, sel plan.Selection) (*plan.Plan, core.Snapshot, error) {
	s, err := r.o.Store.Load(ctx, r.o.Ledger)
	if err != nil {
		return nil, s, wrapStore(err)
	}
	gone, err := core.HolderGone(ctx, r.o.Store, s.Head)
	if err != nil {
		return nil, s, wrapStore(err)
	}
	p, err := plan.Build(plan.Input{
		Ledger: r.o.Ledger, Stages: r.o.Stages, Targets: r.o.Targets, Snapshot: s, Held: s.Head.Held() && !gone, Select: sel,
	})
	return p, s, err
}

// Resolution is a person's word about a change that waits for one.
type Resolution struct {
	ChangeID string
	// As is core.StateManualMarkedApplied or core.StateManualMarkedRolledBack.
	As core.State
	// Reason is required; it is recorded.
	Reason string
	// Seq is that of the entry that the person saw. 0: whatever there is.
	Seq uint64
	// Force admits an answer that the marker in the target system contradicts, or
	// a target system that cannot be asked. The marker is then made to agree.
	Force bool
}

// Resolve records a person's word about a change whose outcome is failed or
// unknown, under the lease. If the attempt has a marker, the fence is raised and
// the marker asked first.
//
// Errors: *core.UsageError when there is nothing to resolve or the change is not
// at Seq any more, *ContradictionError, *core.HeldError,
// and those of the store and the target system.
func (r *Runner) Resolve(ctx context.Context, res Resolution) (core.Entry, error) {
	if err := res.check(); err != nil {
		return core.Entry{}, err
	}
	exec := r.o.NewID()
	var rec core.Record
	h, err := r.obtain(withGiven(ctx), exec, nil, func(s core.Snapshot, _ bool) (intent, error) {
		var err error
		if rec, err = r.find(res, s); err != nil {
			return intent{}, err
		}
		res.Seq = rec.Seq // after a wait it must still be this one
		if hasMarker(rec) {
			return intent{}, nil
		}
		return intent{entries: []core.Entry{r.resolveEntry(exec, res, rec)}, release: true}, nil
	})
	if err != nil {
		return core.Entry{}, err
	}
	if len(h.written) > 0 {
		return h.written[0], nil
	}
	e, err := r.resolveHeld(h, exec, res)
	return e, errors.Join(err, r.letGo(h))
}

// resolveHeld resolves under a lease that is held: behind a raised fence, or
// after a takeover.
func (r *Runner) resolveHeld(h *holding, exec string, res Resolution) (core.Entry, error) {
	rec, err := r.find(res, h.snapshot)
	if err != nil {
		return core.Entry{}, err
	}
	if hasMarker(rec) {
		if err := r.agreeWithMarker(h, res, rec); err != nil {
			return core.Entry{}, err
		}
	}
	entries := []core.Entry{r.resolveEntry(exec, res, rec)}
	entries[0].Token = h.lease.Token
	if err := r.put(h, entries, true); err != nil {
		return core.Entry{}, err
	}
	return entries[0], nil
}

func (res *Resolution) check() error {
	if res.As != core.StateManualMarkedApplied && res.As != core.StateManualMarkedRolledBack {
		return &core.UsageError{Reason: "a change is resolved as applied or as rolled back"}
	}
	if res.Reason == "" {
		return &core.UsageError{Reason: "a reason is required", Next: `say what you found and did: --reason "…"`}
	}
	return nil
}

// find returns the record to resolve, if there is something to resolve.
func (r *Runner) find(res Resolution, s core.Snapshot) (core.Record, error) {
	ledger := r.o.Ledger
	rec, ok := s.Records[res.ChangeID]
	switch {
	case !ok:
		return rec, &core.UsageError{Reason: fmt.Sprintf("ledger %s has no entry of a change %q", ledger, res.ChangeID), Next: "see the changes with: flamingock audit list"}
	case !rec.State.IsUnfinished() && !r.spent(rec):
		return rec, &core.UsageError{Reason: fmt.Sprintf("change %s has no issue: it is %s", res.ChangeID, rec.State), Next: "see the issues with: flamingock issue list"}
	case res.Seq != 0 && rec.Seq != res.Seq:
		return rec, &core.UsageError{
			Reason: fmt.Sprintf("change %s has a newer entry (%d) than the one you saw (%d)", res.ChangeID, rec.Seq, res.Seq),
			Next:   "look at it again with: flamingock issue get " + res.ChangeID,
		}
	}
	return rec, nil
}

// spent reports whether the change was rolled back, but may not be started again
// without a person's word because of its maxAttempts.
func (r *Runner) spent(rec core.Record) bool {
	c := r.change(rec.ChangeID)
	return c != nil && rec.State == core.StateRolledBack && c.MaxAttempts > 0 && rec.Attempt >= c.MaxAttempts
}

// change returns the change of this id; nil when the code does not have it.
func (r *Runner) change(id string) *core.Change {
	for i := range r.o.Stages {
		for j := range r.o.Stages[i].Changes {
			if c := &r.o.Stages[i].Changes[j]; c.ID == id {
				return c
			}
		}
	}
	return nil
}

// hasMarker reports whether a marker in the target system tells what happened.
func hasMarker(rec core.Record) bool {
	// Another edition's markers are not ours to ask.
	return rec.Operation != core.OpImport && rec.TxType == core.TxSeparateMarker && (rec.State == core.StateStarted || rec.State == core.StateFailed && rec.Unknown)
}

// ContradictionError says that the marker in the target system contradicts a
// person's word.
type ContradictionError struct {
	ChangeID string
	As       core.State
	Marked   bool
}

func (e *ContradictionError) Error() string {
	found := "has no marker in the target system, so it did not commit"
	if e.Marked {
		found = "has its marker in the target system, so it did commit"
	}
	return fmt.Sprintf("change %s cannot be marked %s: its last attempt %s", e.ChangeID, e.As, found)
}

// Code returns ManualIntervention.
func (e *ContradictionError) Code() core.Code { return core.CodeManualIntervention }

// Hint says what to do.
func (e *ContradictionError) Hint() string {
	return "run flamingock apply, which settles it by the marker; or, when you know better, resolve with --force"
}

func (r *Runner) agreeWithMarker(h *holding, res Resolution, rec core.Record) error {
	t, ok := r.o.Targets[rec.TargetSystem].(core.TxTarget)
	if !ok {
		if res.Force {
			return nil
		}
		return &core.ConfigError{Key: rec.TargetSystem, Reason: "change " + rec.ChangeID + " left a marker in this target system, which is not configured", Next: "configure it, or resolve with --force"}
	}
	m := core.Marker{LedgerID: h.ledgerID, ChangeID: rec.ChangeID, Seq: rec.StartedSeq}
	marked, err := false, t.RaiseFence(h.ctx, core.Fence{LedgerID: h.ledgerID, Token: h.lease.Token, Owner: h.lease.Owner, Lease: r.o.Lease})
	if err == nil {
		marked, err = t.Marked(h.ctx, m)
	}
	if err != nil {
		if res.Force && !errors.Is(err, core.ErrLeaseLost) {
			r.o.Events(Warned{Text: "target system " + t.ID() + " could not be asked for the marker", Err: err})
			return nil
		}
		return wrapTarget(t.ID(), err)
	}
	wants := res.As == core.StateManualMarkedApplied
	switch {
	case marked == wants:
		return nil
	case !res.Force:
		return &ContradictionError{ChangeID: rec.ChangeID, As: res.As, Marked: marked}
	case wants:
		return wrapTarget(t.ID(), t.PutMarker(h.ctx, m))
	}
	return wrapTarget(t.ID(), t.DeleteMarkers(h.ctx, []core.Marker{m}))
}

func (r *Runner) resolveEntry(exec string, res Resolution, rec core.Record) core.Entry {
	e := r.stamp(core.Entry{
		ChangeID: rec.ChangeID, PrevSeq: rec.Seq, StartedSeq: rec.StartedSeq, Stage: rec.Stage, Order: rec.Order, Author: "not-specified",
		TargetSystem: rec.TargetSystem, State: res.As, TxType: rec.TxType, Strategy: rec.Strategy, Operation: core.OpResolve,
		Checksum: rec.Checksum, Attempt: rec.Attempt, Reason: res.Reason,
	}, exec)
	e.EndedAt = e.StartedAt
	if c := r.change(rec.ChangeID); c != nil {
		e.SourceFile, e.Definition = c.Source.File, c.Definition()
		if c.Author != "" {
			e.Author = c.Author
		}
		if res.As == core.StateManualMarkedApplied {
			e.Checksum = c.Fingerprint() // what the person vouches for is today's change
		}
	}
	return e
}

// Unlock forces the release of a held lease: only on a person's word that its
// holder's process is gone. token is the one that the person saw. The holder, if
// it still lives, cannot write to the ledger afterwards; what it is doing to a
// target system without transactions cannot be recalled.
//
// Errors: *core.UsageError when the ledger is not locked, the token is another one
// or no reason is given, *core.ConflictError when the holder gave a sign of life
// just now.
func (r *Runner) Unlock(ctx context.Context, token uint64, reason string) (core.Entry, error) {
	if reason == "" {
		return core.Entry{}, &core.UsageError{Reason: "a reason is required", Next: `say why: --reason "…"`}
	}
	exec := r.o.NewID()
	h, err := r.obtain(withGiven(ctx), exec, nil, func(s core.Snapshot, held bool) (intent, error) {
		if !held {
			return intent{}, &core.UsageError{Reason: "ledger " + r.o.Ledger + " is not locked", Next: "nothing has to be released"}
		}
		if s.Head.Token != token {
			return intent{}, &core.UsageError{
				Reason: fmt.Sprintf("the lock of ledger %s has the token %d, not %d", r.o.Ledger, s.Head.Token, token), Next: "look at it again with: flamingock lock show",
			}
		}
		from := s.Head.Holder
		e := r.stamp(core.Entry{
			Operation: core.OpUnlock, Reason: fmt.Sprintf("%s (held by execution %s on %s, process %d)", reason, from.Execution, from.Host, from.PID),
		}, exec)
		e.EndedAt = e.StartedAt
		return intent{unlock: true, entries: []core.Entry{e}, release: true}, nil
	})
	if err != nil {
		return core.Entry{}, err
	}
	return h.written[0], nil
}
