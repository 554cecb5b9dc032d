package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// BuildingError says that another session is building the index right now, or
// holds the table for something similar. The statement was not begun.
type BuildingError struct {
	Index, Table string
	PID          int // of the server process
}

func (e *BuildingError) Error() string {
	return fmt.Sprintf("index %s is INVALID, and server process %d is at work on table %s: it may be building it", e.Index, e.PID, e.Table)
}

// Hint says what to do.
func (e *BuildingError) Hint() string {
	return fmt.Sprintf("see pg_stat_progress_create_index; wait for process %d, or end it with pg_terminate_backend(%d), then run again", e.PID, e.PID)
}

// InvalidIndexError says that CREATE INDEX CONCURRENTLY failed and left its index
// behind, INVALID: of no use to queries, but kept up to date at every write.
type InvalidIndexError struct {
	Index, Table string
	Err          error
}

func (e *InvalidIndexError) Error() string {
	return "it left index " + e.Index + " on table " + e.Table + " INVALID: " + e.Err.Error()
}
func (e *InvalidIndexError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *InvalidIndexError) Hint() string {
	return "mend the cause and run the change again, which drops the INVALID index first; or DROP INDEX CONCURRENTLY " + e.Index
}

// special knows the statements that work CONCURRENTLY.
//
// A creation is safe against a late copy of itself: an index has one name, so that
// the later of two is refused, or waits for the table's lock and is refused then. A
// drop is not: a late one would take an index that a later change made under the
// same name.
func special(text string) *sqltarget.Special {
	if x, ok := parseCreate(text); ok {
		return &sqltarget.Special{Run: x.create, Probe: x.probeCreate, LateSafe: true}
	}
	if x, ok := parseDrop(text); ok {
		return &sqltarget.Special{Run: patiently, Probe: x.probeDrop}
	}
	if concurrent(text) {
		return &sqltarget.Special{Run: patiently}
	}
	return nil
}

// patiently executes a statement that works CONCURRENTLY, without a lock timeout.
// It waits for every older transaction that uses the table, in locks that keep
// nobody out; given up half way it would leave an INVALID index or the like behind.
// Only the timeout of the change bounds it. A lock_timeout that the change set
// itself stays.
func patiently(ctx context.Context, q sqltarget.Querier, text string) error {
	ours := fmt.Sprintf("%dms", sqltarget.LockWait(0).Milliseconds())
	var same bool
	if err := q.QueryRowContext(ctx, "SELECT current_setting('lock_timeout')::interval = $1::text::interval", ours).Scan(&same); err != nil {
		return err
	}
	if !same {
		_, err := q.ExecContext(ctx, text)
		return err
	}
	if _, err := q.ExecContext(ctx, "SET lock_timeout = 0"); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, text)
	asked, cancel := after(ctx)
	defer cancel()
	_, restored := q.ExecContext(asked, "SET lock_timeout = '"+ours+"'")
	if err == nil {
		return restored
	}
	return err
}

// after is a context for what follows a statement, whatever became of its own.
func after(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cancelWait)
}

// index is what a CREATE or DROP INDEX CONCURRENTLY is about.
type index struct {
	name   string // with a schema in front in a drop; in SQL's quotation marks
	table  string // likewise; "" in a drop
	unique bool
}

// found is what the catalogue has under an index's name.
type found struct {
	here             bool
	index, sameTable bool
	valid, unique    bool
	schema           string // in quotation marks
	builder          sql.NullInt64
}

// look asks the catalogue for the index of a creation, which is in its table's
// schema, and for a session that may be building it: one that holds the lock on
// the table in which indexes are built CONCURRENTLY, and is no VACUUM.
func (x index) look(ctx context.Context, q sqltarget.Querier) (f found, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT i.indexrelid IS NOT NULL, coalesce(i.indrelid = t.oid, false), coalesce(i.indisvalid, false), coalesce(i.indisunique, false), t.relnamespace::regnamespace::text,
			(SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.relation = t.oid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
				AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND l.pid <> pg_backend_pid()
				AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = l.pid) LIMIT 1)
		FROM pg_catalog.pg_class t JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
		WHERE t.oid = to_regclass($1) AND c.relname = $2::name`, x.table, unquoted(x.name)).
		Scan(&f.index, &f.sameTable, &f.valid, &f.unique, &f.schema, &f.builder)
	if errors.Is(err, sql.ErrNoRows) {
		return found{}, nil
	}
	f.here = err == nil
	return f, err
}

// left reports an index that a failed creation left behind.
func (f found) left() bool { return f.here && f.index && f.sameTable && !f.valid }

// probeCreate: a valid index of that name on that table is ours; that its columns
// are those of the statement is not compared. An INVALID one that nobody is
// building counts as none, because the next attempt drops it.
func (x index) probeCreate(ctx context.Context, q sqltarget.Querier) (core.ProbeResult, error) {
	f, err := x.look(ctx, q)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case !f.here:
		return core.ProbeNotApplied, nil
	case !f.index, !f.sameTable, f.unique != x.unique:
		return core.ProbeConflict, nil
	case f.valid:
		return core.ProbeApplied, nil
	case f.builder.Valid:
		return core.ProbeUnknown, x.building(f)
	}
	return core.ProbeNotApplied, nil
}

func (x index) building(f found) error {
	return &BuildingError{Index: f.schema + "." + x.name, Table: x.table, PID: int(f.builder.Int64)}
}

// create builds the index, and first drops what a failed attempt left of it.
func (x index) create(ctx context.Context, q sqltarget.Querier, text string) error {
	f, err := x.look(ctx, q)
	if err != nil {
		return err
	}
	if f.left() {
		if f.builder.Valid {
			return x.building(f)
		}
		if err := patiently(ctx, q, "DROP INDEX CONCURRENTLY "+f.schema+"."+x.name); err != nil {
			return err
		}
	}
	err = patiently(ctx, q, text)
	if err == nil {
		return nil
	}
	asked, cancel := after(ctx)
	defer cancel()
	if f, lookErr := x.look(asked, q); lookErr == nil && f.left() {
		return &InvalidIndexError{Index: f.schema + "." + x.name, Table: x.table, Err: err}
	}
	return err
}

// probeDrop: no index of that name is left. An INVALID one is what a drop leaves
// that failed half way.
func (x index) probeDrop(ctx context.Context, q sqltarget.Querier) (core.ProbeResult, error) {
	var isIndex bool
	err := q.QueryRowContext(ctx, "SELECT relkind IN ('i', 'I') FROM pg_catalog.pg_class WHERE oid = to_regclass($1)", x.name).Scan(&isIndex)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return core.ProbeApplied, nil
	case err != nil:
		return core.ProbeUnknown, err
	case !isIndex:
		return core.ProbeConflict, nil
	}
	return core.ProbeNotApplied, nil
}

func unquoted(name string) string {
	if inner, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return name
}
