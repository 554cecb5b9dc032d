package filestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/storetest"
)

// journalModes are those in which an application may keep its database.
func journalModes() []string { return []string{"wal", "delete"} }

// application makes the database of an application: with a mode, numbers and tables
// of its own, of which some have the names that the store uses in its own file.
func application(t testing.TB, path, mode string) {
	t.Helper()
	tamper(t, path, func(db *sql.DB) error {
		_, err := db.ExecContext(context.Background(), "PRAGMA journal_mode = "+mode+`; PRAGMA user_version = 7; PRAGMA application_id = 42;
			CREATE TABLE ledgers (account TEXT); CREATE TABLE changes (x); CREATE TABLE entries (y); CREATE VIEW layout AS SELECT 1;
			CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO ledgers VALUES ('theirs');`)
		return err
	})
}

// theirs fails unless all that is the application's is as application made it.
func theirs(t testing.TB, path, mode string) {
	t.Helper()
	tamper(t, path, func(db *sql.DB) error {
		for query, want := range map[string]string{
			"PRAGMA journal_mode": mode, "PRAGMA user_version": "7", "PRAGMA application_id": "42", "PRAGMA integrity_check": "ok",
			"SELECT group_concat(account) FROM ledgers": "theirs", "SELECT count(*) FROM changes": "0", "SELECT count(*) FROM entries": "0",
			"SELECT count(*) FROM sqlite_schema WHERE name LIKE 'flamingock%' AND type = 'table'": "4",
		} {
			var got string
			if err := db.QueryRowContext(context.Background(), query).Scan(&got); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", query, got, err, want)
			}
		}
		return nil
	})
}

// uri is a DSN of the file.
func uri(path string, parameters ...string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(parameters, "&")
}

func withinDSN(dsn string) *Options { return &Options{Within: &Within{DSN: dsn, Domain: "app"}} }

func TestConformanceWithin(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			t.Run("cases", func(t *testing.T) {
				storetest.Run(t, storetest.Harness{Rounds: 15, New: func(t *testing.T) storetest.Factory {
					return storetest.Factory{
						Open: func() core.AuditStore { return mustOpen(t, path, withinDSN(uri(path))) },
						PlantState: func(t *testing.T, ledger, changeID, state string) {
							tamper(t, path, func(db *sql.DB) error { return plantStateIn(db, tablesWithin+"changes", ledger, changeID, state) })
						},
					}
				}})
			})
			theirs(t, path, mode)
		})
	}
}

// A database that is new gets the mode in which readers and a change are not in each
// other's way, unless its DSN has chosen another.
func TestWithinNewDatabase(t *testing.T) {
	for name, tc := range map[string]struct {
		make       func(path string) error
		parameters []string
		mode       string
	}{
		"no file":            {func(string) error { return nil }, nil, "wal"},
		"an empty file":      {func(path string) error { return os.WriteFile(path, nil, 0o644) }, nil, "wal"},
		"a mode in the DSN":  {func(string) error { return nil }, []string{"_pragma=journal_mode(DELETE)"}, "delete"},
		"WAL in the DSN":     {func(string) error { return nil }, []string{"_pragma=journal_mode(WAL)"}, "wal"},
		"rw, an empty file":  {func(path string) error { return os.WriteFile(path, nil, 0o644) }, []string{"mode=rw"}, "wal"},
		"a table and no WAL": {func(path string) error { return makeTable(path) }, nil, "delete"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			if err := tc.make(path); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, path, withinDSN(uri(path, tc.parameters...)))
			mustBegin(t, s, "o1").mustAppend(t, core.StateApplied, "x")
			tamper(t, path, func(db *sql.DB) error {
				for pragma, want := range map[string]string{"journal_mode": tc.mode, "user_version": "0", "application_id": "0"} {
					var got string
					if err := db.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
						t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
					}
				}
				return nil
			})
		})
	}
}

func makeTable(path string) error {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), "CREATE TABLE t (x)")
	return errors.Join(err, db.Close())
}

// files returns the names in a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name())
	}
	return names
}

