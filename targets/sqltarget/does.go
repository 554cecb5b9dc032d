package sqltarget

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// What a plan says of one script: so many of its statements, in so many bytes, and names
// of so many bytes.
const (
	mostTold  = 5
	maxTold   = 150
	maxObject = 80
	// looked is how many tokens of a statement are looked at.
	looked = 200
)

// does says for people what statements do: the verb and the object of the first ones,
// and never a value.
func does(d Dialect, statements []split.Statement) string {
	var told []string
	size := 0
	for _, st := range statements {
		one := outline(split.Tokens(st.Text, d.Split, looked))
		if size += len(one); len(told) == mostTold || len(told) > 0 && size > maxTold {
			break
		}
		told = append(told, one)
	}
	more := ""
	if n := len(statements) - len(told); n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	switch len(statements) {
	case 0:
		return "sends its SQL as one text"
	case 1:
		return told[0]
	}
	return fmt.Sprintf("%d statements: %s%s", len(statements), strings.Join(told, "; "), more)
}

// outline is the verb and the object of the statement that tokens begin.
func outline(tokens []string) string {
	t := cursor(slices.DeleteFunc(tokens, func(token string) bool { // marks of executable comments
		return strings.HasPrefix(token, "/*") || token == "*/"
	}))
	if len(t) == 0 || !isVerb(t[0]) {
		return "a statement"
	}
	verb := strings.ToUpper(t[0])
	t = t[1:]
	switch verb {
	case "ALTER", "COMMENT", "CREATE", "DROP", "REFRESH", "REINDEX", "TRUNCATE":
		return t.definition(verb)
	case "INSERT", "REPLACE", "MERGE":
		t.skip("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "OR", "REPLACE", "ABORT", "FAIL", "ROLLBACK")
		t.skip("INTO")
		return with(verb+" INTO", t.name())
	case "UPDATE":
		t.skip("LOW_PRIORITY", "IGNORE", "OR", "REPLACE", "ABORT", "FAIL", "ROLLBACK", "ONLY")
		return with(verb, t.name())
	case "DELETE":
		t.skip("LOW_PRIORITY", "QUICK", "IGNORE")
		t.skip("FROM", "ONLY")
		return with(verb+" FROM", t.name())
	case "CALL":
		return with(verb, t.name())
	}
	return verb
}

// What a definition is of, and what may stand before that.
var (
	modifiers = []string{
		"CONSTRAINT", "FOREIGN", "FULLTEXT", "GLOBAL", "LOCAL", "MATERIALIZED", "OFFLINE", "ON", "ONLINE", "OR", "RECURSIVE", "REPLACE",
		"SPATIAL", "TEMP", "TEMPORARY", "UNIQUE", "UNLOGGED", "VIRTUAL",
	}
	things = []string{
		"AGGREGATE", "COLLATION", "COLUMN", "DATABASE", "DOMAIN", "EVENT", "EXTENSION", "FUNCTION", "INDEX", "POLICY", "PROCEDURE", "PUBLICATION", "ROLE", "RULE",
		"SCHEMA", "SEQUENCE", "SERVER", "STATISTICS", "SUBSCRIPTION", "TABLE", "TRIGGER", "TYPE", "USER", "VIEW",
	}
	parts = []string{"CHECK", "COLUMN", "CONSTRAINT", "FOREIGN", "FULLTEXT", "INDEX", "KEY", "PARTITION", "PRIMARY", "SPATIAL", "TO", "UNIQUE"}
)

func (t *cursor) definition(verb string) string {
	out := []string{verb}
	for !t.next(things...) && t.next(modifiers...) {
		out = append(out, t.take())
	}
	switch {
	case t.next(things...):
		out = append(out, t.take())
	case verb == "TRUNCATE":
		out = []string{verb}
	default: // something that is not known here, whose name cannot be told from a value
		return verb
	}
	thing := out[len(out)-1]
	if t.next("CONCURRENTLY") {
		out = append(out, t.take())
	}
	t.skip("IF", "NOT", "EXISTS", "ONLY")
	if !t.next("ON") { // PostgreSQL's index without a name
		out = append(out, t.name())
	}
	switch {
	case thing == "INDEX" && t.next("ON"):
		t.skip("ON", "ONLY")
		out = append(out, "ON", t.name())
	case verb == "ALTER" && thing == "TABLE" && t.next("ADD", "ALTER", "CHANGE", "DROP", "MODIFY", "RENAME"):
		out = append(out, t.take())
		for t.next(parts...) {
			out = append(out, t.take())
		}
		t.skip("IF", "NOT", "EXISTS")
		out = append(out, t.name())
	}
	switch {
	case verb == "ALTER" && t.goesOn():
		out = append(out, "and more")
	case (verb == "DROP" || verb == "TRUNCATE") && t.goesOn():
		out = append(out, "and others")
	}
	return strings.Join(slices.DeleteFunc(out, func(s string) bool { return s == "" }), " ")
}

func with(verb, name string) string { return strings.TrimSpace(verb + " " + name) }

// cursor is the rest of a statement's first tokens.
type cursor []string

// next reports whether the next token is one of words.
func (t *cursor) next(words ...string) bool {
	return len(*t) > 0 && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, (*t)[0]) })
}

// take returns the next token, a keyword.
func (t *cursor) take() string {
	word := strings.ToUpper((*t)[0])
	*t = (*t)[1:]
	return word
}

// skip passes over words.
func (t *cursor) skip(words ...string) {
	for t.next(words...) {
		*t = (*t)[1:]
	}
}

// goesOn reports whether a list goes on: there is a comma outside of parentheses.
func (t *cursor) goesOn() bool {
	depth := 0
	for _, token := range *t {
		switch token {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 0 {
				return true
			}
		}
	}
	return len(*t) > looked/2 // who knows
}

// name returns the name that comes next, as it is written; "" when there is none.
func (t *cursor) name() string {
	name := ""
	for len(*t) > 0 && isName((*t)[0]) {
		name += (*t)[0]
		if *t = (*t)[1:]; t.next("&") { // U&"…": who reads that
			return ""
		}
		if !t.next(".") {
			break
		}
		name += "."
		*t = (*t)[1:]
	}
	return core.Cap(name, maxObject)
}

// isVerb reports whether a token can begin a statement: it is made of letters.
func isVerb(token string) bool {
	return len(token) <= 20 && !strings.ContainsFunc(token, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' })
}

// isName reports whether a token is a bare or quoted identifier, or a reference.
func isName(token string) bool {
	switch c := token[0]; {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= utf8.RuneSelf:
		return !strings.Contains(token, "'") // E'…' is a string
	case c == '"', c == '`', c == '[':
		return len(token) > 1
	}
	return strings.HasPrefix(token, "${")
}
