package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/badinput"
	"github.com/flamingock/flamingock-go/targets/sqlite"
)

func TestBadInput(t *testing.T) {
	var path string
	executes := func(q string) func(*testing.T) { return func(t *testing.T) { execute(t, look(t, path), q) } }
	has := func(want string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := query[string](t, look(t, path), "SELECT coalesce(group_concat(sql), '') FROM sqlite_master WHERE name NOT LIKE '%flamingock%'"); got != want {
				t.Errorf("the file has %q, want %q", got, want)
			}
		}
	}
	badinput.Run(t, badinput.Harness{
		Type: sqlite.Type(),
		New: func(t *testing.T) badinput.System {
			path = filepath.Join(t.TempDir(), "app.db")
			return badinput.System{
				Settings: "dsn: ${env:DSN}", Env: map[string]string{"DSN": "file:" + path},
				Good: "template: sql\napply: CREATE TABLE a (x)\nrollback: DROP TABLE a",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			// The file's directory is what may be away.
			badinput.AwayAtStart: func(_ *testing.T, s badinput.System) badinput.Scenario {
				dir := filepath.Join(filepath.Dir(path), "missing")
				path = filepath.Join(dir, "app.db")
				s.Env["DSN"] = "file:" + path
				return badinput.Scenario{Steps: []badinput.Step{
					{Args: []string{"validate"}},
					{Code: core.CodeConfigInvalid, Next: "mkdir -p"},
					{Before: func(t *testing.T) { must(t, os.Mkdir(dir, 0o750)) }, Ledger: "STARTED APPLIED", After: has("CREATE TABLE a (x)")},
				}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sql\nsteps:\n  - apply: CREATE TABLE a (x)\n    rollback: DROP TABLE a\n  - apply: CREATE VIEW b AS SELECT 1; INSERT INTO nowhere VALUES (1)\n    rollback: DROP VIEW b",
					Steps:  []badinput.Step{{Code: core.CodeChangeFailed, Says: "no such table", Next: "mend the change", Ledger: "STARTED FAILED ROLLED_BACK", After: has("")}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: executes("CREATE TABLE a (x)"), Code: core.CodeChangeFailed, Says: "already exists", Ledger: "STARTED FAILED ROLLED_BACK", After: has("CREATE TABLE a (x)"),
				}}}
			},
			// Without a transaction the rollback would take what is somebody else's.
			badinput.ThereAnother: func(_ *testing.T, s badinput.System) badinput.Scenario {
				return badinput.Scenario{Change: s.Good + "\ntransactional: false", Steps: []badinput.Step{{
					Before: executes("CREATE TABLE a (y)"), Code: core.CodeChangeFailed, Says: "already exists", Ledger: "STARTED FAILED ROLLED_BACK", After: has("CREATE TABLE a (y)"),
				}}}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: sql\napply: { create: a }",
			badinput.UnknownFields:   "template: sql\napply: SELECT 1\nconfiguration: { splitStatement: false }",
			badinput.ExclusiveFields: "template: sql\napply: SELECT 1\nsteps:\n  - apply: SELECT 2",
		},
		Idle: map[string]string{
			badinput.AwayAtLoad:       "there is no server, and the next case looks at the file",
			badinput.AwayInMidChange:  "there is no server; a file that is open stays",
			badinput.WrongCredentials: "a file has none",
			badinput.TooOld:           "the database is in the process",
			badinput.DeletedRecently:  "the name of a dropped table is free at once",
			badinput.AnotherRegion:    "a file has none",
		},
	})
}
