package postgres_test

import (
	"net/url"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/badinput"
	"github.com/flamingock/flamingock-go/targets/postgres"
)

func TestBadInput(t *testing.T) {
	var uri string // past the wire
	var wire *targettest.Proxy
	// has checks which tables there are.
	has := func(want string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := tables(t, uri); got != want {
				t.Errorf("there are the tables %q, want %q", got, want)
			}
		}
	}
	executes := func(q string) func(*testing.T) { return func(t *testing.T) { execute(t, look(t, uri), q) } }
	badinput.Run(t, badinput.Harness{
		Type: postgres.Type(),
		New: func(t *testing.T) badinput.System {
			uri = server.Database(t)
			u, err := url.Parse(uri)
			must(t, err)
			wire = targettest.NewProxy(t, u.Host)
			u.Host = wire.Addr()
			q := u.Query()
			q.Set("sslmode", "disable") // so that the wire can read
			u.RawQuery = q.Encode()
			return badinput.System{
				Settings: "dsn: ${env:DSN}", Env: map[string]string{"DSN": u.String()}, Wire: wire, Secrets: []string{"wr0ng"},
				Good: "template: sql\napply: CREATE TABLE a (x int)\nrollback: DROP TABLE a",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			// A transaction that never came to its COMMIT has no effect.
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{
					Change: "template: sql\napply: |\n  CREATE TABLE a (x int);\n  INSERT INTO a SELECT 1 WHERE 'cut here' <> '';",
					Steps: []badinput.Step{
						{Before: func(*testing.T) { up = wire.CutAt("cut here") }, Code: core.CodeChangeFailed, Says: "bad connection", Next: "run again", Ledger: "STARTED FAILED ROLLED_BACK"},
						{Before: func(*testing.T) { up() }, Ledger: "STARTED FAILED ROLLED_BACK STARTED APPLIED", After: has("a")},
					},
				}
			},
			badinput.WrongCredentials: func(t *testing.T, s badinput.System) badinput.Scenario {
				wrong := server.As(s.Env["DSN"], server.Role(t, uri, "right"), "wr0ng")
				if look(t, wrong).Ping() == nil {
					t.Skip("does not apply: the server asks for no password")
				}
				s.Env["DSN"] = wrong
				return badinput.Scenario{Steps: []badinput.Step{{Code: core.CodeConfigInvalid, Says: "password authentication failed", After: has("")}}}
			},
			badinput.TooOld: func(t *testing.T, s badinput.System) badinput.Scenario {
				s.Env["DSN"] = disguise(t, s.Env["DSN"], 110022)
				return badinput.Scenario{Steps: []badinput.Step{{
					Code: core.CodeConfigInvalid, Says: "too old: PostgreSQL 11.22, and 12 is needed", Next: "version 12 or later", After: has(""),
				}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sql\nsteps:\n  - apply: CREATE TABLE a (x int)\n    rollback: DROP TABLE a\n  - apply: CREATE TABLE b (LIKE nothing)\n    rollback: DROP TABLE b",
					Steps:  []badinput.Step{{Code: core.CodeChangeFailed, Says: "42P01", Next: "mend the change", Ledger: "STARTED FAILED ROLLED_BACK", After: has("")}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: executes("CREATE TABLE a (x int)"), Code: core.CodeChangeFailed, Says: "42P07", Ledger: "STARTED FAILED ROLLED_BACK", After: has("a"),
				}}}
			},
			// Without a transaction the rollback would take what is somebody else's.
			badinput.ThereAnother: func(_ *testing.T, s badinput.System) badinput.Scenario {
				return badinput.Scenario{Change: s.Good + "\ntransactional: false", Steps: []badinput.Step{{
					Before: executes("CREATE TABLE a (y text)"), Code: core.CodeChangeFailed, Says: "42P07", Ledger: "STARTED FAILED ROLLED_BACK", After: has("a"),
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
