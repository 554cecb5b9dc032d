package split

import (
	"fmt"
	"strings"
)

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
const HeadLen = 16

// Error says why the statements of a script cannot be known.
type Error struct {
	// What does not end: "string", "comment", "quoted identifier", "trigger", …
	What string
	// Reason is the whole message when it is another one.
	Reason string
	// Offset, Line and Column are where it starts.
	Offset, Line, Column int
}

func (e *Error) Error() string {
	if e.Reason != "" {
		return e.Reason
	}
	return fmt.Sprintf("the %s that starts at line %d, column %d does not end", e.What, e.Line, e.Column)
}

// Split cuts script into its statements. Empty statements and those of comments
// only are left out; the last one needs no terminator. The error is an *Error.
func Split(script string, o Options) ([]Statement, error) {
	l := newLexer(script, o)
	var out []Statement
	var cur *open
	for {
		t, err := l.next(cur == nil)
		if err != nil {
			return nil, err
		}
		ends := t.kind == end || t.kind == terminator
		switch {
		case cur == nil && t.kind == end:
			return out, nil
		case cur == nil && ends: // an empty statement
			continue
		case cur == nil:
			l.place.advance(script, t.start)
			cur = &open{Statement: Statement{Offset: t.start, Line: l.place.line + 1, Column: l.place.column + 1, Head: make([]string, 0, HeadLen)}}
			err = cur.add(l, t)
		case !ends || t.kind == terminator && cur.body.inside() != "":
			err = cur.add(l, t)
		case cur.body.inside() != "":
			err = &Error{What: cur.body.inside(), Offset: cur.Offset, Line: cur.Line, Column: cur.Column}
		default:
			cur.Text = script[cur.Offset:cur.end]
			out = append(out, cur.Statement)
			cur = nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// open is a statement whose end has not been seen.
type open struct {
	Statement
	end  int // of its last token so far
	body body
	copy copyData
}

func (s *open) add(l *lexer, t token) error {
	s.end = t.end
	if t.kind == mark {
		return nil
	}
	text := l.text[t.start:t.end]
	if len(s.Head) < HeadLen {
		if t.kind == word {
			text = strings.ToUpper(text)
		}
		s.Head = append(s.Head, text)
	}
	s.body.see(t.kind, text, l.opts)
	if l.opts.Psql && s.copy.see(t.kind, text) {
		return &Error{
			Reason: "COPY … FROM STDIN takes its data from the client, which psql reads from the script: write INSERT, or copy from a file of the server",
			Offset: s.Offset, Line: s.Line, Column: s.Column,
		}
	}
	return nil
}

// copyData follows a statement that may be COPY … FROM STDIN.
type copyData struct {
	begun, other bool // the first token was COPY, or something else
	depth        int  // of parentheses
	from         bool // the token before was FROM, outside of them
}

// see reports whether the token completes COPY … FROM STDIN.
func (c *copyData) see(k kind, text string) bool {
	switch {
	case c.other:
	case !c.begun:
		c.begun = k == word && strings.EqualFold(text, "COPY")
		c.other = !c.begun
	case text == "(":
		c.depth++
	case text == ")":
		c.depth--
	default:
		stdin := c.from && k == word && (strings.EqualFold(text, "STDIN") || strings.EqualFold(text, "STDOUT")) // both mean the client
		c.from = c.depth == 0 && k == word && strings.EqualFold(text, "FROM")
		return stdin
	}
	return false
}

// Tokens returns the first tokens of a statement as they are written, at most that many,
// without white space and comments.
func Tokens(statement string, o Options, most int) []string {
	l := newLexer(statement, o)
	var out []string
	for len(out) < most {
		t, err := l.next(false)
		if err != nil || t.kind == end {
			break
		}
		out = append(out, statement[t.start:t.end])
	}
	return out
}
