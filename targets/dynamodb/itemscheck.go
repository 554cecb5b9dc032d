package dynamodb

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

var (
	placeholder = regexp.MustCompile(`[#:][A-Za-z0-9_]+`)
	nameClass   = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`) // without {3,255}, which costs a millisecond when the process starts
	arnOfTable  = regexp.MustCompile(`^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/(.+)$`)
)

// isName says whether text can name a table or an index.
func isName(text string) bool {
	return len(text) >= 3 && len(text) <= 255 && nameClass.MatchString(text)
}

// isTableARN says whether text can be the ARN of a table.
func isTableARN(text string) bool {
	parts := arnOfTable.FindStringSubmatch(text)
	return parts != nil && isName(parts[1])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// check finds what is wrong with one write by itself.
func (w *write) check(f *awstarget.Faults) {
	if w.kind == "partiql" {
		w.op.PartiQL.check(f)
		return
	}
	checkTable(f, w.table, w.at)
	if w.kind == "put" {
		item := w.op.Put.Item
		switch size := itemSize(item); {
		case len(item) == 0:
			f.At(w.at, "put needs item, with its key at least")
		case size > maxItemSize:
			f.At(w.at, "the item is %d bytes large, and DynamoDB takes 400 KB", size)
		}
	} else {
		w.checkKey(f)
	}
	expressions := []core.Text{w.guard.Condition}
	if w.kind == "update" {
		w.op.Update.check(f, w.at)
		expressions = append(expressions, w.op.Update.Expression)
	}
	if w.kind == "check" && awstarget.Blank(w.guard.Condition) {
		f.At(w.at, "check needs a condition")
	}
	w.guard.check(f, expressions)
}

func checkTable(f *awstarget.Faults, table core.Text, at core.Position) {
	switch name := table.Value; {
	case awstarget.Blank(table):
		f.At(awstarget.First(table.Start, at), "table is missing")
	case !awstarget.HasReference(name) && !isName(name) && !isTableARN(name):
		f.At(table.Start, "table must be a name of 3 to 255 letters, digits, _ . -, or the ARN of a table")
	}
}

func (w *write) checkKey(f *awstarget.Faults) {
	if len(w.key) == 0 || len(w.key) > 2 {
		f.At(w.at, "%s needs key, with the table's one or two key attributes", w.kind)
		return
	}
	for _, name := range sortedKeys(w.key) {
		switch v := w.key[name]; {
		case v == nil || v.kind != isText && v.kind != isNumber && v.kind != isBinary:
			f.At(awstarget.First(v.place(), w.at), "key.%s must be text, a number or binary", name)
		case v.text == "":
			f.At(awstarget.First(v.place(), w.at), "key.%s is empty, which DynamoDB does not take in a key", name)
		case v.size() > maxKeySize:
			f.At(awstarget.First(v.place(), w.at), "key.%s is %d bytes long, and DynamoDB takes %d in a key", name, v.size(), maxKeySize)
		}
	}
}

func (u *update) check(f *awstarget.Faults, at core.Position) {
	whole := len(u.Set) > 0 || len(u.Remove) > 0
	switch {
	case awstarget.Blank(u.Expression) && !whole:
		f.At(at, "update needs an expression, or set and remove")
	case !awstarget.Blank(u.Expression) && whole:
		f.At(u.Expression.Start, "update takes an expression, or set and remove, and not both")
	}
	seen := map[string]bool{}
	for name := range u.Set {
		seen[name] = true
	}
	for _, name := range u.Remove {
		if seen[name.Value] {
			f.At(name.Start, "attribute %s is named twice", name.Value)
		}
		seen[name.Value] = true
	}
	for name := range seen {
		if _, ok := u.Key[name]; ok {
			f.At(at, "%s is in the key, which no update can change", name)
		}
	}
}

// check compares the placeholders of the expressions with what is given for them:
// DynamoDB takes neither too few nor too many.
func (g guard) check(f *awstarget.Faults, expressions []core.Text) {
	used := map[string]bool{}
	for _, e := range expressions {
		for _, m := range placeholder.FindAllStringIndex(e.Value, -1) {
			p := e.Value[m[0]:m[1]]
			if used[p] {
				continue
			}
			used[p] = true
			if !g.has(p) {
				key := map[byte]string{'#': "names", ':': "values"}[p[0]]
				line, column := lineColumn(e.Value, m[0])
				f.At(e.At(line, column), "%s is not among the %s", p, key)
			}
		}
	}
	for _, name := range sortedKeys(g.Names) {
		if !used[prefixed("#", name)] {
			f.At(g.Names[name].Start, "names.%s is not used; mind that a # after a space begins a comment in YAML: put expressions into quotes, or on lines of their own after |", name)
		}
	}
	for _, name := range sortedKeys(g.Values) {
		if !used[prefixed(":", name)] {
			f.At(g.Values[name].place(), "values.%s is not used", name)
		}
	}
}

func (g guard) has(p string) bool {
	if p[0] == '#' {
		_, with := g.Names[p]
		_, without := g.Names[p[1:]]
		return with || without
	}
	_, with := g.Values[p]
	_, without := g.Values[p[1:]]
	return with || without
}

func prefixed(mark, name string) string {
	if strings.HasPrefix(name, mark) {
		return name
	}
	return mark + name
}

// lineColumn counts from 1, in characters.
func lineColumn(text string, offset int) (line, column int) {
	before := text[:offset]
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}

var quoted = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"`)

func (s *statement) check(f *awstarget.Faults) {
	word, _, _ := strings.Cut(strings.TrimSpace(s.Statement.Value), " ")
	word, _, _ = strings.Cut(word, "\n")
	switch strings.ToUpper(word) {
	case "":
		f.At(s.Statement.Start, "partiql needs a statement")
		return
	case "INSERT", "UPDATE", "DELETE":
	case "SELECT":
		f.At(s.Statement.Start, "SELECT changes nothing, and a change has no use for what it reads")
	default:
		f.At(s.Statement.Start, "the statement must begin with INSERT, UPDATE or DELETE")
	}
	if marks := strings.Count(quoted.ReplaceAllString(s.Statement.Value, ""), "?"); marks != len(s.Parameters) {
		f.At(s.Statement.Start, "the statement has %d question marks, and there are %d parameters", marks, len(s.Parameters))
	}
	if n := len(s.Statement.Value); n > 8192 {
		f.At(s.Statement.Start, "the statement is %d characters long, and DynamoDB takes 8192", n)
	}
}
