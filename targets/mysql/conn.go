package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// driverConn is what the driver's connections are.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.NamedValueChecker
	driver.SessionResetter
	driver.Validator
}

// driverStmt is what the driver's prepared statements are.
type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

// conn is a connection whose statements are ended on the server when their context
// ends. The driver only closes the connection: the statement would go on, and hold its
// locks.
type conn struct {
	driverConn
	connector *connector
	identity  identity
	reading   atomic.Bool // rows are open
}

// usable finds what would make the driver give the connection up: a context that has
// ended, and rows that are open, beside which the protocol takes no statement.
func (c *conn) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.reading.Load() {
		return &sqltarget.LeftOpenError{System: system(c.connector.id)}
	}
	return nil
}

// patience is the context of one statement, which ends cancelWait after the caller's.
// In between the server is told to end the statement, and may answer.
type patience struct {
	context.Context
	end func()
}

func (c *conn) patience(ctx context.Context) patience {
	if ctx.Done() == nil {
		return patience{ctx, func() {}}
	}
	waiting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	sent := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(cancelWait, cancel)
		context.AfterFunc(waiting, func() { timer.Stop() })
		defer close(sent)
		_ = c.connector.kill(waiting, c.identity) //nolint:errcheck // without an answer the connection is closed, which tells the caller
	})
	return patience{waiting, func() {
		if !stop() {
			<-sent // a late one would hit the next statement
		}
		cancel()
	}}
}

// explain puts the caller's reason before the error of a connection that was closed
// because nobody answered.
func (p patience) explain(ctx context.Context, err error) error {
	if err != nil && p.Err() != nil {
		return errors.Join(context.Cause(ctx), driver.ErrBadConn)
	}
	return err
}

// exec awaits the answer to a statement without rows.
func (c *conn) exec(ctx context.Context, f func(context.Context) (driver.Result, error)) (driver.Result, error) {
	if err := c.usable(ctx); err != nil {
		return nil, err
	}
	p := c.patience(ctx)
	r, err := f(p)
	err = p.explain(ctx, err)
	p.end()
	return r, err
}

// query awaits the first answer to a statement with rows; the rest is awaited until
// they are closed.
func (c *conn) query(ctx context.Context, f func(context.Context) (driver.Rows, error)) (driver.Rows, error) {
	if err := c.usable(ctx); err != nil {
		return nil, err
	}
	p := c.patience(ctx)
	opened, err := f(p)
	if err != nil {
		err = p.explain(ctx, err)
		p.end()
		return nil, err
	}
	inner, ok := opened.(driverRows)
	if !ok {
		p.end()
		return nil, errors.Join(fmt.Errorf("the driver's rows are a %T", opened), opened.Close())
	}
	c.reading.Store(true)
	return &rows{inner, c, p}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.exec(ctx, func(ctx context.Context) (driver.Result, error) { return c.driverConn.ExecContext(ctx, query, args) })
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, func(ctx context.Context) (driver.Rows, error) { return c.driverConn.QueryContext(ctx, query, args) })
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.usable(ctx); err != nil {
		return nil, err
	}
	prepared, err := c.driverConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	inner, ok := prepared.(driverStmt)
	if !ok {
		return prepared, nil
	}
	return &stmt{inner, c}, nil
}

// BeginTx begins a transaction that ends with ctx, COMMIT and ROLLBACK included: the
// driver's own wait without end.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if _, err := c.driverConn.BeginTx(ctx, opts); err != nil {
		return nil, err
	}
	return &tx{c, ctx}, nil
}

// stmt is a prepared statement of a conn.
type stmt struct {
	driverStmt
	conn *conn
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.exec(ctx, func(ctx context.Context) (driver.Result, error) { return s.driverStmt.ExecContext(ctx, args) })
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, func(ctx context.Context) (driver.Rows, error) { return s.driverStmt.QueryContext(ctx, args) })
}

// driverRows is what the driver's rows are.
type driverRows interface {
	driver.RowsNextResultSet
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// rows are those of a conn.
type rows struct {
	driverRows
	conn     *conn
	patience patience
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	err := r.driverRows.Close()
	r.patience.end()
	r.conn.reading.Store(false)
	return err
}

// tx is a transaction of a conn.
type tx struct {
	conn *conn
	ctx  context.Context //nolint:containedctx // driver.Tx has no other way to get it
}

func (x *tx) Commit() error   { return x.end("COMMIT") }
func (x *tx) Rollback() error { return x.end("ROLLBACK") }

// end is no statement to be killed: a COMMIT that is cut short has no known outcome.
func (x *tx) end(statement string) error {
	_, err := x.conn.driverConn.ExecContext(x.ctx, statement, nil)
	return err
}
