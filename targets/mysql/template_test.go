package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
)

// load loads a change file, from apply: on, as a run does.
func load(body string) (core.Change, error) {
	target, err := newFor(values{"dsn": "user@tcp(127.0.0.1:1)/nowhere"})
	if err != nil {
		return core.Change{}, err
	}
	targets := map[string]core.Target{"db": target}
	stages, err := template.Load(template.Input{
		Files:  fstest.MapFS{"changes/_0001__a.yaml": &fstest.MapFile{Data: []byte("id: a\ntemplate: sql\ntargetSystem: db\n" + body)}},
		Stages: []template.StageDir{{Name: "main", Location: "changes"}}, Targets: targets, Types: []core.TargetType{mysql.Type()},
	})
	if err == nil {
		err = core.Validate(stages, targets)
	}
	if err != nil {
		return core.Change{}, err
	}
	return stages[0].Changes[0], nil
}

func loaded(t testing.TB, body string) core.Change {
	t.Helper()
	c, err := load(body)
	must(t, err)
	return c
}

func compile(t testing.TB, body string) core.Step {
	t.Helper()
	return loaded(t, body).Apply
}

// block makes a script the apply of a change file.
func block(script string) string {
	return "apply: |\n  " + strings.ReplaceAll(script, "\n", "\n  ") + "\n"
}

func sessionOf(handle any) *core.Session {
	return &core.Session{
		Handle:   handle,
		Resolve:  func(ctx context.Context, text string) (string, error) { return core.Expand(ctx, resolver{}, text) },
		Progress: func(core.Progress) {},
	}
}

// direct runs a step outside of a transaction.
func direct(t testing.TB, ctx context.Context, target core.TxTarget, step core.Step) error { //nolint:revive // the test comes first
	t.Helper()
	handle, release, err := target.Open(t.Context())
	must(t, err)
	err = step.Do(ctx, sessionOf(handle))
	if releaseErr := release(); releaseErr != nil {
		t.Error(releaseErr)
	}
	return err
}

func TestRefusedAtLoad(t *testing.T) {
	for body, want := range map[string]string{
		block("CREATE TABLE a (x int);\nINSERT INTO a VALUES (1)"):              "_0001__a.yaml:6:3: INSERT INTO a VALUES (1) changes rows, and CREATE TABLE a (x int) (",
		block("UPDATE a SET x = 1;\n\n/*!40000 ALTER TABLE a DISABLE KEYS */;"): "_0001__a.yaml:7:3: /*!40000 ALTER TABLE a DISABLE KEYS */ is committed by itself, and UPDATE",
		block("WITH x AS (SELECT 1) DELETE FROM a; TRUNCATE a"):                 "changes of their own",
		"apply: SELECT 1\nrollback: |\n  DELETE FROM a;\n  DROP TABLE a\n":      "_0001__a.yaml:7:3: DROP TABLE a is committed by itself",
		"steps:\n  - apply: DROP TABLE a\n  - apply: DELETE FROM b\n":           "_0001__a.yaml:6:12: DELETE FROM b changes rows, and DROP TABLE a of an earlier step",
		"steps:\n  - apply: DELETE FROM b\n  - apply: DROP TABLE a\n":           "_0001__a.yaml:6:12: DROP TABLE a is committed by itself, and DELETE FROM b of an earlier step",
		"transactional: true\napply: CREATE TABLE a (x int)\n":                  "transactional: true is impossible: statement 1 of its SQL (CREATE TABLE a (x int), ",
		block("START TRANSACTION;\nSELECT 1;\nCOMMIT"):                          "_0001__a.yaml:5:3: START begins or ends a transaction",
		block("DELIMITER \\\nSELECT 1"):                                         "_0001__a.yaml:5:3: DELIMITER",
		block("SELECT 'it\\'s;"):                                                "_0001__a.yaml:5:10: the string",
	} {
		if _, err := load(body); err == nil || !strings.Contains(err.Error(), want) || core.CodeOf(err) != core.CodeChangeSetInvalid {
			t.Errorf("%s\ngot %v, want %q", body, err, want)
		}
	}
}

