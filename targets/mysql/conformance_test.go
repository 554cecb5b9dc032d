package mysql_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// Conformance of changes with transactions: what they make are rows, since DDL is none
// of them.
func TestConformance(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		pulse := feel(t, server)
		targettest.Run(t, targettest.Harness{
			Try: func(t testing.TB, f func(t testing.TB)) { pulse.TryFixed(t, time.Second, f) },
			Tx:  true, Type: mysql.Type(), Templates: templates(),
			New: func(t testing.TB) targettest.System {
				dsn := server.Database(t)
				execute(t, look(t, dsn), "CREATE TABLE effects (name VARCHAR(50) PRIMARY KEY)")
				s := system(t, dsn)
				s.Create = func(name string) core.StepPair {
					return core.StepPair{Apply: does("INSERT INTO effects VALUES ('" + name + "')"), Rollback: does("DELETE FROM effects WHERE name = '" + name + "'")}
				}
				s.Ensure = func(name string) core.Step { return does("INSERT IGNORE INTO effects VALUES ('" + name + "')") }
				s.Effect = func(t testing.TB, name string) bool {
					return query[int](t, look(t, dsn), "SELECT COUNT(*) FROM effects WHERE name = ?", name) > 0
				}
				s.Probe = func(name string) core.Probe { return probe("SELECT COUNT(*) FROM effects WHERE name = ?", name) }
				s.Ends = map[string]core.Step{
					"COMMIT": does("COMMIT"), "ROLLBACK": does("ROLLBACK"), "DDL": does("CREATE TABLE IF NOT EXISTS b (x int)"),
					"COMMIT and a new one": does("COMMIT AND CHAIN"), "a new transaction": does("START TRANSACTION"),
					"tx.Commit":   sqltarget.Step(func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }),
					"tx.Rollback": sqltarget.Step(func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() }),
				}
				return s
			},
		})
	})
}

// noTx is the target as changes with DDL meet it: without transactions.
type noTx struct{ core.Target }

func (t noTx) Handles() core.Handles { return core.Handles{Direct: t.Target.Handles().Direct} }

// Conformance of changes with DDL, which are NON_TX.
func TestConformanceOfDDL(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		pulse := feel(t, server)
		targettest.Run(t, targettest.Harness{
			Try:  func(t testing.TB, f func(t testing.TB)) { pulse.TryFixed(t, time.Second, f) },
			Type: mysql.Type(), Templates: templates(),
			New: func(t testing.TB) targettest.System {
				dsn := server.Database(t)
				s := system(t, dsn)
				open := s.Open
				s.Open = func() core.Target { return noTx{open()} }
				s.Create = func(name string) core.StepPair {
					return core.StepPair{Apply: does("CREATE TABLE " + name + " (x int)"), Rollback: does("DROP TABLE " + name)}
				}
				s.Ensure = func(name string) core.Step { return does("CREATE TABLE IF NOT EXISTS " + name + " (x int)") }
				const there = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
				s.Effect = func(t testing.TB, name string) bool { return query[int](t, look(t, dsn), there, name) > 0 }
				s.Probe = func(name string) core.Probe { return probe(there, name) }
				return s
			},
		})
	})
}

func does(q string) core.Step {
	return core.StepFor(func(ctx context.Context, c sqltarget.Querier) error { _, err := c.ExecContext(ctx, q); return err })
}

func probe(q, name string) core.Probe {
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		n := 0
		err := s.Handle.(sqltarget.Querier).QueryRowContext(ctx, q, name).Scan(&n)
		if n > 0 {
			return core.ProbeApplied, err
		}
		return core.ProbeNotApplied, err
	}
}

func templates() []targettest.Template {
	return []targettest.Template{{
		Name: sqltarget.TemplateName, Valid: "apply: |\n  CREATE TABLE a (x int); # a comment\n  CREATE TABLE `b;` (x int)\nrollback: DROP TABLE a, `b;`",
		Invalid: map[string]string{
			"COMMIT": "apply: COMMIT", "an open quote": "apply: SELECT `a", "a comment": "apply: '# nothing'",
			"DDL and rows": "apply: |\n  CREATE TABLE a (x int);\n  INSERT INTO a VALUES (1);", "rows and DDL": "apply: |\n  DELETE FROM a;\n  DROP TABLE a;",
			"DDL and rows in steps": "steps:\n  - apply: CREATE TABLE a (x int)\n  - apply: INSERT INTO a VALUES (1)",
			"DELIMITER alone":       "apply: |\n  DELIMITER\n  SELECT 1;",
		},
	}}
}

// slow is a statement that takes a minute, and fails when it is interrupted: SLEEP
// alone would end well then.
const slow = "SELECT 1 FROM (SELECT 1 UNION SELECT 2) AS t WHERE SLEEP(60)"

// system is what both have in common.
func system(t testing.TB, dsn string) targettest.System {
	c, err := driver.ParseDSN(dsn)
	must(t, err)
	proxy := targettest.NewProxy(t, c.Addr)
	c.Addr = proxy.Addr()
	return targettest.System{
		Open: func() core.Target {
			target, err := newFor(values{"dsn": c.FormatDSN()})
			if err != nil {
				t.Error(err)
			}
			return target
		},
		Down: proxy.Down, Slow: does(slow), Refused: does("CREATE TABEL a (x int)"),
		State: func(t testing.TB) string { return contents(t, dsn) },
	}
}

// contents returns what is in a database: its tables, and the rows of ours.
func contents(t testing.TB, dsn string) string {
	t.Helper()
	db := look(t, dsn)
	all := query[string](t, db, "SELECT COALESCE(GROUP_CONCAT(table_name ORDER BY table_name), '') FROM information_schema.tables WHERE table_schema = DATABASE()")
	for _, ours := range [][2]string{{"flamingock_fence", "ledger_id, token, n, owner"}, {"flamingock_marker", "ledger_id, change_id, seq"}} {
		if strings.Contains(all, ours[0]) {
			row := "CONCAT_WS(':', " + ours[1] + ")"
			all += "\n" + query[string](t, db, "SELECT COALESCE(GROUP_CONCAT("+row+" ORDER BY "+row+"), '') FROM "+ours[0])
		}
	}
	return all
}
