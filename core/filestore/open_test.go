package filestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// wantKind fails unless err is a StoreError of the kind, with a hint.
func wantKind(t *testing.T, err error, kind core.StoreErrorKind) {
	t.Helper()
	var e *core.StoreError
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("got %v, want a *StoreError %q", err, kind)
	}
	if e.Hint() == "" || e.Store == "" || e.Err == nil {
		t.Fatalf("error %+v does not say what, where and what to do", e)
	}
}

func TestOpenMakesDirectoryAndFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "audit.db")
	s := mustOpen(t, path, nil)
	mustBegin(t, s, "o1").mustAppend(t, core.StateApplied, "x")
	before := mustRead(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there after Close: %v", err)
	}
	if diff := cmp.Diff(before, mustRead(t, mustOpen(t, path, nil))); diff != "" {
		t.Errorf("after reopening (-before +after):\n%s", diff)
	}
}

func TestOpenAcceptsStrangePaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{
		"audit.db", "./x/audit.db", "a b?mode=memory#c%41&x=1;'\".db", "ünï☃.db", filepath.Join(dir, "file:x.db"), "?", ":memory:", "file::memory:",
	} {
		s := mustOpen(t, path, nil)
		mustBegin(t, s, "o1").mustAppend(t, core.StateApplied, "x")
		if _, err := os.Stat(path); err != nil {
			t.Errorf("path %q: %v", path, err)
		}
	}
}

func TestOpenAcceptsAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ro := mustOpen(t, path, &Options{ReadOnly: true})
	if got := mustRead(t, ro); got.Snapshot.Head != (core.Head{}) {
		t.Errorf("read-only: got %+v, want an empty store", got)
	}
	mustBegin(t, mustOpen(t, path, nil), "o1").mustAppend(t, core.StateApplied, "x")
	if got := mustRead(t, ro); got.Snapshot.Head.Seq != 1 {
		t.Errorf("read-only, later: got %+v, want the entry", got)
	}
}

func TestReadOnlyCreatesNothing(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "no", "audit.db")
	ro := mustOpen(t, path, &Options{ReadOnly: true})
	snap, err := ro.Load(ctx, ledger)
	if err != nil || snap.Head != (core.Head{}) || len(snap.Records) != 0 {
		t.Fatalf("load: got %+v, %v, want the zero snapshot", snap, err)
	}
	if page, err := ro.History(ctx, core.HistoryQuery{Ledger: ledger}); err != nil || len(page.Entries) != 0 {
		t.Fatalf("history: got %+v, %v, want nothing", page, err)
	}
	if gone, err := ro.Gone(ctx, "o1"); err != nil || gone {
		t.Fatalf("gone: got %v, %v, want false", gone, err)
	}
	_, err = begin(ctx, ro, "o1", false)
	wantKind(t, err, core.StoreReadOnly)
	wantKind(t, ro.Append(ctx, core.Append{Lease: core.Lease{Ledger: ledger}, Entries: make([]core.Entry, 1)}), core.StoreReadOnly)
	wantKind(t, ro.Renew(ctx, core.Lease{Ledger: ledger}), core.StoreReadOnly)
	wantKind(t, ro.Release(ctx, core.Lease{Ledger: ledger}), core.StoreReadOnly)
	_, err = ro.Attend(ctx, "o1")
	wantKind(t, err, core.StoreReadOnly)
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("something was created: %v", err)
	}
	// Whoever waits for the store sees it once it is there.
	r := mustBegin(t, mustOpen(t, path, nil), "o1")
	r.mustAppend(t, core.StateApplied, "x")
	if got := mustRead(t, ro); got.Snapshot.Head.Seq != 1 {
		t.Fatalf("got %+v, want the entry", got)
	}
	r.mustAppend(t, core.StateApplied, "y")
	if got := mustRead(t, ro); got.Snapshot.Head.Seq != 2 {
		t.Fatalf("got %+v, want both entries", got)
	}
}

