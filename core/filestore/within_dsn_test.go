package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// The DSN is the application's: its settings hold for its changes.
func TestWithinDSN(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	strange := filepath.Join(dir, "a b#c%41ü.db")
	for name, tc := range map[string]struct {
		dsn, path   string
		foreignKeys string
	}{
		"a URI":                {uri(filepath.Join(dir, "1.db")), "1.db", "0"},
		"a relative URI":       {"file:2.db", "2.db", "0"},
		"a plain path":         {filepath.Join(dir, "3.db"), "3.db", "0"},
		"a relative path":      {"4.db", "4.db", "0"},
		"a pragma":             {"file:5.db?_pragma=foreign_keys(1)", "5.db", "1"},
		"a path with a pragma": {"6.db?_pragma=foreign_keys(1)", "6.db", "1"},
		"escapes":              {uri(strange, "_pragma=foreign_keys(1)"), strange, "1"},
		"a strange path":       {strange + "x", strange + "x", "0"},
		"what is the store's":  {"file:7.db?_txlock=deferred&_pragma=synchronous(OFF)&_pragma=busy_timeout(99999)&_pragma=foreign_keys(1)", "7.db", "1"},
		"a shared cache":       {"file:8.db?cache=shared", "8.db", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, tc.path, withinDSN(tc.dsn))
			r := mustBegin(t, s, "o1")
			w := r.mustOpenWrites(t)
			tx := w.Handle().(*sql.Tx)
			for pragma, want := range map[string]string{"foreign_keys": tc.foreignKeys, "synchronous": "3"} {
				var got string
				if err := tx.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
				}
			}
			mustExec(t, w, "CREATE TABLE t (x)")
			before := mustRead(t, s) // while it is open
			r.mustAppendShared(t, w, core.StateApplied, "x")
			if got := mustRead(t, s); before.Snapshot.Head.Seq != 0 || got.Snapshot.Head.Seq != 1 {
				t.Errorf("heads at %d and %d, want 0 and 1", before.Snapshot.Head.Seq, got.Snapshot.Head.Seq)
			}
			if _, err := os.Stat(tc.path); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("mode=rw makes no file", func(t *testing.T) {
		if s, err := Open(t.Context(), "9.db", withinDSN("file:9.db?mode=rw")); err == nil {
			t.Errorf("opened; close: %v", s.Close())
		}
		if _, err := os.Stat("9.db"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("mode=ro cannot be written", func(t *testing.T) {
		application(t, "10.db", "delete")
		_, err := Open(t.Context(), "10.db", withinDSN("file:10.db?mode=ro"))
		wantKind(t, err, core.StoreReadOnly)
	})
	for _, mode := range []string{"OFF", "MEMORY"} {
		t.Run("journal mode "+mode, func(t *testing.T) {
			path := filepath.Join(dir, mode+".db")
			_, err := Open(t.Context(), path, withinDSN(uri(path, "_pragma=journal_mode("+mode+")")))
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "journal mode "+strings.ToLower(mode)) || core.HintOf(err) == "" {
				t.Errorf("got %v", err)
			}
			if info, err := os.Stat(path); err == nil && info.Size() > 0 {
				t.Errorf("%d bytes were written", info.Size())
			}
		})
	}
	t.Run("one that cannot be read", func(t *testing.T) {
		_, err := Open(t.Context(), "11.db", withinDSN("file:11.db?a=%zz"))
		if core.CodeOf(err) != core.CodeConfigInvalid || core.HintOf(err) == "" {
			t.Errorf("got %v", err)
		}
	})
}

// The history is append-only there, too.
func TestWithinIsAppendOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	application(t, path, "wal")
	s := mustOpen(t, path, withinDSN(uri(path)))
	mustBegin(t, s, "o1").mustAppend(t, core.StateApplied, "x", "y", "z")
	before := mustRead(t, s)
	tamper(t, path, func(db *sql.DB) error {
		for _, st := range []string{
			"UPDATE flamingock_entries SET body = '{}'", "DELETE FROM flamingock_entries WHERE seq = 3",
			"INSERT OR REPLACE INTO flamingock_entries SELECT id, ledger, seq, change_id, 'other', body FROM flamingock_entries WHERE seq = 2",
		} {
			if _, err := db.ExecContext(context.Background(), st); err == nil {
				t.Errorf("%s: got nil, want it refused", st)
			}
		}
		return nil
	})
	if diff := cmp.Diff(before, mustRead(t, s)); diff != "" {
		t.Errorf("ledger (-before +after):\n%s", diff)
	}
}

// Several processes make the tables at once, in a database that they also make.
func TestManyMakeTheTables(t *testing.T) {
	for i := range 5 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i, ".db"))
		var running []*process
		for range 4 {
			running = append(running, spawn(t, "openWithin", path, 0, nil))
		}
		for _, p := range running {
			p.finish(t)
		}
		mustBegin(t, mustOpen(t, path, withinDSN(uri(path))), "o1").mustAppend(t, core.StateApplied, "x")
	}
}

func childOpenWithin(ctx context.Context, path string, _ int) error {
	s, err := Open(ctx, path, withinDSN(uri(path)))
	if err != nil {
		return err
	}
	return s.Close()
}
