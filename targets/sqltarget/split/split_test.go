package split_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

var sqlite = split.SQLite()

var dialects = map[string]split.Options{
	"standard": {}, "SQLite": split.SQLite(), "PostgreSQL": split.PostgreSQL(), "MySQL": split.MySQL(), "SQL Server": split.SQLServer(),
}

func texts(ss []split.Statement) []string {
	out := []string{}
	for _, s := range ss {
		out = append(out, s.Text)
	}
	return out
}

func TestSplit(t *testing.T) {
	const trigger = "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET x = CASE WHEN 1 THEN 2 ELSE 3 END; DELETE FROM t; END"
	tests := []struct {
		name, in string
		opts     split.Options
		want     []string
	}{
		{"nothing", "", sqlite, []string{}},
		{"white space and comments only", " \n-- a; b\n/* c; d */ ;; \t;", sqlite, []string{}},
		{"one without terminator", "SELECT 1", sqlite, []string{"SELECT 1"}},
		{"two", "SELECT 1; SELECT 2;", sqlite, []string{"SELECT 1", "SELECT 2"}},
		{"empty statements", ";;SELECT 1;;;SELECT 2;;", sqlite, []string{"SELECT 1", "SELECT 2"}},
		{"a byte order mark", "\uFEFFSELECT 1;", sqlite, []string{"SELECT 1"}},
		{"carriage returns", "SELECT 1;\r\nSELECT 2;\r\n", sqlite, []string{"SELECT 1", "SELECT 2"}},
		{"semicolon in a string", "SELECT ';'; SELECT 'it''s; fine'", sqlite, []string{"SELECT ';'", "SELECT 'it''s; fine'"}},
		{"a backslash escapes nothing", `SELECT '\'; SELECT 2`, sqlite, []string{`SELECT '\'`, "SELECT 2"}},
		{"semicolon in quoted identifiers", "SELECT \";\"\";\", `;```, [;\"]; SELECT 2", sqlite, []string{"SELECT \";\"\";\", `;```, [;\"]", "SELECT 2"}},
		{"brackets that quote nothing", "SELECT a[1;2]", split.Options{}, []string{"SELECT a[1", "2]"}},
		{"backticks that quote nothing", "SELECT `a;b`", split.Options{}, []string{"SELECT `a", "b`"}},
		{"comments inside", "SELECT /* ; */ 1 -- ; '\n + 2; SELECT 3", sqlite, []string{"SELECT /* ; */ 1 -- ; '\n + 2", "SELECT 3"}},
		{"comments around", "-- first\nSELECT 1 /* last */ -- more\n; /* x */", sqlite, []string{"SELECT 1"}},
		{"a comment in a string", "SELECT '/*'; SELECT '--'; SELECT 1", sqlite, []string{"SELECT '/*'", "SELECT '--'", "SELECT 1"}},
		{"a comment that does not nest", "/* /* */ SELECT 1; */", sqlite, []string{"SELECT 1", "*/"}},
		{"a comment that nests", "/* /* */ SELECT 1; */ SELECT 2", split.Options{NestedComments: true}, []string{"SELECT 2"}},
		{"operators like comments", "SELECT 1 - -1 / 2 * 3; SELECT 2-1", sqlite, []string{"SELECT 1 - -1 / 2 * 3", "SELECT 2-1"}},
		{"a trigger", trigger + "; SELECT 1;", sqlite, []string{trigger, "SELECT 1"}},
		{"a trigger at the end", "SELECT 1; " + trigger, sqlite, []string{"SELECT 1", trigger}},
		{"two triggers", trigger + ";" + trigger + ";", sqlite, []string{trigger, trigger}},
		{"a trigger with comments", "create temp trigger a begin delete from t; -- x\n/* y */ end /* z */ ; select 1", sqlite, []string{"create temp trigger a begin delete from t; -- x\n/* y */ end", "select 1"}},
		{"a temporary trigger", "CREATE TEMPORARY TRIGGER IF NOT EXISTS a BEGIN SELECT 1; END; SELECT 2", sqlite, []string{"CREATE TEMPORARY TRIGGER IF NOT EXISTS a BEGIN SELECT 1; END", "SELECT 2"}},
		{"an explained trigger", "EXPLAIN QUERY PLAN CREATE TRIGGER a BEGIN SELECT 1; END; SELECT 2", sqlite, []string{"EXPLAIN QUERY PLAN CREATE TRIGGER a BEGIN SELECT 1; END", "SELECT 2"}},
		{"a column called end in a trigger", "CREATE TRIGGER a BEGIN UPDATE t SET begin = end; SELECT end FROM t; END; SELECT 2", sqlite, []string{"CREATE TRIGGER a BEGIN UPDATE t SET begin = end; SELECT end FROM t; END", "SELECT 2"}},
		{"END in a string of a trigger", "CREATE TRIGGER a BEGIN SELECT 'x; END;'; END; SELECT 2", sqlite, []string{"CREATE TRIGGER a BEGIN SELECT 'x; END;'; END", "SELECT 2"}},
		{"a table called trigger", `CREATE TABLE "trigger" (x); SELECT 1`, sqlite, []string{`CREATE TABLE "trigger" (x)`, "SELECT 1"}},
		{"a trigger is dropped", "DROP TRIGGER a; SELECT 1", sqlite, []string{"DROP TRIGGER a", "SELECT 1"}},
		{"no trigger bodies", "CREATE TRIGGER a EXECUTE FUNCTION f(); SELECT 1", split.Options{}, []string{"CREATE TRIGGER a EXECUTE FUNCTION f()", "SELECT 1"}},
		{"CASE outside of a trigger", "SELECT CASE WHEN 1 THEN 2 END; SELECT 3", sqlite, []string{"SELECT CASE WHEN 1 THEN 2 END", "SELECT 3"}},
		{"references", "SELECT ${vault:a;b#it's}, '${env:X}'; SELECT $${env:A;B}", sqlite, []string{"SELECT ${vault:a;b#it's}, '${env:X}'", "SELECT $${env:A;B}"}},
		{"what only looks like a reference", "SELECT ${env:a; SELECT ${X:b;c}; SELECT x${", sqlite, []string{"SELECT ${env:a", "SELECT ${X:b", "c}", "SELECT x${"}},
		{"a parameter and a cast", "SELECT :a, @b, $c, ?1, x::text; SELECT 1", sqlite, []string{"SELECT :a, @b, $c, ?1, x::text", "SELECT 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split.Split(tt.in, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(texts(got), tt.want); d != "" {
				t.Errorf("got -, want +:\n%s", d)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	got, err := split.Split("-- héad\n  SELECT 'é\nü'; éa b; /*\n*/ create\tTable \"x\" (a, b, c, d, e, f, g);", sqlite)
	if err != nil {
		t.Fatal(err)
	}
	want := []split.Statement{
		{Text: "SELECT 'é\nü'", Offset: 11, Line: 2, Column: 3, Head: []string{"SELECT", "'é\nü'"}},
		{Text: "éa b", Offset: 27, Line: 3, Column: 5, Head: []string{"ÉA", "B"}},
		{Text: "create\tTable \"x\" (a, b, c, d, e, f, g)", Offset: 40, Line: 4, Column: 4, Head: []string{"CREATE", "TABLE", `"x"`, "(", "A", ",", "B", ",", "C", ",", "D", ",", "E", ",", "F", ","}},
	}
	if d := cmp.Diff(got, want); d != "" {
		t.Errorf("got -, want +:\n%s", d)
	}
}

func TestUnterminated(t *testing.T) {
	tests := []struct {
		name, in string
		opts     split.Options
		want     split.Error
	}{
		{"string", "SELECT 1;\n  SELECT 'a; b''", sqlite, split.Error{What: "string", Offset: 19, Line: 2, Column: 10}},
		{"double quotes", `SELECT "a`, sqlite, split.Error{What: "quoted identifier", Offset: 7, Line: 1, Column: 8}},
		{"backtick", "`", sqlite, split.Error{What: "quoted identifier", Line: 1, Column: 1}},
		{"bracket", "SELECT [a;", sqlite, split.Error{What: "quoted identifier", Offset: 7, Line: 1, Column: 8}},
		{"comment", "SELECT 1; /* é; \n *", sqlite, split.Error{What: "comment", Offset: 10, Line: 1, Column: 11}},
		{"comment of three characters", "/*/", sqlite, split.Error{What: "comment", Line: 1, Column: 1}},
		{"nested comment", "/* /* */", split.Options{NestedComments: true}, split.Error{What: "comment", Line: 1, Column: 1}},
		{"trigger", "SELECT 1;\nCREATE TRIGGER a BEGIN SELECT 1; SELECT 2;", sqlite, split.Error{What: "trigger", Offset: 10, Line: 2, Column: 1}},
		{"trigger without a body", "CREATE TRIGGER a; SELECT 1;", sqlite, split.Error{What: "trigger", Line: 1, Column: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split.Split(tt.in, tt.opts)
			e, ok := errors.AsType[*split.Error](err)
			if !ok {
				t.Fatalf("got %q and error %v, want a *split.Error", texts(got), err)
			}
			if d := cmp.Diff(*e, tt.want); d != "" {
				t.Errorf("got -, want +:\n%s", d)
			}
		})
	}
}

// TestLinear splits large scripts of the shapes that make a careless splitter
// quadratic. The bound is far above what they need, and far below what a
// quadratic one would.
func TestLinear(t *testing.T) {
	const size = 1 << 20
	shapes := map[string]string{
		"one line of small statements": "SELECT 1; ",
		"lines":                        "INSERT INTO t VALUES ('it''s', \"x\", [y]);\n",
		"comments":                     "/* a * b / c */ -- d\n;",
		"stars":                        "/*****/",
		"unfinished references":        "${a:",
		"references":                   "${env:a}",
		"doubled quotes":               "'a''''b' ",
		"triggers":                     "CREATE TRIGGER a BEGIN SELECT 1; END; ",
		"one long word":                "a",
		"dollars":                      "$",
		"dollar quotes":                "$a$ ; $b$ $a$ ",
		"unfinished dollar quotes":     "$a$ $b",
		"escape strings":               `E'\'' `,
		"continued escape strings":     "E'\\''\n'\\'' -- ' \n",
		"bodies":                       "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; ",
		"rules":                        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); ",
		"parentheses":                  "CREATE RULE ((((",
		"batches":                      "SELECT 1;\nGO\n",
		"what is called go":            "GO GO GO /**/ /**/",
		"empty comments":               "/**/",
		"executable comments":          "/*!40101 SET x = 1 */; ",
		"delimiters":                   "DELIMITER //\nSELECT 1; END//\nDELIMITER ;\n",
		"backslashes":                  `'\\\'' `,
	}
	for name, shape := range shapes {
		for dialect, o := range dialects {
			t.Run(dialect+", "+name, func(t *testing.T) {
				t.Parallel()
				script := strings.Repeat(shape, size/len(shape))
				start := time.Now()
				_, err := split.Split(script, o)
				if _, refused := errors.AsType[*split.Error](err); err != nil && !refused {
					t.Fatal(err)
				}
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("splitting %d KB took %s", size>>10, took)
				}
			})
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	script := strings.Repeat("INSERT INTO t (a, b) VALUES ('it''s', E'\\'', $$x;$$); -- a comment\n", 1000)
	for dialect, o := range dialects {
		b.Run(dialect, func(b *testing.B) {
			b.SetBytes(int64(len(script)))
			for b.Loop() {
				if _, err := split.Split(script, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
