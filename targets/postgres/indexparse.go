package postgres

import (
	"strings"

	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// tokens walks over the beginning of a statement.
type tokens []string

// words takes the given words if they come next.
func (t *tokens) words(words ...string) bool {
	if len(*t) < len(words) {
		return false
	}
	for i, w := range words {
		if !strings.EqualFold((*t)[i], w) {
			return false
		}
	}
	*t = (*t)[len(words):]
	return true
}

// name takes a name with up to most parts, in quotation marks as it has to be to
// mean the same in lower case; "" if there is none that is plain to read, such as
// one with a reference or with Unicode escapes.
func (t *tokens) name(most int) string {
	var parts []string
	for {
		if len(*t) == 0 {
			return ""
		}
		part := (*t)[0]
		switch c := part[0]; {
		case c == '"' && len(part) > 2:
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
			part = `"` + asciiLower(part) + `"`
		default:
			return ""
		}
		parts = append(parts, part)
		*t = (*t)[1:]
		if len(parts) == most || !t.words(".") {
			return strings.Join(parts, ".")
		}
	}
}

// asciiLower folds a bare name as PostgreSQL does in UTF-8.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func tokensOf(text string) tokens { return split.Tokens(text, split.PostgreSQL(), 24) }

// parseCreate reads CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON
// [ONLY] table. ok is false for everything else, and for names that only the
// server can make out.
func parseCreate(text string) (x index, ok bool) {
	t := tokensOf(text)
	if !t.words("CREATE") {
		return x, false
	}
	x.unique = t.words("UNIQUE")
	if !t.words("INDEX", "CONCURRENTLY") {
		return x, false
	}
	t.words("IF", "NOT", "EXISTS")
	if t.words("ON") { // the server makes up a name
		return x, false
	}
	x.name = t.name(1)
	if x.name == "" || !t.words("ON") {
		return x, false
	}
	t.words("ONLY")
	x.table = t.name(3)
	return x, x.table != "" && (t.words("(") || t.words("USING"))
}

// parseDrop reads DROP INDEX CONCURRENTLY [IF EXISTS] name [CASCADE | RESTRICT].
func parseDrop(text string) (x index, ok bool) {
	t := tokensOf(text)
	if !t.words("DROP", "INDEX", "CONCURRENTLY") {
		return x, false
	}
	t.words("IF", "EXISTS")
	x.name = t.name(3)
	if !t.words("CASCADE") {
		t.words("RESTRICT")
	}
	return x, x.name != "" && len(t) == 0
}

// concurrent reports whether the statement works CONCURRENTLY and outside of a
// transaction. REFRESH MATERIALIZED VIEW CONCURRENTLY is an ordinary statement.
func concurrent(text string) bool {
	head := tokensOf(text)
	for i := range head {
		head[i] = strings.ToUpper(head[i])
	}
	if len(head) == 0 || notTransactional(head) == "" {
		return false
	}
	for _, w := range head {
		if w == "CONCURRENTLY" {
			return true
		}
	}
	return false
}
