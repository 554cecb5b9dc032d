package mysql_test

import (
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/badinput"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
)

func TestBadInput(t *testing.T) {
	everywhere(t, badInput)
}

func badInput(t *testing.T, server *mysqltest.Server) {
	var dsn string // past the wire
	var wire *targettest.Proxy
	through := func(t *testing.T, change func(*driver.Config)) string {
		return with(t, dsn, func(c *driver.Config) {
			c.Addr = wire.Addr()
			change(c)
		})
	}
	// has checks which tables there are.
	has := func(want string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := tables(t, dsn); got != want {
				t.Errorf("there are the tables %q, want %q", got, want)
			}
		}
	}
	executes := func(statements ...string) func(*testing.T) {
		return func(t *testing.T) { execute(t, look(t, dsn), statements...) }
	}
	badinput.Run(t, badinput.Harness{
		Type: mysql.Type(),
		New: func(t *testing.T) badinput.System {
			dsn = server.Database(t)
			c, err := driver.ParseDSN(dsn)
			must(t, err)
			wire = targettest.NewProxy(t, c.Addr)
			return badinput.System{
				Settings: "dsn: ${env:DSN}", Env: map[string]string{"DSN": through(t, func(*driver.Config) {})}, Wire: wire, Secrets: []string{"wr0ng"},
				Good: "template: sql\napply: CREATE TABLE a (x int)\nrollback: DROP TABLE a",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{
					Change: "template: sql\napply: CREATE TABLE a (x int COMMENT 'cut here')",
					Steps: []badinput.Step{
						{Before: func(*testing.T) { up = wire.CutAt("cut here") }, Code: core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED"},
						{Before: func(*testing.T) { up() }, Ledger: "STARTED FAILED ROLLED_BACK STARTED APPLIED", After: has("a")},
					},
				}
			},
			badinput.WrongCredentials: func(t *testing.T, s badinput.System) badinput.Scenario {
				s.Env["DSN"] = through(t, func(c *driver.Config) { c.User, c.Passwd = server.User(t, "right"), "wr0ng" })
				return badinput.Scenario{Steps: []badinput.Step{{Code: core.CodeConfigInvalid, Says: "Access denied", After: has("")}}}
			},
			// The server is the real one behind a wire that tells of another version.
			badinput.TooOld: func(t *testing.T, _ badinput.System) badinput.Scenario {
				version := query[string](t, look(t, dsn), "SELECT VERSION()")
				major, rest, _ := strings.Cut(version, ".")
				minor, _, _ := strings.Cut(rest, ".")
				old := map[string]string{"8": "5", "10": "05", "11": "05", "9": "5"}[major]
				if old == "" {
					t.Fatalf("no older version is known than %s", version)
				}
				is := major + "." + minor + "."
				wire.Replace(is, old+"."+minor+".")
				return badinput.Scenario{Steps: []badinput.Step{{Code: core.CodeConfigInvalid, Says: "too old", After: has("")}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sql\nsteps:\n  - apply: CREATE TABLE a (x int)\n    rollback: DROP TABLE a\n  - apply: CREATE TABLE b LIKE nothing\n    rollback: DROP TABLE IF EXISTS b",
					Steps:  []badinput.Step{{Code: core.CodeChangeFailed, Says: "1146", Ledger: "STARTED FAILED ROLLED_BACK", After: has("")}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: executes("CREATE TABLE a (x int)", "INSERT INTO a VALUES (1)"), Code: core.CodeChangeFailed, Says: "1050", Ledger: "STARTED FAILED ROLLED_BACK", After: has("a"),
				}}}
			},
			badinput.ThereAnother: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: executes("CREATE TABLE a (y text)"), Code: core.CodeChangeFailed, Says: "1050", Ledger: "STARTED FAILED ROLLED_BACK", After: has("a"),
				}}}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: sql\napply: { create: a }",
			badinput.UnknownFields:   "template: sql\napply: SELECT 1\nconfiguration: { splitStatement: false }",
			badinput.ExclusiveFields: "template: sql\napply: SELECT 1\nsteps:\n  - apply: SELECT 2",
		},
		Idle: map[string]string{
			badinput.DeletedRecently: "the name of a dropped table is free at once",
			badinput.AnotherRegion:   "a database is where its DSN says",
		},
	})
}