// A report on a database that has no audit store yet finds an empty one, and leaves
// nothing behind.
func TestWithinReadOnlyCreatesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		make       func(path string)
		parameters []string
	}{
		"no file":                   {make: func(string) {}},
		"no file, WAL in the DSN":   {func(string) {}, []string{"_pragma=journal_mode(WAL)"}},
		"a database in WAL mode":    {make: func(path string) { application(t, path, "wal") }},
		"the same, WAL in the DSN":  {func(path string) { application(t, path, "wal") }, []string{"_pragma=journal_mode(WAL)"}},
		"a database in DELETE mode": {make: func(path string) { application(t, path, "delete") }},
		"DELETE mode, WAL in DSN":   {func(path string) { application(t, path, "delete") }, []string{"_pragma=journal_mode(WAL)"}},
		"DELETE mode, foreign keys": {func(path string) { application(t, path, "delete") }, []string{"_pragma=foreign_keys(1)", "mode=rwc"}},
		"WAL mode, DELETE in DSN":   {func(path string) { application(t, path, "wal") }, []string{"_pragma=journal_mode(DELETE)"}},
		"an empty file":             {make: func(path string) { database(t, path) }},
		"an empty one, WAL in DSN":  {func(path string) { database(t, path) }, []string{"_pragma=journal_mode(WAL)"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			tc.make(path)
			names := files(t, filepath.Dir(path))
			before, _ := os.ReadFile(path)
			o := withinDSN(uri(path, tc.parameters...))
			o.ReadOnly = true
			ro, err := Open(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := mustRead(t, ro); got.Snapshot.Head != (core.Head{}) || len(got.History) > 0 {
					t.Errorf("got %+v, want an empty store", got)
				}
			}
			if _, err := ro.Begin(t.Context(), core.Lease{Ledger: ledger}); core.CodeOf(err) != core.CodeConfigInvalid {
				t.Errorf("begin: got %v", err)
			}
			if err := ro.Close(); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff(names, files(t, filepath.Dir(path))); d != "" {
				t.Errorf("files (-before +after):\n%s", d)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// The same while the application is at work.
func TestWithinReadOnlyBesideTheApplication(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			tamper(t, path, func(db *sql.DB) error {
				ctx := context.Background()
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, "INSERT INTO rows (text) VALUES ('x')"); err != nil {
					return err
				}
				names := files(t, filepath.Dir(path))
				ro, err := Open(ctx, path, &Options{ReadOnly: true, Within: &Within{DSN: uri(path)}})
				if err != nil {
					return errors.Join(err, tx.Rollback())
				}
				if got := mustRead(t, ro); got.Snapshot.Head != (core.Head{}) {
					t.Errorf("got %+v, want an empty store", got)
				}
				err = errors.Join(ro.Close(), tx.Commit())
				if d := cmp.Diff(names, files(t, filepath.Dir(path))); mode == "wal" && d != "" {
					t.Errorf("files (-before +after):\n%s", d)
				}
				return err
			})
			wantRows(t, path, "x")
		})
	}
}

// What is made meanwhile is seen.
func TestWithinReadOnlySeesTheStore(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			ro := mustOpen(t, path, &Options{ReadOnly: true, Within: &Within{DSN: uri(path)}})
			s := mustOpen(t, path, withinDSN(uri(path)))
			r := mustBegin(t, s, "o1")
			for i := range 3 {
				r.mustAppend(t, core.StateApplied, "x")
				if got := mustRead(t, ro).Snapshot.Head.Seq; got != uint64(i+1) {
					t.Errorf("head at %d, want %d", got, i+1)
				}
			}
		})
	}
}

func TestWithinRefuses(t *testing.T) {
	half := func(statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			application(t, path, "delete")
			database(t, path, statements...)
		}
	}
	whole := strings.Split(schemaWithin(), ";\n\n")
	version := func(v string) []string {
		return append(slices.Clone(whole), "DELETE FROM flamingock_layout", "INSERT INTO flamingock_layout "+v)
	}
	for name, tc := range map[string]struct {
		make func(t *testing.T, path string)
		kind core.StoreErrorKind
		says string
	}{
		"a newer layout":               {half(version("VALUES (1), (99)")...), core.StoreNewer, "layout 99, and this version knows 1"},
		"a newer layout, other tables": {half("CREATE TABLE flamingock_layout (version INTEGER)", "INSERT INTO flamingock_layout VALUES (2)"), core.StoreNewer, "layout 2"},
		"an older layout":              {half(version("VALUES (0)")...), core.StoreCorrupt, "layout 0"},
		"no layout":                    {half(version("SELECT 1 WHERE false")...), core.StoreCorrupt, "layout 0"},
		"another table of that name":   {half("CREATE TABLE flamingock_layout (x)"), core.StoreCorrupt, "tables"},
		"a lost table":                 {half(append(slices.Clone(whole), "DROP TABLE flamingock_changes")...), core.StoreCorrupt, "3 of the 4 tables"},
		"one table":                    {half("CREATE TABLE flamingock_entries (x)"), core.StoreCorrupt, "1 of the 4 tables"},
		"a text": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("once upon a time there was a file\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, core.StoreForeign, "not an SQLite database"},
		"a directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, core.StoreForeign, "it is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			tc.make(t, path)
			before, readErr := os.ReadFile(path)
			for _, readOnly := range []bool{false, true} {
				s, err := Open(t.Context(), path, &Options{ReadOnly: readOnly, Within: &Within{DSN: uri(path)}})
				if err == nil {
					t.Fatalf("opened; close: %v", s.Close())
				}
				wantKind(t, err, tc.kind)
				if !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %q, want it to say %q and the path", err, tc.says)
				}
			}
			if after, _ := os.ReadFile(path); readErr == nil && !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}
