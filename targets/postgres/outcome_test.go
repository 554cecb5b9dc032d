package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
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
		{"COMMIT, then more", sqlText("COMMIT; CREATE TABLE c (x int)", nil), true},
		{"COMMIT, then an error", sqlText("COMMIT", boom), true},
		{"ROLLBACK, then an error", sqlText("ROLLBACK", boom), false},
		{"COMMIT and BEGIN, then an error", sqlText("COMMIT; BEGIN", boom), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := targetOf(t, server.Database(t))
			err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, "CREATE TABLE a (x int)"); err != nil {
					return err
				}
				return tt.step(ctx, tx)
			}))
			if !is[*sqltarget.StepEndedTransactionError](err) || !core.IsUnknown(err) || !errors.Is(err, core.ErrTransactionEnded) {
				t.Errorf("got %v, want a *StepEndedTransactionError marked as unknown", err)
			}
			if got := marked(t, target, marker("a", 1)); got != tt.marked {
				t.Errorf("marker: got %t, want %t", got, tt.marked)
			}
			must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)")))
		})
	}
}

func TestPanicRollsBack(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE a (x int)"); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, "SELECT generate_series(1, 100000)") // left open: it must not keep the rollback waiting
		if err != nil {
			return err
		}
		if !rows.Next() {
			return rows.Err()
		}
		panic("boom")
	}))
	p, ok := errors.AsType[*core.PanicError](err)
	if !ok || core.IsUnknown(err) || p.Value != "boom" || !strings.Contains(p.Stack, "TestPanicRollsBack") {
		t.Errorf("got %v, want a definite *core.PanicError with the step's stack", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = target.Transact(context.Background(), core.Transaction{Fence: fence(1, 1), Marker: marker("a", 2), Work: func(ctx context.Context, h any) error {
			if err := run("CREATE TABLE a (x int)")(ctx, h); err != nil {
				return err
			}
			(&testing.T{}).SkipNow() // ends the goroutine, as a test's FailNow in a step does
			return nil
		}})
	}()
	<-done
	must(t, transact(t, target, fence(1, 1), marker("b", 3), run("CREATE TABLE b (x int)")))
	if got := tables(t, uri); got != "b" {
		t.Errorf("got tables %q, want %q", got, "b")
	}
}

func TestRefusedCommit(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	err := transact(t, target, fence(1, 1), marker("a", 1), run(
		"CREATE TABLE p (x int PRIMARY KEY)", "CREATE TABLE c (x int REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO c VALUES (1)"))
	if !is[*sqltarget.CommitError](err) || core.IsUnknown(err) {
		t.Errorf("a deferred constraint: got %v, want a definite *CommitError", err)
	}
	if got := tables(t, uri); got != "" {
		t.Errorf("got tables %q, want none", got)
	}
	// Two transactions that read what the other writes: the second COMMIT is refused.
	db := look(t, uri)
	execute(t, db, "CREATE TABLE s (x int)")
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	serial := newTarget(t, settings{"dsn": uri + "&default_transaction_isolation=serializable"})
	err = transact(t, serial, fence(1, 1), marker("b", 2), func(ctx context.Context, h any) error {
		if err := run("INSERT INTO s SELECT count(*) FROM s")(ctx, h); err != nil {
			return err
		}
		execute(t, db, "BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO s SELECT count(*) FROM s; COMMIT")
		return nil
	})
	if err == nil || core.IsUnknown(err) {
		t.Errorf("serialization: got %v, want a definite error", err)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 3), run("CREATE TABLE b (x int)")))
}

const endless = "SELECT pg_sleep(3600)"

