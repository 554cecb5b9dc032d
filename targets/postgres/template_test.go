package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// payload is what the loader hands to a template.
type payload struct {
	text  core.Text
	whole bool // splitStatements: false
}

// block is the payload of a block scalar that starts at line 8 of a file, indented by 2.
func block(sql string) payload {
	return payload{text: core.Text{Value: sql, Start: core.Position{File: "_0001__a.yaml", Line: 8, Column: 3}, Literal: true, Indent: 2}}
}

func (p payload) Decode(any) error         { return errors.New("not used") }
func (p payload) Text() (core.Text, error) { return p.text, nil }
func (p payload) Rollback() bool           { return false }

func (p payload) Configuration(into any) error {
	if p.whole {
		reflect.ValueOf(into).Elem().FieldByName("SplitStatements").SetBool(false)
	}
	return nil
}

func (p payload) Fault(line, column int, message string) error {
	at := p.text.Start
	if line > 0 {
		at = p.text.At(line, column)
	}
	return fmt.Errorf("%s: %s", at, message)
}

func template() core.Template { return postgres.Type().Templates[0] }

func compile(t testing.TB, p core.Payload) core.Step {
	t.Helper()
	step, err := template().Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return step
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

func TestRefusedScripts(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1;\n  COPY a FROM STDIN;\n1\n\\.": "_0001__a.yaml:9:5: COPY … FROM STDIN",
		"SELECT 1;\n\\d a":                        "_0001__a.yaml:9:3: a command that begins with a backslash",
		"SELECT 1;\nSELECT $a$ ;":                 "_0001__a.yaml:9:10: the string",
		"BEGIN; SELECT 1; COMMIT":                 "_0001__a.yaml:8:3: BEGIN begins or ends",
		"ABORT":                                   "ABORT",
	} {
		if _, err := template().Compile(block(sql)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", sql, err, want)
		}
	}
}

// What is said to be no part of a transaction the server refuses there, and
// accepts outside; the rest it accepts inside.
func TestNotTransactionalAgainstServer(t *testing.T) {
	uri := server.Database(t)
	db := look(t, uri)
	execute(t, db, `CREATE TABLE t (a int PRIMARY KEY); CREATE INDEX i ON t (a); CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2);
		CREATE TYPE e AS ENUM ('x'); CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE UNIQUE INDEX mi ON m (a); CLUSTER t USING i`)
	name := strings.ReplaceAll(query[string](t, db, "SELECT current_database()"), "_db_", "_other_")
	for _, tt := range []struct {
		sql string
		not bool
	}{
		{"CREATE INDEX CONCURRENTLY i2 ON t (a)", true},
		{"/* x */ create unique -- y\n index concurrently if not exists i3 on only public.t using btree (a)", true},
		{"CREATE INDEX CONCURRENTLY ON t (a)", true},
		{"REINDEX INDEX CONCURRENTLY i", true},
		{"REINDEX (VERBOSE, CONCURRENTLY) TABLE t", true},
		{"REINDEX SCHEMA public", true},
		{"REINDEX (VERBOSE FALSE) DATABASE " + strings.ReplaceAll(name, "_other_", "_db_"), true},
		{"DROP INDEX CONCURRENTLY i2", true},
		{"DROP INDEX CONCURRENTLY IF EXISTS i3 RESTRICT", true},
		{"VACUUM", true},
		{"VACUUM (ANALYZE) t", true},
		{"CLUSTER", true},
		{"CLUSTER VERBOSE", true},
		{"ALTER SYSTEM SET work_mem = '5MB'", true},
		{"ALTER SYSTEM RESET work_mem", true},
		{"CREATE DATABASE " + name, true},
		{"ALTER DATABASE " + name + " SET TABLESPACE pg_default", true},
		{"DROP DATABASE " + name, true},
		{"DISCARD ALL", true},
		{"ALTER TABLE ONLY public.p DETACH PARTITION public.p1 CONCURRENTLY", true},
		{"CREATE INDEX i4 ON t (a)", false},
		{"REINDEX TABLE t", false},
		{"REINDEX INDEX i4", false},
		{"DROP INDEX i4", false},
		{"CLUSTER t", false},
		{"CLUSTER (VERBOSE) t USING i", false},
		{"ANALYZE", false},
		{"ALTER TYPE e ADD VALUE 'y'", false},
		{"DISCARD TEMP", false},
		{"REFRESH MATERIALIZED VIEW CONCURRENTLY m", false},
		{"ALTER DATABASE " + strings.ReplaceAll(name, "_other_", "_db_") + " SET work_mem = '4MB'", false},
		{"TRUNCATE t", false},
		{"LOCK TABLE t", false},
		{"CREATE ROLE " + name, false},
		{"DROP ROLE " + name, false},
		{"CHECKPOINT", false},
		{"SAVEPOINT a", false},
		{"CREATE FUNCTION f(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN a > 1 THEN 2 END; END $$", false},
		{"COPY t TO STDOUT", false},
	} {
		step := compile(t, block(tt.sql))
		if got := step.NotTransactional != ""; got != tt.not {
			t.Errorf("%s: said to be not transactional: %t, want %t", tt.sql, got, tt.not)
			continue
		}
		tx, err := db.Begin()
		must(t, err)
		_, inside := tx.Exec(tt.sql)
		if tt.not {
			must(t, tx.Rollback())
			if inside == nil || !strings.Contains(inside.Error(), "25001") {
				t.Errorf("%s inside a transaction: got %v, want 25001", tt.sql, inside)
			}
			if _, err := db.Exec(tt.sql); err != nil {
				t.Errorf("%s outside: %v", tt.sql, err)
			}
			continue
		}
		if inside != nil {
			t.Errorf("%s inside a transaction: %v", tt.sql, inside)
			must(t, tx.Rollback())
			continue
		}
		must(t, tx.Commit())
	}
	for _, sql := range []string{"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "DROP SUBSCRIPTION s", "ALTER SUBSCRIPTION s REFRESH PUBLICATION", "CREATE TABLESPACE s LOCATION '/x'", "DROP TABLESPACE s"} {
		if compile(t, block(sql)).NotTransactional == "" {
			t.Errorf("%s is said to be transactional", sql)
		}
	}
}

