package filestore

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// The kit: a change's transaction as the Runner uses it.

func (r *session) mustOpenWrites(t testing.TB) core.OpenWrites {
	t.Helper()
	w, err := r.s.Begin(context.Background(), r.lease)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	t.Cleanup(func() { _ = w.Discard() }) // the test failed before it ended
	return w
}

func (r *session) appendShared(ctx context.Context, w core.OpenWrites, release bool, es []core.Entry) error {
	if err := r.s.AppendShared(ctx, core.Append{Lease: r.lease, Entries: es, Release: release}, w.Items()); err != nil {
		return err
	}
	for _, e := range es {
		r.seq, r.hash, r.at[e.ChangeID] = e.Seq, e.Hash, e.Seq
	}
	return nil
}

func (r *session) mustAppendShared(t testing.TB, w core.OpenWrites, state core.State, changes ...string) {
	t.Helper()
	if err := r.appendShared(context.Background(), w, false, r.entries(state, changes...)); err != nil {
		t.Fatalf("append: %v", err)
	}
}

func txOf(t testing.TB, w core.OpenWrites) *sql.Tx {
	t.Helper()
	tx, ok := w.Handle().(*sql.Tx)
	if !ok {
		t.Fatalf("the handle is a %T", w.Handle())
	}
	return tx
}

func mustExec(t testing.TB, w core.OpenWrites, query string, args ...any) {
	t.Helper()
	if _, err := txOf(t, w).ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// rowsOf returns what the application's table has, as another client sees it.
func rowsOf(t testing.TB, path string) string {
	t.Helper()
	var got string
	tamper(t, path, func(db *sql.DB) error {
		return db.QueryRowContext(context.Background(), "SELECT coalesce(group_concat(text, ' '), '') FROM (SELECT text FROM rows ORDER BY id)").Scan(&got)
	})
	return got
}

func wantRows(t testing.TB, path, want string) {
	t.Helper()
	if got := rowsOf(t, path); got != want {
		t.Errorf("rows %q, want %q", got, want)
	}
}

func wantHeadAt(t testing.TB, s *Store, want uint64) {
	t.Helper()
	if got := mustRead(t, s).Snapshot.Head.Seq; got != want {
		t.Errorf("head at entry %d, want %d", got, want)
	}
}

// wantRefused fails unless err says that nothing was written, because of the change.
func wantRefused(t testing.TB, err error, says string) {
	t.Helper()
	var refused *core.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a *RefusedError that says %q", err, says)
	}
}

const insertRow = "INSERT INTO rows (text) VALUES (?)"

// eachMode runs f with a store within an application's database, in each mode.
func eachMode(t *testing.T, o *Options, f func(t *testing.T, path string, s *Store, r *session)) {
	t.Helper()
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			var own Options
			if o != nil {
				own = *o
			}
			own.Within = &Within{DSN: uri(path, "_pragma=foreign_keys(1)"), Domain: "app"}
			s := mustOpen(t, path, &own)
			f(t, path, s, mustBegin(t, s, "o1"))
			integrity(t, path)
			theirs(t, path, mode)
		})
	}
}

func TestSharedCommitsBoth(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		if got := s.Domain(); got != "app" {
			t.Errorf("domain %q", got)
		}
		r.mustAppend(t, core.StateStarted, "a")
		for _, id := range []string{"a", "b", "c"} {
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, id)
			wantHeadAt(t, s, r.seq) // nobody sees it yet
			r.mustAppendShared(t, w, core.StateApplied, id, "next")
		}
		wantRows(t, path, "a b c")
		wantHeadAt(t, s, 7)
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "d")
		if err := r.appendShared(t.Context(), w, true, r.entries(core.StateApplied, "d")); err != nil {
			t.Fatal(err)
		}
		if h := mustRead(t, s).Snapshot.Head; h.Held() || h.Seq != 8 {
			t.Errorf("head %+v, want it released at entry 8", h)
		}
	})
}

func TestSharedDiscard(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		for range 2 {
			if err := w.Discard(); err != nil {
				t.Errorf("discard: %v", err)
			}
		}
		wantRows(t, path, "")
		r.mustAppend(t, core.StateRolledBack, "a") // the store is as good as before
		err := r.appendShared(t.Context(), w, false, r.entries(core.StateApplied, "a"))
		wantRefused(t, err, "was rolled back")
		wantHeadAt(t, s, 1)
	})
}

