package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// ddl is a statement whose effect information_schema can be asked about. The server
// carries it out as a whole or not at all.
type ddl struct {
	text  string
	table name
	parts []part
}

// name is that of a table; database is "" for the connection's own.
type name struct{ database, table string }

// part is one thing that a ddl makes or removes.
type part struct {
	kind    kind
	name    string // of a column or an index
	to      name   // what a table is renamed to
	gone    bool   // it is removed
	unique  bool   // a unique index
	columns []string
}

type kind int

const (
	aTable kind = iota
	aColumn
	anIndex
	aRename
)

// lateSafe: something has one name, so that the later of two creations is refused. A
// late removal or renaming would take what a later change made under the same name.
func (d *ddl) lateSafe() bool {
	return !slices.ContainsFunc(d.parts, func(p part) bool { return p.gone || p.kind == aRename })
}

// AtWorkError says that another session executes the same statement right now. What
// becomes of it cannot be known before it has ended.
type AtWorkError struct{ Connection int64 }

func (e *AtWorkError) Error() string {
	return fmt.Sprintf("connection %d is still at work on the statement", e.Connection)
}

// Hint says what to do.
func (e *AtWorkError) Hint() string {
	return fmt.Sprintf("see SHOW PROCESSLIST; wait for connection %d, or end it with KILL %d, then run again", e.Connection, e.Connection)
}

// probe asks whether the statement's effect is there. That a column or an index is
// what the statement says is not compared, but for the index's uniqueness; of a new
// table the names of its columns are.
func (d *ddl) probe(ctx context.Context, q sqltarget.Querier) (core.ProbeResult, error) {
	if err := d.awaited(ctx, q); err != nil {
		return core.ProbeUnknown, err
	}
	return core.ProbeEach(d.parts, func(p part) (core.ProbeResult, error) {
		switch p.kind {
		case aColumn:
			return p.column(ctx, q, d.table)
		case anIndex:
			return p.index(ctx, q, d.table)
		case aRename:
			return p.rename(ctx, q, d.table)
		case aTable:
		}
		return p.wholeTable(ctx, q, d.table)
	})
}

const (
	// workChecks and workPause are how long a probe waits for the end of the statement in
	// another session, about a second: the server may have answered, and not yet have
	// forgotten what it was at.
	workChecks = 20
	workPause  = 50 * time.Millisecond
)

// awaited returns an *AtWorkError when another session stays at work on the statement.
func (d *ddl) awaited(ctx context.Context, q sqltarget.Querier) error {
	for check := 1; ; check++ {
		var at int64
		err := q.QueryRowContext(ctx, "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command = 'Query' AND info = ? LIMIT 1", d.text).Scan(&at)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		case check == workChecks:
			return &AtWorkError{at}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(workPause):
		}
	}
}

// answer is that of something that is there or not.
func (p part) answer(there bool) core.ProbeResult {
	if there != p.gone {
		return core.ProbeApplied
	}
	return core.ProbeNotApplied
}

const inTable = " table_schema = COALESCE(?, DATABASE()) AND table_name = ?"

func (n name) args(more ...any) []any {
	return append([]any{sql.NullString{String: n.database, Valid: n.database != ""}, n.table}, more...)
}

// base reports whether there is a table of the name; other, that something else has it.
func (n name) base(ctx context.Context, q sqltarget.Querier) (there, other bool, err error) {
	var what string
	err = q.QueryRowContext(ctx, "SELECT table_type FROM information_schema.tables WHERE"+inTable, n.args()...).Scan(&what)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	return err == nil && what == "BASE TABLE", err == nil && what != "BASE TABLE", err
}

func (p part) wholeTable(ctx context.Context, q sqltarget.Querier, t name) (core.ProbeResult, error) {
	there, other, err := t.base(ctx, q)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case other:
		return core.ProbeConflict, nil
	case !there || p.gone:
		return p.answer(there), nil
	}
	for _, column := range p.columns {
		found, err := exists(ctx, q, "SELECT 1 FROM information_schema.columns WHERE"+inTable+" AND column_name = ?", t.args(column)...)
		if err != nil {
			return core.ProbeUnknown, err
		}
		if !found { // another table of that name
			return core.ProbeConflict, nil
		}
	}
	return core.ProbeApplied, nil
}

func (p part) column(ctx context.Context, q sqltarget.Querier, t name) (core.ProbeResult, error) {
	if conflict, err := t.missing(ctx, q); err != nil || conflict {
		return core.ProbeConflict, err
	}
	there, err := exists(ctx, q, "SELECT 1 FROM information_schema.columns WHERE"+inTable+" AND column_name = ?", t.args(p.name)...)
	return p.answer(there), err
}

func (p part) index(ctx context.Context, q sqltarget.Querier, t name) (core.ProbeResult, error) {
	if conflict, err := t.missing(ctx, q); err != nil || conflict {
		return core.ProbeConflict, err
	}
	var notUnique bool
	err := q.QueryRowContext(ctx, "SELECT MAX(non_unique) FROM information_schema.statistics WHERE"+inTable+" AND index_name = ? GROUP BY index_name", t.args(p.name)...).Scan(&notUnique)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return p.answer(false), nil
	case err != nil:
		return core.ProbeUnknown, err
	case !p.gone && p.unique == notUnique:
		return core.ProbeConflict, nil
	}
	return p.answer(true), nil
}

// missing reports that the table itself is not there, so that nothing can be said
// about its parts.
func (n name) missing(ctx context.Context, q sqltarget.Querier) (bool, error) {
	there, _, err := n.base(ctx, q)
	return !there, err
}

func (p part) rename(ctx context.Context, q sqltarget.Querier, t name) (core.ProbeResult, error) {
	from, _, err := t.base(ctx, q)
	if err != nil {
		return core.ProbeUnknown, err
	}
	to, other, err := p.to.base(ctx, q)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case to && !from:
		return core.ProbeApplied, nil
	case from && !to && !other:
		return core.ProbeNotApplied, nil
	}
	return core.ProbeConflict, nil
}

func exists(ctx context.Context, q sqltarget.Querier, query string, args ...any) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// dynamic reports a reference in a text, which then is not what the server gets.
func dynamic(text string) bool { return strings.Contains(text, "${") }