func TestTxTypes(t *testing.T) {
	target, err := newFor(values{"dsn": "user@tcp(127.0.0.1:1)/nowhere"})
	must(t, err)
	for body, want := range map[string]core.TxType{
		block("INSERT INTO a VALUES (1); # CREATE TABLE b\nUPDATE a SET x = ';CREATE TABLE b'"):            core.TxSeparateMarker,
		block("CREATE TEMPORARY TABLE t (x int);\nINSERT INTO a SELECT x FROM t;\nDROP TEMPORARY TABLE t"): core.TxSeparateMarker,
		block("CALL fill(1)"):                                     core.TxSeparateMarker,
		block("SET foreign_key_checks = 0;\nDELETE FROM a"):       core.TxSeparateMarker,
		"transactional: false\napply: DELETE FROM a\n":            core.TxNone,
		block("CREATE TABLE a (x int)"):                           core.TxNone,
		block("/* x */ create -- y\n or replace table a (x int)"): core.TxNone,
		block("/*!50003 CREATE*/ /*!50017 DEFINER=x*/ TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1"):                     core.TxNone,
		block("DELIMITER //\nCREATE PROCEDURE p() BEGIN INSERT INTO a VALUES (1); END//\nDELIMITER ;\nCALL p();\nDROP PROCEDURE p"): core.TxNone,
		block("SET STATEMENT max_statement_time = 60 FOR ALTER TABLE a ADD y int"):                                                  core.TxNone,
		block("SET autocommit = 1"):     core.TxNone,
		block("GRANT SELECT ON a TO b"): core.TxNone,
	} {
		c := loaded(t, body)
		if got, err := core.TxTypeOf(&c, target); got != want || err != nil {
			t.Errorf("%s\ngot %s (%v), want %s", body, got, err, want)
		}
	}
}

// committing are statements that both servers take, with whether they commit. What is
// not one of them commits nothing. Only is the server that knows the statement.
var committing = []struct {
	statement string
	commits   bool
	only      string
}{
	{"CREATE TABLE n (x int)", true, ""},
	{"CREATE TABLE n LIKE t", true, ""},
	{"CREATE TABLE n AS SELECT 1 AS x", true, ""},
	{"CREATE TABLE IF NOT EXISTS t (x int)", true, ""},
	{"CREATE OR REPLACE TABLE n (x int)", true, "MariaDB"},
	{"CREATE SEQUENCE s", true, "MariaDB"},
	{"CREATE TEMPORARY TABLE n (x int)", false, ""},
	{"CREATE TEMPORARY TABLE n AS SELECT 1 AS x", false, ""},
	{"CREATE INDEX i ON t (x)", true, ""},
	{"CREATE VIEW w AS SELECT 1", true, ""},
	{"CREATE PROCEDURE p() SELECT 1", true, ""},
	{"CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1", true, ""},
	{"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1", true, ""},
	{"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", true, ""},
	{"ALTER TABLE t ADD y int", true, ""},
	{"ALTER TABLE tt ADD y int", true, ""}, // a temporary one
	{"DROP TABLE u", true, ""},
	{"DROP TABLE IF EXISTS nothing", true, ""},
	{"DROP TEMPORARY TABLE tt", false, ""},
	{"DROP VIEW v", true, ""},
	{"RENAME TABLE u TO n", true, ""},
	{"TRUNCATE TABLE u", true, ""},
	{"TRUNCATE u", true, ""},
	{"ANALYZE TABLE t", true, ""},
	{"ANALYZE LOCAL TABLE t", true, ""},
	{"ANALYZE SELECT * FROM t", false, "MariaDB"},
	{"CHECK TABLE t", true, ""},
	{"OPTIMIZE TABLE t", true, ""},
	{"REPAIR TABLE t", true, ""},
	{"FLUSH STATUS", true, ""},
	{"LOCK TABLES t READ", true, ""},
	{"GRANT SELECT ON t TO CURRENT_USER()", true, ""},
	{"SET PASSWORD = 'it is a test'", true, "8.0"},
	{"SET autocommit = 0", false, ""},
	{"SET foreign_key_checks = 0", false, ""},
	{"SET @x = 1", false, ""},
	{"SET STATEMENT max_statement_time = 60 FOR ALTER TABLE t ADD y int", true, "MariaDB"},
	{"SET STATEMENT max_statement_time = 60 FOR INSERT INTO t VALUES (2)", false, "MariaDB"},
	{"CHECKSUM TABLE t", false, ""},
	{"USE information_schema", false, ""},
	{"SHOW TABLES", false, ""},
	{"EXPLAIN SELECT 1", false, ""},
	{"DO 1", false, ""},
	{"INSERT INTO t VALUES (2)", false, ""},
	{"REPLACE INTO t VALUES (2)", false, ""},
	{"UPDATE t SET x = 3", false, ""},
	{"DELETE FROM t", false, ""},
	{"SELECT * FROM t FOR UPDATE", false, ""},
	{"SAVEPOINT one", false, ""},
	{"HANDLER t OPEN", false, ""},
	{"PREPARE x FROM 'SELECT 1'", false, ""},
	{"KILL QUERY 0", false, "never"},
}