// A holder whose lease is another's, or nobody's, writes nothing.
func TestSharedStaleHolder(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		other := mustBegin(t, mustOpen(t, path, &Options{Within: s.opts.Within}), "o2")
		released := mustBegin(t, s, "o3")
		if err := s.Release(t.Context(), released.lease); err != nil {
			t.Fatal(err)
		}
		for name, l := range map[string]core.Lease{
			"taken over": r.lease, "twice": other.lease, "released": released.lease, "nobody's": {Ledger: ledger},
			"of no ledger": {Ledger: "never/made", Owner: "o3", Token: 1},
		} {
			w, err := s.Begin(t.Context(), l)
			if !errors.Is(err, core.ErrLeaseLost) {
				t.Errorf("%s: got %v, %v, want ErrLeaseLost", name, w, err)
			}
			if err == nil {
				t.Error(w.Discard())
			}
		}
		last := mustBegin(t, s, "o4") // the lock was given back
		w := last.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		last.lease.Owner = "o1"
		var usage *core.UsageError
		if err := last.appendShared(t.Context(), w, false, last.entries(core.StateApplied, "a")); !errors.As(err, &usage) {
			t.Errorf("an append with another lease: got %v", err)
		}
		last.lease.Owner = "o4"
		last.mustAppend(t, core.StateRolledBack, "a")
		wantRows(t, path, "")
		wantHeadAt(t, s, 1)
	})
}

// An append whose answer was lost is sent again.
func TestSharedSentAgain(t *testing.T) {
	t.Run("after it landed", func(t *testing.T) {
		eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, "a")
			es := r.entries(core.StateApplied, "a", "b")
			for range 3 {
				if err := r.appendShared(t.Context(), w, false, es); err != nil {
					t.Fatal(err)
				}
			}
			wantRows(t, path, "a")
			wantHeadAt(t, s, 2)
			r.mustAppend(t, core.StateApplied, "b")
			// A long time later, and by then somebody else has the lease.
			mustBegin(t, s, "o2")
			if err := s.AppendShared(t.Context(), core.Append{Lease: r.lease, Entries: es}, w.Items()); err != nil {
				t.Errorf("got %v", err)
			}
			wantHeadAt(t, s, 3)
		})
	})
	t.Run("after it was rolled back", func(t *testing.T) {
		eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, "a")
			if err := txOf(t, w).Rollback(); err != nil {
				t.Fatal(err)
			}
			es := r.entries(core.StateApplied, "a")
			wantRefused(t, r.appendShared(t.Context(), w, false, es), "ended the transaction")
			for range 2 {
				wantRefused(t, r.appendShared(t.Context(), w, false, es), "was rolled back")
			}
			wantRows(t, path, "")
			wantHeadAt(t, s, 0)
			r.mustAppend(t, core.StateRolledBack, "a")
			// The number is taken, and by another entry.
			wantRefused(t, r.appendShared(t.Context(), w, false, es), "was rolled back")
			wantHeadAt(t, s, 1)
		})
	})
	t.Run("of another kind", func(t *testing.T) {
		eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
			a := core.Append{Lease: r.lease, Entries: r.entries(core.StateApplied, "a")}
			wantRefused(t, s.AppendShared(t.Context(), a, "no writes"), "string")
			w := mustBegin(t, mustOpen(t, path, &Options{Within: s.opts.Within}), "o2").mustOpenWrites(t)
			wantRefused(t, s.AppendShared(t.Context(), a, w.Items()), "openWrites")
			if err := w.Discard(); err != nil {
				t.Error(err)
			}
			wantHeadAt(t, s, 0)
		})
	})
}

// The caller's context does not leave the outcome open.
func TestSharedIgnoresACancelledContext(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		w := r.mustOpenWrites(t)
		mustExec(t, w, insertRow, "a")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.appendShared(ctx, w, false, r.entries(core.StateApplied, "a")); err != nil {
			t.Error(err)
		}
		wantRows(t, path, "a")
		if w, err := s.Begin(ctx, r.lease); !errors.Is(err, context.Canceled) {
			t.Errorf("begin: got %v, %v", w, err)
		}
		r.mustAppend(t, core.StateApplied, "b")
	})
}

// An entry that does not continue the history is a conflict, and takes the effect along.
func TestSharedConflict(t *testing.T) {
	eachMode(t, nil, func(t *testing.T, path string, s *Store, r *session) {
		r.mustAppend(t, core.StateStarted, "a")
		for name, spoil := range map[string]func(*session){
			"another seq":        func(r *session) { r.seq++ },
			"another hash":       func(r *session) { r.hash = "v1:x" },
			"another prev":       func(r *session) { r.at = map[string]uint64{} },
			"an entry of no one": func(r *session) { r.at = map[string]uint64{"a": 7} },
		} {
			wrong := *r
			spoil(&wrong)
			w := r.mustOpenWrites(t)
			mustExec(t, w, insertRow, name)
			if err := r.appendShared(t.Context(), w, false, wrong.entries(core.StateApplied, "a")); !errors.Is(err, core.ErrConflict) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		w := r.mustOpenWrites(t)
		var usage *core.UsageError
		if err := r.appendShared(t.Context(), w, false, nil); !errors.As(err, &usage) {
			t.Errorf("without entries: got %v", err)
		}
		wantRows(t, path, "")
		wantHeadAt(t, s, 1)
		r.mustAppend(t, core.StateRolledBack, "a")
	})
}
