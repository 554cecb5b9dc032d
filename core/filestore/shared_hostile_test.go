package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// TestSharedStepGoesOnAtTheCommit: a step's goroutine that ends the transaction while it
// commits, at any moment, leaves the effect with its record, or none of either.
func TestSharedStepGoesOnAtTheCommit(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"commits":               {"COMMIT", "INSERT INTO rows (text) VALUES ('late')"},
		"rolls back":            {"ROLLBACK", "INSERT INTO rows (text) VALUES ('late')"},
		"rolls back and begins": {"ROLLBACK", "BEGIN IMMEDIATE", "INSERT INTO rows (text) VALUES ('late')"},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
				for i := range 40 {
					id := fmt.Sprint("c", i)
					r.mustAppend(t, core.StateStarted, id)
					w := r.mustOpenWrites(t)
					mustExec(t, w, insertRow, id)
					tx, ended, goes := txOf(t, w), make(chan struct{}), make(chan struct{})
					go func() {
						defer close(ended)
						close(goes)
						for n := 0; ; n++ {
							if _, err := tx.ExecContext(context.Background(), statements[n%len(statements)]); errors.Is(err, sql.ErrTxDone) {
								return
							}
						}
					}()
					<-goes
					if i%2 == 1 { // the last word is Go's
						go func() { _ = tx.Commit() }() // refused, or too late
					}
					err := r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, id))
					<-ended
					snap, lerr := s.Load(t.Context(), r.lease.Ledger)
					if lerr != nil {
						t.Fatal(lerr)
					}
					applied, there := snap.Records[id].State == core.StateApplied, 0
					tamper(t, path, func(db *sql.DB) error {
						return db.QueryRow("SELECT count(*) FROM rows WHERE text = ?", id).Scan(&there)
					})
					if applied != (there == 1) || applied != (err == nil) {
						t.Fatalf("answered %v; recorded as applied: %v; its rows: %d", err, applied, there)
					}
					if !applied {
						r.mustAppend(t, core.StateRolledBack, id)
					}
				}
			})
		})
	}
}

// TestSharedDiscardBesideACommit: what is discarded is not there, also when a step's
// goroutine is about to commit it and has to wait for a reader.
func TestSharedDiscardBesideACommit(t *testing.T) {
	t.Parallel()
	eachMode(t, nil, func(t *testing.T, path string, _ *Store, r *session) {
		for i := range 30 {
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, "x")
			tamper(t, path, func(db *sql.DB) error {
				reader, err := db.Begin()
				if err != nil {
					return err
				}
				var n int
				if err := reader.QueryRow("SELECT count(*) FROM rows").Scan(&n); err != nil {
					return err
				}
				tx, ended, goes := txOf(t, w), make(chan error, 1), make(chan struct{})
				go func() {
					close(goes)
					ended <- tx.Commit()
				}()
				<-goes
				if i%3 != 0 {
					<-time.After(time.Duration(i) * time.Millisecond / 4) // the moment is the point
				}
				discarded := make(chan error, 1)
				go func() { discarded <- w.Discard() }()
				<-time.After(time.Duration(i) * time.Millisecond / 4)
				if err := reader.Rollback(); err != nil {
					return err
				}
				if err := <-discarded; err != nil {
					return err
				}
				if err := <-ended; err == nil {
					t.Error("a step's commit went through")
				}
				return nil
			})
			wantRows(t, path, "")
		}
	})
}

// TestSharedPragmas: a step cannot turn off what takes its transaction back.
func TestSharedPragmas(t *testing.T) {
	t.Parallel()
	for _, pragma := range []string{"journal_mode = OFF", "main.journal_mode(MEMORY)", "locking_mode = EXCLUSIVE", "writable_schema = ON", "synchronous = OFF"} {
		t.Run(pragma, func(t *testing.T) {
			eachMode(t, nil, func(t *testing.T, path string, _ *Store, r *session) {
				r.mustAppend(t, core.StateStarted, "a")
				w := r.mustOpenWrites(t)
				if _, err := txOf(t, w).ExecContext(t.Context(), "PRAGMA "+pragma); err == nil {
					t.Error("it was carried out")
				}
				mustExec(t, w, insertRow, "a")
				if err := w.Discard(); err != nil {
					t.Error(err)
				}
				wantRows(t, path, "")
			})
		})
	}
}

// TestWithinNeedsLocks: a DSN with which locks mean nothing is refused before anything
// is written.
func TestWithinNeedsLocks(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"nolock=1", "immutable=1", "vfs=unix-none", "mode=memory", "_pragma=locking_mode(EXCLUSIVE)", "_locking_mode=EXCLUSIVE"} {
		path := t.TempDir() + "/app.db"
		application(t, path, "wal")
		_, err := Open(t.Context(), path, withinDSN(uri(path, parameter)))
		if core.CodeOf(err) != core.CodeConfigInvalid {
			t.Errorf("%s: %v", parameter, err)
		}
	}
}
