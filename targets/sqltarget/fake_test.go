package sqltarget_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// fake is a database that does what a test says, for what a real one cannot be
// brought to do at will. Unless told otherwise it accepts everything, changes one
// row with every statement and finds none with a query.
type fake struct {
	mu    sync.Mutex
	calls []string
	// answer is asked at every call: "connect", "begin", "commit", "rollback", or the
	// first words of a statement.
	answer func(ctx context.Context, call string) (rows []int64, err error)
}

func (f *fake) call(ctx context.Context, call string) ([]int64, error) {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	if f.answer == nil {
		return nil, nil
	}
	return f.answer(ctx, call)
}

func (f *fake) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *fake) Connect(ctx context.Context) (driver.Conn, error) {
	_, err := f.call(ctx, "connect")
	return &fakeConn{f}, err
}
func (f *fake) Driver() driver.Driver { return nil }

type fakeConn struct{ *fake }

func (c *fakeConn) Prepare(query string) (driver.Stmt, error) { return &fakeStmt{c.fake, query}, nil }

func (c *fakeConn) Close() error              { _, err := c.call(context.Background(), "close"); return err }
func (c *fakeConn) Begin() (driver.Tx, error) { return nil, errors.New("not used") }
func (c *fakeConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	_, err := c.call(ctx, "begin")
	return &fakeTx{c.fake, ctx}, err
}

type fakeTx struct {
	*fake
	ctx context.Context
}

func (x *fakeTx) Commit() error   { _, err := x.call(x.ctx, "commit"); return err }
func (x *fakeTx) Rollback() error { _, err := x.call(x.ctx, "rollback"); return err }

type fakeStmt struct {
	*fake
	query string
}

func (s *fakeStmt) Close() error  { return nil }
func (s *fakeStmt) NumInput() int { return -1 }
func (s *fakeStmt) name() string  { return strings.Join(strings.Fields(s.query)[:3], " ") }

func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.New("not used") }

func (s *fakeStmt) ExecContext(ctx context.Context, _ []driver.NamedValue) (driver.Result, error) {
	rows, err := s.call(ctx, s.name())
	if len(rows) > 0 {
		return driver.RowsAffected(rows[0]), err
	}
	return driver.RowsAffected(1), err
}

func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("not used") }
func (s *fakeStmt) QueryContext(ctx context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	row, err := s.call(ctx, s.name())
	rows := &fakeRows{}
	for _, v := range row {
		rows.row = append(rows.row, v)
	}
	if row != nil && s.name() == readCall {
		rows.row = append(rows.row, "") // the owner; tests give numbers only
	}
	return rows, err
}

type fakeRows struct{ row []driver.Value }

func (r *fakeRows) Columns() []string { return make([]string, len(r.row)) }
func (r *fakeRows) Close() error      { return nil }
func (r *fakeRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(dest, r.row)
	r.row = nil
	return nil
}

// The calls that tests answer.
const (
	raiseCall    = "UPDATE flamingock_fence SET"
	readCall     = "SELECT token, n,"
	insertCall   = "INSERT INTO flamingock_fence"
	markCall     = "INSERT INTO flamingock_marker"
	readMarkCall = "SELECT 1 FROM"
)

var (
	errBusy      = errors.New("fake: lock timeout")
	errRefused   = errors.New("fake: refused")
	errDuplicate = errors.New("fake: duplicate")
	errMissing   = errors.New("fake: no such table")
	errDenied    = errors.New("fake: denied")
)

func (f *fake) target(t *testing.T, change func(*sqltarget.Config)) *sqltarget.Target {
	t.Helper()
	c := sqltarget.Config{ID: "db", TypeName: "fake", Connect: func(context.Context) (*sql.DB, error) { return sql.OpenDB(f), nil }}
	c.Dialect.Refused = func(err error) bool { return errors.Is(err, errRefused) }
	c.Dialect.Classify = func(err error) sqltarget.Class {
		for e, class := range map[error]sqltarget.Class{
			errBusy: sqltarget.Busy, errDuplicate: sqltarget.Duplicate, errMissing: sqltarget.MissingTable, errDenied: sqltarget.Denied,
		} {
			if errors.Is(err, e) {
				return class
			}
		}
		return sqltarget.Other
	}
	if change != nil {
		change(&c)
	}
	target := sqltarget.New(c)
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// on answers one call and accepts the others.
func on(call string, err error, row ...int64) func(context.Context, string) ([]int64, error) {
	return func(_ context.Context, c string) ([]int64, error) {
		if c == call {
			return row, err
		}
		return nil, nil
	}
}

// once is on for the first time only.
func once(call string, err error, row ...int64) func(context.Context, string) ([]int64, error) {
	var done bool
	first := on(call, err, row...)
	return func(ctx context.Context, c string) ([]int64, error) {
		if done || c != call {
			return nil, nil
		}
		done = true
		return first(ctx, c)
	}
}

func transaction(work func(context.Context, any) error) core.Transaction {
	return core.Transaction{
		Fence:  core.Fence{LedgerID: "ledger", Token: 2, N: 1, Lease: 200 * time.Millisecond},
		Marker: core.Marker{LedgerID: "ledger", ChangeID: "a", Seq: 7},
		Work:   work,
	}
}

func nothing(context.Context, any) error { return nil }
