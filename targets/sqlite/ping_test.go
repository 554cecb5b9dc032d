package sqlite_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqlite"
)

func existing(t *testing.T) string {
	t.Helper()
	path := newFile(t)
	db := look(t, path)
	execute(t, db, "CREATE TABLE a (x)")
	must(t, db.Close())
	return path
}

func TestPing(t *testing.T) {
	garbage := newFile(t)
	must(t, os.WriteFile(garbage, []byte(strings.Repeat("this is no database ", 100)), 0o600))
	empty := newFile(t)
	must(t, os.WriteFile(empty, nil, 0o600))
	plainFile := filepath.Join(garbage, "app.db")
	tests := []struct {
		name, dsn string
		want      core.Code
		hint      string
	}{
		{"a database", "file:" + existing(t), "", ""},
		{"a path without file:", existing(t), "", ""},
		{"a missing file", "file:" + newFile(t), "", ""},
		{"an empty file", "file:" + empty, "", ""},
		{"a missing directory", "file:" + filepath.Join(newFile(t), "app.db"), core.CodeConfigInvalid, "mkdir -p"},
		{"a file as a directory", "file:" + plainFile, core.CodeConfigInvalid, "path"},
		{"a directory", "file:" + t.TempDir(), core.CodeConfigInvalid, "name the database file"},
		{"garbage", "file:" + garbage, core.CodeConfigInvalid, "check"},
		{"a missing file that is not to be made", "file:" + newFile(t) + "?mode=rw", core.CodeConfigInvalid, "create the file"},
		{"read-only", "file:" + existing(t) + "?mode=ro", core.CodePermissionDenied, "right"},
		{"in memory", ":memory:", core.CodeConfigInvalid, "path: app.db"},
		{"in memory, as a URI", "file:x?mode=memory&cache=shared", core.CodeConfigInvalid, "path: app.db"},
		{"a bad query", "file:" + existing(t) + "?%zz", core.CodeConfigInvalid, "parameters"},
		{"a bad parameter", "file:" + existing(t) + "?_busy_timeout=x", core.CodeUnavailable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := newTarget(t, map[string]string{"dsn": tt.dsn}).Ping(t.Context())
			if got := core.CodeOf(err); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
			if !strings.Contains(core.HintOf(err), tt.hint) {
				t.Errorf("got hint %q, want one with %q", core.HintOf(err), tt.hint)
			}
			if path := strings.TrimPrefix(tt.dsn, "file:"); tt.name == "a missing file" {
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the file is there after Ping: %v", err)
				}
			}
		})
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("Ping wrote to an empty file: %v, %v", info, err)
	}
}

