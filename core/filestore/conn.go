package filestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// conn is one connection with its statements kept. It serves one goroutine at a
// time: who wants it takes it first.
type conn struct {
	db     *sql.DB
	sql    *sql.Conn     // nil after a loss: see reopen
	turn   chan struct{} // holds one element while the connection is free
	stmts  map[string]*sql.Stmt
	execs  map[string]execer
	within *Within  // nil: the file is the store's own
	guard  *commits // of a writer within an application's database
	wal    bool     // of that: it has a log
}

// access says how a connection opens the file.
type access string

const (
	readWrite access = "mode=rwc"
	readOnly  access = "mode=ro"
	// recovering lets SQLite take back what a process had not committed when it was
	// killed, where that is beside the file, and not in a log.
	recovering access = "mode=rw"
	// frozen reads a file whose directory cannot hold SQLite's log, and that has
	// none: nobody is writing then.
	frozen access = "mode=ro&immutable=1"
)

// dsn names the file so that no character of its path has a meaning.
func (s *Store) dsn(a access) (string, error) {
	if s.opts.Within != nil {
		return s.opts.Within.dsn(a)
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return "", err
	}
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/…
	}
	q := []string{
		string(a), "_error_rc=1", "_defensive=1",
		fmt.Sprintf("_pragma=busy_timeout(%d)", s.slice().Milliseconds()),
		"_pragma=synchronous(FULL)", fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", logPages), "_pragma=trusted_schema(OFF)", "_pragma=cell_size_check(ON)",
	}
	if s.opts.maxPages > 0 {
		q = append(q, fmt.Sprintf("_pragma=max_page_count(%d)", s.opts.maxPages))
	}
	return (&url.URL{Scheme: "file", Path: p, RawQuery: strings.Join(q, "&")}).String(), nil
}

// logPages is how long SQLite's log grows before it is folded into the file and
// written anew from its beginning. A sync of a log that is written over costs half
// of that of one that grows, whose size has to be written too; SQLite's own
// choice, 1,000, is reached only after 200 changes. See also targets/sqlite.
//
// Nobody may stat the log between its writes: since Linux 6.13 the next write then
// gets a time stamp of its own, which its sync has to write as well.
const logPages = 250

func (s *Store) connect(ctx context.Context, a access) (*conn, error) {
	dsn, err := s.dsn(a)
	if err != nil {
		return nil, s.fault("open", err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, s.fault("open", err)
	}
	db.SetMaxOpenConns(1)
	c := &conn{db: db, turn: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}, execs: map[string]execer{}, within: s.opts.Within}
	if c.within != nil && a == readWrite {
		c.guard = &commits{}
	}
	// The settings are made while it connects, and one of them reads the file.
	err = s.patiently(ctx, func() error { return c.open(ctx, s) })
	if err != nil {
		_ = db.Close() //nolint:errcheck // err is the reason, and nothing was written
		return nil, s.fault("open", err)
	}
	c.turn <- struct{}{}
	return c, nil
}

// open connects.
func (c *conn) open(ctx context.Context, s *Store) (err error) {
	if c.sql, err = c.db.Conn(ctx); err != nil || c.within == nil {
		return err
	}
	if err = c.settle(ctx, s); err != nil {
		c.drop()
	}
	return err
}

// drop closes the connection under c, and not c itself: what a step of a change may
// have left on it must not reach another one.
func (c *conn) drop() {
	_ = c.closeStatements() //nolint:errcheck // a broken connection takes them along
	clear(c.stmts)
	clear(c.execs)
	_ = c.sql.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // it is the error we give: database/sql closes a bad connection
	_ = c.sql.Close()                                           //nolint:errcheck // sql.ErrConnDone: it is closed already
	c.sql = nil
}

// text is a statement with the names that the tables have in this file.
func (c *conn) text(query string) string {
	if c.within == nil {
		return query
	}
	return strings.ReplaceAll(query, "main.", "main."+tablesWithin)
}

