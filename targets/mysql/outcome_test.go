package mysql_test

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
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func txStep(f func(ctx context.Context, tx *sql.Tx) error) func(context.Context, any) error {
	return func(ctx context.Context, h any) error { return f(ctx, h.(*sql.Tx)) }
}

// Whatever ends the transaction is found out, also what a script cannot show: DDL in a
// procedure, and DDL in a Go step.
func TestStepEndsTransaction(t *testing.T) {
	boom := errors.New("boom")
	text := func(err error, statements ...string) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error { return errors.Join(run(statements...)(ctx, tx), err) }
	}
	tests := []struct {
		name   string
		step   func(ctx context.Context, tx *sql.Tx) error
		marked bool
	}{
		{"tx.Commit", func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }, true},
		{"tx.Rollback", func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() }, false},
		{"tx.Commit, then an error", func(_ context.Context, tx *sql.Tx) error { return errors.Join(boom, tx.Commit()) }, true},
		{"COMMIT", text(nil, "COMMIT"), true},
		{"ROLLBACK", text(nil, "ROLLBACK"), false},
		{"COMMIT, then more", text(nil, "COMMIT", "INSERT INTO a VALUES (2)"), true},
		{"COMMIT, then an error", text(boom, "COMMIT"), true},
		{"ROLLBACK, then an error", text(boom, "ROLLBACK"), false},
		{"COMMIT and a new transaction", text(nil, "COMMIT", "START TRANSACTION"), true},
		{"ROLLBACK and a new transaction", text(nil, "ROLLBACK AND CHAIN"), false},
		{"DDL", text(nil, "CREATE TABLE b (x int)"), true},
		{"DDL that fails", text(nil, "CREATE TABLE a (x int)"), true},
		{"a procedure with DDL", text(nil, "CALL ddl()"), true},
		{"EXECUTE of DDL", text(nil, "PREPARE p FROM 'CREATE TABLE e (x int)'", "EXECUTE p"), true},
		{"LOCK TABLES", text(nil, "LOCK TABLES a WRITE"), true},
	}
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				dsn := table(t, server)
				execute(t, look(t, dsn), "CREATE PROCEDURE ddl() CREATE TABLE d (x int)")
				target := targetOf(t, dsn)
				err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
					if _, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (1)"); err != nil {
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
				must(t, transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a VALUES (3)")))
			})
		}
	})
}

func TestPanicRollsBack(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := table(t, server)
		target := targetOf(t, dsn)
		err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (1)"); err != nil {
				return err
			}
			rows, err := tx.QueryContext(ctx, "SELECT * FROM information_schema.columns") // left open: it must not keep the rollback waiting
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
		must(t, transact(t, target, fence(1, 1), marker("b", 3), run("INSERT INTO a VALUES (2)")))
		if got := rows(t, dsn, "a"); got != 1 {
			t.Errorf("got %d rows, want 1", got)
		}
	})
}

// A step that leaves rows open, and thinks that all is well.
func TestRowsLeftOpen(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := table(t, server)
		target := targetOf(t, dsn)
		err := transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (1)"); err != nil {
				return err
			}
			rows, err := tx.QueryContext(ctx, "SELECT * FROM information_schema.columns") //nolint:rowserrcheck,sqlclosecheck // that is the fault
			if err == nil {
				rows.Next()
			}
			return err
		}))
		if err == nil || core.IsUnknown(err) || !is[*sqltarget.LeftOpenError](err) {
			t.Errorf("got %v, want a definite *LeftOpenError", err)
		}
		must(t, transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a VALUES (2)")))
		if got := rows(t, dsn, "a"); got != 1 {
			t.Errorf("got %d rows, want 1", got)
		}
	})
}

