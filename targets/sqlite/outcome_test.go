package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func txStep(f func(ctx context.Context, tx *sql.Tx) error) func(context.Context, any) error {
	return func(ctx context.Context, h any) error { return f(ctx, h.(*sql.Tx)) }
}

func TestStepEndsTransaction(t *testing.T) {
	boom := errors.New("boom")
	sqlText := func(q string, err error) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error {
			if _, e := tx.ExecContext(ctx, q); e != nil {
				return e
			}
			return err
		}
	}
	tests := []struct {
		name   string
		step   func(ctx context.Context, tx *sql.Tx) error
		marked bool
	}{
		{"tx.Commit", func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }, true},
		{"tx.Rollback", func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() }, false},
		{"tx.Commit, then an error", func(_ context.Context, tx *sql.Tx) error { return errors.Join(boom, tx.Commit()) }, true},
		{"tx.Commit, then a panic", func(_ context.Context, tx *sql.Tx) error {
			if err := tx.Commit(); err != nil {
				return err
			}
			panic("boom")
		}, true},
		{"COMMIT", sqlText("COMMIT", nil), true},
		{"ROLLBACK", sqlText("ROLLBACK", nil), false},
		{"COMMIT, then an error", sqlText("COMMIT", boom), true},
		{"ROLLBACK, then an error", sqlText("ROLLBACK", boom), false},
		{"COMMIT and BEGIN, then an error", sqlText("COMMIT; BEGIN", boom), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := fileTarget(t, newFile(t))
			err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, "CREATE TABLE a (x)"); err != nil {
					return err
				}
				return tt.step(ctx, tx)
			}))
			if _, ok := errors.AsType[*sqltarget.StepEndedTransactionError](err); !ok || !core.IsUnknown(err) || !errors.Is(err, core.ErrTransactionEnded) {
				t.Errorf("got %v, want a *StepEndedTransactionError marked as unknown", err)
			}
			if got := marked(t, target, marker("a", 1)); got != tt.marked {
				t.Errorf("marker: got %t, want %t", got, tt.marked)
			}
			must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
		})
	}
}

func TestPanicRollsBack(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT 1 UNION SELECT 2") // left open: it must not keep the rollback waiting
		if err != nil {
			return err
		}
		if !rows.Next() {
			return rows.Err()
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE a (x)"); err != nil {
			return err
		}
		panic("boom")
	}))
	p, ok := errors.AsType[*core.PanicError](err)
	if !ok || core.IsUnknown(err) || p.Value != "boom" || !strings.Contains(p.Stack, "TestPanicRollsBack") {
		t.Errorf("got %v, want a definite *core.PanicError with the step's stack", err)
	}
	if got := tables(t, look(t, path)); got != "" {
		t.Errorf("got tables %q, want none", got)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
}

func TestGoexitRollsBack(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = target.Transact(context.Background(), core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: func(ctx context.Context, h any) error {
			if err := run("CREATE TABLE a (x)")(ctx, h); err != nil {
				return err
			}
			(&testing.T{}).SkipNow() // ends the goroutine, as a test's FailNow in a step does
			return nil
		}})
	}()
	<-done
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
	if got := tables(t, look(t, path)); got != "b" {
		t.Errorf("got tables %q, want %q", got, "b")
	}
}

func TestCancelMidStatement(t *testing.T) {
	cause := errors.New("the grace period is over")
	for name, work := range map[string]func(context.Context, any) error{
		"reading":              run("CREATE TABLE a (x)", endless),
		"writing":              run("CREATE TABLE a (x)", "INSERT INTO a "+strings.Replace(endless, "count(*)", "i", 1)),
		"the error is dropped": func(ctx context.Context, h any) error { _ = run("CREATE TABLE a (x)", endless)(ctx, h); return nil },
		"the error is made another": func(ctx context.Context, h any) error {
			_ = run("CREATE TABLE a (x)", "INSERT INTO a "+strings.Replace(endless, "count(*)", "i", 1))(ctx, h)
			return errors.New("something")
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			target := fileTarget(t, path)
			must(t, target.RaiseFence(t.Context(), fence(1, 1)))
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
			defer timer.Stop()
			start := time.Now()
			err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: work})
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if err == nil || core.IsUnknown(err) {
				t.Errorf("got %v, want a definite error", err)
			}
			if got := tables(t, look(t, path)); got != "" {
				t.Errorf("got tables %q, want none", got)
			}
			must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
		})
	}
}

