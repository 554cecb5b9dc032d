// MySQL 8.0.12 exchanges keys by RSA only, which Go leaves out since 1.22.
//
//go:debug tlsrsakex=1
package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/internal/standstill"
	"github.com/flamingock/flamingock-go/targets/mysql"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// servers are shared by the tests; each has a database of its own.
var servers = []*mysqltest.Server{mysqltest.New(mysqltest.MariaDB), mysqltest.New(mysqltest.MySQL80), mysqltest.New(mysqltest.MySQL)}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(childMain(role))
	}
	goleak.VerifyTestMain(mysqltest.StopAfter(m, servers...))
}

// everywhere runs a test on each server.
func everywhere(t *testing.T, f func(t *testing.T, server *mysqltest.Server)) {
	t.Helper()
	for _, s := range servers {
		t.Run(s.Kind().String(), func(t *testing.T) {
			s.Start(t)
			f(t, s)
		})
	}
}

// patiently plays a test again that failed while this process or the server stood still.
// Bound is the shortest time that the test rests on.
func patiently(t *testing.T, server *mysqltest.Server, bound time.Duration, f func(t testing.TB)) {
	t.Helper()
	feel(t, server).TryFixed(t, bound, f)
}

// feel feels the pulse of this process and of a server.
func feel(t testing.TB, server *mysqltest.Server) *standstill.Pulse {
	t.Helper()
	pulse := standstill.Feel(t, 8)
	pulse.AskSQL(t, server.Kind().String(), look(t, server.Database(t)))
	return pulse
}

const lease = 3 * time.Second

func fence(token, n uint64) core.Fence {
	return core.Fence{LedgerID: "ledger", Token: token, N: n, Owner: "owner", Lease: lease}
}

func marker(change string, seq uint64) core.Marker {
	return core.Marker{LedgerID: "ledger", ChangeID: change, Seq: seq}
}

type values map[string]string

// newTarget makes a target through the configuration's way in.
func newTarget(t testing.TB, v values) core.TxTarget {
	t.Helper()
	target, err := newFor(v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func newFor(v values, opts ...mysql.Option) (core.TxTarget, error) {
	t, err := mysql.Type(opts...).New("db", settings(v))
	if err != nil {
		return nil, err
	}
	return t.(core.TxTarget), nil
}

func targetOf(t testing.TB, dsn string) core.TxTarget {
	t.Helper()
	return newTarget(t, values{"dsn": dsn})
}

// with changes a DSN.
func with(t testing.TB, dsn string, change func(*driver.Config)) string {
	t.Helper()
	c, err := driver.ParseDSN(dsn)
	must(t, err)
	change(c)
	return c.FormatDSN()
}

// look opens the database beside the target, as another program would.
func look(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	c, err := driver.ParseDSN(dsn)
	must(t, err)
	c.Logger = &driver.NopLogger{} // it would tell of servers that a test kills
	connector, err := driver.NewConnector(c)
	must(t, err)
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func query[T any](t testing.TB, db *sql.DB, q string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(q, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return v
}

func execute(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// tables are those of the database, ours left out.
func tables(t testing.TB, dsn string) string {
	t.Helper()
	return query[string](t, look(t, dsn), `SELECT COALESCE(GROUP_CONCAT(table_name ORDER BY table_name SEPARATOR ' '), '') FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_name NOT LIKE 'flamingock%'`)
}

func rows(t testing.TB, dsn, table string) int {
	t.Helper()
	return query[int](t, look(t, dsn), "SELECT COUNT(*) FROM "+table)
}

func run(statements ...string) func(context.Context, any) error {
	return func(ctx context.Context, handle any) error {
		for _, s := range statements {
			if _, err := handle.(sqltarget.Querier).ExecContext(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

func transact(t testing.TB, target core.TxTarget, f core.Fence, m core.Marker, work func(context.Context, any) error) error {
	t.Helper()
	return target.Transact(t.Context(), core.Transaction{Fence: f, Marker: m, Work: work})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marked(t testing.TB, target core.TxTarget, m core.Marker) bool {
	t.Helper()
	got, err := target.Marked(t.Context(), m)
	must(t, err)
	return got
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// table makes a database with a table a (x int), and returns its DSN.
func table(t testing.TB, s *mysqltest.Server) string {
	t.Helper()
	dsn := s.Database(t)
	execute(t, look(t, dsn), "CREATE TABLE a (x int)")
	return dsn
}
