package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/flamingock/flamingock-go/core"
)

// Origin says where an imported history comes from.
type Origin struct {
	From     string // the edition: "flamingock-java"
	Table    string
	Timezone string // IANA name of the zone that its times were read in
}

// ImportRow is one entry of another edition's history.
type ImportRow struct {
	// Key and Written, the row's time as it is written there, identify the row for
	// ever: a second import finds by them what the first one recorded.
	Key, Written string
	// Entry is what the row says. What concerns our ledger is filled by Import.
	Entry core.Entry
}

// Import is a history of another edition that is to become part of ours.
type Import struct {
	Origin Origin
	Rows   []ImportRow // in the order in which they happened
	Reason string
	DryRun bool // only say what would be done
	// Progress hears how many entries are written. Nil: nobody listens.
	Progress func(done, total int)
}

// ImportReport says what an import did, or would do.
type ImportReport struct {
	Entries int                // recorded
	ByState map[core.State]int // the same, by state
	// Changes are the changes that they belong to, by the state that these have now.
	Changes map[core.State]int
	Before  int // rows that an earlier import recorded
	// Conflicts are changes with rows that are not imported because the ledger has
	// entries of its own of them; Late those whose rows are older than what was
	// imported of them before.
	Conflicts, Late []ImportSkip
	// Unfinished wait for a person, or run again under ALWAYS_RETRY. OtherTarget
	// are those of them that the code has on another target system. NotInCode are
	// the imported changes that the code does not have.
	Unfinished, OtherTarget, NotInCode []string
	// Future counts entries that are later than now: the zone is not the right one,
	// or a clock was wrong.
	Future int
}

// ImportSkip is a change whose rows were left.
type ImportSkip struct {
	ChangeID    string
	Rows        int
	Here, There core.State // its state in the ledger, and by its last row
	Seq         uint64     // of its last entry in the ledger
}

// Import records the history of another edition as entries of this ledger: what is
// recorded as applied there is not run again here. Nothing is run. Rows that were
// imported before are left out, so that a repetition goes on where an import
// stopped, and adds what was written since. A change that has entries of our own is
// not touched. The report tells what was recorded also beside an error.
//
// Errors: *core.UsageError for an import that contradicts an earlier one,
// *core.HeldError, and those of the store.
func (r *Runner) Import(ctx context.Context, im Import) (ImportReport, error) {
	if im.Reason == "" {
		im.Reason = fmt.Sprintf("imported from %s, table %s", im.Origin.From, im.Origin.Table)
	}
	x := &importing{r: r, im: &im, exec: r.o.NewID(), before: importedBefore{known: map[rowID]bool{}, last: map[string]moment{}}}
	if im.DryRun {
		s, err := r.o.Store.Load(ctx, r.o.Ledger)
		if err != nil {
			return ImportReport{}, wrapStore(err)
		}
		return x.rehearse(ctx, s)
	}
	h, err := r.obtain(withGiven(ctx), x.exec, nil, func(s core.Snapshot, _ bool) (intent, error) {
		err := x.decide(ctx, s)
		return intent{idle: len(x.todo) == 0}, err
	})
	if err != nil {
		return ImportReport{}, err
	}
	if h != nil {
		err = errors.Join(x.write(h), r.letGo(h))
	}
	return x.finish(), err
}

// importing is one call of Import.
type importing struct {
	r      *Runner
	im     *Import
	exec   string
	before importedBefore

	todo    []*ImportRow           // what is to be recorded
	records map[string]core.Record // of the changes, with the entries made so far
	seq     uint64                 // of the last entry made
	report  ImportReport
	now     map[string]core.Record // of the changes that entries were recorded of
}