// The comments between the parts of a string that the parser of the splitter's own
// tests does not take.
func TestContinuedStringAgainstServer(t *testing.T) {
	target := targetOf(t, server.Database(t))
	step := compile(t, block("CREATE TABLE a AS SELECT E'a' -- x'\n -- y\n\r\n 'b\\';' AS x; CREATE TABLE b AS SELECT 'a' -- x'\n '\\' AS x; DROP TABLE a"))
	must(t, transact(t, target, fence(1, 1), marker("a", 1), func(ctx context.Context, h any) error { return step.Do(ctx, sessionOf(h)) }))
}

func TestErrorPosition(t *testing.T) {
	target := targetOf(t, server.Database(t))
	fails := func(p payload) *sqltarget.StatementError {
		t.Helper()
		err := transact(t, target, fence(1, 1), marker("a", 1), func(ctx context.Context, h any) error { return compile(t, p).Do(ctx, sessionOf(h)) })
		e, ok := errors.AsType[*sqltarget.StatementError](err)
		if !ok {
			t.Fatalf("got %v, want a *StatementError", err)
		}
		return e
	}
	for name, tt := range map[string]struct{ sql, at, fault string }{
		"a syntax error":                  {"SELECT 1;\n\nCREATE TABEL a (x int)", "10:3", "10:10"},
		"in a later line":                 {"SELECT 1;  SELECT 'é',\n  'ü', 1 +\n  missing,\n 2", "8:14", "10:5"},
		"at the end":                      {"SELECT (1", "8:3", "8:12"},
		"after a reference":               {"SELECT '${env:A_LONGER_NAME}${env:b}', '$${env:c}', missing", "8:3", "8:55"},
		"after a reference, next line":    {"SELECT '${env:é}',\n missing", "8:3", "9:4"},
		"in a reference":                  {"SELECT ${env:missing} + 1", "8:3", "8:10"},
		"between what looks like one":     {"SELECT '${x}', '${env:', missing", "8:3", "8:28"},
		"without a position":              {"SELECT 1;\n SELECT 1/0", "9:4", ""},
		"within a function, not our text": {"DO $$ BEGIN\n PERFORM missing; END $$", "8:3", ""},
	} {
		e := fails(block(tt.sql))
		want := ""
		if tt.fault != "" {
			want = "_0001__a.yaml:" + tt.fault
		}
		if e.Position.String() != "_0001__a.yaml:"+tt.at || e.Fault.String() != want {
			t.Errorf("%s: got %s and %s, want %s and %s (%v)", name, e.Position, e.Fault, tt.at, tt.fault, e.Err)
		}
		if first, _, _ := strings.Cut(e.Error(), ": "); want != "" && first != want {
			t.Errorf("%s: got %q, want it to begin with %s", name, e, want)
		}
	}
	folded := payload{text: core.Text{Value: "SELECT 1; SELECT missing", Start: core.Position{File: "f.yaml", Line: 3, Column: 8}}}
	if e := fails(folded); e.Fault.String() != "" || e.Position.String() != "f.yaml:3:8" {
		t.Errorf("a folded scalar: got %s and %s", e.Position, e.Fault)
	}
	whole := block("-- x\nSELECT 1;\nSELECT missing")
	whole.whole = true
	if e := fails(whole); e.Fault.String() != "_0001__a.yaml:10:10" {
		t.Errorf("not split: got %s", e.Fault)
	}
}

func TestAdvice(t *testing.T) {
	target := targetOf(t, server.Database(t))
	for _, tt := range []struct{ sql, want string }{
		{"CREATE TYPE e AS ENUM ('x'); CREATE TABLE t (a e);", ""},
		{"ALTER TYPE e ADD VALUE 'y'; INSERT INTO t VALUES ('y')", "a change of its own"},
		{"CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CALL p()", "transactional: false"},
		{"CREATE TABLE q (a int) PARTITION BY RANGE (a); CREATE INDEX qi ON q (a); REINDEX TABLE q", "transactional: false"},
	} {
		sql, want := tt.sql, tt.want
		err := transact(t, target, fence(1, 1), marker(sql, 1), func(ctx context.Context, h any) error { return compile(t, block(sql)).Do(ctx, sessionOf(h)) })
		if want == "" {
			must(t, err)
		} else if !strings.Contains(core.HintOf(err), want) || core.IsUnknown(err) {
			t.Errorf("%s: got %v with hint %q, want %q", sql, err, core.HintOf(err), want)
		}
	}
}
