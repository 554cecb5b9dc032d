package core

import (
	"strings"
	"unicode"
)

// maxSummary bounds what a plan says of one step, in bytes.
const maxSummary = 200

// Described returns the step with what it does, in one line for people: see Does.
func (s Step) Described(does string) Step {
	s.Does = does
	return s
}

// Summary is what a plan says of the step: Does, or else that it runs what Name names.
// It is one line of at most 200 bytes, in which nothing can steer a terminal.
func (s Step) Summary() string {
	text := oneLine(s.Does)
	if name := oneLine(s.Name); text == "" && name != "" {
		text = "runs " + name
	}
	if text == "" {
		text = "runs Go code"
	}
	return Cap(text, maxSummary)
}

// Label is the step's name under the same bounds.
func (s Step) Label() string { return Cap(oneLine(s.Name), maxSummary) }

// oneLine puts a text into one line without control characters, and without those that
// turn the direction of writing.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