func TestPingChangesNothing(t *testing.T) {
	path := existing(t)
	before, err := os.ReadFile(path)
	must(t, err)
	must(t, fileTarget(t, path).Ping(t.Context()))
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestPingBusy(t *testing.T) {
	path := existing(t)
	db := look(t, path)
	target := fileTarget(t, path)
	execute(t, db, "BEGIN IMMEDIATE")
	must(t, target.Ping(t.Context())) // somebody writes just now: no reason to fail
	execute(t, db, "COMMIT")
	if testing.Short() {
		t.Skip("waits 5 s for a lock")
	}
	execute(t, db, "BEGIN EXCLUSIVE")
	if _, ok := errors.AsType[*core.BusyError](target.Ping(t.Context())); !ok {
		t.Error("a file that cannot even be read: got no *core.BusyError")
	}
}

// What Ping reports, the first use reports as well.
func TestUseOfWhatCannotBeUsed(t *testing.T) {
	garbage := newFile(t)
	must(t, os.WriteFile(garbage, []byte(strings.Repeat("this is no database ", 100)), 0o600))
	for dsn, want := range map[string]core.Code{
		"file:" + garbage: core.CodeConfigInvalid, "file:" + t.TempDir(): core.CodeConfigInvalid,
		"file:" + filepath.Join(newFile(t), "app.db"): core.CodeConfigInvalid, "file:" + existing(t) + "?mode=ro": core.CodePermissionDenied,
	} {
		target := newTarget(t, map[string]string{"dsn": dsn})
		_, release, openErr := target.Open(t.Context())
		if openErr == nil {
			must(t, release()) // a read-only database can be opened
		}
		for call, err := range map[string]error{
			"RaiseFence": target.RaiseFence(t.Context(), fence(1, 1)),
			"Transact":   transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")),
			"PutMarker":  target.PutMarker(t.Context(), marker("a", 1)),
		} {
			if got := core.CodeOf(err); got != want || core.IsUnknown(err) {
				t.Errorf("%s of %s: got %q (%v), want %q", call, dsn, got, err, want)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"space": "a b.db", "percent": "100%.db", "escape": "a%20b.db", "question": "a?b.db", "hash": "a#b.db", "umlaut": "ü.db"} {
		t.Run("path with "+name, func(t *testing.T) {
			path := filepath.Join(dir, path)
			target := newTarget(t, map[string]string{"path": path})
			must(t, target.Ping(t.Context()))
			must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
			must(t, target.Ping(t.Context()))
		})
	}
	t.Run("dsn with an escaped space and percent", func(t *testing.T) {
		target := newTarget(t, map[string]string{"dsn": "file://localhost" + dir + "/c%20d%25.db?_pragma=foreign_keys(1)"})
		must(t, target.Ping(t.Context()))
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
		if _, err := os.Stat(filepath.Join(dir, "c d%.db")); err != nil {
			t.Error(err)
		}
	})
	t.Run("dsn with a space as it is", func(t *testing.T) {
		target := newTarget(t, map[string]string{"dsn": filepath.Join(dir, "e f.db")})
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
		if _, err := os.Stat(filepath.Join(dir, "e f.db")); err != nil {
			t.Error(err)
		}
	})
	t.Run("references", func(t *testing.T) {
		target := newTarget(t, map[string]string{"dsn": "file:" + dir + "/${env:named}.db"})
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
		target = newTarget(t, map[string]string{"path": filepath.Join(dir, "${env:named}.db")})
		if got := marked(t, target, marker("a", 1)); !got {
			t.Error("dsn and path with the same reference name two files")
		}
	})
	t.Run("relative to the configuration", func(t *testing.T) {
		err := newTarget(t, map[string]string{"path": "app.db"}).Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), "/config") {
			t.Errorf("got %v, want a fault about /config", err)
		}
	})
	for name, values := range map[string]settings{"neither": {}, "both": {"dsn": "a", "path": "b"}, "unknown": {"dsn": "a", "x": "y"}} {
		if _, err := sqlite.Type().New("db", values); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestJournalMode(t *testing.T) {
	inDelete := existing(t)
	inWAL := existing(t)
	db := look(t, inWAL)
	execute(t, db, "PRAGMA journal_mode = WAL")
	must(t, db.Close())
	empty := newFile(t)
	must(t, os.WriteFile(empty, nil, 0o600))
	for _, tt := range []struct{ name, path, query, want string }{
		{"new", newFile(t), "", "wal"},
		{"empty", empty, "", "wal"},
		{"existing in DELETE mode", inDelete, "", "delete"},
		{"existing in WAL mode", inWAL, "", "wal"},
		{"new, the DSN decides", newFile(t), "?_pragma=journal_mode(TRUNCATE)", "delete"}, // TRUNCATE is the connection's alone
		{"new, the short form decides", newFile(t), "?_journal_mode=DELETE", "delete"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := newTarget(t, map[string]string{"dsn": "file:" + tt.path + tt.query})
			must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE b (x)")))
			if got := query[string](t, look(t, tt.path), "PRAGMA journal_mode"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			var full int
			must(t, transact(t, target, fence(1, 1), marker("b", 2), txQuery("PRAGMA synchronous", &full)))
			if full != 2 {
				t.Errorf("got synchronous %d, want 2 (FULL)", full)
			}
		})
	}
}
