package filestore

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// TestSharedStepEndsTheTransaction: whatever a step does to the transaction, nothing
// of the change is there, its record is refused, and the next change is not affected.
// The steps go on after each error, as one that ignores them all.
func TestSharedStepEndsTheTransaction(t *testing.T) {
	type step = func(ctx context.Context, tx *sql.Tx) []error
	statements := func(queries ...string) step {
		return func(ctx context.Context, tx *sql.Tx) (errs []error) {
			for _, q := range queries {
				_, err := tx.ExecContext(ctx, q)
				errs = append(errs, err)
			}
			return errs
		}
	}
	const insert = "INSERT INTO rows (text) VALUES ('x')"
	for name, tc := range map[string]struct {
		do step
		// fails says which of the errors of the step must not be nil.
		fails []int
	}{
		"Commit":                          {func(_ context.Context, tx *sql.Tx) []error { return []error{tx.Commit()} }, []int{0}},
		"Commit twice":                    {func(_ context.Context, tx *sql.Tx) []error { return []error{tx.Commit(), tx.Commit()} }, []int{0, 1}},
		"Rollback":                        {func(_ context.Context, tx *sql.Tx) []error { return []error{tx.Rollback()} }, nil},
		"Rollback, Commit":                {func(_ context.Context, tx *sql.Tx) []error { return []error{tx.Rollback(), tx.Commit()} }, []int{1}},
		"COMMIT":                          {statements("COMMIT"), []int{0}},
		"END":                             {statements("END TRANSACTION"), []int{0}},
		"COMMIT and a write":              {statements("COMMIT", insert), []int{0, 1}},
		"COMMIT, BEGIN and a write":       {statements("COMMIT", "BEGIN", insert), []int{0}},
		"COMMIT; BEGIN in one text":       {statements("COMMIT; BEGIN IMMEDIATE; " + insert), []int{0}},
		"COMMIT, BEGIN, a write, COMMIT":  {statements("COMMIT", "BEGIN IMMEDIATE", insert, "COMMIT", insert), []int{0, 3, 4}},
		"ROLLBACK":                        {statements("ROLLBACK"), nil},
		"ROLLBACK and a write":            {statements("ROLLBACK", insert, insert), []int{1, 2}},
		"ROLLBACK and a table":            {statements("ROLLBACK", "CREATE TABLE left_behind (x)", "DROP TABLE rows", "PRAGMA user_version = 8"), []int{1, 2, 3}},
		"ROLLBACK, BEGIN":                 {statements("ROLLBACK", "BEGIN IMMEDIATE", insert), nil},
		"ROLLBACK, a savepoint, RELEASE":  {statements("ROLLBACK", "SAVEPOINT s", insert, "RELEASE s"), []int{3}},
		"OR ROLLBACK":                     {statements("INSERT INTO rows (id, text) VALUES (90, 'x')", "INSERT OR ROLLBACK INTO rows (id, text) VALUES (90, 'y')", insert), []int{1, 2}},
		"to a savepoint, then it all":     {statements("SAVEPOINT s", insert, "ROLLBACK TO s", "ROLLBACK"), nil},
		"a context that ends in a write":  {interrupted, []int{0}},
		"the store's tables, and goes on": {statements("ROLLBACK", "DELETE FROM flamingock_changes", "DROP TABLE flamingock_entries"), []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
				r.mustAppend(t, core.StateStarted, "a")
				w := r.mustOpenWrites(t)
				mustExec(t, w, insertRow, "a")
				for i, err := range tc.do(t.Context(), txOf(t, w)) {
					if want := slices.Contains(tc.fails, i); (err != nil) != want {
						t.Errorf("error %d of the step is %v, want one: %v", i, err, want)
					}
				}
				wantRefused(t, r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, "a")), "transaction")
				wantRows(t, path, "")
				wantHeadAt(t, s, 1)
				if err := w.Discard(); err != nil {
					t.Errorf("discard: %v", err)
				}
				r.mustAppend(t, core.StateRolledBack, "a")
				next := r.mustOpenWrites(t)
				mustExec(t, next, insertRow, "b")
				r.mustAppendShared(t, next, core.StateApplied, "b")
				wantRows(t, path, "b")
			})
			t.Run("and fails", func(t *testing.T) {
				eachMode(t, nil, func(t *testing.T, path string, _ *Store, r *session) {
					w := r.mustOpenWrites(t)
					mustExec(t, w, insertRow, "a")
					tc.do(t.Context(), txOf(t, w))
					if err := w.Discard(); err != nil {
						t.Errorf("discard: %v", err)
					}
					wantRows(t, path, "")
					r.mustAppend(t, core.StateRolledBack, "a")
				})
			})
		})
	}
}

// interrupted ends a statement's context in its midst: SQLite then rolls everything
// back by itself.
func interrupted(ctx context.Context, tx *sql.Tx) []error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err := tx.ExecContext(ctx, "INSERT INTO rows (text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
	return []error{err}
}

