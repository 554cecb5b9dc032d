package mysql_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
)

func TestPing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	must(t, err)
	t.Cleanup(func() { silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := server.Database(t)
		target := targetOf(t, dsn)
		must(t, target.Ping(t.Context()))
		if got := query[int](t, look(t, dsn), "SELECT COUNT(*) FROM information_schema.tables WHERE table_name LIKE 'flamingock%' AND table_schema = DATABASE()"); got != 0 {
			t.Errorf("Ping made %d tables", got)
		}
		must(t, target.RaiseFence(t.Context(), fence(1, 1)))
		must(t, target.Ping(t.Context()))
		for _, tt := range []struct {
			name, dsn string
			want      core.Code
			says      string
		}{
			{"nobody listens", with(t, dsn, func(c *driver.Config) { c.Addr = closed.Addr().String() }), core.CodeUnavailable, "refused"},
			{"nobody answers", with(t, dsn, func(c *driver.Config) { c.Addr, c.Timeout = silent.Addr().String(), time.Second }), core.CodeUnavailable, "does not answer within 1s"},
			{"no such host", with(t, dsn, func(c *driver.Config) { c.Addr = "nowhere.invalid:3306" }), core.CodeUnavailable, "nowhere.invalid"},
			{"wrong password", with(t, dsn, func(c *driver.Config) { c.Passwd = "wr0ng" }), core.CodeConfigInvalid, "Access denied for user"},
			{"unknown user", with(t, dsn, func(c *driver.Config) { c.User, c.Passwd = "nobody_at_all", "wr0ng" }), core.CodeConfigInvalid, "nobody_at_all"},
			{"unknown database", with(t, dsn, func(c *driver.Config) { c.DBName = "no_such_database" }), core.CodeConfigInvalid, "no_such_database"},
			{"an unknown parameter", with(t, dsn, func(c *driver.Config) { c.Params = map[string]string{"nonsense": "1"} }), core.CodeConfigInvalid, "nonsense"},
			{"backslashes escape nothing", with(t, dsn, func(c *driver.Config) { c.Params = map[string]string{"sql_mode": "'NO_BACKSLASH_ESCAPES'"} }), core.CodeConfigInvalid, "NO_BACKSLASH_ESCAPES"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				target := targetOf(t, tt.dsn)
				for what, err := range map[string]error{"Ping": target.Ping(t.Context()), "RaiseFence": target.RaiseFence(t.Context(), fence(1, 1)), "Transact": transact(t, target, fence(1, 1), marker("a", 1), run("SELECT 1"))} {
					if got := core.CodeOf(err); got != tt.want || core.IsUnknown(err) || core.HintOf(err) == "" {
						t.Errorf("%s: got %q (%v), want a definite %q with a hint", what, got, err, tt.want)
					}
					if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "wr0ng")) {
						t.Errorf("%s: got %v, want it to say %q, and no password", what, err, tt.says)
					}
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := targetOf(t, with(t, dsn, func(c *driver.Config) { c.Addr = silent.Addr().String() })).Ping(ctx); err == nil {
			t.Error("nobody answers within the context: got no error")
		}
	})
}

func TestRights(t *testing.T) {
	const password = "p'a\\ss w@r/d:?#[]é%"
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := server.Database(t)
		user := server.User(t, password)
		db := look(t, dsn)
		name := query[string](t, db, "SELECT DATABASE()")
		c, err := driver.ParseDSN(dsn)
		must(t, err)
		host, port, err := net.SplitHostPort(c.Addr)
		must(t, err)
		limited := func() core.TxTarget {
			return newTarget(t, values{"host": host, "port": port, "database": name, "user": user, "password": password})
		}
		missing := func(rights ...string) {
			t.Helper()
			target := limited()
			err := target.RaiseFence(t.Context(), fence(1, 1))
			if core.CodeOf(err) != core.CodePermissionDenied || core.CodeOf(err).Exit() != 77 {
				t.Errorf("got %v, want PermissionDenied", err)
			}
			for _, right := range rights {
				if err == nil || !strings.Contains(err.Error(), right) {
					t.Errorf("got %v, want it to name %s", err, right)
				}
			}
		}
		grant := func(rights string) { t.Helper(); execute(t, db, "GRANT "+rights+" TO "+user+"@'%'") }
		missing("Access denied for user", name) // not even to the database
		grant("SELECT, INSERT, UPDATE, DELETE ON " + name + ".*")
		missing("CREATE command denied")
		grant("CREATE ON " + name + ".*")
		must(t, limited().Ping(t.Context()))
		must(t, transact(t, limited(), fence(1, 1), marker("a", 1), run("SELECT 1")))

		// Tables that an administrator made.
		execute(t, db, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM "+user+"@'%'")
		grant("SELECT, INSERT ON " + name + ".*")
		missing("UPDATE on flamingock_fence", "DELETE on flamingock_marker")
		grant("UPDATE ON " + name + ".flamingock_fence")
		if err := limited().Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "missing DELETE on flamingock_marker") {
			t.Errorf("got %v, want the missing DELETE named", err)
		}
		grant("DELETE ON " + name + ".flamingock_marker")
		must(t, limited().Ping(t.Context()))
		must(t, transact(t, limited(), fence(1, 1), marker("b", 2), run("SELECT 1")))
		err = direct(t, t.Context(), limited(), compile(t, "apply: CREATE TABLE n (x int)\n"))
		if err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "1142") || !strings.Contains(core.HintOf(err), "grant the right") {
			t.Errorf("a change without the right: got %v (%s)", err, core.HintOf(err))
		}
	})
}

// Without transactions under them, marker and fence would be no more than rows.
func TestOtherEngine(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := server.Database(t)
		execute(t, look(t, dsn), "CREATE TABLE flamingock_fence (ledger_id varchar(99) PRIMARY KEY, token bigint, n bigint, owner varchar(255)) ENGINE = MyISAM")
		target := targetOf(t, dsn)
		for what, err := range map[string]error{"Ping": target.Ping(t.Context()), "RaiseFence": target.RaiseFence(t.Context(), fence(1, 1)), "Transact": transact(t, target, fence(1, 1), marker("a", 1), run("SELECT 1"))} {
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "flamingock_fence is MyISAM") || !strings.Contains(core.HintOf(err), "ENGINE = InnoDB") {
				t.Errorf("%s: got %v (%s)", what, err, core.HintOf(err))
			}
		}
	})
}

func TestReadOnlyServer(t *testing.T) {
	for _, kind := range []mysqltest.Kind{mysqltest.MariaDB, mysqltest.MySQL80} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			own := mysqltest.New(kind) // not the others'
			t.Cleanup(own.Stop)
			dsn := own.Database(t)
			target := targetOf(t, dsn)
			must(t, target.RaiseFence(t.Context(), fence(1, 1)))
			own.Exec(t, "SET GLOBAL read_only = 1")
			defer own.Exec(t, "SET GLOBAL read_only = 0")
			err := target.Ping(t.Context())
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "only reads") || !strings.Contains(core.HintOf(err), "primary") {
				t.Errorf("got %v (%s)", err, core.HintOf(err))
			}
		})
	}
}
