package filestore

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Within puts the store into the database of an application, in tables whose names
// begin with flamingock_. The changes of that database then commit in one transaction
// with what is recorded of them: see [Store.Begin].
type Within struct {
	// DSN opens the database, with the parameters of modernc.org/sqlite, as the
	// application wants it for its changes. Some are the store's: commits are durable
	// (synchronous=FULL), and transactions begin with the write lock.
	DSN string
	// Domain names the place for those who share its transactions: see
	// core.SharingStore. "": nobody does.
	Domain string
}

// tablesWithin is what the names of the store's tables begin with there.
const tablesWithin = "flamingock_"

// dsn is the application's, with what the store cannot do without.
func (w *Within) dsn(a access) (string, error) {
	name, query, _ := strings.Cut(w.DSN, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", &core.ConfigError{Key: "auditStore.targetSystem", Reason: "the DSN of its target system cannot be read", Next: "see the parameters of modernc.org/sqlite", Err: err}
	}
	if !strings.HasPrefix(name, "file:") {
		name = "file:" + (&url.URL{Path: name}).EscapedPath()
	}
	q.Set("_txlock", "immediate")
	q.Set("_error_rc", "1")
	switch {
	case a == readOnly || a == frozen: // as access says, also where the DSN would write
		q.Set("mode", "ro")
	case q.Get("mode") == "":
		q.Set("mode", "rwc")
	}
	if a == frozen {
		q.Set("immutable", "1")
	}
	return name + "?" + q.Encode(), nil
}

// settle makes the settings of a new connection that are the store's.
func (c *conn) settle(ctx context.Context, s *Store) error {
	ms := min(s.opts.BusyTimeout, busySlice).Milliseconds()
	pragmas := fmt.Sprintf("PRAGMA busy_timeout = %d; PRAGMA synchronous = FULL;", ms)
	var pages int64
	if err := c.sql.QueryRowContext(ctx, "PRAGMA wal_autocheckpoint").Scan(&pages); err != nil {
		return err
	}
	if pages == 1000 { // SQLite's own choice, and nobody's
		pragmas += fmt.Sprintf("PRAGMA wal_autocheckpoint = %d;", logPages)
	}
	if s.opts.maxPages > 0 {
		pragmas += fmt.Sprintf("PRAGMA max_page_count = %d;", s.opts.maxPages)
	}
	if _, err := c.sql.ExecContext(ctx, pragmas); err != nil {
		return err
	}
	if c.guard == nil {
		return nil
	}
	return c.sql.Raw(c.guard.watch)
}

// inspectWithin finds out whether the store's tables are there, and writes nothing.
func (s *Store) inspectWithin(ctx context.Context, c *conn) (fileState, error) {
	var ours int64
	err := c.sql.QueryRowContext(ctx, `SELECT count(*) FROM main.sqlite_schema WHERE type = 'table'
		AND name IN ('flamingock_ledgers', 'flamingock_changes', 'flamingock_entries', 'flamingock_layout')`).Scan(&ours)
	switch {
	case err != nil:
		return 0, s.fault("open", err)
	case ours == 0:
		return fileEmpty, nil
	case ours != 4:
		return 0, s.corrupt(fmt.Errorf("%d of the 4 tables of the audit store are there", ours))
	}
	var version int64
	if err := c.sql.QueryRowContext(ctx, "SELECT max(version) FROM main.flamingock_layout").Scan(&version); err != nil {
		return 0, s.fault("open", err)
	}
	switch {
	case version > layoutVersion:
		return 0, s.newer(version)
	case version < layoutVersion:
		return 0, s.corrupt(fmt.Errorf("its tables are of layout %d", version))
	}
	return fileOurs, nil
}

// schemaWithin is schema with the names that the tables have within an application's
// database, and with the layout's version in a table: user_version is the
// application's.
func schemaWithin() string {
	return strings.ReplaceAll(schema, "{}", tablesWithin) +
		fmt.Sprintf("\nCREATE TABLE flamingock_layout (version INTEGER NOT NULL) STRICT; INSERT INTO flamingock_layout (version) VALUES (%d);", layoutVersion)
}

// newToWAL puts a database that has no page yet into WAL mode, unless its DSN has
// chosen another. One that exists keeps its mode.
func (s *Store) newToWAL(ctx context.Context, c *conn) error {
	var pages int
	err := c.sql.QueryRowContext(ctx, "PRAGMA main.page_count").Scan(&pages)
	if err != nil || pages > 0 || strings.Contains(strings.ToLower(s.opts.Within.DSN), "journal_mode") {
		return err
	}
	_, err = c.sql.ExecContext(ctx, "PRAGMA main.journal_mode = WAL")
	return err
}
