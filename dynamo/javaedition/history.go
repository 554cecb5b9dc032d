package javaedition

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// History is what a table holds, in the order in which it happened.
type History struct {
	Rows []Row
	// System is how many rows of the Java edition's internal changes were left out.
	System int
	// Doubtful are keys of rows whose local time the zone has twice or not at all,
	// because its clocks were changed.
	Doubtful []string
}

// Row is one row of the table.
type Row struct {
	Key       string // its partitionKey
	CreatedAt string // as it is written
	Entry     core.Entry

	local time.Time // CreatedAt as if it were UTC: the order of the Java edition
}

// maxFaults is how many faults are told.
const maxFaults = 100

// FaultsError says which rows cannot be read.
type FaultsError struct {
	Table  string
	Faults []core.Fault // the first ones, by key
	Rows   int          // all that have one
}

func (e *FaultsError) Error() string {
	var b strings.Builder
	if e.Rows == 1 {
		fmt.Fprintf(&b, "table %s has 1 row that cannot be imported:", e.Table)
	} else {
		fmt.Fprintf(&b, "table %s has %d rows that cannot be imported:", e.Table, e.Rows)
	}
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.String())
	}
	if more := e.Rows - len(e.Faults); more > 0 {
		fmt.Fprintf(&b, "\n  … and %d more", more)
	}
	return b.String()
}

// Code returns ConfigInvalid.
func (e *FaultsError) Code() core.Code { return core.CodeConfigInvalid }

// Hint says what to do.
func (e *FaultsError) Hint() string {
	return "nothing was imported: mend or delete these rows, in a copy of the table if you like (--table), then import again"
}

// Read reads the whole table, with its times in zone. Errors: *core.ConfigError
// when it is not the Java edition's, *FaultsError with every row that cannot be
// read, *core.PermissionError and *core.UnavailableError.
func (t *Table) Read(ctx context.Context, zone *time.Location) (*History, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	h := &History{}
	var faults []core.Fault
	err := t.each(ctx, func(item map[string]types.AttributeValue) error {
		r := reader{item: item}
		if r.flag("systemChange") && len(r.faults) == 0 {
			h.System++
			return nil
		}
		row := r.row(zone)
		if len(r.faults) > 0 {
			faults = append(faults, core.Fault{Where: core.Cap(row.Key, 300), Message: strings.Join(r.faults, "; ")})
			return nil
		}
		if r.doubtful {
			h.Doubtful = append(h.Doubtful, row.Key)
		}
		if h.Rows = append(h.Rows, row); len(h.Rows) > t.max {
			return &core.ConfigError{Key: t.system(), Reason: fmt.Sprintf("it has more than %d rows, which is more than can be put in order in memory", t.max), Next: "copy the rows that matter into another table, and name that with --table"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := len(faults); n > 0 {
		slices.SortFunc(faults, func(a, b core.Fault) int { return cmp.Compare(a.Where, b.Where) })
		return nil, &FaultsError{Table: t.name, Faults: faults[:min(n, maxFaults)], Rows: n}
	}
	slices.SortFunc(h.Rows, happened)
	slices.Sort(h.Doubtful)
	return h, nil
}

// happened orders rows as the Java edition does: by local time, then by how late
// in a change's life the state comes. Changes at the same time stay apart.
func happened(a, b Row) int {
	return cmp.Or(
		a.local.Compare(b.local), cmp.Compare(a.Entry.ChangeID, b.Entry.ChangeID),
		cmp.Compare(slices.Index(core.States(), a.Entry.State), slices.Index(core.States(), b.Entry.State)), cmp.Compare(a.Key, b.Key),
	)
}

// RowFaults returns the faults, for whoever shows them one by one.
func (e *FaultsError) RowFaults() []core.Fault { return e.Faults }
