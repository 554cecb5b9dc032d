package split

import (
	"fmt"
	"strings"
)

// Options are the ways in which SQL dialects differ for splitting. The zero value
// is standard SQL: '…' strings, "…" identifiers, -- and /* */ comments, and a
// semicolon after each statement.
type Options struct {
	// Backtick: `…` quotes an identifier.
	Backtick bool
	// Bracket: […] quotes an identifier.
	Bracket bool
	// NestedComments: a comment may hold another one.
	NestedComments bool
	// Triggers: CREATE TRIGGER has a body of statements that ends with "; END",
	// as in SQLite.
	Triggers bool
}

// Statement is one statement of a script.
type Statement struct {
	// Text is the statement from its first token to its last, without the
	// terminator.
	Text string
	// Offset, Line and Column are the place of the first token: bytes from 0,
	// lines and characters from 1.
	Offset, Line, Column int
	// Head holds the first tokens, at most HeadLen; words are in capitals.
	Head []string
}

// HeadLen is how many tokens Statement.Head holds at most.
const HeadLen = 8

// Error says that something in a script does not end.
type Error struct {
	What                 string // "string", "comment", "quoted identifier", "trigger"
	Offset, Line, Column int    // of its start
}

func (e *Error) Error() string {
	return fmt.Sprintf("the %s that starts at line %d, column %d does not end", e.What, e.Line, e.Column)
}

// Split cuts script into its statements. Empty statements and those of comments
// only are left out; the last one needs no terminator. The error is an *Error.
func Split(script string, o Options) ([]Statement, error) {
	l := &lexer{text: script, opts: o}
	var out []Statement
	var cur *open
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		ends := t.kind == end || t.kind == semicolon
		switch {
		case cur == nil && t.kind == end:
			return out, nil
		case cur == nil && ends: // an empty statement
			continue
		case cur == nil:
			l.place.advance(script, t.start)
			cur = &open{Statement: Statement{Offset: t.start, Line: l.place.line + 1, Column: l.place.column + 1, Head: make([]string, 0, HeadLen)}}
			cur.add(l, t)
		case !ends || t.kind == semicolon && cur.trigger.inBody():
			cur.add(l, t)
		case cur.trigger.inBody():
			return nil, &Error{What: "trigger", Offset: cur.Offset, Line: cur.Line, Column: cur.Column}
		default:
			cur.Text = script[cur.Offset:cur.end]
			out = append(out, cur.Statement)
			cur = nil
		}
	}
}

// open is a statement whose end has not been seen.
type open struct {
	Statement
	end     int // of its last token so far
	trigger trigger
}

func (s *open) add(l *lexer, t token) {
	s.end = t.end
	text := l.text[t.start:t.end]
	if len(s.Head) < HeadLen {
		if t.kind == word {
			text = strings.ToUpper(text)
		}
		s.Head = append(s.Head, text)
	}
	if l.opts.Triggers {
		s.trigger.see(t.kind, text)
	}
}

// trigger follows a statement that may be a CREATE TRIGGER. Its body ends with an
// END that stands right after a semicolon. That is the rule of SQLite's own
// sqlite3_complete, and better than counting BEGIN, CASE and END, because SQLite
// lets columns be called begin and end: an END after a semicolon is never one.
type trigger int

const (
	triggerStart  trigger = iota // nothing seen, or EXPLAIN [QUERY PLAN]
	triggerCreate                // CREATE [TEMP]
	triggerBody
	triggerSemicolon // a semicolon in the body
	triggerEnd       // END after a semicolon
	triggerNone      // some other statement
)

// inBody reports whether a semicolon would not end the statement.
func (s trigger) inBody() bool { return s == triggerBody || s == triggerSemicolon }

func (s *trigger) see(k kind, text string) {
	is := func(words ...string) bool {
		if k != word {
			return false
		}
		for _, w := range words {
			if strings.EqualFold(text, w) {
				return true
			}
		}
		return false
	}
	switch *s {
	case triggerStart:
		switch {
		case is("CREATE"):
			*s = triggerCreate
		case !is("EXPLAIN", "QUERY", "PLAN"):
			*s = triggerNone
		}
	case triggerCreate:
		switch {
		case is("TRIGGER"):
			*s = triggerBody
		case !is("TEMP", "TEMPORARY"):
			*s = triggerNone
		}
	case triggerBody, triggerSemicolon, triggerEnd:
		switch {
		case k == semicolon:
			*s = triggerSemicolon
		case *s == triggerSemicolon && is("END"):
			*s = triggerEnd
		default:
			*s = triggerBody
		}
	case triggerNone:
	}
}