func TestCancelMidStatement(t *testing.T) {
	cause := errors.New("the grace period is over")
	for name, work := range map[string]func(context.Context, any) error{
		"waiting":              run("CREATE TABLE a (x int)", endless),
		"working":              run("CREATE TABLE a (x int)", "INSERT INTO a SELECT generate_series(1, 1000000000)"),
		"the error is dropped": func(ctx context.Context, h any) error { _ = run("CREATE TABLE a (x int)", endless)(ctx, h); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			patiently(t, 200*time.Millisecond, func(t testing.TB) {
				uri := server.Database(t)
				target := targetOf(t, uri)
				must(t, target.RaiseFence(t.Context(), fence(1, 1)))
				ctx, cancel := context.WithCancelCause(t.Context())
				timer := time.AfterFunc(200*time.Millisecond, func() { cancel(cause) })
				defer timer.Stop()
				start := time.Now()
				err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: work})
				if took := time.Since(start); took > 4*time.Second {
					t.Errorf("took %s", took)
				}
				if err == nil || core.IsUnknown(err) {
					t.Errorf("got %v, want a definite error", err)
				}
				if name != "the error is dropped" && !strings.Contains(err.Error(), "57014") {
					t.Errorf("got %v, want the server's own answer to the cancel request", err)
				}
				if got := query[int](t, look(t, uri), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(3%'"); got != 0 {
					t.Errorf("%d statements go on on the server", got)
				}
				if got := tables(t, uri); got != "" {
					t.Errorf("got tables %q, want none", got)
				}
				must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)")))
			})
		})
	}
}

// The race that matters: the context ends while COMMIT is under way. Whatever
// comes out must agree with what is in the database.
func TestCancelAroundCommit(t *testing.T) {
	patiently(t, 5*time.Second, func(t testing.TB) { // for which the server may take to answer
		uri := server.Database(t)
		target := targetOf(t, uri)
		must(t, transact(t, target, fence(1, 1), marker("0", 0), run("CREATE TABLE a (x int)")))
		committed := 0
		const rounds = 80 // a slow machine needs more
		i := 0
		for until := time.Now().Add(time.Minute); i < rounds || (committed == 0 || committed == i) && time.Now().Before(until); i++ {
			ctx, cancel := context.WithCancel(t.Context())
			m := marker("a", uint64(i))
			err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: m, Work: func(_ context.Context, h any) error {
				if err := run("INSERT INTO a VALUES (1)")(t.Context(), h); err != nil {
					return err
				}
				time.AfterFunc(time.Duration(i)*10*time.Microsecond, cancel)
				time.Sleep(200 * time.Microsecond)
				return nil
			}})
			cancel()
			if err == nil {
				committed++
			} else if core.IsUnknown(err) {
				t.Fatalf("got %v, want nil or a definite error", err)
			}
			if got := marked(t, target, m); got != (err == nil) {
				t.Fatalf("marker %t after error %v", got, err)
			}
		}
		if got := query[int](t, look(t, uri), "SELECT count(*) FROM a"); got != committed {
			t.Errorf("got %d rows, want %d", got, committed)
		}
		t.Logf("%d of %d committed", committed, i)
		if committed == 0 || committed == i {
			t.Error("the context never ended around COMMIT: the test proves nothing")
		}
	})
}

func TestCancelledBeforehand(t *testing.T) {
	target := targetOf(t, server.Database(t))
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: run("CREATE TABLE a (x int)")})
	if !errors.Is(err, context.Canceled) || core.IsUnknown(err) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := target.RaiseFence(ctx, fence(1, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)")))
}