// prepare returns the statement, kept from its first use on.
func (c *conn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.sql.PrepareContext(context.WithoutCancel(ctx), c.text(query))
	if err != nil {
		return nil, err
	}
	c.stmts[query] = st
	return st, nil
}

func (c *conn) exec(ctx context.Context, query string, args ...any) error {
	_, err := c.execRows(ctx, query, args...)
	return err
}

// execRows also returns how many rows were written. It asks the driver itself,
// which takes int64 and string and has these interfaces: an append is seven small
// statements, and what database/sql adds to each adds up.
func (c *conn) execRows(ctx context.Context, query string, args ...any) (rows int64, err error) {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		if n, ok := a.(uint64); ok {
			a = int64(n) //nolint:gosec // numbers of entries, far below 2^63
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	err = c.sql.Raw(func(dc any) error {
		st, err := c.prepareExec(ctx, dc, query)
		if err != nil {
			return err
		}
		r, err := st.ExecContext(ctx, values)
		if err == nil {
			rows, err = r.RowsAffected()
		}
		return err
	})
	return rows, err
}

// execer is a statement of the driver.
type execer interface {
	driver.Stmt
	driver.StmtExecContext
}

// prepareExec is prepare for execRows.
func (c *conn) prepareExec(ctx context.Context, dc any, query string) (execer, error) {
	if st, ok := c.execs[query]; ok {
		return st, nil
	}
	p, ok := dc.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("the driver's %T prepares nothing", dc)
	}
	st, err := p.PrepareContext(context.WithoutCancel(ctx), c.text(query))
	if err != nil {
		return nil, err
	}
	x, ok := st.(execer)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T executes nothing", st), st.Close())
	}
	c.execs[query] = x
	return x, nil
}

func (c *conn) row(ctx context.Context, query string, args []any, dest ...any) error {
	st, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest...)
}

// each calls scan for every row.
func (c *conn) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) (err error) {
	st, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// busySlice is how long SQLite itself waits for a lock; then the caller looks at
// its context and asks again. The driver starts a goroutine for every statement
// whose context can end, which costs more than the statement.
const busySlice = 100 * time.Millisecond

func (s *Store) slice() time.Duration { return min(s.opts.BusyTimeout, busySlice) }

// waitFor sets how long SQLite itself waits.
func (c *conn) waitFor(ctx context.Context, d time.Duration) error {
	_, err := c.sql.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
	return err
}

// transact runs work under the file's write lock. Once that is had, the
// transaction takes its course, so that its outcome is known: any error of work
// means that nothing was written.
func (c *conn) transact(ctx context.Context, s *Store, op string, work func() error) error {
	done := context.WithoutCancel(ctx)
	if err := c.exec(done, "BEGIN IMMEDIATE"); err != nil {
		return s.fault(op, err)
	}
	err := work()
	if err == nil {
		failpoint.Hit(failpoint.StoreWriting)
		err = c.exec(done, "COMMIT")
		failpoint.Hit(failpoint.StoreWritten)
	}
	if err != nil {
		_ = c.exec(done, "ROLLBACK") //nolint:errcheck // SQLite has done it already after some errors
		return s.fault(op, err)
	}
	return nil
}

// view runs work on one consistent state of the file.
func (c *conn) view(ctx context.Context, s *Store, op string, work func() error) error {
	done := context.WithoutCancel(ctx)
	if err := c.exec(ctx, "BEGIN"); err != nil {
		_ = c.exec(done, "ROLLBACK") //nolint:errcheck // usually "no transaction is active"
		return s.fault(op, err)
	}
	err := work()
	if rerr := c.exec(done, "ROLLBACK"); err == nil { // nothing was written
		err = rerr
	}
	return s.fault(op, err)
}

func (c *conn) close() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	if c.sql != nil {
		keep(c.closeStatements())
		keep(c.sql.Close())
	}
	keep(c.db.Close())
	return first
}

func (c *conn) closeStatements() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.Close())
	}
	errs = append(errs, c.sql.Raw(func(any) error {
		for _, st := range c.execs {
			errs = append(errs, st.Close())
		}
		return nil
	}))
	return errors.Join(errs...)
}
