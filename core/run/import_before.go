package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// The metadata of imported entries: where they come from. A later import finds by
// it what an earlier one recorded, so the keys stay.
const (
	MetaFrom      = "import.from"
	MetaTable     = "import.table"
	MetaKey       = "import.key"
	MetaWritten   = "import.createdAt" // the row's time as it is written there
	MetaTimezone  = "import.timezone"
	MetaExecution = "import.executionId" // of the import; the entry's own is the origin's
	MetaAt        = "import.at"
)

// metadata notes the origin. What the configuration adds to our entries is left
// out: it is about our executions.
func (x *importing) metadata(row *ImportRow) map[string]string {
	m := map[string]string{
		MetaFrom: x.im.Origin.From, MetaTable: x.im.Origin.Table, MetaKey: row.Key, MetaWritten: row.Written, MetaTimezone: x.im.Origin.Timezone,
		MetaExecution: x.exec, MetaAt: x.r.o.Now().UTC().Format(time.RFC3339),
	}
	maps.Copy(m, row.Entry.Metadata)
	return m
}

// rowID identifies a row in its origin.
type rowID struct{ key, written string }

// importedBefore is what the ledger's history says about earlier imports.
type importedBefore struct {
	known map[rowID]bool
	last  map[string]moment // of each change
	zones []Origin          // one for each table and zone
	upTo  uint64            // the seq up to which the history was read
}

// read catches up with the history up to seq. It only grows, so what was read
// before is not read again.
func (b *importedBefore) read(ctx context.Context, store core.AuditStore, ledger string, seq uint64) error {
	for b.upTo < seq {
		page, err := store.History(ctx, core.HistoryQuery{Ledger: ledger, AfterSeq: b.upTo})
		if err != nil {
			return err
		}
		for i := range page.Entries {
			// A page is no snapshot: what it does not show yet would be imported again.
			if e := &page.Entries[i]; e.Seq != b.upTo+1 {
				return &core.ChainError{Seq: b.upTo + 1, Reason: fmt.Sprintf("not to be seen, while entry %d is: import again, and if it stays so see audit verify", e.Seq)}
			}
			b.add(&page.Entries[i])
		}
		if page.Next == 0 && b.upTo < seq {
			return &core.ChainError{Seq: b.upTo + 1, Reason: fmt.Sprintf("not to be seen, while the head is at entry %d: import again, and if it stays so see audit verify", seq)}
		}
	}
	return nil
}

func (b *importedBefore) add(e *core.Entry) {
	b.upTo = e.Seq
	if e.Operation != core.OpImport || e.Metadata[MetaKey] == "" {
		return
	}
	b.known[rowID{e.Metadata[MetaKey], e.Metadata[MetaWritten]}] = true
	b.last[e.ChangeID] = momentOf(e)
	o := Origin{From: e.Metadata[MetaFrom], Table: e.Metadata[MetaTable], Timezone: e.Metadata[MetaTimezone]}
	if !slices.Contains(b.zones, o) {
		b.zones = append(b.zones, o)
	}
}

// check refuses another zone than that of an earlier import: the times of one
// history would not be comparable.
func (b *importedBefore) check(o Origin) error {
	for _, was := range b.zones {
		if was.From == o.From && was.Table == o.Table && was.Timezone != o.Timezone {
			return &core.UsageError{
				Reason: fmt.Sprintf("table %s was imported before with its times in %s, not in %s: what is recorded does not change any more", o.Table, was.Timezone, o.Timezone),
				Next:   "give --timezone " + was.Timezone + " again; if that is wrong, import into another ledger",
			}
		}
	}
	return nil
}

// moment is when something happened, and what: at the same time a state that comes
// later in a change's life happened later.
type moment struct {
	at   time.Time
	rank int
}

func momentOf(e *core.Entry) moment {
	at := e.EndedAt
	if at.IsZero() {
		at = e.StartedAt
	}
	return moment{at, slices.Index(core.States(), e.State)}
}

func (m moment) before(o moment) bool {
	if c := m.at.Compare(o.at); c != 0 {
		return c < 0
	}
	return m.rank < o.rank
}

// skips collects the changes whose rows are left.
type skips struct {
	list []ImportSkip
	at   map[string]int
}

func (s *skips) add(row *ImportRow, rec core.Record) {
	i, ok := s.at[rec.ChangeID]
	if !ok {
		if s.at == nil {
			s.at = map[string]int{}
		}
		i = len(s.list)
		s.at[rec.ChangeID] = i
		s.list = append(s.list, ImportSkip{ChangeID: rec.ChangeID, Here: rec.State, Seq: rec.Seq})
	}
	s.list[i].Rows++
	s.list[i].There = row.Entry.State
}