// The server rolls the whole transaction back after a deadlock; a step that goes on as
// if nothing were would write without one.
func TestDeadlock(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		for name, goesOn := range map[string]bool{"the step returns the error": false, "the step goes on": true} {
			t.Run(name, func(t *testing.T) {
				dsn := server.Database(t)
				db := look(t, dsn)
				execute(t, db, "CREATE TABLE k (id int PRIMARY KEY, v int)", "INSERT INTO k VALUES (1, 0), (2, 0)")
				for n := 2; n < 512; n *= 2 {
					execute(t, db, fmt.Sprintf("INSERT INTO k SELECT id + %d, 0 FROM k", n))
				}
				target := targetOf(t, dsn)
				must(t, target.RaiseFence(t.Context(), fence(1, 1)))
				execute(t, db, "START TRANSACTION", "UPDATE k SET v = 1 WHERE id > 1") // the heavier one survives
				other := make(chan error, 1)
				err := transact(t, target, fence(1, 1), marker("a", 1), func(ctx context.Context, h any) error {
					if err := run("UPDATE k SET v = 2 WHERE id = 1")(ctx, h); err != nil {
						return err
					}
					go func() { _, err := db.Exec("UPDATE k SET v = 1 WHERE id = 1"); other <- err }()
					err := run("UPDATE k SET v = 2 WHERE id = 2")(ctx, h)
					if err == nil || !strings.Contains(err.Error(), "1213") {
						return errors.Join(errors.New("no deadlock"), err)
					}
					if goesOn {
						return run("UPDATE k SET v = 2 WHERE id = 9999")(ctx, h)
					}
					return err
				})
				must(t, <-other)
				execute(t, db, "COMMIT")
				if core.IsUnknown(err) != goesOn || is[*sqltarget.StepEndedTransactionError](err) != goesOn || !goesOn && !strings.Contains(err.Error(), "1213") {
					t.Errorf("got %v, want it unknown: %t", err, goesOn)
				}
				if marked(t, target, marker("a", 1)) {
					t.Error("the marker is there")
				}
				must(t, transact(t, target, fence(1, 1), marker("b", 2), run("UPDATE k SET v = 3")))
			})
		}
	})
}

// A statement whose context ends is ended on the server, which lets go of its locks.
func TestCancelMidStatement(t *testing.T) {
	cause := errors.New("the grace period is over")
	long := "INSERT INTO a SELECT 1 FROM information_schema.columns x, information_schema.columns y, information_schema.columns z"
	for name, work := range map[string]func(context.Context, any) error{
		"waiting": run("INSERT INTO a VALUES (1)", slow),
		"working": run("INSERT INTO a VALUES (1)", long),
		"prepared": func(ctx context.Context, h any) error {
			_, err := h.(*sql.Tx).ExecContext(ctx, "INSERT INTO a SELECT SLEEP(?) FROM information_schema.columns", 60)
			return err
		},
		"a query": func(ctx context.Context, h any) error {
			rows, err := h.(*sql.Tx).QueryContext(ctx, slow)
			if err != nil {
				return err
			}
			return errors.Join(rows.Err(), rows.Close())
		},
		"the error is dropped": func(ctx context.Context, h any) error { _ = run("INSERT INTO a VALUES (1)", slow)(ctx, h); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, server *mysqltest.Server) {
				t.Parallel()
				patiently(t, server, 300*time.Millisecond, func(t testing.TB) {
					dsn := table(t, server)
					target := targetOf(t, dsn)
					must(t, target.RaiseFence(t.Context(), fence(1, 1)))
					ctx, cancel := context.WithCancelCause(t.Context())
					timer := time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
					defer timer.Stop()
					start := time.Now()
					err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: work})
					if took := time.Since(start); took > 4*time.Second {
						t.Errorf("took %s", took)
					}
					if err == nil || core.IsUnknown(err) {
						t.Errorf("got %v, want a definite error", err)
					}
					if (name == "waiting" || name == "working") && !strings.Contains(err.Error(), "1317") {
						t.Errorf("got %v, want the server's own answer to KILL QUERY", err)
					}
					must(t, transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a VALUES (2)")))
					if got := rows(t, dsn, "a"); got != 1 {
						t.Errorf("got %d rows, want 1", got)
					}
				})
			})
		})
	}
}