// decide finds out what is to be recorded on the ledger as it is in s.
func (x *importing) decide(ctx context.Context, s core.Snapshot) error {
	x.todo, x.records, x.seq = nil, maps.Clone(s.Records), s.Head.Seq
	if x.records == nil {
		x.records = map[string]core.Record{}
	}
	x.report, x.now = ImportReport{ByState: map[core.State]int{}, Changes: map[core.State]int{}}, map[string]core.Record{}
	known := func(row ImportRow) bool { return s.Records[row.Entry.ChangeID].Seq > 0 }
	if slices.ContainsFunc(x.im.Rows, known) { // otherwise the history, which may be long, is not needed
		if err := x.before.read(ctx, x.r.o.Store, x.r.o.Ledger, s.Head.Seq); err != nil {
			return wrapStore(err)
		}
		if err := x.before.check(x.im.Origin); err != nil {
			return err
		}
	}
	conflicts, late := skips{}, skips{}
	for i := range x.im.Rows {
		row := &x.im.Rows[i]
		rec, recorded := s.Records[row.Entry.ChangeID]
		last, imported := x.before.last[row.Entry.ChangeID]
		switch {
		case x.before.known[rowID{row.Key, row.Written}]:
			x.report.Before++
		case recorded && rec.Operation != core.OpImport:
			conflicts.add(row, rec)
		case imported && momentOf(&row.Entry).before(last):
			late.add(row, rec) // it would take the change back to an older state
		default:
			x.todo = append(x.todo, row)
		}
	}
	x.report.Conflicts, x.report.Late = conflicts.list, late.list
	return nil
}

// write records what is to be recorded, batch by batch, under the lease.
func (x *importing) write(h *holding) error {
	if err := x.decide(h.ctx, h.snapshot); err != nil { // after a wait the ledger is another
		return err
	}
	done := 0
	for rows := range slices.Chunk(x.todo, core.MaxEntries) {
		if err := h.guard(h.ctx); err != nil {
			return err
		}
		batch := make([]core.Entry, len(rows))
		for i, row := range rows {
			batch[i] = x.next(row)
			batch[i].Token = h.lease.Token
		}
		if err := x.r.put(h, batch, done+len(rows) == len(x.todo)); err != nil {
			return err
		}
		x.count(batch)
		if done += len(rows); x.im.Progress != nil {
			x.im.Progress(done, len(x.todo))
		}
	}
	return nil
}

// rehearse makes the entries and drops them.
func (x *importing) rehearse(ctx context.Context, s core.Snapshot) (ImportReport, error) {
	if err := x.decide(ctx, s); err != nil {
		return ImportReport{}, err
	}
	for _, row := range x.todo {
		x.count([]core.Entry{x.next(row)})
	}
	return x.finish(), nil
}

// next makes the entry of row, which follows the ones made before.
func (x *importing) next(row *ImportRow) core.Entry {
	e := row.Entry
	prev := x.records[e.ChangeID]
	x.seq++
	e.Ledger, e.Seq, e.PrevSeq, e.StartedSeq = x.r.o.Ledger, x.seq, prev.Seq, prev.StartedSeq
	e.Operation, e.Reason, e.Version, e.Trigger, e.Principal = core.OpImport, x.im.Reason, x.r.o.Version, x.r.o.Trigger, x.r.o.Principal
	e.Checksum = "" // nobody knows what the change looked like
	switch e.State {
	case core.StateStarted:
		e.StartedSeq, e.Attempt = e.Seq, prev.Attempt+1
		if prev.State == core.StateManualMarkedRolledBack {
			e.Attempt = 1
		}
	case core.StateApplied, core.StateFailed, core.StateRolledBack, core.StateRollbackFailed:
		e.Attempt = max(prev.Attempt, 1)
	default:
		e.Attempt = prev.Attempt
	}
	e.Metadata = x.metadata(row)
	x.records[e.ChangeID] = e.Record()
	return e
}

// count adds recorded entries to the report.
func (x *importing) count(entries []core.Entry) {
	now := x.r.o.Now()
	for i := range entries {
		e := &entries[i]
		x.report.Entries++
		x.report.ByState[e.State]++
		if e.StartedAt.After(now) {
			x.report.Future++
		}
		x.now[e.ChangeID] = e.Record()
	}
}

// finish completes the report with what it means for the changes in the code.
func (x *importing) finish() ImportReport {
	for _, id := range slices.Sorted(maps.Keys(x.now)) {
		rec := x.now[id]
		x.report.Changes[rec.State]++
		c := x.r.change(id)
		if c == nil {
			x.report.NotInCode = append(x.report.NotInCode, id)
		}
		if rec.State.IsUnfinished() {
			x.report.Unfinished = append(x.report.Unfinished, id)
			if c != nil && c.TargetSystem != rec.TargetSystem {
				x.report.OtherTarget = append(x.report.OtherTarget, id)
			}
		}
	}
	return x.report
}
