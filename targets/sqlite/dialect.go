package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/flamingock/flamingock-go/targets/sqltarget"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// Dialect returns what sqltarget needs to know about SQLite.
func Dialect() sqltarget.Dialect {
	return sqltarget.Dialect{
		Split:            split.SQLite(),
		Schema:           schema(),
		Classify:         classify,
		Refused:          refused,
		Exists:           alreadyThere,
		RollsBack:        rollsBack,
		Session:          session,
		Ping:             ping,
		NotTransactional: notTransactional,
		LateSafe:         true, // the database is in this process
	}
}

// code returns SQLite's result code in err: the primary one, and the extended one
// that holds it.
func code(err error) (primary, extended int, ok bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, 0, false
	}
	return e.Code() & 0xff, e.Code(), true
}

// alreadyThere goes by SQLite's words, since there is no code of its own for it.
func alreadyThere(err error) bool {
	primary, _, _ := code(err)
	return primary == sqlite3.SQLITE_ERROR && (strings.Contains(err.Error(), "already exists") || strings.Contains(err.Error(), "duplicate column name"))
}

func classify(err error) sqltarget.Class {
	primary, extended, ok := code(err)
	if !ok {
		return sqltarget.Other
	}
	switch primary {
	case sqlite3.SQLITE_BUSY:
		return sqltarget.Busy
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return sqltarget.Denied
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT:
		return sqltarget.Misconfigured
	case sqlite3.SQLITE_ERROR:
		// SQLite has one code for these and says the rest in words, which its own
		// tests pin.
		switch {
		case strings.Contains(err.Error(), "no transaction is active"):
			return sqltarget.NoTransaction
		case strings.Contains(err.Error(), "no such table: flamingock_"):
			return sqltarget.MissingTable
		}
	}
	switch extended {
	case sqlite3.SQLITE_LOCKED_SHAREDCACHE:
		return sqltarget.Busy
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return sqltarget.Duplicate
	}
	return sqltarget.Other
}

// refused lists the codes with which nothing was committed. An I/O error is not
// among them: a COMMIT whose sync failed can come back to life in the recovery
// after a crash.
func refused(err error) bool {
	primary, _, ok := code(err)
	if !ok {
		return false
	}
	switch primary {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_SCHEMA:
		return true
	}
	return false
}

// rollsBack lists the codes after which SQLite may have rolled back the whole
// transaction: lang_transaction.html, section 4, and ON CONFLICT ROLLBACK.
func rollsBack(err error) bool {
	primary, _, ok := code(err)
	if !ok {
		return false
	}
	switch primary {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_CONSTRAINT,
		sqlite3.SQLITE_CORRUPT:
		return true
	}
	return false
}

// ping reads the file, and writes what it holds already in a transaction that is
// rolled back: on a read-only database SQLite refuses not BEGIN IMMEDIATE but the
// first write. That somebody else has the write lock right now is no fault: it may
// be free when a change needs it.
func ping(ctx context.Context, c *sql.Conn) error {
	var version, n int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n); err != nil {
		return err
	}
	if err := setBusyTimeout(ctx, c, 0); err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		if classify(err) == sqltarget.Busy {
			return nil
		}
		return err
	}
	_, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	_, rollbackErr := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	if err != nil {
		return err
	}
	return rollbackErr
}

// notTransactional names what a transaction does not cover. The pragmas are those
// that SQLite refuses or silently ignores inside a transaction when they are given
// a value; the others work there, although most act on the connection only.
func notTransactional(head []string) string {
	switch head[0] {
	case "VACUUM":
		return "is refused by SQLite inside a transaction"
	case "ATTACH", "DETACH":
		return "acts on the connection and is not rolled back with the transaction"
	case "PRAGMA":
	default:
		return ""
	}
	name := head[1:]
	if len(name) > 2 && name[1] == "." { // PRAGMA schema.name
		name = name[2:]
	}
	if len(name) == 0 {
		return ""
	}
	sets := len(name) > 1 && (name[1] == "=" || name[1] == "(")
	switch pragma := strings.Trim(name[0], "\"'`[]"); strings.ToUpper(pragma) {
	case "WAL_CHECKPOINT":
		return "is refused by SQLite inside a transaction"
	case "SYNCHRONOUS":
		if sets {
			return "is refused by SQLite inside a transaction"
		}
	case "JOURNAL_MODE", "FOREIGN_KEYS":
		if sets {
			return "is silently ignored by SQLite inside a transaction"
		}
	case "TEMP_STORE", "TEMP_STORE_DIRECTORY", "DATA_STORE_DIRECTORY":
		if sets {
			return "acts on the connection and is not rolled back with the transaction"
		}
	}
	return ""
}

// schema makes each table one tree: every change writes a page of each, and a
// rowid table would have a second one for its key.
func schema() []string {
	s := sqltarget.Schema("TEXT", "INTEGER")
	for i := range s {
		s[i] += " WITHOUT ROWID"
	}
	return s
}
