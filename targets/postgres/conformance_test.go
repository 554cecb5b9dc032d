package postgres_test

import (
	"context"
	"database/sql"
	"net/url"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func TestConformance(t *testing.T) {
	exec := func(q string) core.Step {
		return core.StepFor(func(ctx context.Context, c sqltarget.Querier) error { _, err := c.ExecContext(ctx, q); return err })
	}
	pulse := feel(t)
	targettest.Run(t, targettest.Harness{
		Try: func(t testing.TB, f func(t testing.TB)) { pulse.TryFixed(t, time.Second, f) },
		Tx:  true, Type: postgres.Type(),
		Templates: []targettest.Template{{
			Name: sqltarget.TemplateName, Valid: "apply: |\n  CREATE TABLE a (x int);\n  INSERT INTO a VALUES (1);\nrollback: DROP TABLE a",
			Invalid: map[string]string{
				"COMMIT": "apply: COMMIT", "an open quote": "apply: SELECT $a$ $b$", "a comment": "apply: -- nothing",
				"data for psql": "apply: |\n  COPY a FROM STDIN;\n  1\n", "a command of psql": "apply: '\\d'",
			},
		}},
		New: func(t testing.TB) targettest.System {
			uri := server.Database(t)
			u, err := url.Parse(uri)
			must(t, err)
			proxy := targettest.NewProxy(t, u.Host)
			u.Host = proxy.Addr()
			return targettest.System{
				Open: func() core.Target {
					target, err := newFor(settings{"dsn": u.String()})
					if err != nil {
						t.Error(err)
					}
					return target
				},
				Create: func(name string) core.StepPair {
					return core.StepPair{Apply: exec("CREATE TABLE " + name + " (x int)"), Rollback: exec("DROP TABLE " + name)}
				},
				Ensure: func(name string) core.Step { return exec("CREATE TABLE IF NOT EXISTS " + name + " (x int)") },
				Effect: func(t testing.TB, name string) bool {
					return query[bool](t, look(t, uri), "SELECT to_regclass($1) IS NOT NULL", name)
				},
				Probe: func(name string) core.Probe {
					return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
						there := false
						err := s.Handle.(sqltarget.Querier).QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there)
						if there {
							return core.ProbeApplied, err
						}
						return core.ProbeNotApplied, err
					}
				},
				Down:    proxy.Down,
				Slow:    exec("SELECT pg_sleep(60)"),
				Refused: exec("CREATE TABEL a (x int)"),
				Ends: map[string]core.Step{
					"COMMIT": exec("COMMIT"), "ROLLBACK": exec("ROLLBACK"),
					"tx.Commit":   sqltarget.Step(func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }),
					"tx.Rollback": sqltarget.Step(func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() }),
				},
				State: func(t testing.TB) string { return contents(t, uri) },
			}
		},
	})
}

// contents returns what is in a database: its tables, and the rows of ours.
func contents(t testing.TB, uri string) string {
	t.Helper()
	db := look(t, uri)
	all := query[string](t, db, "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relnamespace = 'public'::regnamespace")
	for _, table := range []string{"flamingock_fence", "flamingock_marker"} {
		if query[bool](t, db, "SELECT to_regclass($1) IS NOT NULL", table) {
			all += "\n" + query[string](t, db, "SELECT coalesce(string_agg(r::text, ' ' ORDER BY r::text), '') FROM "+table+" r")
		}
	}
	return all
}
