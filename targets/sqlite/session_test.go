package sqlite_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/flamingock/flamingock-go/core"
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
