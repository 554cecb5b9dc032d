package core

import "strconv"

// Position is a place in a file. The zero value means "no file".
type Position struct {
	File         string
	Line, Column int // from 1; 0 means unknown
}

// String formats the position as file:line:column, leaving out what is unknown.
func (p Position) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			s += ":" + strconv.Itoa(p.Column)
		}
	}
	return s
}

// Source says where a change was defined.
type Source struct {
	Position
	Template string // the template's name; "" for a Go change
	Function string // the Go function's name; "" for a template change
}

// Text is a string taken from a file that remembers where its lines stand there,
// so that a fault inside it can be reported at its place in the file.
type Text struct {
	Value string
	Start Position // of the first character of Value
	// Literal reports that line n of Value is line Start.Line+n-1 of the file and
	// that Indent characters were removed from each. When it is false only Start
	// is known.
	Literal bool
	Indent  int
}

// At returns the position in the file of line and column (both from 1) of Value.
func (t Text) At(line, column int) Position {
	if !t.Literal {
		return t.Start
	}
	return Position{File: t.Start.File, Line: t.Start.Line + line - 1, Column: column + t.Indent}
}
