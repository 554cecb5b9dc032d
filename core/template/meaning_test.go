package template

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// meaning is what a change file says, before it is written in one way or another.
// It is what the checksum has to tell apart, and knows nothing of how it is made.
type meaning struct {
	template, target string
	transactional    string // "", true, false
	configuration    any
	apply, rollback  any
	steps            []pairOf // then there is no apply
}

type pairOf struct{ apply, rollback any }

// A value is nil, bool, *big.Int, float64, string, []any or fields.
type fields map[string]any

func same(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case *big.Int:
		y, ok := b.(*big.Int)
		return ok && x.Cmp(y) == 0
	case float64:
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	case string:
		y, ok := b.(string)
		return ok && strings.ReplaceAll(x, "\r\n", "\n") == strings.ReplaceAll(y, "\r\n", "\n")
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	case fields:
		y, ok := b.(fields)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			if w, ok := y[k]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	}
	return a == b
}

func (m *meaning) same(o *meaning) bool {
	return m.template == o.template && m.target == o.target && m.transactional == o.transactional && same(m.configuration, o.configuration) &&
		same(m.apply, o.apply) && same(m.rollback, o.rollback) &&
		slices.EqualFunc(m.steps, o.steps, func(a, b pairOf) bool { return same(a.apply, b.apply) && same(a.rollback, b.rollback) })
}

var someTexts = []string{
	"", "x", "two", "null", "true", "~", "1", "0x1F", "1.50", "- a", "a: b", "# no", "it's", `say "so"`, `back\slash`, " lead", "trail ", "SELECT 1;\n",
	"SELECT 1;\nSELECT 2;\n", "a\r\nb", "a\rb", "tab\there", "${env:X}", "Grüße 日本 🙂", "\u2028", "\x01", "<&>", "[1]", "{a}", "*x", "&x", "!x", "%x", "@x", "`x", "| x",
	"\n", "\n\n", "x\n\n", " \n", "yes", "01", "+1", ".inf", "---", "...",
}

func drawText(t *rapid.T) string {
	if rapid.IntRange(0, 3).Draw(t, "made") == 0 {
		return rapid.StringOfN(rapid.RuneFrom([]rune("ab :#-'\"\\\n\r\t{}[],é")), 0, 8, -1).Draw(t, "text")
	}
	return rapid.SampledFrom(someTexts).Draw(t, "word")
}

func drawKey(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "cc", "1", "true", "~", "it's", "a b", "x:y", "é"}).Draw(t, "key")
}

func drawValue(t *rapid.T, depth int) any {
	most := 7
	if depth == 0 {
		most = 5
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		n := big.NewInt(rapid.Int64Range(-300, 1<<40).Draw(t, "int"))
		if rapid.IntRange(0, 5).Draw(t, "big") == 0 {
			n.Lsh(n, 70)
		}
		return n
	case 3:
		return rapid.SampledFrom([]float64{0, 1, 1.5, 1.25, -2.25, 1e21, 1e-7, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}).Draw(t, "float")
	case 6:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawValue(t, depth-1))
		}
		return list
	case 7:
		m := fields{}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			m[drawKey(t)] = drawValue(t, depth-1)
		}
		return m
	}
	return drawText(t)
}

// drawWork is drawValue for what must be there.
func drawWork(t *rapid.T) any {
	if v := drawValue(t, 2); v != nil {
		return v
	}
	return "something"
}

func drawMeaning(t *rapid.T) *meaning {
	m := &meaning{
		template: rapid.SampledFrom([]string{"sql", "mongodb"}).Draw(t, "template"), target: rapid.SampledFrom([]string{"orders-db", "legacy"}).Draw(t, "target"),
		transactional: rapid.SampledFrom([]string{"", "true", "false"}).Draw(t, "transactional"), configuration: drawValue(t, 2),
	}
	if rapid.IntRange(0, 2).Draw(t, "several") > 0 {
		m.apply, m.rollback = drawWork(t), drawValue(t, 2)
		return m
	}
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		m.steps = append(m.steps, pairOf{drawWork(t), drawValue(t, 1)})
	}
	return m
}

