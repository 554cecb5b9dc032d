package mysql

import (
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// mostTokens bounds how long a statement is read for a probe.
const mostTokens = 20_000

// tokens walks over a statement.
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

// any takes the next word if it is one of those.
func (t *tokens) any(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return t.words(w) })
}

// ident takes a name; "" if there is none that is plain to read.
func (t *tokens) ident() string {
	if len(*t) == 0 {
		return ""
	}
	s := (*t)[0]
	switch c := s[0]; {
	case c == '`' && len(s) > 2:
		s = strings.ReplaceAll(s[1:len(s)-1], "``", "`")
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
	default:
		return ""
	}
	*t = (*t)[1:]
	return s
}

// name takes the name of a table; ok is false if there is none.
func (t *tokens) name() (n name, ok bool) {
	n.table = t.ident()
	if n.table != "" && t.words(".") {
		n.database, n.table = n.table, t.ident()
	}
	return n, n.table != ""
}

// parseDDL reads the statements that a probe can answer for. ok is false for all
// others.
func parseDDL(text string) (d *ddl, ok bool) {
	if dynamic(text) {
		return nil, false
	}
	t := tokens(split.Tokens(text, split.MySQL(), mostTokens))
	d = &ddl{text: text}
	switch {
	case len(t) == mostTokens:
		return nil, false
	case t.words("CREATE"):
		ok = d.create(&t)
	case t.words("DROP"):
		ok = d.drop(&t)
	case t.words("RENAME", "TABLE"):
		ok = d.rename(&t)
	case t.words("ALTER", "TABLE"):
		ok = d.alter(&t)
	}
	return d, ok
}

// create reads CREATE TABLE [IF NOT EXISTS] t (…) and CREATE [UNIQUE | FULLTEXT |
// SPATIAL] INDEX [IF NOT EXISTS] i [USING …] ON t (…).
func (d *ddl) create(t *tokens) (ok bool) {
	if t.words("TABLE") {
		t.words("IF", "NOT", "EXISTS")
		if d.table, ok = t.name(); !ok {
			return false
		}
		columns, ok := t.columns()
		d.parts = []part{{kind: aTable, columns: columns}}
		return ok && !t.has("SELECT")
	}
	p := part{kind: anIndex, unique: t.words("UNIQUE")}
	if !p.unique {
		t.any("FULLTEXT", "SPATIAL")
	}
	if !t.words("INDEX") {
		return false
	}
	t.words("IF", "NOT", "EXISTS")
	if p.name = t.ident(); p.name == "" {
		return false
	}
	if t.words("USING") {
		t.ident()
	}
	if !t.words("ON") {
		return false
	}
	d.table, ok = t.name()
	d.parts = []part{p}
	return ok && t.words("(")
}

// has reports whether a word comes later, which makes a table of a query.
func (t *tokens) has(word string) bool {
	return slices.ContainsFunc(*t, func(s string) bool { return strings.EqualFold(s, word) })
}

// notColumns are the words with which a definition in a table begins that is no
// column's.
var notColumns = []string{"CONSTRAINT", "PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "PERIOD"}

// columns takes the definitions in parentheses and returns the columns' names.
func (t *tokens) columns() (names []string, ok bool) {
	if !t.words("(") {
		return nil, false
	}
	for depth, first := 1, true; depth > 0; first = depth == 1 && t.words(",") {
		if first && !t.peek(notColumns...) {
			column := t.ident()
			if column == "" || strings.EqualFold(column, "LIKE") {
				return nil, false
			}
			names = append(names, column)
		}
		for len(*t) > 0 && !(depth == 1 && t.peek(",")) {
			depth += step((*t)[0])
			*t = (*t)[1:]
			if depth == 0 {
				return names, len(names) > 0
			}
		}
		if len(*t) == 0 {
			return nil, false
		}
	}
	return names, len(names) > 0
}

func step(token string) int {
	switch token {
	case "(":
		return 1
	case ")":
		return -1
	}
	return 0
}

// peek reports whether one of the words comes next.
func (t *tokens) peek(words ...string) bool {
	return len(*t) > 0 && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold((*t)[0], w) })
}

