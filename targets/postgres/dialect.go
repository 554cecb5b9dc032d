package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// Dialect returns what sqltarget needs to know about PostgreSQL.
func Dialect() sqltarget.Dialect { return dialect("") }

// dialect is the dialect of the target system with an id.
func dialect(id string) sqltarget.Dialect {
	return sqltarget.Dialect{
		Split:            split.PostgreSQL(),
		Placeholder:      func(n int) string { return "$" + strconv.Itoa(n) },
		Schema:           sqltarget.Schema(`TEXT COLLATE "C"`, "BIGINT"),
		Classify:         classify,
		Refused:          refused,
		Exists:           alreadyThere,
		Session:          session,
		SessionEachTime:  true,
		Ping:             func(ctx context.Context, c *sql.Conn) error { return ping(ctx, c, id) },
		NotTransactional: notTransactional,
		TablePrefix:      func(ctx context.Context, c *sql.Conn) (string, error) { return prefix(ctx, c, id) },
		InTransaction:    inTransaction,
		Place:            place,
		Advice:           advice,
		Special:          special,
	}
}

// session makes a connection as it was at connect, and sets the timeouts. It is one
// round trip.
func session(ctx context.Context, c *sql.Conn, lease time.Duration) (func(context.Context) error, error) {
	_, err := c.ExecContext(ctx, "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; DISCARD TEMP; "+timeouts(lease))
	return func(context.Context) error { return nil }, err // the next use begins in the same way
}

// timeouts are at least 1 ms: 0 would switch them off.
func timeouts(lease time.Duration) string {
	q := fmt.Sprintf("SET lock_timeout = %d", max(1, sqltarget.LockWait(lease).Milliseconds()))
	if lease > 0 {
		q += fmt.Sprintf("; SET idle_in_transaction_session_timeout = %d", max(1, lease.Milliseconds()))
	}
	return q
}

// borrowedSession sets the timeouts on a connection of the caller's, and afterwards
// what was there before.
func borrowedSession(ctx context.Context, c *sql.Conn, lease time.Duration) (func(context.Context) error, error) {
	var lock, idle string
	err := c.QueryRowContext(ctx, "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')").Scan(&lock, &idle)
	if err != nil {
		return nil, err
	}
	restore := func(ctx context.Context) error {
		_, err := c.ExecContext(ctx, "SELECT set_config('lock_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false)", lock, idle)
		return err
	}
	_, err = c.ExecContext(ctx, timeouts(lease))
	return restore, err
}

// prefix is the schema of our tables: where they are along the search_path, or
// where they are to be made.
func prefix(ctx context.Context, c *sql.Conn, id string) (string, error) {
	var schema sql.NullString
	err := c.QueryRowContext(ctx, `SELECT coalesce(
		(SELECT quote_ident(n.nspname) FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace WHERE t.oid = to_regclass('flamingock_fence')),
		quote_ident(current_schema()))`).Scan(&schema)
	if err != nil {
		return "", err
	}
	if !schema.Valid {
		return "", noSchema(ctx, c, id)
	}
	return schema.String + ".", nil
}

// noSchema says why the search_path leads nowhere.
func noSchema(ctx context.Context, c *sql.Conn, id string) error {
	var hidden sql.NullString
	var path string
	err := c.QueryRowContext(ctx, `SELECT current_setting('search_path'), (SELECT min(nspname) FROM pg_catalog.pg_namespace
		WHERE nspname IN (SELECT btrim(p, ' "') FROM unnest(string_to_array(current_setting('search_path'), ',')) p) AND NOT has_schema_privilege(oid, 'USAGE'))`).
		Scan(&path, &hidden)
	switch {
	case err != nil:
		return err
	case hidden.Valid:
		return &core.PermissionError{System: system(id), Right: "USAGE on schema " + hidden.String, Err: errors.New("search_path is " + path)}
	}
	return &core.ConfigError{
		Key: "targetSystems." + id, Reason: "no schema of the search_path exists: " + path,
		Next: "create the schema, or name one that exists: searchPath: public",
	}
}

// inTransaction asks what the server said last.
func inTransaction(driverConn any) bool {
	c, ok := driverConn.(*stdlib.Conn)
	return !ok || c.Conn().PgConn().TxStatus() != 'I'
}

func system(id string) string { return "target system " + id + " (" + TypeName + ")" }
