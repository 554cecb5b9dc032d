package split_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

type splitTest struct {
	name, in string
	want     []string
}

func checkSplits(t *testing.T, o split.Options, tests []splitTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split.Split(tt.in, o)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(texts(got), tt.want); d != "" {
				t.Errorf("got -, want +:\n%s", d)
			}
		})
	}
}

// What the parser of PostgreSQL thinks of these is tested in oracletest.
func TestPostgreSQL(t *testing.T) {
	const (
		function = "CREATE FUNCTION f(begin atomic) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END"
		rule     = "CREATE OR REPLACE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (1); DELETE FROM c;)"
	)
	checkSplits(t, split.PostgreSQL(), []splitTest{
		{"a backslash in a standard string", `SELECT '\'; SELECT 2`, []string{`SELECT '\'`, "SELECT 2"}},
		{"escape strings", `SELECT E'\';', e'a''\\'; SELECT 2`, []string{`SELECT E'\';', e'a''\\'`, "SELECT 2"}},
		{"a word that ends with e", `SELECT type'\'; SELECT 2`, []string{`SELECT type'\'`, "SELECT 2"}},
		{"an escape string goes on", "SELECT E'a' -- x'\n  -- y'\n '\\';'; SELECT 2", []string{"SELECT E'a' -- x'\n  -- y'\n '\\';'", "SELECT 2"}},
		{"an escape string does not go on", "SELECT E'a' '\\'; SELECT 2", []string{"SELECT E'a' '\\'", "SELECT 2"}},
		{"Unicode escapes", `SELECT U&'\'; SELECT U&"\;"`, []string{`SELECT U&'\'`, `SELECT U&"\;"`}},
		{"dollar quotes", "SELECT $$;'$$, $a$;$$;$b$;$a$; SELECT 2", []string{"SELECT $$;'$$, $a$;$$;$b$;$a$", "SELECT 2"}},
		{"a tag with other letters", "SELECT $é_1$;$é_1$; SELECT 2", []string{"SELECT $é_1$;$é_1$", "SELECT 2"}},
		{"no dollar quotes", "SELECT a$b$; SELECT $1, $2; SELECT x$$", []string{"SELECT a$b$", "SELECT $1, $2", "SELECT x$$"}},
		{"after a number", "SELECT 1$a$;$a$; SELECT $1$a$;$a$", []string{"SELECT 1$a$;$a$", "SELECT $1$a$;$a$"}},
		{"a DO block", "DO $do$ BEGIN PERFORM 1; END $do$; SELECT 2", []string{"DO $do$ BEGIN PERFORM 1; END $do$", "SELECT 2"}},
		{"a comment ends with a return", "SELECT 1 -- ;\r; SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		{"nested comments", "/* /* ; */ ; */ SELECT 1; SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		{"an atomic body", function + "; SELECT 1", []string{function, "SELECT 1"}},
		{"an empty atomic body", "CREATE PROCEDURE p() BEGIN ATOMIC END; SELECT 1", []string{"CREATE PROCEDURE p() BEGIN ATOMIC END", "SELECT 1"}},
		{"labels called case and end", "create or replace function f() returns int begin atomic select 1 end; select 2 as case; end; select 1", []string{"create or replace function f() returns int begin atomic select 1 end; select 2 as case; end", "select 1"}},
		{"a quoted body", "CREATE FUNCTION f() RETURNS int AS 'SELECT 1; SELECT 2' LANGUAGE sql; SELECT 1", []string{"CREATE FUNCTION f() RETURNS int AS 'SELECT 1; SELECT 2' LANGUAGE sql", "SELECT 1"}},
		{"a trigger has no body", "CREATE TRIGGER a AFTER INSERT ON t EXECUTE FUNCTION f(); SELECT 1", []string{"CREATE TRIGGER a AFTER INSERT ON t EXECUTE FUNCTION f()", "SELECT 1"}},
		{"a rule", rule + "; SELECT 1", []string{rule, "SELECT 1"}},
		{"a rule without parentheses", "CREATE RULE r AS ON INSERT TO a DO INSTEAD NOTHING; SELECT 1", []string{"CREATE RULE r AS ON INSERT TO a DO INSTEAD NOTHING", "SELECT 1"}},
		{"references", "SELECT $a$ ${env:A} $a$; SELECT ${env:B;C}, 1${env:D;E}", []string{"SELECT $a$ ${env:A} $a$", "SELECT ${env:B;C}, 1${env:D;E}"}},
		{"other copies", "COPY (SELECT * FROM stdin) TO '/x'; COPY stdin FROM '/x'; COPY a TO STDOUT", []string{"COPY (SELECT * FROM stdin) TO '/x'", "COPY stdin FROM '/x'", "COPY a TO STDOUT"}},
		{"backslashes in quotations", "SELECT '\n\\d', \"\\d\", $$\n\\d$$ /*\n\\d */ -- \\d\n", []string{"SELECT '\n\\d', \"\\d\", $$\n\\d$$"}},
	})
}

func TestMySQL(t *testing.T) {
	checkSplits(t, split.MySQL(), []splitTest{
		{"backslashes", `SELECT '\';', "\";", 'a\\'; SELECT 2`, []string{`SELECT '\';', "\";", 'a\\'`, "SELECT 2"}},
		{"no backslashes in identifiers", "SELECT `\\`; SELECT 2", []string{"SELECT `\\`", "SELECT 2"}},
		{"hash comments", "SELECT 1 # ;\n + 1; # x\nSELECT 2", []string{"SELECT 1 # ;\n + 1", "SELECT 2"}},
		{"dashes", "SELECT 5--1; -- x;\n--\nSELECT 2 --", []string{"SELECT 5--1", "SELECT 2"}},
		{"executable comments", "/*!40101 SET a = 1 */; SELECT /*! ';*/', b; */ 1; SELECT 2 /*M!100 x; */", []string{"/*!40101 SET a = 1 */", "SELECT /*! ';*/', b; */ 1", "SELECT 2 /*M!100 x; */"}},
		{"optimizer hints", "SELECT /*+ x; */ 1; SELECT 2", []string{"SELECT /*+ x; */ 1", "SELECT 2"}},
		{"delimiters", "SELECT 1;\ndelimiter //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nDELIMITER ;\nSELECT 2; SELECT 3", []string{"SELECT 1", "CREATE PROCEDURE p() BEGIN SELECT 1; END", "SELECT 2", "SELECT 3"}},
		{"delimiters that look like words", "DELIMITER $$\r\nBEGIN a; END$$\nDELIMITER go\nSELECT 1 go\nDELIMITER ;\nSELECT 2", []string{"BEGIN a; END", "SELECT 1", "SELECT 2"}},
		{"delimiters that look like comments", "DELIMITER --\nSELECT 1-- SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		{"delimiters in quotations", "DELIMITER //\nSELECT '//', `//` /* // */ // SELECT 2", []string{"SELECT '//', `//`", "SELECT 2"}},
		{"something called delimiter", "SELECT\ndelimiter FROM a; SELECT 2; DELIMITER x", []string{"SELECT\ndelimiter FROM a", "SELECT 2", "DELIMITER x"}},
	})
	got, err := split.Split("/*!50003 CREATE*/ /*!50017 DEFINER=a*/ TRIGGER b", split.MySQL())
	if want := []string{"CREATE", "DEFINER", "=", "A", "TRIGGER", "B"}; err != nil || !cmp.Equal(got[0].Head, want) {
		t.Errorf("got head %q (%v), want %q", got[0].Head, err, want)
	}
}

func TestSQLServer(t *testing.T) {
	checkSplits(t, split.SQLServer(), []splitTest{
		{"batches", "SELECT 1; SELECT 2\nGO\n  go -- x\nCREATE PROCEDURE p AS SELECT 3;\nGO\n", []string{"SELECT 1; SELECT 2", "CREATE PROCEDURE p AS SELECT 3;"}},
		{"GO within a line", "SELECT 1 GO\nGOTO x\nGO AWAY", []string{"SELECT 1 GO\nGOTO x\nGO AWAY"}},
		{"GO in quotations", "SELECT '\nGO\n', [\nGO\n], /*\nGO\n*/ 1\nGO", []string{"SELECT '\nGO\n', [\nGO\n], /*\nGO\n*/ 1"}},
		{"brackets", "SELECT [a]]\nGO\nb]\nGO\nSELECT 2", []string{"SELECT [a]]\nGO\nb]", "SELECT 2"}},
	})
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, in string
		opts     split.Options
		want     split.Error
		reason   string
	}{
		{"an escape string", `SELECT E'a\'`, split.PostgreSQL(), split.Error{What: "string", Offset: 7, Line: 1, Column: 8}, ""},
		{"a dollar quote", "SELECT 1;\n $a$ $b$ $$", split.PostgreSQL(), split.Error{What: "string", Offset: 11, Line: 2, Column: 2}, ""},
		{"an atomic body", "\nCREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2;", split.PostgreSQL(), split.Error{What: "BEGIN ATOMIC body", Offset: 1, Line: 2, Column: 1}, ""},
		{"a rule", "CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2", split.PostgreSQL(), split.Error{What: "rule", Line: 1, Column: 1}, ""},
		{"an executable comment", "SELECT 1 /*! a */ /*! b", split.MySQL(), split.Error{What: "comment", Offset: 18, Line: 1, Column: 19}, ""},
		{"a string with a backslash at the end", `SELECT 'a\`, split.MySQL(), split.Error{What: "string", Offset: 7, Line: 1, Column: 8}, ""},
		{"COPY FROM STDIN", "SELECT 1;\nCOPY public.a (b, c) FROM stdin;\n1\t2\n\\.\n", split.PostgreSQL(), split.Error{Offset: 10, Line: 2, Column: 1}, "COPY … FROM STDIN"},
		{"a command of psql", "SELECT 1;\n\\set x 1\nSELECT 2", split.PostgreSQL(), split.Error{Offset: 10, Line: 2, Column: 1}, "psql"},
		{"a command of psql within a line", "SELECT 1 \\gexec", split.PostgreSQL(), split.Error{Offset: 9, Line: 1, Column: 10}, "psql"},
		{"DELIMITER alone", "SELECT 1;\nDELIMITER\nSELECT 2", split.MySQL(), split.Error{Offset: 10, Line: 2, Column: 1}, "DELIMITER must be"},
		{"GO with a count", "SELECT 1\n GO 5\n", split.SQLServer(), split.Error{Offset: 10, Line: 2, Column: 2}, "GO with a count"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split.Split(tt.in, tt.opts)
			e, ok := errors.AsType[*split.Error](err)
			if !ok {
				t.Fatalf("got %q and error %v, want a *split.Error", texts(got), err)
			}
			if !strings.Contains(e.Error(), tt.reason) {
				t.Errorf("got %q, want it to say %q", e, tt.reason)
			}
			bare := *e
			bare.Reason = ""
			if d := cmp.Diff(bare, tt.want); d != "" {
				t.Errorf("got -, want +:\n%s", d)
			}
		})
	}
}
