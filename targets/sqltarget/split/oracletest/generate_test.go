package oracletest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Scripts of pieces that are hard to tell apart, joined at random. Most are no SQL;
// enough are.
func TestGenerated(t *testing.T) {
	accepted, all := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		for range 20 { // scripts for each of rapid's checks
			var b strings.Builder
			for range rapid.IntRange(1, 4).Draw(r, "statements") {
				statement(r, &b)
			}
			script := b.String()
			difference, ok := compare(script)
			if difference != "" {
				r.Fatalf("%s\n  in: %q", difference, script)
			}
			if all++; ok {
				accepted++
			}
		}
	})
	t.Logf("%d scripts, %d of them accepted by the parser", all, accepted)
	if accepted < all/4 {
		t.Errorf("the parser accepts %d scripts of %d: too few to prove anything", accepted, all)
	}
}

func statement(r *rapid.T, b *strings.Builder) {
	switch rapid.IntRange(0, 5).Draw(r, "kind") {
	case 0:
		b.WriteString("CREATE" + gap(r) + one(r, "", "OR REPLACE ") + one(r, "FUNCTION", "PROCEDURE") + gap(r) + "f(" + one(r, "", "begin atomic", "a int DEFAULT "+expression(r)) + ")" + gap(r))
		b.WriteString(one(r, "", "LANGUAGE sql") + gap(r) + "BEGIN" + gap(r) + "ATOMIC" + gap(r))
		for range rapid.IntRange(0, 3).Draw(r, "body") {
			b.WriteString(query(r) + gap(r) + ";" + gap(r))
		}
		b.WriteString(one(r, "END", "end"))
	case 1:
		b.WriteString("CREATE" + gap(r) + one(r, "", "OR REPLACE ") + "RULE" + gap(r) + "r AS ON INSERT TO a DO ALSO (" + query(r) + ";" + gap(r) + query(r) + one(r, "", ";") + ")")
	case 2:
		b.WriteString("DO" + gap(r) + literal(r))
	case 3:
		b.WriteString("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS " + literal(r))
	default:
		b.WriteString(query(r))
	}
	b.WriteString(gap(r) + one(r, ";", ";;", ";"+gap(r)+";"))
}

func query(r *rapid.T) string {
	s := "SELECT" + gap(r) + expression(r)
	for range rapid.IntRange(0, 2).Draw(r, "more") {
		s += "," + gap(r) + expression(r) + one(r, "", gap(r)+"AS end", gap(r)+"AS case", " end", " x$y", ` AS "end;"`)
	}
	return s
}

func expression(r *rapid.T) string {
	return one(r, literal(r), "CASE WHEN true THEN"+gap(r)+literal(r)+gap(r)+"END", "a.end", "a$b", "$1", "1", "(1"+gap(r)+")", "x"+one(r, "+", "-", "*", "/", "||", "@")+gap(r)+"y", `"a;""b"`)
}

// literal is a string constant of some kind, full of what might end it.
func literal(r *rapid.T) string {
	parts := []string{";", "x", "--", "/*", "*/", "END;", "BEGIN ATOMIC", "é", "\n", "\"", "`", "(", ")"}
	inside := func(more ...string) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(more, parts...)), 0, 4).Draw(r, "text"), "")
	}
	switch rapid.IntRange(0, 4).Draw(r, "literal") {
	case 0:
		return "E'" + inside(`\'`, `\\`, "''", "$$") + "'" + one(r, "", one(r, "\n", "\r", " -- '\n", " ")+"'"+inside(`\'`, `\\`, "''")+"'")
	case 1:
		return "$$" + inside("'", `\`, "$a$", "$1") + "$$"
	case 2:
		return "$a1$" + inside("'", `\`, "$$", "$a$", "$a1") + "$a1$"
	case 3:
		return "U&'" + inside("''", `\\`) + "'"
	}
	return "'" + inside("''", `\`, "$$") + "'" + one(r, "", "\n'"+inside("''", `\`)+"'")
}

func gap(r *rapid.T) string {
	return " " + one(r, "", "\n\t", " -- c ; ' \" $$ \n", "/* ; ' */", " /* /* ; */ ' */ ", "\r\n", "/***/", "--\r", "/* $$ */") + " "
}

func one(r *rapid.T, of ...string) string { return rapid.SampledFrom(of).Draw(r, "one") }
