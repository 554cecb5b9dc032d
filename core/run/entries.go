package run

import (
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// stamp fills what every entry of this Runner has in common.
func (r *Runner) stamp(e core.Entry, exec string) core.Entry {
	e.Ledger, e.ExecutionID = r.o.Ledger, exec
	e.Host, e.Version, e.Trigger, e.Principal, e.Metadata = r.o.Host, r.o.Version, r.o.Trigger, r.o.Principal, r.o.Metadata
	if e.StartedAt.IsZero() {
		e.StartedAt = r.o.Now()
	}
	return e
}

// entryFor makes an entry about c; prev is the change's record, zero for none.
func (r *Runner) entryFor(exec, stage string, c *core.Change, prev core.Record, tx core.TxType) core.Entry {
	author := c.Author
	if author == "" {
		author = "not-specified"
	}
	return r.stamp(core.Entry{
		ChangeID: c.ID, PrevSeq: prev.Seq, StartedSeq: prev.StartedSeq, Stage: stage, Order: c.Order, Author: author,
		TargetSystem: c.TargetSystem, TxType: tx, Strategy: c.Recovery.OrDefault(), Operation: core.OpApply,
		Definition: c.Definition(), SourceFile: c.Source.File, Checksum: c.Fingerprint(), Attempt: prev.Attempt,
	}, exec)
}

// startedEntry is the intent to apply c, for the snapshot s.
func (x *execution) startedEntry(s core.Snapshot, st *plan.Stage, c *plan.Change) core.Entry {
	prev := s.Records[c.Change.ID]
	x.before = prev
	e := x.r.entryFor(x.id, st.Name, c.Change, prev, c.TxType)
	e.State, e.Attempt = core.StateStarted, prev.Attempt+1
	if prev.State == core.StateManualMarkedRolledBack {
		e.Attempt = 1 // a person has looked at it: counting starts afresh
	}
	e.Token = x.token
	return e
}

// notBegun makes e the end of an attempt that never began, which only its owner can
// know. It does not count; and what was known before it of the attempts before, which
// may have left something behind, stays what is known: a strategy that is edited later
// must not find it gone.
func notBegun(e core.Entry, before core.Record) core.Entry {
	e.State, e.Operation, e.Reason = core.StateRolledBack, core.OpRollback, "not begun"
	e.Attempt--
	if !mayHaveLeft(before) {
		return e
	}
	return asBefore(e, before)
}

// asBefore makes e say of its change what was known before.
func asBefore(e core.Entry, before core.Record) core.Entry {
	e.State, e.Unknown = before.State, before.Unknown
	if before.State == core.StateStarted {
		e.State, e.Unknown = core.StateFailed, true
	}
	e.Operation, e.TxType, e.TargetSystem = before.Operation, before.TxType, before.TargetSystem
	e.Checksum, e.Reconciled = before.Checksum, before.Reconciled
	if before.Operation == core.OpImport { // the entry is ours, and the marker would be another's
		e.Operation, e.TxType = core.OpApply, core.TxNone
	}
	return e
}

// mayHaveLeft reports whether the target system may hold something of the attempts that
// a record ends with.
func mayHaveLeft(r core.Record) bool {
	switch r.State {
	case core.StateRollbackFailed:
		return true
	case core.StateStarted, core.StateFailed:
		return (r.TxType != core.TxShared || r.Operation == core.OpImport) && (r.State == core.StateStarted || r.Unknown || r.TxType == core.TxNone || r.TxType == "")
	case core.StateNone, core.StateApplied, core.StateRolledBack, core.StateManualMarkedApplied, core.StateManualMarkedRolledBack:
	}
	return false
}

// notBegunEntry ends the attempt of started, on which no answer came.
func notBegunEntry(started core.Entry, before core.Record, now time.Time) core.Entry {
	e := notBegun(started, before)
	e.PrevSeq, e.EndedAt, e.Captured = started.Seq, now, nil
	return e
}

// resultEntry is an end, or a step towards it, of the attempt that runs.
func (x *execution) resultEntry(st *plan.Stage, c *plan.Change, state core.State, began time.Time) core.Entry {
	e := x.r.entryFor(x.id, st.Name, c.Change, x.h.snapshot.Records[c.Change.ID], c.TxType)
	now := x.r.o.Now()
	e.State, e.StartedAt, e.EndedAt, e.Token = state, began, now, x.token
	e.DurationMs = elapsed(began, now).Milliseconds()
	return e
}

func (x *execution) entryError(err error) *core.EntryError {
	return core.NewEntryError(err, x.secrets.Redact)
}
