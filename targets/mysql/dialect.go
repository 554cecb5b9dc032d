package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// Dialect returns what sqltarget needs to know about MySQL and MariaDB.
//
// It can answer for these statements whether their effect is there, when each names
// one object: CREATE and DROP TABLE, CREATE and DROP INDEX, RENAME TABLE, and ALTER
// TABLE with clauses that add or drop columns and indexes.
func Dialect() sqltarget.Dialect { return dialect("") }

// dialect is the dialect of the target system with an id.
func dialect(id string) sqltarget.Dialect {
	return sqltarget.Dialect{
		Split:            split.MySQL(),
		Schema:           schema(),
		Classify:         classify,
		Refused:          refused,
		Exists:           alreadyThere,
		RollsBack:        rollsBack,
		Session:          session,
		SessionPerChange: true,
		Savepoint:        true,
		Ping:             func(ctx context.Context, c *sql.Conn) error { return ping(ctx, c, id) },
		NotTransactional: notTransactional,
		WritesRows:       writesRows,
		TablePrefix:      func(ctx context.Context, c *sql.Conn) (string, error) { return prefix(ctx, c, id) },
		Advice:           advice,
		Special:          special,
	}
}

// schema are the statements for our tables, whose identifiers compare byte by byte.
func schema() []string {
	all := sqltarget.Schema("VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "BIGINT")
	for i := range all {
		all[i] += " ENGINE = InnoDB"
	}
	return all
}

// session sets the timeouts, and autocommit, without which our own reads would open a
// transaction.
func session(ctx context.Context, c *sql.Conn, lease time.Duration) (func(context.Context) error, error) {
	_, err := c.ExecContext(ctx, "SET SESSION autocommit = 1, "+timeouts(lease))
	return func(context.Context) error { return nil }, err // the connection serves nobody else
}

func timeouts(lease time.Duration) string {
	wait := seconds(sqltarget.LockWait(lease))
	q := fmt.Sprintf("innodb_lock_wait_timeout = %d, lock_wait_timeout = %d", wait, wait)
	if lease > 0 {
		q += fmt.Sprintf(", wait_timeout = %d", seconds(lease))
	}
	return q
}

// seconds rounds up: the server counts in whole ones, from 1.
func seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// borrowedSession sets the timeouts on a connection of the caller's, and afterwards
// what was there before.
func borrowedSession(ctx context.Context, c *sql.Conn, lease time.Duration) (func(context.Context) error, error) {
	var row, table, idle, autocommit int64
	err := c.QueryRowContext(ctx, "SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@wait_timeout, @@autocommit").Scan(&row, &table, &idle, &autocommit)
	if err != nil {
		return nil, err
	}
	restore := func(ctx context.Context) error {
		_, err := c.ExecContext(ctx, fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d, lock_wait_timeout = %d, wait_timeout = %d, autocommit = %d", row, table, idle, autocommit))
		return err
	}
	_, err = session(ctx, c, lease)
	return restore, err
}

// prefix is the database of our tables: the one that the connection was made with. On
// the way it checks what would make them useless.
func prefix(ctx context.Context, c *sql.Conn, id string) (string, error) {
	var database, engine sql.NullString
	var mode string
	err := c.QueryRowContext(ctx, `SELECT DATABASE(), @@sql_mode, (SELECT GROUP_CONCAT(CONCAT(table_name, ' is ', COALESCE(engine, 'a view')) SEPARATOR ', ') FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_name IN ('flamingock_fence', 'flamingock_marker') AND COALESCE(engine, '') <> 'InnoDB')`).Scan(&database, &mode, &engine)
	switch {
	case err != nil:
		return "", err
	case !database.Valid:
		return "", fault(id, "the connection names no database", "name one: it is where Flamingock keeps its two tables")
	case engine.Valid:
		return "", fault(id, engine.String+", and transactions need InnoDB", "ALTER TABLE flamingock_fence ENGINE = InnoDB, and flamingock_marker likewise; then run again")
	case strings.Contains(mode, "NO_BACKSLASH_ESCAPES"):
		return "", fault(id, "the server's sql_mode has NO_BACKSLASH_ESCAPES, with which scripts cannot be read safely", "set another one for this user's sessions: add sql_mode=%27STRICT_TRANS_TABLES%27 to the dsn")
	}
	return quoted(database.String) + ".", nil
}

// quoted makes any text a name in a statement.
func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// special knows the statements whose effect can be looked for, and those that the
// server may carry out by half.
func special(text string) *sqltarget.Special {
	if d, ok := parseDDL(text); ok {
		return &sqltarget.Special{Probe: func(ctx context.Context, q sqltarget.Querier) (core.ProbeResult, error) { return d.probe(ctx, q) }, LateSafe: d.lateSafe()}
	}
	if listed(text) {
		return &sqltarget.Special{Run: func(ctx context.Context, q sqltarget.Querier, text string) error {
			if _, err := q.ExecContext(ctx, text); err != nil {
				return &partialError{err}
			}
			return nil
		}}
	}
	return nil
}