// drop reads DROP TABLE [IF EXISTS] t and DROP INDEX [IF EXISTS] i ON t.
func (d *ddl) drop(t *tokens) (ok bool) {
	switch {
	case t.words("TABLE"):
		t.words("IF", "EXISTS")
		d.table, ok = t.name()
		t.any("RESTRICT", "CASCADE")
		d.parts = []part{{kind: aTable, gone: true}}
		return ok && len(*t) == 0
	case t.words("INDEX"):
		t.words("IF", "EXISTS")
		i := t.ident()
		if i == "" || !t.words("ON") {
			return false
		}
		d.table, ok = t.name()
		d.parts = []part{{kind: anIndex, name: i, gone: true}}
		return ok && !t.has(",")
	}
	return false
}

// rename reads RENAME TABLE t TO u.
func (d *ddl) rename(t *tokens) (ok bool) {
	if d.table, ok = t.name(); !ok || !t.words("TO") {
		return false
	}
	to, ok := t.name()
	d.parts = []part{{kind: aRename, to: to}}
	return ok && len(*t) == 0
}

// alter reads ALTER TABLE t with clauses that add or drop columns and indexes.
func (d *ddl) alter(t *tokens) (ok bool) {
	t.words("IF", "EXISTS")
	if d.table, ok = t.name(); !ok {
		return false
	}
	for {
		p, ok := t.clause()
		if !ok {
			return false
		}
		if p.name != "" {
			d.parts = append(d.parts, p)
		}
		if len(*t) == 0 {
			return len(d.parts) > 0
		}
		if !t.words(",") {
			return false
		}
	}
}

// clause takes one clause up to its comma; a part without a name is one that leaves
// nothing to look for.
func (t *tokens) clause() (p part, ok bool) {
	switch {
	case t.any("ALGORITHM", "LOCK"):
	case t.words("ADD"):
		p.unique = t.words("UNIQUE")
		special := !p.unique && t.any("FULLTEXT", "SPATIAL")
		index := t.any("INDEX", "KEY")
		switch {
		case index || p.unique || special:
			p.kind = anIndex
		case t.words("COLUMN"):
			p.kind = aColumn
		case t.peek("CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK", "PARTITION", "PERIOD", "SYSTEM"):
			return p, false
		default:
			p.kind = aColumn
		}
		t.words("IF", "NOT", "EXISTS")
		if p.name = t.ident(); p.name == "" {
			return p, false
		}
	case t.words("DROP"):
		p.gone, p.kind = true, aColumn
		switch {
		case t.any("INDEX", "KEY"):
			p.kind = anIndex
		case t.words("COLUMN"):
		case t.peek("CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK", "PARTITION", "PERIOD", "SYSTEM"):
			return p, false
		}
		t.words("IF", "EXISTS")
		if p.name = t.ident(); p.name == "" {
			return p, false
		}
	default:
		return p, false
	}
	for depth := 0; len(*t) > 0 && !(depth == 0 && t.peek(",")); *t = (*t)[1:] {
		depth += step((*t)[0])
	}
	return p, true
}

// listed reports a statement over a list of names, which MariaDB carries out one by
// one: an error may come after some of them.
func listed(text string) bool {
	t := tokens(split.Tokens(text, split.MySQL(), mostTokens))
	switch {
	case t.any("GRANT", "REVOKE", "RENAME"):
	case t.any("CREATE", "ALTER"):
		if !t.any("USER", "ROLE") {
			return false
		}
	case t.words("DROP"):
		t.words("TEMPORARY")
		if !t.any("TABLE", "TABLES", "VIEW", "USER", "ROLE", "SEQUENCE") {
			return false
		}
	default:
		return false
	}
	return t.has(",")
}
