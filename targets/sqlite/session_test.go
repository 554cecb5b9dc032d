package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// What one change leaves on its session must not be there for the next: otherwise
// its result would depend on which changes ran in the same process.
func TestSessionOfAChangeIsItsOwn(t *testing.T) {
	goStep := func(query string) core.Step {
		return sqltarget.Step(func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, query)
			return err
		})
	}
	target := fileTarget(t, newFile(t))
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	work := func(s core.Step) func(ctx context.Context, handle any) error {
		return func(ctx context.Context, handle any) error { return s.Do(ctx, &core.Session{Handle: handle}) }
	}
	must(t, transact(t, target, fence(1, 1), marker("temp", 1), work(goStep("CREATE TEMP TABLE left_behind (x)"))))
	if err := transact(t, target, fence(1, 1), marker("reads", 2), work(goStep("SELECT * FROM left_behind"))); err == nil {
		t.Error("the next change sees the temporary table")
	}
	must(t, transact(t, target, fence(1, 1), marker("setting", 3), work(goStep("PRAGMA query_only = ON"))))
	must(t, transact(t, target, fence(1, 1), marker("writes", 4), work(goStep("CREATE TABLE t (x)"))))
}

// A caller's connection is given back as it was, and a number of pages that
// somebody chose is kept.
func TestLogPagesAreTheCallersAgain(t *testing.T) {
	for _, want := range []int{1000, 77} {
		var during, after int
		db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(%d)", newFile(t), want))
		must(t, err)
		db.SetMaxOpenConns(1)
		target := sqlite.New("db", db)
		must(t, transact(t, target, fence(1, 1), marker("a", 1), func(ctx context.Context, handle any) error {
			return handle.(*sql.Tx).QueryRowContext(ctx, "PRAGMA wal_autocheckpoint").Scan(&during)
		}))
		must(t, db.QueryRowContext(t.Context(), "PRAGMA wal_autocheckpoint").Scan(&after))
		must(t, db.Close())
		if own := during == want; own != (want == 77) {
			t.Errorf("with %d pages chosen there are %d during a change", want, during)
		}
		if after != want {
			t.Errorf("with %d pages chosen there are %d after a change", want, after)
		}
	}
}
