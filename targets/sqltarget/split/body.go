package split

import "strings"

// body follows a statement that may have a body of statements, in which a
// terminator does not end it.
//
// Two kinds of bodies end with an END that stands right after a semicolon: those
// of SQLite's triggers, by the rule of its own sqlite3_complete, and those that
// PostgreSQL begins with BEGIN ATOMIC, by its grammar. That is better than counting
// BEGIN, CASE and END, because columns may be called begin and end, as in SQLite, or
// labelled case and end, as in PostgreSQL: an END after a semicolon is never one.
type body struct {
	state state
	what  string // kind of body, for errors
	depth int    // of parentheses
}

type state int

const (
	atStart   state = iota // nothing seen, or EXPLAIN [QUERY PLAN]
	atCreate               // CREATE [OR REPLACE] [TEMP]
	atRoutine              // CREATE FUNCTION …, before its body
	atBegin                // BEGIN outside of parentheses
	inRule                 // CREATE RULE …
	inBody
	afterSemicolon // in the body
	afterEnd       // END after a semicolon
	noBody         // some other statement
)

// inside says what kind of body we are in; "" outside of one.
func (b *body) inside() string {
	switch {
	case b.state == inBody, b.state == afterSemicolon, b.state == inRule && b.depth > 0:
		return b.what
	}
	return ""
}

func (b *body) see(k kind, text string, o Options) {
	if b.state == noBody {
		return
	}
	if !o.Triggers && !o.Routines && !o.Rules {
		b.state = noBody
		return
	}
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
	switch b.state {
	case atStart:
		switch {
		case is("CREATE"):
			b.state = atCreate
		case !o.Triggers || !is("EXPLAIN", "QUERY", "PLAN"):
			b.state = noBody
		}
	case atCreate:
		switch {
		case o.Triggers && is("TRIGGER"):
			b.state, b.what = inBody, "trigger"
		case o.Routines && is("FUNCTION", "PROCEDURE"):
			b.state = atRoutine
		case o.Rules && is("RULE"):
			b.state, b.what = inRule, "rule"
		case o.Triggers && is("TEMP", "TEMPORARY"), !o.Triggers && is("OR", "REPLACE"):
		default:
			b.state = noBody
		}
	case atRoutine, atBegin:
		b.parentheses(text)
		switch {
		case b.state == atBegin && is("ATOMIC"):
			b.state, b.what = afterSemicolon, "BEGIN ATOMIC body" // END may follow at once
		case b.depth == 0 && is("BEGIN"): // a parameter called begin is in parentheses
			b.state = atBegin
		default:
			b.state = atRoutine
		}
	case inRule:
		b.parentheses(text)
	case inBody, afterSemicolon, afterEnd:
		switch {
		case k == terminator:
			b.state = afterSemicolon
		case b.state == afterSemicolon && is("END"):
			b.state = afterEnd
		default:
			b.state = inBody
		}
	case noBody:
	}
}

func (b *body) parentheses(text string) {
	switch text {
	case "(":
		b.depth++
	case ")":
		b.depth--
	}
}
