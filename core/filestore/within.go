package filestore

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"

	"github.com/flamingock/flamingock-go/core"
)

// Within puts the store into the database of an application, in tables whose names
// begin with flamingock_. The changes of that database then commit in one transaction
// with what is recorded of them: see [Store.Begin].
type Within struct {
	// DSN opens the database, with the parameters of modernc.org/sqlite, as the
	// application wants it for its changes. Some are the store's: commits are durable
	// (synchronous=EXTRA), and transactions begin with the write lock.
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
	if err := w.refuse(q); err != nil {
		return "", err
	}
	q.Set("_txlock", "immediate")
	q.Set("_error_rc", "1")
	q.Del("cache") // who reads in a shared one waits for the change, and the change perhaps for who reads
	switch {
	case a == readOnly || a == frozen: // as access says, also where the DSN would write
		q.Set("mode", "ro")
	case a == recovering:
		q.Set("mode", "rw")
	case q.Get("mode") == "":
		q.Set("mode", "rwc")
	}
	if a == frozen {
		q.Set("immutable", "1")
	}
	return name + "?" + q.Encode(), nil
}

// refuse finds parameters with which nobody would know who else writes.
func (w *Within) refuse(q url.Values) error {
	bad := ""
	for key, values := range q {
		for _, v := range values {
			v = strings.ToLower(strings.TrimSpace(v))
			switch {
			case key == "nolock", key == "immutable", key == "vfs", key == "mode" && v == "memory":
				bad = key
			case key == "_locking_mode", key == "_locking", key == "_pragma" && strings.Contains(v, "locking_mode"):
				bad = "locking_mode"
			}
		}
	}
	if bad == "" {
		return nil
	}
	return &core.ConfigError{
		Key: "auditStore.targetSystem", Reason: "the DSN of its target system has " + bad + ", with which the audit store cannot be in that file: its locks have to hold among processes",
		Next: "leave " + bad + " out, or give the audit store a file of its own",
	}
}

// setsJournal reports whether the DSN chooses a journal mode itself.
func (w *Within) setsJournal() bool {
	_, query, _ := strings.Cut(w.DSN, "?")
	query = strings.ToLower(query)
	return strings.Contains(query, "_journal") || strings.Contains(query, "journal_mode")
}

// settle makes the settings of a new connection that are the store's.
func (c *conn) settle(ctx context.Context, s *Store) error {
	// EXTRA is FULL in WAL mode. In the others a commit is the end of the journal, which
	// only EXTRA waits for: what a power cut takes back must not have been answered.
	pragmas := fmt.Sprintf("PRAGMA busy_timeout = %d; PRAGMA synchronous = EXTRA;", s.slice().Milliseconds())
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
	if _, err := c.journal(ctx); err != nil {
		return err
	}
	return c.sql.Raw(c.guard.watch)
}

// journal finds out the journal mode. Without a log a transaction that grew out of
// SQLite's memory would keep readers out until it ends: it must not.
func (c *conn) journal(ctx context.Context) (mode string, err error) {
	if err := c.sql.QueryRowContext(ctx, "PRAGMA main.journal_mode").Scan(&mode); err != nil {
		return "", err
	}
	spill := "ON"
	if c.wal = mode == "wal"; !c.wal {
		spill = "OFF"
	}
	_, err = c.sql.ExecContext(ctx, "PRAGMA cache_spill = "+spill)
	return mode, err
}

// holdLocks keeps the locks of this process's databases when somebody in it opens and
// closes such a file by other means: to copy it, or to take its hash. Where the system
// cannot do that, or a database was opened before, all is as it was.
func holdLocks() {
	_, _ = sqlite.OFDLocking(true) //nolint:errcheck // see above
}

// sameFile checks that the DSN leads to the file at the path.
func (s *Store) sameFile(ctx context.Context, c *conn) error {
	var file string
	if err := c.sql.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
		return s.fault("open", err)
	}
	if info, err := os.Stat(file); err == nil && os.SameFile(info, s.ident) {
		return nil
	}
	return &core.ConfigError{Key: "auditStore.targetSystem", Reason: "its DSN does not lead to " + s.path, Next: "give the audit store the path of the file that the DSN names"}
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
	}
	// A newer layout may have other tables, but says so in this one.
	var version int64
	err = c.sql.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM main.flamingock_layout").Scan(&version)
	switch {
	case err == nil && version > layoutVersion:
		return 0, s.newer(version)
	case ours != 4:
		return 0, s.corrupt(fmt.Errorf("%d of the 4 tables of the audit store are there", ours))
	case err != nil:
		return 0, s.fault("open", err)
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

// checkJournal refuses modes in which nothing can be taken back after a crash, or ever.
func (s *Store) checkJournal(ctx context.Context, c *conn) error {
	mode, err := c.journal(ctx)
	if err != nil {
		return s.fault("open", err)
	}
	if mode != "off" && mode != "memory" {
		return nil
	}
	return &core.ConfigError{
		Key: "auditStore.targetSystem", Reason: fmt.Sprintf("the audit store cannot be in %s in journal mode %s: a crash would damage it", s.path, mode),
		Next: "leave journal_mode out of the DSN of its target system, or choose WAL",
	}
}

// newToWAL puts a database that has no page yet into WAL mode, unless its DSN has
// chosen another. One that exists keeps its mode.
func (s *Store) newToWAL(ctx context.Context, c *conn) error {
	var pages int
	err := c.sql.QueryRowContext(ctx, "PRAGMA main.page_count").Scan(&pages)
	if err == nil && pages == 0 && !s.opts.Within.setsJournal() {
		_, err = c.sql.ExecContext(ctx, "PRAGMA main.journal_mode = WAL")
	}
	if err == nil { // also when somebody else was faster
		_, err = c.journal(ctx)
	}
	return err
}