// database makes an SQLite file with the statements.
func database(t *testing.T, path string, statements ...string) {
	t.Helper()
	tamper(t, path, func(db *sql.DB) error {
		for _, st := range statements {
			if _, err := db.ExecContext(context.Background(), st); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestOpenRefusesWhatIsNotItsOwn also proves that such a file is not touched.
func TestOpenRefusesWhatIsNotItsOwn(t *testing.T) {
	text := func(s string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	db := func(statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) { database(t, path, statements...) }
	}
	ours := fmt.Sprintf("PRAGMA application_id = %d", applicationID)
	for _, tc := range []struct {
		name string
		make func(t *testing.T, path string)
		kind core.StoreErrorKind
		says string
	}{
		{"a text", text("once upon a time there was a file\n"), core.StoreForeign, "not an SQLite database"},
		{"a long text", text(strings.Repeat("yaml: true\n", 10_000)), core.StoreForeign, "not an SQLite database"},
		{"one byte", text("x"), core.StoreForeign, "not an SQLite database"},
		{"zeros", text(strings.Repeat("\x00", 8192)), core.StoreForeign, "not an SQLite database"},
		{"a header and nothing else", text("SQLite format 3\x00"), core.StoreForeign, "not an SQLite database"},
		{"another application's database", db("PRAGMA application_id = 7", "CREATE TABLE t (x)"), core.StoreForeign, "application_id 0x7"},
		{"a database of no application", db("CREATE TABLE t (x)"), core.StoreForeign, "another application"},
		{"an empty database with a version", db("PRAGMA user_version = 3"), core.StoreForeign, "another application"},
		{"a database in WAL mode", db("PRAGMA journal_mode = WAL", "CREATE TABLE t (x)"), core.StoreForeign, "another application"},
		{"a newer layout", db(ours, "PRAGMA user_version = 99", "CREATE TABLE entries (x)"), core.StoreNewer, "layout 99, and this version knows 1"},
		{"no layout", db(ours, "CREATE TABLE entries (x)"), core.StoreCorrupt, "layout 0"},
		{"a lost table", db(ours, "PRAGMA user_version = 1", "CREATE TABLE entries (x)"), core.StoreCorrupt, "1 of 3 tables"},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, core.StoreForeign, "it is a directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.db")
			tc.make(t, path)
			before, readErr := os.ReadFile(path)
			for _, o := range []*Options{nil, {ReadOnly: true}} {
				s, err := Open(t.Context(), path, o)
				if err == nil {
					t.Fatalf("opened; close: %v", s.Close())
				}
				wantKind(t, err, tc.kind)
				if !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %q, want it to say %q and the path", err, tc.says)
				}
			}
			after, _ := os.ReadFile(path)
			if readErr == nil && !bytes.Equal(before, after) {
				t.Errorf("the file was changed")
			}
		})
	}
	t.Run("under a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		text("x")(t, file)
		_, err := Open(t.Context(), filepath.Join(file, "audit.db"), nil)
		wantKind(t, err, core.StoreForeign)
	})
	t.Run("no path", func(t *testing.T) {
		_, err := Open(t.Context(), "", nil)
		var ce *core.ConfigError
		if !errors.As(err, &ce) {
			t.Fatalf("got %v, want a *ConfigError", err)
		}
	})
}

func TestOpenByManyAtOnce(t *testing.T) {
	for range 30 {
		path := filepath.Join(t.TempDir(), "new", "audit.db")
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				s, err := Open(context.Background(), path, nil)
				if err == nil {
					_, err = s.Load(context.Background(), ledger)
					err = errors.Join(err, s.Close())
				}
				errs[i] = err
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCallsAfterCloseFail(t *testing.T) {
	ctx := t.Context()
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	r := mustBegin(t, s, "o1")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	_, loadErr := s.Load(ctx, ledger)
	_, historyErr := s.History(ctx, core.HistoryQuery{Ledger: ledger})
	for what, err := range map[string]error{"load": loadErr, "history": historyErr, "renew": s.Renew(ctx, r.lease), "release": s.Release(ctx, r.lease)} {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s after close: got %v, want an error that says so", what, err)
		}
	}
}

func TestBusyBeyondTheTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, &Options{BusyTimeout: 50 * time.Millisecond})
	r := mustBegin(t, s, "o1")
	before := mustRead(t, s)
	tamper(t, path, func(db *sql.DB) error {
		tx, err := db.Conn(context.Background())
		if err != nil {
			return err
		}
		defer func() { _ = tx.Close() }() // db.Close tells
		if _, err := tx.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		var unavailable *core.UnavailableError
		if err := r.append(context.Background(), false, r.entries(core.StateApplied, "x")); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "50ms") {
			t.Errorf("append: got %v, want an *UnavailableError that names the time", err)
		}
		if _, err := Open(context.Background(), path, &Options{BusyTimeout: 50 * time.Millisecond}); !errors.As(err, &unavailable) {
			t.Errorf("open: got %v, want an *UnavailableError", err)
		}
		// Readers are not kept waiting.
		if diff := cmp.Diff(before, mustRead(t, s)); diff != "" {
			t.Errorf("ledger (-before +after):\n%s", diff)
		}
		_, err = tx.ExecContext(context.Background(), "ROLLBACK")
		return err
	})
	r.mustAppend(t, core.StateApplied, "x")
}

func TestContextEndsTheWaitForTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, nil)
	r := mustBegin(t, s, "o1")
	tamper(t, path, func(db *sql.DB) error {
		c, err := db.Conn(context.Background())
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // db.Close tells
		if _, err := c.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		begun := time.Now()
		if err := r.append(ctx, false, r.entries(core.StateApplied, "x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("append: got %v, want the context's error", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the wait took %s, want it to end with the context", took)
		}
		_, err = c.ExecContext(context.Background(), "ROLLBACK")
		return err
	})
	r.mustAppend(t, core.StateApplied, "x") // the connection is as good as before
	mustRead(t, s)
}

func TestFileRemovedWhileInUse(t *testing.T) {
	for name, replace := range map[string]bool{"deleted": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.db")
			s := mustOpen(t, path, nil)
			r := mustBegin(t, s, "o1")
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			if replace {
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			wantKind(t, r.append(t.Context(), false, r.entries(core.StateApplied, "x")), core.StoreMissing)
		})
	}
}

func TestLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, nil)
	r := mustBegin(t, s, "o1")
	r.mustAppend(t, core.StateApplied, "x", "y", "z")
	before := mustRead(t, s)
	tamper(t, path, func(db *sql.DB) error {
		ctx := context.Background()
		for pragma, want := range map[string]string{
			"application_id": fmt.Sprint(applicationID), "user_version": "1", "journal_mode": "wal", "integrity_check": "ok",
		} {
			var got string
			if err := db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
			}
		}
		for _, st := range []string{
			"UPDATE entries SET body = '{}'", "UPDATE entries SET seq = 9 WHERE seq = 1", "DELETE FROM entries", "DELETE FROM entries WHERE seq = 3",
			"INSERT OR REPLACE INTO entries SELECT id, ledger, seq, change_id, 'other', body FROM entries WHERE seq = 2",
			"INSERT INTO entries SELECT id, ledger, seq, change_id, 'other', body FROM entries WHERE true ON CONFLICT DO UPDATE SET hash = 'other'",
			"INSERT INTO entries VALUES (1, 'l', 'not a number', '', '', '')",
		} {
			if _, err := db.ExecContext(ctx, st); err == nil {
				t.Errorf("%s: got nil, want it refused", st)
			}
		}
		for query, want := range map[string]string{selectEntry: "PRIMARY KEY", selectEntries: "PRIMARY KEY", selectRecords: "PRIMARY KEY", selectHead: "INDEX"} {
			var id, parent, unused int
			var plan string
			if err := db.QueryRowContext(ctx, "EXPLAIN QUERY PLAN "+query, []any{1, 2, 3}[:strings.Count(query, "?")]...).Scan(&id, &parent, &unused, &plan); err != nil || !strings.Contains(plan, want) {
				t.Errorf("%s: got plan %q, %v, want it to use %s", query, plan, err, want)
			}
		}
		return nil
	})
	if diff := cmp.Diff(before, mustRead(t, s)); diff != "" {
		t.Errorf("ledger (-before +after):\n%s", diff)
	}
}

func TestLeaseIsWholeMilliseconds(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	err := s.Acquire(t.Context(), core.Acquisition{Ledger: ledger, LedgerID: "id", Owner: "o", Token: 1, Lease: time.Second + 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := mustRead(t, s).Snapshot.Head.Lease, time.Second+time.Millisecond; got != want {
		t.Errorf("got lease %s, want %s: contenders may wait longer, not shorter", got, want)
	}
}

func TestMalformedRequests(t *testing.T) {
	ctx := t.Context()
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	for what, err := range map[string]error{
		"append of nothing":     s.Append(ctx, core.Append{Lease: core.Lease{Ledger: ledger, Owner: "o", Token: 1}}),
		"acquire without owner": s.Acquire(ctx, core.Acquisition{Ledger: ledger, LedgerID: "id", Token: 1}),
		"acquire without id":    s.Acquire(ctx, core.Acquisition{Ledger: ledger, Owner: "o", Token: 1}),
	} {
		var usage *core.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: got %v, want a *UsageError", what, err)
		}
	}
}
