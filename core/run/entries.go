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
	e := x.r.entryFor(x.id, st.Name, c.Change, prev, c.TxType)
	e.State, e.Attempt = core.StateStarted, prev.Attempt+1
	if prev.State == core.StateManualMarkedRolledBack {
		e.Attempt = 1 // a person has looked at it: counting starts afresh
	}
	e.Token = x.token
	return e
}

// notBegunEntry ends the attempt of started, which only its owner can know never
// began. It does not count.
func notBegunEntry(started core.Entry, now time.Time) core.Entry {
	e := started
	e.State, e.Operation, e.Reason = core.StateRolledBack, core.OpRollback, "not begun"
	e.PrevSeq, e.EndedAt = started.Seq, now
	e.Attempt--
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