// edited returns m with one thing drawn anew, which may come out as it was.
func (m *meaning) edited(t *rapid.T) *meaning {
	e := *m
	other := drawMeaning(t)
	switch rapid.IntRange(0, 6).Draw(t, "edit") {
	case 0:
		e.template = other.template
	case 1:
		e.target = other.target
	case 2:
		e.transactional = other.transactional
	case 3:
		e.configuration = editedValue(t, m.configuration)
	case 4:
		if m.steps == nil {
			e.apply = editedWork(t, m.apply)
			break
		}
		e.steps = slices.Clone(m.steps)
		s := &e.steps[rapid.IntRange(0, len(e.steps)-1).Draw(t, "step")]
		s.apply, s.rollback = editedWork(t, s.apply), editedValue(t, s.rollback)
	case 5:
		if m.steps == nil {
			e.rollback = editedValue(t, m.rollback)
			break
		}
		e.steps = slices.Clone(m.steps)
		slices.Reverse(e.steps)
	case 6:
		e.apply, e.rollback, e.steps = other.apply, other.rollback, other.steps
	}
	return &e
}

func editedWork(t *rapid.T, v any) any {
	if e := editedValue(t, v); e != nil {
		return e
	}
	return v
}

// editedValue changes something in v, at any depth.
func editedValue(t *rapid.T, v any) any {
	deeper := rapid.Bool().Draw(t, "deeper")
	switch x := v.(type) {
	case []any:
		if len(x) == 0 || !deeper {
			break
		}
		out := slices.Clone(x)
		i := rapid.IntRange(0, len(x)-1).Draw(t, "item")
		out[i] = editedValue(t, x[i])
		return out
	case fields:
		if len(x) == 0 || !deeper {
			break
		}
		out := fields{}
		var keys []string
		for k, w := range x {
			out[k] = w
			keys = append(keys, k)
		}
		slices.Sort(keys)
		k := rapid.SampledFrom(keys).Draw(t, "field")
		if rapid.Bool().Draw(t, "drop") {
			delete(out, k)
		} else {
			out[k] = editedValue(t, x[k])
		}
		return out
	case *big.Int:
		if deeper { // the look-alikes of other kinds
			return rapid.SampledFrom([]any{x.String(), "0" + x.String(), new(big.Int).Add(x, big.NewInt(1))}).Draw(t, "number")
		}
	case float64:
		if deeper {
			return math.Nextafter(x, 0)
		}
	case string:
		if deeper {
			return rapid.SampledFrom([]string{x + " ", x + "\n", x + "x", strings.TrimSpace(x), strings.ReplaceAll(x, "\n", "\r\n")}).Draw(t, "text")
		}
	}
	return drawValue(t, 1)
}

// writing is one way to write a meaning down.
type writing struct {
	t *rapid.T
	b strings.Builder
}

func (w *writing) one(of ...string) string { return rapid.SampledFrom(of).Draw(w.t, "style") }
func (w *writing) either() bool            { return rapid.Bool().Draw(w.t, "style") }

// file writes the whole of a change file.
func (m *meaning) file(t *rapid.T) string {
	w := &writing{t: t}
	alias := w.one(m.template, m.template+"-template", m.template+"-sync-template")
	if m.template == "sql" {
		alias = w.one("sql", "sql-template", "'sql'")
	}
	target := m.target
	if w.either() {
		target = "{id: " + m.target + "}"
	}
	parts := [][2]string{{"id", w.one("x", `"y"`, "z # the id")}, {"template", alias}, {"targetSystem", target}}
	add := func(key string, v any) {
		if v != nil || rapid.IntRange(0, 3).Draw(t, "empty key") == 0 {
			parts = append(parts, [2]string{key, w.value(v, 1)})
		}
	}
	add("configuration", m.configuration)
	if m.transactional != "" {
		parts = append(parts, [2]string{"transactional", m.transactional})
	}
	if m.steps == nil {
		add("apply", m.apply)
		add("rollback", m.rollback)
	} else {
		var list []any
		for _, s := range m.steps {
			f := fields{"apply": s.apply}
			if s.rollback != nil || w.either() {
				f["rollback"] = s.rollback
			}
			list = append(list, f)
		}
		parts = append(parts, [2]string{"steps", w.value(list, 1)})
	}
	for _, rest := range [][2]string{
		{"author", "a"}, {"description", `"d: e"`}, {"labels", "[l]"}, {"profiles", "p"}, {"recovery", "ALWAYS_RETRY"}, {"timeout", "1s"}, {"maxAttempts", "2"}, {"allowOutOfOrder", "true"},
	} {
		if rapid.IntRange(0, 5).Draw(t, "rest") == 0 {
			parts = append(parts, rest)
		}
	}
	parts = rapid.Permutation(parts).Draw(t, "order of keys")
	for _, p := range parts {
		w.b.WriteString(w.one("", "", "", "# a comment\n", "\n") + w.one(p[0], p[0], `"`+p[0]+`"`) + ":" + strings.TrimSuffix(" "+p[1], " ") + "\n")
	}
	text := w.one("", "", "\uFEFF") + w.one("", "---\n", "# first\n") + w.b.String() + w.one("", "# last\n")
	return strings.ReplaceAll(text, "\n", w.one("\n", "\n", "\r\n", "\r"))
}