func TestLockedBySomebodyElse(t *testing.T) {
	t.Parallel()
	patiently(t, lease/3, func(t testing.TB) {
		uri := server.Database(t)
		target := targetOf(t, uri)
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)")))
		db := look(t, uri)
		execute(t, db, "BEGIN; SELECT * FROM flamingock_fence FOR UPDATE")
		start := time.Now()
		if err := target.RaiseFence(t.Context(), fence(2, 1)); !is[*core.BusyError](err) {
			t.Errorf("RaiseFence: got %v, want *core.BusyError", err)
		}
		if took := time.Since(start); took < lease/3/2 || took > lease {
			t.Errorf("waited %s, want about %s", took, lease/3)
		}
		err := transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)"))
		if !is[*core.BusyError](err) || core.IsUnknown(err) {
			t.Errorf("Transact: got %v, want a definite *core.BusyError", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := target.RaiseFence(ctx, fence(2, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		execute(t, db, "ROLLBACK; BEGIN; LOCK TABLE a")
		err = transact(t, target, fence(1, 1), marker("c", 3), run("CREATE TABLE c (x int)", "ALTER TABLE a ADD y int"))
		if err == nil || is[*core.BusyError](err) || core.IsUnknown(err) || !strings.Contains(err.Error(), "55P03") {
			t.Errorf("a lock in mid-change: got %v, want a definite failure of the change", err)
		}
		execute(t, db, "ROLLBACK")
		if got := tables(t, uri); got != "a" {
			t.Errorf("got tables %q, want %q", got, "a")
		}
	})
}

// The server ends a holder that is paused within its transaction, after its lease.
func TestIdleInTransaction(t *testing.T) {
	t.Parallel()
	patiently(t, time.Second, func(t testing.TB) {
		uri := server.Database(t)
		holder, successor := targetOf(t, uri), targetOf(t, uri)
		short := core.Fence{LedgerID: "ledger", Token: 1, N: 1, Lease: time.Second}
		must(t, holder.RaiseFence(t.Context(), short))
		working, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		goOn, ended := sync.OnceFunc(func() { close(resume) }), make(chan struct{})
		defer func() { goOn(); <-ended }()
		go func() {
			defer close(ended)
			done <- holder.Transact(context.Background(), core.Transaction{Fence: short, Marker: marker("a", 1), Work: func(ctx context.Context, h any) error {
				if err := run("CREATE TABLE a (x int)")(ctx, h); err != nil {
					return err
				}
				close(working)
				<-resume
				return run("CREATE TABLE b (x int)")(ctx, h)
			}})
		}()
		select {
		case <-working:
		case err := <-done:
			t.Fatalf("the holder: %v", err)
		}
		start := time.Now()
		must(t, successor.RaiseFence(t.Context(), core.Fence{LedgerID: "ledger", Token: 2, N: 1, Lease: 9 * time.Second}))
		t.Logf("the successor waited %s", time.Since(start).Round(time.Millisecond))
		if marked(t, successor, marker("a", 1)) {
			t.Error("the marker of the paused change is there")
		}
		must(t, transact(t, successor, fence(2, 1), marker("a", 2), run("CREATE TABLE a (x int)")))
		goOn()
		if err := <-done; err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "25P03") {
			t.Errorf("the paused holder: got %v, want a definite error with 25P03", err)
		}
		if got := tables(t, uri); got != "a" {
			t.Errorf("got tables %q, want %q", got, "a")
		}
	})
}

func TestLargeStatement(t *testing.T) {
	t.Parallel()
	const size = 10 << 20
	uri := server.Database(t)
	target := targetOf(t, uri)
	step := compile(t, block("CREATE TABLE a (x text);\nINSERT INTO a VALUES ('"+strings.Repeat("0123456789abcde;", size/16)+"')"))
	start := time.Now()
	must(t, transact(t, target, fence(1, 1), marker("a", 1), func(ctx context.Context, h any) error { return step.Do(ctx, sessionOf(h)) }))
	t.Logf("10 MB in %s", time.Since(start).Round(time.Millisecond))
	if got := query[int](t, look(t, uri), "SELECT length(x) FROM a"); got != size {
		t.Errorf("got %d bytes, want %d", got, size)
	}
	wide := fmt.Sprintf("DO $$ BEGIN %s END $$", strings.Repeat("PERFORM 1;\n", 1000))
	must(t, transact(t, target, fence(1, 1), marker("b", 2), run(wide)))
}