// The race that matters: the context ends while COMMIT is under way. Whatever
// comes out must agree with what is in the file.
func TestCancelAroundCommit(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	must(t, transact(t, target, fence(1, 1), marker("0", 0), run("CREATE TABLE a (x)")))
	committed := 0
	for i := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		m := marker("a", uint64(i))
		err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: m, Work: run("INSERT INTO a VALUES (1)"), Guard: func(context.Context) error {
			go func() {
				time.Sleep(time.Duration(i) * time.Microsecond)
				cancel()
			}()
			return nil
		}})
		cancel()
		if err == nil {
			committed++
		} else if core.IsUnknown(err) || !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want nil or context.Canceled", err)
		}
		if got := marked(t, target, m); got != (err == nil) {
			t.Fatalf("marker %t after error %v", got, err)
		}
	}
	if got := query[int](t, look(t, path), "SELECT count(*) FROM a"); got != committed {
		t.Errorf("got %d rows, want %d", got, committed)
	}
}

func TestCancelledBeforehand(t *testing.T) {
	target := fileTarget(t, newFile(t))
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: run("CREATE TABLE a (x)")})
	if !errors.Is(err, context.Canceled) || core.IsUnknown(err) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := target.RaiseFence(ctx, fence(1, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
}

// INSERT OR ROLLBACK ends the transaction inside SQLite. That is a plain failure.
func TestDatabaseRollsBackByItself(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	err := transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x UNIQUE)", "INSERT INTO a VALUES (1)", "INSERT OR ROLLBACK INTO a VALUES (1)"))
	if err == nil || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite error", err)
	}
	if got := tables(t, look(t, path)); got != "" {
		t.Errorf("got tables %q, want none", got)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
}

func TestRefusedCommit(t *testing.T) {
	path := newFile(t)
	target := newTarget(t, map[string]string{"dsn": "file:" + path + "?_pragma=foreign_keys(1)"})
	err := transact(t, target, fence(1, 1), marker("a", 1), run(
		"CREATE TABLE p (x PRIMARY KEY)", "CREATE TABLE c (x REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO c VALUES (1)"))
	if _, ok := errors.AsType[*sqltarget.CommitError](err); !ok || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite *CommitError", err)
	}
	if got := tables(t, look(t, path)); got != "" {
		t.Errorf("got tables %q, want none", got)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)")))
}

// In DELETE mode a reader keeps COMMIT waiting, and then makes it fail.
func TestCommitKeptOutByReader(t *testing.T) {
	path := newFile(t)
	db := look(t, path)
	execute(t, db, "CREATE TABLE a (x)")
	execute(t, db, "INSERT INTO a VALUES (1)")
	target := fileTarget(t, path)
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	execute(t, db, "BEGIN")
	query[int](t, db, "SELECT count(*) FROM a") // a SHARED lock, until the transaction ends
	start := time.Now()
	err := transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (2)"))
	if _, ok := errors.AsType[*sqltarget.CommitError](err); !ok || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite *CommitError", err)
	}
	if took := time.Since(start); took < lease/3/2 || took > lease {
		t.Errorf("waited %s, want about %s", took, lease/3)
	}
	execute(t, db, "COMMIT")
	if got := query[int](t, db, "SELECT count(*) FROM a"); got != 1 {
		t.Errorf("got %d rows, want 1", got)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a VALUES (3)")))
}

func TestFullDatabase(t *testing.T) {
	path := newFile(t)
	target := newTarget(t, map[string]string{"dsn": "file:" + path + "?_pragma=max_page_count(20)"})
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
	err := transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (zeroblob(1000000))"))
	if err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "full") {
		t.Errorf("got %v, want a definite error that says full", err)
	}
	if got := query[int](t, look(t, path), "SELECT count(*) FROM a"); got != 0 {
		t.Errorf("got %d rows, want 0", got)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 3), run("INSERT INTO a VALUES (1)")))
}

func TestLargeBlob(t *testing.T) {
	const size = 50 << 20
	path := newFile(t)
	target := fileTarget(t, path)
	blob := make([]byte, size)
	for i := range blob {
		blob[i] = byte(i * 7)
	}
	must(t, transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE a (x)"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (?)", blob)
		return err
	})))
	if got := query[int](t, look(t, path), "SELECT length(x) FROM a"); got != size {
		t.Errorf("got %d bytes, want %d", got, size)
	}
}
