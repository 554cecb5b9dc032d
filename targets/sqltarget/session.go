package sqltarget

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

// session is a connection with the statements that every change needs, prepared.
// Most changes are small; what we add to each should be smaller.
type session struct {
	target  *Target
	conn    *sql.Conn
	lease   time.Duration // that the connection is prepared for
	prefix  string        // of our tables' names
	restore func(context.Context) error
	stmts   map[string]*sql.Stmt
	execs   map[string]driver.StmtExecContext // see exec
	tainted bool                              // a step may have left something on it
}

// tableNames is what the names of our tables begin with.
const tableNames = "flamingock_"

// The statements of fences and markers.
const (
	raiseFence   = "UPDATE flamingock_fence SET token = ?, n = ?, owner = ? WHERE ledger_id = ? AND (token < ? OR (token = ? AND owner = ? AND n <= ?))"
	readFence    = "SELECT token, n, owner FROM flamingock_fence WHERE ledger_id = ?"
	insertFence  = "INSERT INTO flamingock_fence (ledger_id, token, n, owner) VALUES (?, ?, ?, ?)"
	insertMarker = "INSERT INTO flamingock_marker (ledger_id, change_id, seq) VALUES (?, ?, ?)"
	readMarker   = "SELECT 1 FROM flamingock_marker WHERE ledger_id = ? AND change_id = ? AND seq = ?"
	deleteMarker = "DELETE FROM flamingock_marker WHERE ledger_id = ? AND change_id = ? AND seq = ?"
)

// take returns a session for one caller: the idle one, or a new one.
func (t *Target) take(ctx context.Context, lease time.Duration) (*session, error) {
	t.mu.Lock()
	s := t.idle
	t.idle = nil
	t.mu.Unlock()
	if s != nil {
		if s.lease == lease && !t.dialect.SessionEachTime {
			return s, nil
		}
		err := s.prepareFor(ctx, lease)
		if err == nil {
			return s, nil
		}
		s.discard()
		if t.classify(err) != Lost {
			return nil, err
		}
	}
	c, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	s = &session{target: t, conn: c, stmts: map[string]*sql.Stmt{}, execs: map[string]driver.StmtExecContext{}}
	err = s.prepareFor(ctx, lease)
	if err == nil {
		s.prefix, err = t.dialect.TablePrefix(ctx, c)
	}
	if err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

func (s *session) prepareFor(ctx context.Context, lease time.Duration) error {
	restore, err := s.target.dialect.Session(ctx, s.conn, lease)
	if err != nil {
		return err
	}
	s.lease = lease
	if s.restore == nil { // the first one knows how the connection was found
		s.restore = restore
	}
	return nil
}

// put gives a session back that is in no transaction.
func (t *Target) put(ctx context.Context, s *session) error {
	if s.tainted && !t.borrowed && !t.dialect.SessionEachTime {
		s.discard()
		return nil
	}
	if !t.borrowed {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.idle == nil && t.db != nil {
			t.idle = s
			return nil
		}
		return s.close()
	}
	s.closeStatements()
	return t.giveBack(ctx, s.conn, s.restore)
}

// close gives the connection back to the pool for good.
func (s *session) close() error {
	s.closeStatements()
	return closeConn(s.conn)
}

// discard is for a session whose connection is in no known state.
func (s *session) discard() {
	s.closeStatements()
	discard(s.conn)
}

func (s *session) closeStatements() {
	for _, st := range s.stmts {
		_ = st.Close() // only a broken connection refuses, and that takes the statement along
	}
	clear(s.stmts)
	_ = s.conn.Raw(func(any) error { //nolint:errcheck // likewise
		for _, st := range s.execs {
			if c, ok := st.(driver.Stmt); ok {
				_ = c.Close() //nolint:errcheck // likewise
			}
		}
		return nil
	})
	clear(s.execs)
}

// qualified puts the prefix before the names of our tables.
func (s *session) qualified(query string) string {
	if s.prefix == "" {
		return query
	}
	return strings.ReplaceAll(query, tableNames, s.prefix+tableNames)
}

// prepare returns a statement of this session. It runs on the session's connection
// and so within the transaction that is open there.
func (s *session) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, s.qualified(s.target.dialect.bind(query)))
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

// locked is the context for our own small statements once the fence row is
// locked. In an embedded database they wait for nothing any more, and drivers
// start a goroutine for every statement whose context can end.
func (s *session) locked(ctx context.Context) context.Context {
	if s.target.dialect.LateSafe {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// exec executes one of our statements, prepared once for the session, also within a
// transaction. It asks the driver itself: when a driver says driver.ErrBadConn, as
// some do for a context that had ended before anything was sent, database/sql closes
// the sql.Conn, and that waits until the transaction on it has ended. Nobody would
// end it, because we would be waiting.
func (s *session) exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a} // int64 or string: what every driver takes
	}
	closed := s.conn.Raw(func(c any) error {
		rows, err = s.execOn(ctx, c, query, values)
		return nil
	})
	if closed != nil {
		return 0, closed
	}
	return rows, err
}

func (s *session) execOn(ctx context.Context, driverConn any, query string, values []driver.NamedValue) (int64, error) {
	st := s.execs[query]
	if st == nil {
		prepared, err := prepareOn(ctx, driverConn, s.qualified(s.target.dialect.bind(query)))
		if err != nil {
			return 0, err
		}
		var ok bool
		if st, ok = prepared.(driver.StmtExecContext); !ok {
			return 0, errors.Join(fmt.Errorf("the driver's %T has no ExecContext", prepared), prepared.Close())
		}
		s.execs[query] = st
	}
	r, err := st.ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func prepareOn(ctx context.Context, driverConn any, query string) (driver.Stmt, error) {
	switch c := driverConn.(type) {
	case driver.ConnPrepareContext:
		return c.PrepareContext(ctx, query)
	case driver.Conn:
		return c.Prepare(query)
	}
	return nil, fmt.Errorf("%T is no connection of a driver", driverConn)
}

// row scans one row; sql.ErrNoRows if there is none. Not within a transaction: see
// exec.
func (s *session) row(ctx context.Context, query string, args []any, dest ...any) error {
	st, err := s.prepare(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest...)
}