// The race that matters: the context ends while COMMIT is under way. Whatever comes out
// must agree with what is in the database.
func TestCancelAroundCommit(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		patiently(t, server, 5*time.Second, func(t testing.TB) { // for which the server may take to answer
			dsn := table(t, server)
			target := targetOf(t, dsn)
			must(t, target.RaiseFence(t.Context(), fence(1, 1)))
			committed := 0
			const rounds = 60 // a slow machine needs more
			i := 0
			for until := time.Now().Add(time.Minute); i < rounds || (committed == 0 || committed == i) && time.Now().Before(until); i++ {
				ctx, cancel := context.WithCancel(t.Context())
				m := marker("a", uint64(i))
				err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: m, Work: func(_ context.Context, h any) error {
					if err := run("INSERT INTO a VALUES (1)")(t.Context(), h); err != nil {
						return err
					}
					time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
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
			if got := rows(t, dsn, "a"); got != committed {
				t.Errorf("got %d rows, want %d", got, committed)
			}
			t.Logf("%d of %d committed", committed, i)
			if committed == 0 || committed == i {
				t.Error("the context never ended around COMMIT: the test proves nothing")
			}
		})
	})
}

func TestLockedBySomebodyElse(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		t.Parallel()
		patiently(t, server, lease/3, func(t testing.TB) {
			dsn := table(t, server)
			target := targetOf(t, dsn)
			must(t, target.RaiseFence(t.Context(), fence(1, 1)))
			db := look(t, dsn)
			execute(t, db, "START TRANSACTION", "SELECT * FROM flamingock_fence FOR UPDATE")
			start := time.Now()
			err := target.RaiseFence(t.Context(), fence(2, 1))
			if !is[*core.BusyError](err) || time.Since(start) > lease+time.Second {
				t.Errorf("RaiseFence: got %v after %s, want *core.BusyError", err, time.Since(start))
			}
			if err := transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a VALUES (1)")); !is[*core.BusyError](err) || core.IsUnknown(err) {
				t.Errorf("Transact: got %v, want a definite *core.BusyError", err)
			}
			execute(t, db, "ROLLBACK", "START TRANSACTION", "SELECT * FROM a") // which keeps DDL out
			err = direct(t, t.Context(), target, compile(t, "apply: ALTER TABLE a ADD y int\n"))
			if err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "1205") || !strings.Contains(core.HintOf(err), "SHOW PROCESSLIST") {
				t.Errorf("DDL: got %v (%s), want a definite failure with advice", err, core.HintOf(err))
			}
		})
	})
}

// The server ends a holder that is paused within its transaction, after its lease.
func TestIdleInTransaction(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		t.Parallel()
		patiently(t, server, time.Second, func(t testing.TB) {
			dsn := table(t, server)
			holder, successor := targetOf(t, dsn), targetOf(t, dsn)
			short := core.Fence{LedgerID: "ledger", Token: 1, N: 1, Lease: time.Second}
			must(t, holder.RaiseFence(t.Context(), short))
			working, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			goOn, ended := sync.OnceFunc(func() { close(resume) }), make(chan struct{})
			defer func() { goOn(); <-ended }()
			go func() {
				defer close(ended)
				done <- holder.Transact(context.Background(), core.Transaction{Fence: short, Marker: marker("a", 1), Work: func(ctx context.Context, h any) error {
					if err := run("INSERT INTO a VALUES (1)")(ctx, h); err != nil {
						return err
					}
					close(working)
					<-resume
					return run("INSERT INTO a VALUES (2)")(ctx, h)
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
			goOn()
			if err := <-done; err == nil || core.IsUnknown(err) {
				t.Errorf("the paused holder: got %v, want a definite error", err)
			}
			if got := rows(t, dsn, "a"); got != 0 {
				t.Errorf("got %d rows, want none", got)
			}
		})
	})
}
