package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func TestConformance(t *testing.T) {
	exec := func(q string) core.Step {
		return core.StepFor(func(ctx context.Context, c sqltarget.Querier) error { _, err := c.ExecContext(ctx, q); return err })
	}
	targettest.Run(t, targettest.Harness{
		Tx: true, Type: sqlite.Type(),
		Templates: []targettest.Template{{
			Name: sqltarget.TemplateName, Valid: "apply: |\n  CREATE TABLE a (x);\n  INSERT INTO a VALUES (1);\nrollback: DROP TABLE a",
			Invalid: map[string]string{"COMMIT": "apply: COMMIT", "an open quote": "apply: SELECT 'a", "a comment": "apply: -- nothing", "no boolean": "apply: SELECT 1\nconfiguration: {splitStatements: maybe}"},
		}},
		New: func(t testing.TB) targettest.System {
			path := t.TempDir() + "/app.db"
			return targettest.System{
				Open: func() core.Target {
					target, err := newFor(settings{"dsn": "file:" + path})
					if err != nil {
						t.Error(err)
					}
					return target
				},
				Create: func(name string) core.StepPair {
					return core.StepPair{Apply: exec("CREATE TABLE " + name + " (x)"), Rollback: exec("DROP TABLE " + name)}
				},
				Ensure: func(name string) core.Step { return exec("CREATE TABLE IF NOT EXISTS " + name + " (x)") },
				Effect: func(t testing.TB, name string) bool {
					return strings.Contains(contents(t, path), "CREATE TABLE "+name+" ")
				},
				Probe: func(name string) core.Probe { return probe("SELECT count(*) FROM sqlite_master WHERE name = ?", name) },
				Slow:  exec(endless), Refused: exec("CREATE TABEL a (x)"),
				Ends: map[string]core.Step{
					"COMMIT": exec("COMMIT"), "ROLLBACK": exec("ROLLBACK"),
					"tx.Commit":   sqltarget.Step(func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }),
					"tx.Rollback": sqltarget.Step(func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() }),
				},
				State: func(t testing.TB) string { return contents(t, path) },
			}
		},
	})
}

// contents returns what is in a file: its tables, and the rows of ours.
func contents(t testing.TB, path string) string {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "no file"
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all string
	for _, q := range []string{
		"SELECT coalesce(group_concat(sql, '; '), '') FROM sqlite_master",
		"SELECT coalesce(group_concat(ledger_id || token || n), '') FROM flamingock_fence",
		"SELECT coalesce(group_concat(ledger_id || change_id || seq), '') FROM flamingock_marker",
	} {
		var one string
		if err := db.QueryRow(q).Scan(&one); err != nil && !strings.Contains(err.Error(), "no such table: flamingock") {
			t.Fatal(err)
		}
		all += one + "\n"
	}
	return all
}

// probe asks whether a query counts anything.
func probe(query, name string) core.Probe {
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		var n int
		switch err := s.Handle.(sqltarget.Querier).QueryRowContext(ctx, query, name).Scan(&n); {
		case err != nil:
			return core.ProbeUnknown, err
		case n > 0:
			return core.ProbeApplied, nil
		}
		return core.ProbeNotApplied, nil
	}
}
