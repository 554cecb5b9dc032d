package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// The oracle of the splitter is SQLite's own parser: a script that the driver runs
// as a whole and the same script run statement by statement must leave the same
// database behind.
func TestSplitAgainstSQLite(t *testing.T) {
	o := sqlite.Dialect().Split
	rapid.Check(t, func(r *rapid.T) {
		script := genScript(r)
		pieces, err := split.Split(script, o)
		if err != nil {
			r.Fatalf("%v in:\n%s", err, script)
		}
		var texts []string
		for _, p := range pieces {
			texts = append(texts, p.Text)
		}
		whole, wholeErr := dump(r, script)
		parts, partsErr := dump(r, texts...)
		if (wholeErr == nil) != (partsErr == nil) || whole != parts {
			r.Fatalf("script:\n%s\nas a whole (%v):\n%s\nin %d pieces (%v):\n%s", script, wholeErr, whole, len(pieces), partsErr, parts)
		}
	})
}

// genScript makes a script of statements that all succeed, in disguise.
func genScript(r *rapid.T) string {
	var b strings.Builder
	gap := func(need bool) {
		b.WriteString(rapid.SampledFrom([]string{"", " ", "\n\t", " -- c ; ' \" [ \n", "/* ; ' */", " /* /* */ ", "\r\n", "/***/", " \uFEFF"}).Draw(r, "gap"))
		if need {
			b.WriteString(" ")
		}
	}
	text := func() string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{";", "''", "\"", "`", "[", "]", "--", "/*", "*/", "END;", "BEGIN", "é", "x", "\n", "\\", "$${", ";\nEND;"}), 0, 4).Draw(r, "text")
		return "'" + strings.Join(parts, "") + "'"
	}
	name := func(i int) string {
		n := fmt.Sprintf("t%d", i)
		return rapid.SampledFrom([]string{n, `"` + n + `;"`, "[" + n + " ' ;]", "`" + n + "``;`"}).Draw(r, "name")
	}
	n := rapid.IntRange(1, 6).Draw(r, "tables")
	for i := range n {
		table := name(i)
		var ss [][]string // statements of tokens, between which there may be gaps
		ss = append(ss, []string{"CREATE", "TABLE", table, "(", "x", ",", `"end"`, "DEFAULT", text(), ")"})
		if rapid.Bool().Draw(r, "trigger") {
			when := rapid.SampledFrom([]string{"", "WHEN new.x <> CASE WHEN 1 THEN ';' ELSE 'END' END"}).Draw(r, "when")
			trigger := []string{"CREATE", rapid.SampledFrom([]string{"", "TEMP", "temporary"}).Draw(r, "temp"), "TRIGGER", fmt.Sprintf("g%d", i), "AFTER", "INSERT", "ON", table, when, "BEGIN"}
			for range rapid.IntRange(1, 3).Draw(r, "body") {
				trigger = append(trigger, rapid.SampledFrom([][]string{
					{"UPDATE", table, "SET", `"end"`, "=", "CASE", "WHEN", "1", "THEN", text(), "END", ";"},
					{"SELECT", text(), ";"},
					{"SELECT", "end", "FROM", table, ";"},
				}).Draw(r, "inner")...)
			}
			ss = append(ss, append(trigger, rapid.SampledFrom([]string{"END", "end"}).Draw(r, "end")))
		}
		for range rapid.IntRange(0, 3).Draw(r, "rows") {
			ss = append(ss, []string{"INSERT", "INTO", table, "(", "x", ")", "VALUES", "(", text(), ")"})
		}
		for _, tokens := range ss {
			for _, token := range tokens {
				gap(true)
				b.WriteString(token)
				gap(true)
			}
			gap(false)
			b.WriteString(strings.Repeat(";", rapid.IntRange(1, 3).Draw(r, "semicolons")))
		}
	}
	script := b.String()
	if rapid.Bool().Draw(r, "no last semicolon") {
		script = strings.TrimRight(script, ";")
	}
	return script
}

// dump runs scripts on a new database and returns what is in it.
func dump(r *rapid.T, scripts ...string) (string, error) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		r.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range scripts {
		if _, err = db.ExecContext(ctx, s); err != nil {
			break
		}
	}
	var b strings.Builder
	read := func(q string) (out [][2]string) {
		rows, err := db.QueryContext(ctx, q)
		if err != nil {
			r.Fatalf("%s: %v", q, err)
		}
		defer rows.Close()
		for rows.Next() {
			var v [2]sql.NullString
			if err := rows.Scan(&v[0], &v[1]); err != nil {
				r.Fatal(err)
			}
			out = append(out, [2]string{v[0].String, v[1].String})
		}
		if err := rows.Err(); err != nil {
			r.Fatal(err)
		}
		return out
	}
	for _, o := range read("SELECT type || ' ' || name, tbl_name FROM sqlite_master UNION ALL SELECT 'temp ' || name, tbl_name FROM sqlite_temp_master ORDER BY 1") {
		fmt.Fprintln(&b, o)
		if strings.HasPrefix(o[0], "table ") {
			for _, row := range read(`SELECT x, "end" FROM "` + o[1] + `" ORDER BY rowid`) {
				fmt.Fprintf(&b, "  %q\n", row)
			}
		}
	}
	return b.String(), err
}

// Every pragma that is said to be no part of a transaction behaves differently
// inside one, and those that are not said to be do not.
func TestPragmasAgainstSQLite(t *testing.T) {
	for pragma, values := range map[string][2]string{
		"journal_mode": {"MEMORY", "memory"}, "synchronous": {"NORMAL", "1"}, "foreign_keys": {"ON", "1"},
		"user_version": {"7", "7"}, "application_id": {"8", "8"}, "defer_foreign_keys": {"ON", "1"}, "recursive_triggers": {"ON", "1"},
		"ignore_check_constraints": {"ON", "1"}, "legacy_alter_table": {"ON", "1"}, "cache_size": {"77", "77"}, "secure_delete": {"ON", "1"},
		"locking_mode": {"EXCLUSIVE", "exclusive"}, "writable_schema": {"ON", "1"}, "trusted_schema": {"OFF", "0"}, "query_only": {"ON", "1"},
	} {
		works := func(inside bool) bool {
			db := look(t, newFile(t))
			execute(t, db, "CREATE TABLE a (x)")
			if inside {
				execute(t, db, "BEGIN")
				execute(t, db, "INSERT INTO a VALUES (1)")
			}
			_, err := db.Exec("PRAGMA " + pragma + " = " + values[0])
			return err == nil && query[string](t, db, "PRAGMA "+pragma) == values[1]
		}
		said := sqlite.Dialect().NotTransactional([]string{"PRAGMA", strings.ToUpper(pragma), "=", values[0]})
		if !works(false) {
			t.Errorf("%s does not work outside of a transaction: the test is wrong", pragma)
		}
		if got := works(true); got != (said == "") {
			t.Errorf("%s works inside a transaction: %t, but it is said: %q", pragma, got, said)
		}
	}
}
