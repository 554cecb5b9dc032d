package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// What a change leaves on its session reaches neither the next one nor our own tables.
func TestSessionIsFresh(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn, elsewhere := table(t, server), table(t, server)
		other := query[string](t, look(t, elsewhere), "SELECT DATABASE()")
		target := targetOf(t, dsn)
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TEMPORARY TABLE b (x int)", "SET @x = 1, SESSION sql_mode = 'ANSI', SESSION wait_timeout = 9999, SESSION autocommit = 0", "USE "+other)))
		if !marked(t, target, marker("a", 1)) {
			t.Error("USE hides the marker")
		}
		var state string
		const q = "SELECT CONCAT_WS(' ', DATABASE(), COALESCE(@x, 'none'), @@sql_mode LIKE '%ANSI%', @@wait_timeout, @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@autocommit + 0)"
		must(t, transact(t, target, fence(1, 1), marker("b", 2), txStep(func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "SELECT * FROM b"); err == nil {
				t.Error("the temporary table is there")
			}
			return tx.QueryRowContext(ctx, q).Scan(&state)
		})))
		if want := query[string](t, look(t, dsn), "SELECT DATABASE()") + " none 0 3 1 1 1"; state != want {
			t.Errorf("got %q, want %q", state, want)
		}
		if got := query[int](t, look(t, elsewhere), "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"); got != 1 {
			t.Errorf("got %d tables in the other database, want 1", got)
		}
		for range 2 {
			handle, release, err := target.Open(t.Context())
			must(t, err)
			must(t, handle.(*sql.Conn).QueryRowContext(t.Context(), "SELECT CONCAT(@@lock_wait_timeout, ' ', COALESCE(@x, 'none'))").Scan(&state))
			must(t, run("SET @x = 2, SESSION lock_wait_timeout = 7")(t.Context(), handle))
			must(t, release())
			if state != "5 none" {
				t.Errorf("outside of a transaction: got %q, want 5 none", state)
			}
		}
	})
}

// The caller's own database: its connections come back as they were, and it stays open.
func TestBorrowed(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := table(t, server)
		db := look(t, dsn) // it has one connection: whoever keeps that blocks its owner
		execute(t, db, "SET lock_wait_timeout = 123, wait_timeout = 4567")
		target := mysql.New("mine", db)
		must(t, target.Ping(t.Context()))
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (1)")))
		handle, release, err := target.Open(t.Context())
		must(t, err)
		must(t, run("ALTER TABLE a ADD y int")(t.Context(), handle))
		must(t, release())
		err = transact(t, target, fence(1, 1), marker("b", 2), run("INSERT INTO a (x) VALUES (2)", "nonsense"))
		if err == nil || core.IsUnknown(err) {
			t.Errorf("got %v, want a definite error", err)
		}
		err = transact(t, target, fence(1, 1), marker("c", 3), run("CREATE TABLE c (x int)"))
		if !is[*sqltarget.StepEndedTransactionError](err) {
			t.Errorf("DDL: got %v, want a *StepEndedTransactionError", err)
		}
		must(t, target.Close())
		if got := query[string](t, db, "SELECT CONCAT_WS(' ', @@lock_wait_timeout, @@wait_timeout, @@autocommit + 0)"); got != "123 4567 1" {
			t.Errorf("got %q, want the caller's settings", got)
		}
		if got := rows(t, dsn, "a"); got != 1 {
			t.Errorf("got %d rows, want 1", got)
		}
	})
}

func TestFenceRowGone(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := table(t, server)
		target := targetOf(t, dsn)
		must(t, target.RaiseFence(t.Context(), fence(1, 1)))
		execute(t, look(t, dsn), "DELETE FROM flamingock_fence")
		err := transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (1)"))
		if !is[*sqltarget.FenceGoneError](err) || core.IsUnknown(err) {
			t.Errorf("got %v, want a definite *FenceGoneError", err)
		}
		must(t, transact(t, target, fence(1, 1), marker("a", 2), run("INSERT INTO a VALUES (1)")))
		execute(t, look(t, dsn), "DROP TABLE flamingock_fence, flamingock_marker")
		fresh := targetOf(t, dsn)
		must(t, transact(t, fresh, fence(1, 1), marker("a", 3), run("INSERT INTO a VALUES (2)")))
		if got := rows(t, dsn, "a"); got != 2 {
			t.Errorf("got %d rows, want 2", got)
		}
	})
}

// Ids compare byte by byte: case, accents and what a collation leaves out count.
func TestIdsCompareByBytes(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		target := targetOf(t, server.Database(t))
		for i, id := range []string{"a", "A", "á", "a\u0301", "a\u200b", "😀", "ß", "ss"} {
			m := core.Marker{LedgerID: "ledger", ChangeID: id, Seq: 1}
			if marked(t, target, m) {
				t.Errorf("%q counts as one of those before", id)
			}
			must(t, target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: m, Work: run("DO 1")}))
			if err := target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: m, Work: run("DO 1")}); !errors.Is(err, core.ErrMarked) {
				t.Errorf("%d, %q again: got %v, want ErrMarked", i, id, err)
			}
		}
	})
}