// What a change is said to be is held against the servers: whether a savepoint from
// before the statement is still there after it.
func TestImplicitCommitsAgainstServers(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		asked := 0
		for _, tt := range committing {
			dsn := server.Database(t)
			db := look(t, dsn)
			version := query[string](t, db, "SELECT VERSION()")
			if tt.only != "" && !strings.Contains(version, tt.only) {
				continue
			}
			execute(t, db, "CREATE TABLE t (x int)", "CREATE TABLE u (x int)", "CREATE VIEW v AS SELECT 1", "CREATE TEMPORARY TABLE tt (x int)")
			tx, err := db.Begin()
			must(t, err)
			for _, q := range []string{"INSERT INTO t VALUES (1)", "SAVEPOINT first", tt.statement} {
				if _, err := tx.Exec(q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
			_, err = tx.Exec("ROLLBACK TO SAVEPOINT first")
			if got := err != nil; got != tt.commits {
				t.Errorf("%s on %s: commits %t (%v), want %t", tt.statement, version, got, err, tt.commits)
			}
			must(t, tx.Rollback())
			asked++
		}
		if asked < 40 {
			t.Errorf("only %d statements were asked about", asked)
		}
	})
	for _, tt := range committing {
		step := compile(t, block(tt.statement))
		// SET autocommit commits only where it is switched on, which its value decides.
		if got := step.NotTransactional != ""; got != tt.commits && !strings.HasPrefix(tt.statement, "SET autocommit") {
			t.Errorf("%s: not transactional %t (%s), want %t", tt.statement, got, step.NotTransactional, tt.commits)
		}
	}
}

// Scripts as people write them for the clients of these servers.
func TestScripts(t *testing.T) {
	const script = "CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, note varchar(99) DEFAULT 'a;b\\';', `odd;name` int); # a comment; with a semicolon\n" +
		"-- another; one\nDELIMITER //\n" +
		"CREATE TRIGGER fill BEFORE INSERT ON orders FOR EACH ROW\nBEGIN\n  SET NEW.note = CONCAT(NEW.note, ';');\n  SET NEW.`odd;name` = 7;\nEND//\n" +
		"CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC BEGIN RETURN n * 2; END //\n" +
		"DELIMITER ;\nALTER TABLE orders ADD total int NOT NULL DEFAULT 5--1;\n/*!40101 SET NAMES utf8mb4 */;\nCREATE VIEW doubled AS SELECT twice(total) AS d FROM orders;"
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := server.Database(t)
		target := targetOf(t, dsn)
		must(t, direct(t, t.Context(), target, compile(t, block(strings.Replace(script, "5--1", "6", 1)))))
		step := compile(t, block("INSERT INTO orders (note) VALUES ('it''s \\\\'), (\"${env:Q}\");"))
		must(t, target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: func(ctx context.Context, h any) error {
			return step.Do(ctx, sessionOf(h))
		}}))
		got := query[string](t, look(t, dsn), "SELECT GROUP_CONCAT(CONCAT(note, `odd;name`) ORDER BY id SEPARATOR '|') FROM orders")
		if want := `it's \;7|Q;7`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := query[int](t, look(t, dsn), "SELECT MAX(d) FROM doubled"); got != 12 {
			t.Errorf("got %d, want 12", got)
		}
	})
}

// Outside of a transaction each statement is committed by itself, and a failure says
// which one it was. A statement over a list may have been carried out in part.
func TestStatementFails(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := table(t, server)
		target := targetOf(t, dsn)
		err := direct(t, t.Context(), target, compile(t, block("CREATE TABLE b (x int);\nCREATE TABLE a (x int);\nCREATE TABLE c (x int)")))
		if err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "_0001__a.yaml:6:3: statement 2 of 3 failed") || !strings.Contains(err.Error(), "1050") {
			t.Errorf("got %v, want a definite failure of statement 2", err)
		}
		if got := tables(t, dsn); got != "a b" {
			t.Errorf("got tables %q, want a and b", got)
		}
		err = direct(t, t.Context(), target, compile(t, "apply: DROP TABLE b, nothing\n"))
		if !core.IsUnknown(err) || !strings.Contains(core.HintOf(err), "a statement of its own") {
			t.Errorf("a list: got %v (%s), want an unknown outcome with advice", err, core.HintOf(err))
		}
		t.Logf("after DROP TABLE b, nothing: %q", tables(t, dsn))
		err = direct(t, t.Context(), target, compile(t, "apply: DROP TABLE nothing\n"))
		if err == nil || core.IsUnknown(err) {
			t.Errorf("one name: got %v, want a definite error", err)
		}
	})
}

// A change from Go code takes the handle that it asks for.
func TestGoSteps(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := table(t, server)
		target := targetOf(t, dsn)
		must(t, transact(t, target, fence(1, 1), marker("a", 1), txStep(func(ctx context.Context, tx *sql.Tx) error {
			s, err := tx.PrepareContext(ctx, "INSERT INTO a VALUES (?)")
			if err != nil {
				return err
			}
			defer s.Close()
			for i := range 3 {
				if _, err := s.ExecContext(ctx, i); err != nil {
					return err
				}
			}
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM a WHERE x < ?", 99).Scan(&n); err != nil || n != 3 {
				return fmt.Errorf("got %d rows: %w", n, err)
			}
			r, err := tx.ExecContext(ctx, "UPDATE a SET x = 1")
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil || n != 2 { // those that changed: one was 1 before
				return fmt.Errorf("got %d rows affected: %w", n, err)
			}
			return nil
		})))
	})
}
