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
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// While it is open nobody else writes, and everybody can read.
func TestSharedWhileOpen(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		r.mustAppend(t, core.StateStarted, "a")
		other := mustOpen(t, path, &Options{BusyTimeout: 100 * time.Millisecond, Within: s.opts.Within})
		ro := mustOpen(t, path, &Options{ReadOnly: true, Within: s.opts.Within})
		thief := &session{s: other, lease: r.lease, seq: r.seq, hash: r.hash, at: r.at} // even with our own lease
		before := mustRead(t, s)
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		_, acquireErr := begin(t.Context(), other, "o2", true)
		_, beginErr := other.Begin(t.Context(), r.lease)
		for name, err := range map[string]error{
			"acquire": acquireErr, "begin": beginErr, "renew": other.Renew(t.Context(), r.lease), "release": other.Release(t.Context(), r.lease),
			"append": thief.append(t.Context(), false, thief.entries(core.StateApplied, "a")),
		} {
			var unavailable *core.UnavailableError
			if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "100ms") {
				t.Errorf("%s: got %v, want an *UnavailableError that names the time", name, err)
			}
		}
		for name, reader := range map[string]*Store{"this": s, "another": other, "read-only": ro} {
			if diff := cmp.Diff(before, mustRead(t, reader)); diff != "" {
				t.Errorf("%s (-before +while open):\n%s", name, diff)
			}
		}
		r.mustAppendShared(t, w, core.StateApplied, "a")
		wantRows(t, path, "a")
		wantHeadAt(t, other, 2)
	})
}

// Somebody else has the write lock when a change wants to begin.
func TestSharedBusyAtBegin(t *testing.T) {
	eachMode(t, &Options{BusyTimeout: 150 * time.Millisecond}, func(t *testing.T, path string, s *Store, r *session) {
		tamper(t, path, func(db *sql.DB) error {
			c, err := db.Conn(context.Background())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }() // db.Close tells
			if _, err := c.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
				return err
			}
			var unavailable *core.UnavailableError
			if w, err := s.Begin(context.Background(), r.lease); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "150ms") {
				t.Errorf("got %v, %v, want an *UnavailableError that names the time", w, err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if w, err := s.Begin(ctx, r.lease); !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &unavailable) {
				t.Errorf("got %v, %v, want the context's error", w, err)
			}
			_, err = c.ExecContext(context.Background(), "ROLLBACK")
			return err
		})
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		r.mustAppendShared(t, w, core.StateApplied, "a")
		wantRows(t, path, "a")
	})
}

// Where there is no log, COMMIT waits for those who read.
func TestSharedCommitWaitsForReaders(t *testing.T) {
	for name, patient := range map[string]bool{"they end": true, "they do not end": false} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, "delete")
			s := mustOpen(t, path, &Options{BusyTimeout: 500 * time.Millisecond, Within: &Within{DSN: uri(path)}})
			r := mustBegin(t, s, "o1")
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, "a")
			tamper(t, path, func(db *sql.DB) error {
				ctx := context.Background()
				db.SetMaxOpenConns(1)
				reader, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
				if err != nil {
					return err
				}
				var n int
				if err := reader.QueryRowContext(ctx, "SELECT count(*) FROM rows").Scan(&n); err != nil || n != 0 {
					t.Errorf("the reader got %d, %v", n, err)
				}
				if !patient {
					err := r.appendShared(ctx, w, false, r.entries(core.StateApplied, "a"))
					wantRefused(t, err, "500ms")
					if core.CodeOf(err) != core.CodeUnavailable {
						t.Errorf("code %s of %v", core.CodeOf(err), err)
					}
					return reader.Rollback()
				}
				ended := make(chan error)
				go func() {
					time.Sleep(250 * time.Millisecond) // longer than SQLite waits by itself
					ended <- reader.Rollback()
				}()
				if err := r.appendShared(ctx, w, false, r.entries(core.StateApplied, "a")); err != nil {
					t.Errorf("append: %v", err)
				}
				return <-ended
			})
			want := map[bool]string{true: "a", false: ""}[patient]
			wantRows(t, path, want)
			wantHeadAt(t, s, uint64(len(want)))
			r.mustAppend(t, core.StateApplied, "b") // the store is as good as before
		})
	}
}

// A file that is gone when the change is to commit: what was written would be lost.
func TestSharedFileReplaced(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, _ *Store, r *session) {
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		swap := func(from, to string) {
			for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
				if err := os.Rename(from+suffix, to+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
		}
		swap(path, path+".away")
		application(t, path, "delete")
		err := r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, "a"))
		wantKind(t, err, core.StoreMissing)
		wantRows(t, path, "")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		swap(path+".away", path)
		wantRows(t, path, "")
		r.mustAppend(t, core.StateRolledBack, "a")
	})
}

// Close waits for a change that is under way, as for any call.
func TestSharedCloseWhileOpen(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		<-s.closed
		select {
		case err := <-closed:
			t.Fatalf("it was closed under the change: %v", err)
		case <-time.After(50 * time.Millisecond): // it may not end however long we wait
		}
		if _, err := s.Begin(t.Context(), r.lease); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("begin: got %v", err)
		}
		r.mustAppendShared(t, w, core.StateApplied, "a")
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := w.Discard(); err != nil {
			t.Errorf("discard: %v", err)
		}
		wantRows(t, path, "a")
		wantHeadAt(t, mustOpen(t, path, &Options{Within: s.opts.Within}), 1)
	})
}

// A store in a file of its own shares with nobody.
func TestSharedNeedsAnApplication(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	r := mustBegin(t, s, "o1")
	if _, err := s.Begin(t.Context(), r.lease); core.CodeOf(err) != core.CodeConfigInvalid || s.Domain() != "" {
		t.Errorf("domain %q; begin: %v", s.Domain(), err)
	}
}

// No room: the change is taken back, and what was recorded before is whole.
func TestSharedFull(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			s := mustOpen(t, path, &Options{maxPages: 60, Within: &Within{DSN: uri(path)}})
			r := mustBegin(t, s, "o1")
			applied, err := 0, error(nil)
			for err == nil && applied < 1000 {
				w := r.mustOpenWrites(t)
				if _, err = txOf(t, w).ExecContext(t.Context(), insertRow, fmt.Sprint(applied)); err == nil {
					err = r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, "a", fmt.Sprint(applied)))
				}
				if derr := w.Discard(); derr != nil {
					t.Errorf("discard: %v", derr)
				}
				if err == nil {
					applied++
				}
			}
			if err == nil || !strings.Contains(err.Error(), "full") {
				t.Fatalf("after %d: got %v, want that the disk is full", applied, err)
			}
			wantHeadAt(t, s, uint64(2*applied))
			if got := len(strings.Fields(rowsOf(t, path))); got != applied || applied == 0 {
				t.Errorf("%d effects, %d were acknowledged", got, applied)
			}
			integrity(t, path)
		})
	}
}