// What a step may do with savepoints and with errors that it knows about.
func TestSharedStepGoesOn(t *testing.T) {
	for name, queries := range map[string][]string{
		"a savepoint":                 {"SAVEPOINT s", "INSERT INTO rows (text) VALUES ('b')", "RELEASE s"},
		"back to a savepoint":         {"SAVEPOINT s", "INSERT INTO rows (text) VALUES ('no')", "ROLLBACK TO s", "INSERT INTO rows (text) VALUES ('b')", "RELEASE s"},
		"a savepoint that stays open": {"SAVEPOINT s", "INSERT INTO rows (text) VALUES ('b')"},
		"BEGIN in it":                 {"BEGIN", "INSERT INTO rows (text) VALUES ('b')"},
		"a constraint":                {"INSERT INTO rows (id, text) VALUES (2, 'b')", "INSERT INTO rows (id, text) VALUES (2, 'c')"},
		"a deferred constraint that holds in the end": {
			"CREATE TABLE child (id REFERENCES rows DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO child VALUES (2)", "INSERT INTO rows (id, text) VALUES (2, 'b')",
		},
		"COMMIT before a deferred constraint holds": {
			"CREATE TABLE child (id REFERENCES rows DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO child VALUES (2)", "COMMIT", "INSERT INTO rows (id, text) VALUES (2, 'b')",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
				w := r.mustOpenWrites(t)
				mustExec(t, w, insertRow, "a")
				for _, q := range queries {
					_, _ = txOf(t, w).ExecContext(t.Context(), q) // the step knows what it does
				}
				r.mustAppendShared(t, w, core.StateApplied, "a")
				wantRows(t, path, "a b")
				wantHeadAt(t, s, 1)
			})
		})
	}
}

// A deferred constraint that COMMIT finds violated is the change's fault.
func TestSharedDeferredConstraint(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		for range 2 {
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, "a")
			mustExec(t, w, "CREATE TABLE child (id REFERENCES rows DEFERRABLE INITIALLY DEFERRED); INSERT INTO child VALUES (99)")
			es := r.entries(core.StateApplied, "a")
			wantRefused(t, r.appendShared(t.Context(), w, false, es), "FOREIGN KEY")
			wantRefused(t, r.appendShared(t.Context(), w, false, es), "was rolled back")
			if err := w.Discard(); err != nil {
				t.Errorf("discard: %v", err)
			}
		}
		wantRows(t, path, "")
		wantHeadAt(t, s, 0)
		r.mustAppend(t, core.StateRolledBack, "a")
	})
}

// Steps that write to the store's tables within the transaction.
func TestSharedStepWritesToTheStore(t *testing.T) {
	for name, query := range map[string]string{
		"its head":            "DELETE FROM flamingock_ledgers",
		"a change's state":    "DELETE FROM flamingock_changes",
		"a state that is new": "INSERT INTO flamingock_changes (ledger, id, seq, body, crc) VALUES ('" + ledger + "', 'b', 9, '{}', 0)",
		"an entry":            "INSERT INTO flamingock_entries SELECT id + 1, ledger, seq + 1, 'b', 'h', '{}' FROM flamingock_entries",
		"a table":             "DROP TABLE flamingock_entries",
		"a column":            "ALTER TABLE flamingock_changes RENAME COLUMN body TO corpse",
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
				r.mustAppend(t, core.StateStarted, "a")
				before := mustRead(t, s)
				w := r.mustOpenWrites(t)
				mustExec(t, w, insertRow, "a")
				mustExec(t, w, query)
				wantRefused(t, r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, "a", "b")), "")
				wantRows(t, path, "")
				if got := mustRead(t, s); got.Snapshot.Head.Seq != before.Snapshot.Head.Seq {
					t.Errorf("head %+v", got.Snapshot.Head)
				}
				r.mustAppend(t, core.StateRolledBack, "a")
			})
		})
	}
}

// What is left open by a step does not keep its change from ending.
func TestSharedUnclosedRows(t *testing.T) {
	for name, query := range map[string]string{
		"of a SELECT": "SELECT id FROM rows, (VALUES (1), (2), (3))",
		"of a write":  "INSERT INTO rows (text) VALUES ('b'), ('c') RETURNING id",
	} {
		t.Run(name, func(t *testing.T) {
			open := func(t *testing.T, w core.OpenWrites) {
				mustExec(t, w, insertRow, "a")
				rows, err := txOf(t, w).QueryContext(t.Context(), query) //nolint:rowserrcheck,sqlclosecheck // this is what the step forgets
				if err != nil || !rows.Next() {
					t.Fatalf("%v, %v", rows, err)
				}
				if _, err := txOf(t, w).PrepareContext(t.Context(), "SELECT 1"); err != nil { //nolint:sqlclosecheck // forgotten, too
					t.Fatal(err)
				}
			}
			eachMode(t, nil, func(t *testing.T, path string, _ *Store, r *session) {
				w := r.mustOpenWrites(t)
				open(t, w)
				if err := w.Discard(); err != nil {
					t.Errorf("discard: %v", err)
				}
				wantRows(t, path, "")
				w = r.mustOpenWrites(t)
				open(t, w)
				r.mustAppendShared(t, w, core.StateApplied, "a")
				if got := rowsOf(t, path); got != "a" && got != "a b c" || (name == "of a write") != (got == "a b c") {
					t.Errorf("rows %q", got)
				}
			})
		})
	}
}

