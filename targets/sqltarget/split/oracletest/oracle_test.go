package oracletest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	pgquery "github.com/wasilibs/go-pgquery"

	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// compare says how the splitter and the parser differ over a script; "" if they
// do not, and also where the parser finds a fault: then there is nothing to compare.
// accepted says that the parser took the script.
func compare(script string) (difference string, accepted bool) {
	// A vertical tab is white space since PostgreSQL 16 only; the parser reads no
	// further than a NUL.
	if strings.ContainsAny(script, "\v\x00") || !utf8.ValidString(script) {
		return "", false
	}
	got, splitErr := split.Split(script, split.PostgreSQL())
	tree, err := pgquery.Parse(script)
	if err != nil {
		return "", false
	}
	if e, ok := errors.AsType[*split.Error](splitErr); ok {
		if strings.HasPrefix(e.Reason, "COPY") {
			return "", false
		}
		return "the splitter refuses it: " + e.Error(), true
	}
	if len(got) != len(tree.GetStmts()) {
		return fmt.Sprintf("got %d statements, want %d: %+v", len(got), len(tree.GetStmts()), got), true
	}
	for i, s := range tree.GetStmts() {
		from := int(s.GetStmtLocation())
		to := from + int(s.GetStmtLen())
		if s.GetStmtLen() == 0 {
			to = len(script)
		}
		start, stop := got[i].Offset, got[i].Offset+len(got[i].Text)
		// The parser's statement may have white space and comments around it, ours not.
		if start < from || stop > to || !empty(script[from:start]) || !empty(script[stop:to]) {
			return fmt.Sprintf("statement %d: got %q, want %q", i+1, got[i].Text, script[from:to]), true
		}
	}
	return "", true
}

func empty(gap string) bool {
	tree, err := pgquery.Parse(gap)
	return err == nil && len(tree.GetStmts()) == 0
}

// corpus are scripts that the parser accepts. It is libpg_query's, which takes no
// comment between the parts of a string; the tests of targets/postgres have that.
var corpus = []string{
	"", ";;", "SELECT 1", " -- a; b\n/* c; /* d; */ */ ;; SELECT 1 ; SELECT 2;",
	"SELECT ';', 'it''s', '\\'; SELECT 2",
	"SELECT E'\\';', e'a''\\\\', E'\\n'; SELECT 2",
	"SELECT E'a'\n  'b\\';'; SELECT 2", "SELECT E'a'\r\n\t'b\\';'\n'c'; SELECT 2", "SELECT 'a'\n'\\'; SELECT 2",
	"SELECT U&'\\0041;', U&\"\\0041;\", N'a;', B'01', X'1F'; SELECT 2",
	"SELECT \"a;\"\"b\" FROM \";\"; SELECT 2",
	"SELECT $$;'$$, $a$;$$;$b$;$a$, $é_1$;$é_1$; SELECT 2", "SELECT a$b$ FROM c; SELECT $1, $2; SELECT x$$ FROM y",
	"SELECT 1 AS a$b, $a$;$a$; SELECT 2", "SELECT $1, $a$;$a$", "SELECT 1 -- ;\r+ 2; SELECT 3", "SELECT 1 -- ;\n+ 2; SELECT 3",
	"SELECT 1 - -1 / 2 * 3; SELECT 2-1; SELECT 5 @-- x;\n 3; SELECT 1 +/* ; */ 2",
	"DO $do$ BEGIN PERFORM 1; END $do$; SELECT 2",
	"CREATE FUNCTION f(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN a > 1 THEN 2 END; END; $$; SELECT f(1)",
	"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END; SELECT 1",
	"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC END; SELECT 1", "CREATE PROCEDURE p() BEGIN ATOMIC ;; SELECT 1;; END; SELECT 1",
	"CREATE FUNCTION f(begin atomic) RETURNS begin RETURN 1; SELECT 1",
	"CREATE FUNCTION begin() RETURNS TABLE (begin atomic, b int) BEGIN ATOMIC SELECT 1 AS end; SELECT 2 AS \"end\"; END; SELECT 1",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 end; SELECT a.end, a.case FROM a; END; SELECT 1",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC RETURN CASE a WHEN 1 THEN CASE b WHEN 2 THEN 3 END END; END; SELECT 1",
	"create function f() returns int begin /* ; */ atomic -- ;\n select ';'; end /* ; */ ; select 1",
	"CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (1); DELETE FROM c;); SELECT 1",
	"CREATE OR REPLACE RULE r AS ON UPDATE TO a WHERE (1 = (2)) DO INSTEAD (SELECT 1; SELECT (2)); SELECT 1",
	"CREATE RULE r AS ON INSERT TO a DO INSTEAD NOTHING; SELECT 1",
	"CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); SELECT 1", "CREATE TABLE trigger (x int); CREATE TABLE begin (atomic int)",
	"COPY (SELECT * FROM stdin) TO '/x'; COPY stdin FROM '/x'; COPY a TO STDOUT; SELECT 1",
	"BEGIN; SELECT 1; COMMIT; START TRANSACTION; ROLLBACK; SAVEPOINT a; END",
	"CREATE INDEX CONCURRENTLY i ON t (a); VACUUM; ALTER TYPE e ADD VALUE ';'; REINDEX (VERBOSE, CONCURRENTLY) TABLE t",
	"SELECT 'a;'::text || $$b;$$ AS \"c;\", ARRAY[1]; SELECT 2", "SELECT x[1], y[2:3] FROM z; SELECT '{\"a\": \";\"}'::jsonb -> 'a'",
	"CREATE FUNCTION f(a text DEFAULT ';') RETURNS text LANGUAGE sql AS 'SELECT 1; SELECT ''2'''; SELECT 1",
	"INSERT INTO t VALUES ('a\nb;\n', E'\\\\'); INSERT INTO t VALUES ('\\\\')",
	"COMMENT ON TABLE a IS 'x; -- y'; COMMENT ON COLUMN a.b IS $$/*$$; SELECT 1 /* */",
	"SELECT 1e5, 0x1F, 1_000, .5, 5., 1.5e-3;SELECT 2", "SELECT a FROM b WHERE c ? 'd' AND e ~ '[;]'; SELECT 2", "EXPLAIN SELECT 1; SELECT 2",
}

func TestCorpus(t *testing.T) {
	for _, script := range corpus {
		difference, ok := compare(script)
		if difference != "" {
			t.Errorf("%s\n  in: %q", difference, script)
		}
		if !ok {
			t.Errorf("the parser refuses %q: the corpus is wrong", script)
		}
	}
}

// FuzzAgainstParser looks for scripts that the parser accepts and splits in
// another way.
func FuzzAgainstParser(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 4096 {
			return
		}
		if difference, _ := compare(script); difference != "" {
			t.Errorf("%s\n  in: %q", difference, script)
		}
	})
}
