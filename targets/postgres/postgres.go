package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// TypeName is the target type's name in the configuration.
const TypeName = "postgres"

// Type returns the target type. Settings: dsn, a URL or keywords, which goes to
// pgx as it is; or host, port, database, user, password, sslmode, sslrootcert,
// sslcert and sslkey, which may hold any characters. With either: searchPath. All
// may hold references. What they leave out comes from the environment variables
// that libpq reads, such as PGHOST.
//
// iamAuth: true takes a token in place of a password, made anew for each
// connection; see [WithTokens]. region, profile and roleArn say how it is made.
func Type(opts ...Option) core.TargetType {
	var t targetType
	for _, set := range opts {
		set(&t)
	}
	return core.TargetType{Name: TypeName, New: t.fromSettings, Templates: sqltarget.Templates(Dialect())}
}

// New makes a target of a database that the caller opened with pgx's stdlib
// package, and goes on to own: its connections are given back after every call,
// with the settings they had, and it is not closed.
func New(id string, db *sql.DB) *sqltarget.Target {
	d := dialect(id)
	d.Session, d.SessionEachTime = borrowedSession, false
	return sqltarget.New(sqltarget.Config{
		ID: id, TypeName: TypeName, Dialect: d, Borrowed: true,
		Connect: func(context.Context) (*sql.DB, error) { return db, nil },
	})
}

func (t targetType) fromSettings(id string, s core.Settings) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	if err := c.check(id); err != nil {
		return nil, err
	}
	if err := c.checkTokens(id, t.tokens); err != nil {
		return nil, err
	}
	return sqltarget.New(sqltarget.Config{
		ID: id, TypeName: TypeName, Dialect: dialect(id),
		Connect: func(ctx context.Context) (*sql.DB, error) {
			config, err := c.config(ctx, id, s)
			if err != nil {
				return nil, err
			}
			if !c.IAMAuth {
				return sql.OpenDB(connector{Connector: stdlib.GetConnector(*config)}), nil
			}
			login, err := c.login(ctx, id, s, config)
			if err != nil {
				return nil, err
			}
			return sql.OpenDB(connector{
				stdlib.GetConnector(*config, stdlib.OptionBeforeConnect(beforeConnect(id, t.tokens, login))),
				func(err error) error { return refusedToken(id, login, err) },
			}), nil
		},
	}), nil
}

const (
	// connectTimeout bounds an attempt to connect where the DSN sets no connect_timeout.
	connectTimeout = 10 * time.Second
	// cancelWait is how long the server may take to answer a cancel request. After that
	// the connection is closed.
	cancelWait = 5 * time.Second
)

// prepare sets what the DSN leaves open.
func prepare(c *pgx.ConnConfig, dsn, searchPath string) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "flamingock"
	}
	if searchPath != "" {
		c.RuntimeParams["search_path"] = searchPath
	}
	if !strings.Contains(dsn, "default_query_exec_mode") {
		// No cached plans: changes alter the tables that they are about.
		c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}
	c.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelWait}
	}
}

// connector gives errors of connecting their meaning.
type connector struct {
	driver.Connector
	refused func(error) error // what the server's refusal means; may be nil
}

// Connect connects. That the time for connecting is over is no end of the caller's
// context, although pgx says it with the same error.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, &dialError{err.Error()}
	}
	if err != nil && c.refused != nil {
		err = c.refused(err)
	}
	return conn, err
}

// dialError is an attempt to connect that took too long.
type dialError struct{ text string }

func (e *dialError) Error() string { return e.text }
