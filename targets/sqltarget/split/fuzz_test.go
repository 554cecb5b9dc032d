package split_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// FuzzSplit checks what must hold for every text: no panic, pieces that are parts
// of the text in order, nothing but emptiness between them, and right positions.
func FuzzSplit(f *testing.F) {
	options := slices.Sorted(maps.Keys(dialects))
	for _, s := range []string{
		"", ";", "SELECT 1; SELECT 2", "SELECT ';' -- ;\n;/* ; */ x", "CREATE TRIGGER a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END; SELECT 1",
		"'", "/*", "[", "`a``b`", "${env:a;b};${", "\uFEFFé;\r\n\"ü\";", "/*/* */*/ x;", "EXPLAIN CREATE TEMP TRIGGER x BEGIN SELECT 1; END",
		"E'\\';'\n'\\';'; $a$;$a$; $1$a", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; CREATE RULE r DO (a; b); COPY a FROM STDIN; \\d",
		"DELIMITER //\nEND//# x\n-- y\n--z/*!40101 a; b */;//", "SELECT 1\nGO\n[a]]b]; GO 5\nGO -- x",
	} {
		for i := range options {
			f.Add(s, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, script string, dialect uint8) {
		o := dialects[options[int(dialect)%len(options)]]
		got, err := split.Split(script, o)
		if err != nil {
			e, ok := errors.AsType[*split.Error](err)
			if !ok || e.Error() == "" {
				t.Fatalf("error %v is not a *split.Error", err)
			}
			checkPlace(t, script, e.Offset, e.Line, e.Column)
			return
		}
		// A statement and a gap mean the same by themselves unless the script says what
		// ends a statement, or a word of theirs becomes a command at the start of a line.
		alone := !o.Delimiter && !o.Go
		at := 0
		for _, s := range got {
			if s.Offset < at || s.Offset+len(s.Text) > len(script) || script[s.Offset:s.Offset+len(s.Text)] != s.Text || s.Text == "" {
				t.Fatalf("statement %+v is not a part of the text from %d on", s, at)
			}
			checkPlace(t, script, s.Offset, s.Line, s.Column)
			gap := script[at:s.Offset]
			at = s.Offset + len(s.Text)
			if !alone {
				continue
			}
			checkEmpty(t, gap, o)
			again, err := split.Split(s.Text, o)
			if err != nil || len(again) != 1 || again[0].Text != s.Text {
				t.Fatalf("statement %q splits into %q (%v)", s.Text, texts(again), err)
			}
		}
		if alone {
			checkEmpty(t, script[at:], o)
		}
	})
}

func checkPlace(t *testing.T, script string, offset, line, column int) {
	t.Helper()
	before := script[:offset]
	wantLine := 1 + strings.Count(before, "\n")
	wantColumn := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	if line != wantLine || column != wantColumn {
		t.Fatalf("offset %d: got %d:%d, want %d:%d", offset, line, column, wantLine, wantColumn)
	}
}

func checkEmpty(t *testing.T, gap string, o split.Options) {
	t.Helper()
	if ss, err := split.Split(gap, o); err != nil || len(ss) > 0 {
		t.Fatalf("between statements there is %q: %q (%v)", gap, texts(ss), err)
	}
}