// value writes v behind a key, in the middle of a block that is depth deep.
func (w *writing) value(v any, depth int) string {
	pad := strings.Repeat("  ", depth)
	switch x := v.(type) {
	case []any:
		if len(x) > 0 && w.either() {
			var b strings.Builder
			for _, it := range x {
				b.WriteString("\n" + pad + "- " + w.flow(it))
			}
			return b.String()
		}
	case fields:
		if len(x) > 0 && w.either() {
			var b strings.Builder
			for _, k := range w.keys(x) {
				b.WriteString("\n" + pad + w.text(k) + ": " + w.value(x[k], depth+1))
			}
			return b.String()
		}
	case string:
		if literal(x) && w.either() {
			return "|\n" + pad + strings.ReplaceAll(strings.TrimSuffix(x, "\n"), "\n", "\n"+pad)
		}
	}
	return w.flow(v) + w.one("", "", " # why")
}

// literal reports whether a text can be a block without marks of its own.
func literal(s string) bool {
	if len(s) < 2 || !strings.HasSuffix(s, "\n") {
		return false
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line == "" || strings.TrimLeft(line, " \t") != line || strings.TrimRight(line, " \t") != line || strings.ContainsAny(line, "\r\t\x01\u2028") {
			return false
		}
	}
	return true
}

func (w *writing) keys(m fields) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return rapid.Permutation(keys).Draw(w.t, "order of keys")
}

// flow writes v in one line.
func (w *writing) flow(v any) string {
	switch x := v.(type) {
	case nil:
		return w.one("null", "~", "Null", "NULL")
	case bool:
		s := strconv.FormatBool(x)
		return w.one(s, strings.ToUpper(s), strings.ToUpper(s[:1])+s[1:])
	case *big.Int:
		return w.integer(x)
	case float64:
		return w.float(x)
	case string:
		return w.text(x)
	case []any:
		var parts []string
		for _, it := range x {
			parts = append(parts, w.flow(it))
		}
		return "[" + strings.Join(parts, w.one(", ", " , ")) + "]"
	case fields:
		var parts []string
		for _, k := range w.keys(x) {
			parts = append(parts, w.text(k)+": "+w.flow(x[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	panic(fmt.Sprintf("%T", v))
}

func (w *writing) integer(n *big.Int) string {
	if n.Sign() < 0 {
		return n.String()
	}
	forms := []string{n.String(), "+" + n.String(), "0x" + n.Text(16), "0o" + n.Text(8)}
	if n.Sign() == 0 {
		forms = append(forms, "-0")
	}
	return w.one(forms...)
}

func (w *writing) float(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return w.one(".inf", "+.Inf", ".INF")
	case math.IsInf(f, -1):
		return w.one("-.inf", "-.INF")
	}
	e := strconv.FormatFloat(f, 'e', -1, 64)
	forms := []string{e, strings.ToUpper(e)}
	if plain := strconv.FormatFloat(f, 'f', -1, 64); len(plain) < 20 {
		if !strings.Contains(plain, ".") {
			plain += ".0"
		}
		forms = append(forms, plain, plain+"0")
	}
	return w.one(forms...)
}

// text writes a text in quotes, or bare where it cannot be taken for anything else.
func (w *writing) text(s string) string {
	forms := []string{w.double(s)}
	if !strings.ContainsAny(s, "\n\r\t\x01\u2028") {
		forms = append(forms, "'"+strings.ReplaceAll(s, "'", "''")+"'")
	}
	if slices.Contains([]string{"x", "two", "a", "b", "cc", "yes", "é", "01"}, s) {
		forms = append(forms, s)
	}
	return w.one(forms...)
}

func (w *writing) double(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x2028:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r < 0x80 && r != ' ' && rapid.IntRange(0, 15).Draw(w.t, "escaped") == 0:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
