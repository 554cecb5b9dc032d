package events

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Error says why an event was refused. Nothing of it may be applied.
type Error struct {
	// Kind is what the event looks like; "" when that is not known.
	Kind Kind
	// Reason and Next name keys and a few short words, never what an event holds.
	Reason string
	Next   string // what to do
	// Answer says to whom: somebody waits for a call back, and this much of the
	// trigger could be read to tell them that nothing was done. Nil: nobody waits, or
	// it is not known who. It is never to be acted on.
	Answer *Trigger
}

func (e *Error) Error() string {
	if e.Kind == "" {
		return e.Reason
	}
	return string(e.Kind) + " event: " + e.Reason
}

// Hint says what to do.
func (e *Error) Hint() string { return e.Next }

func refuse(next, format string, args ...any) *Error {
	return &Error{Reason: fmt.Sprintf(format, args...), Next: next}
}

const (
	keyShape  = `^[A-Za-z][A-Za-z0-9_.:-]{0,39}$`
	wordShape = `^(aws:[a-z0-9]{2,16}|v[0-9]{1,3}|[A-Z]?[a-z]{1,15}([ -][a-z]{1,15})?)$`
)

// showKey quotes a key of an event, unless it looks like no name at all.
func showKey(key string) string {
	if ok, err := regexp.MatchString(keyShape, key); ok && err == nil {
		return strconv.Quote(key)
	}
	return fmt.Sprintf("a key of %d bytes", len(key))
}

// showWord quotes a value that should be one of a few words, unless it looks like
// something else.
func showWord(s string) string {
	if ok, err := regexp.MatchString(wordShape, s); ok && err == nil {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("a text of %d bytes", len(s))
}

// didYouMean ends a message about the unknown name got.
func didYouMean(got string, known []string) string {
	best, least := "", 3
	if len(got) <= 40 {
		for _, k := range known {
			if d := distance(strings.ToLower(got), strings.ToLower(k)); d < least && d <= max(1, len(k)/3) {
				best, least = k, d
			}
		}
	}
	if best != "" {
		return "; did you mean " + strconv.Quote(best) + "?"
	}
	return "; there is " + strings.Join(known, ", ")
}

// distance counts insertions, deletions and replacements.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal, row[j] = row[j], min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