// A step that may leave something on its session gets its connection closed behind it.
func TestSharedTaint(t *testing.T) {
	ask := func(t *testing.T, w core.OpenWrites) (temp int, recursive string) {
		t.Helper()
		if err := txOf(t, w).QueryRowContext(t.Context(), "SELECT count(*), (SELECT recursive_triggers FROM pragma_recursive_triggers) FROM sqlite_temp_schema").Scan(&temp, &recursive); err != nil {
			t.Fatal(err)
		}
		return temp, recursive
	}
	for name, end := range map[string]func(t *testing.T, r *session, w core.OpenWrites){
		"applied": func(t *testing.T, r *session, w core.OpenWrites) { r.mustAppendShared(t, w, core.StateApplied, "a") },
		"discarded": func(t *testing.T, _ *session, w core.OpenWrites) {
			if err := w.Discard(); err != nil {
				t.Error(err)
			}
		},
		"ended by the step": func(t *testing.T, r *session, w core.OpenWrites) {
			mustExec(t, w, "ROLLBACK")
			wantRefused(t, r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, "a")), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, nil, func(t *testing.T, _ string, s *Store, r *session) {
				w := r.mustOpenWrites(t)
				w.Taint()
				mustExec(t, w, "CREATE TEMP TABLE t (x); PRAGMA recursive_triggers = 1; INSERT INTO t VALUES (1)")
				if temp, recursive := ask(t, w); temp != 1 || recursive != "1" {
					t.Fatalf("%d temporary tables, recursive_triggers %s: the step did not get through", temp, recursive)
				}
				end(t, r, w)
				w = r.mustOpenWrites(t)
				if temp, recursive := ask(t, w); temp != 0 || recursive != "0" {
					t.Errorf("the next change finds %d temporary tables, recursive_triggers %s", temp, recursive)
				}
				if err := w.Discard(); err != nil {
					t.Error(err)
				}
				// Its commits are refused on the new connection, too.
				w = r.mustOpenWrites(t)
				mustExec(t, w, insertRow, "b")
				if err := txOf(t, w).Commit(); err == nil {
					t.Error("a step could commit")
				}
				if err := w.Discard(); err != nil {
					t.Error(err)
				}
				if n := len(s.writer.stmts) + len(s.writer.execs); n > 20 {
					t.Errorf("%d statements are kept", n)
				}
			})
		})
	}
}

// childShared applies changes until it is killed: each writes one row, and the entry
// of its state.
func childShared(ctx context.Context, path string, n int) error {
	s, err := Open(ctx, path, withinDSN(uri(path)))
	if err != nil {
		return err
	}
	r, err := begin(ctx, s, fmt.Sprint("o-", n), true)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for i := 0; ; i++ {
		w, err := s.Begin(ctx, r.lease)
		if err != nil {
			return err
		}
		tx, ok := w.Handle().(*sql.Tx)
		if !ok {
			return errors.New("no transaction")
		}
		if i%3 == 0 {
			w.Taint()
		}
		if _, err := tx.ExecContext(ctx, insertRow, strconv.Itoa(i)); err != nil {
			return err
		}
		if err := r.appendShared(ctx, w, false, r.entries(core.StateApplied, "a"+strconv.Itoa(i%5))); err != nil {
			return err
		}
		fmt.Fprintln(out, r.seq)
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// TestSharedKilled kills a writer at any moment: effect and entry are there both, or
// neither, and what it was told is written stays written.
func TestSharedKilled(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			for n := range 12 {
				p := spawn(t, "shared", path, n, nil)
				last := p.line(t)
				time.Sleep(time.Duration(rand.Int64N(int64(12 * time.Millisecond)))) // the moment of the kill is the point
				if rest := p.kill(t); len(rest) > 0 {
					last = rest[len(rest)-1]
				}
				acknowledged, err := strconv.ParseUint(last, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				ro := mustOpen(t, path, &Options{ReadOnly: true, Within: &Within{DSN: uri(path)}})
				head := mustRead(t, ro).Snapshot.Head.Seq
				var rows uint64
				tamper(t, path, func(db *sql.DB) error {
					return db.QueryRowContext(context.Background(), "SELECT count(*) FROM rows").Scan(&rows)
				})
				if rows != head || head < acknowledged {
					t.Fatalf("kill %d: %d effects, %d entries, %d were acknowledged", n, rows, head, acknowledged)
				}
			}
			theirs(t, path, mode)
		})
	}
}
