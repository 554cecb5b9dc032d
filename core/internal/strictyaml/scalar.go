package strictyaml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// leaf is a scalar as this package read it from the source.
type leaf struct {
	start, end int // indices in the source
	text       core.Text
	quoted     bool
	exact      bool
}

// misread says that the two readings of the file differ at index i.
type misread struct {
	at      int
	message string
}

const doubtful = "this text cannot be read without doubt: put it in quotes, or write it as a block after |"

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// plain reads an unquoted scalar at i, whose value with folded lines and tabs
// shown as spaces is known.
func (s *source) plain(i int, value string, inFlow bool) (leaf, *misread) {
	t, v := s.text, []rune(value)
	start := i
	var b strings.Builder
	bad := func() (leaf, *misread) { return leaf{}, &misread{start, doubtful} }
	if i >= len(t) || cannotBegin(t, i, inFlow) {
		return leaf{}, &misread{i, "a value cannot begin with this character: put it in quotes"}
	}
	for j := 0; j < len(v); {
		if v[j] == ' ' || v[j] == '\n' {
			k, breaks := i, 0
			for k < len(t) && (isBlank(t[k]) || t[k] == '\n') {
				if t[k] == '\n' {
					breaks++
				}
				k++
			}
			part := string(t[i:k])
			if breaks > 0 {
				part = fold(breaks)
				if tab := slices.Index(t[s.lineStart(k):k], '\t'); tab >= 0 && !inFlow {
					return leaf{}, &misread{s.lineStart(k) + tab, tabIndent}
				}
			}
			n := len([]rune(part))
			if n == 0 || j+n > len(v) || strings.ReplaceAll(part, "\t", " ") != string(v[j:j+n]) {
				return bad()
			}
			b.WriteString(part)
			i, j = k, j+n
			continue
		}
		if i >= len(t) || t[i] != v[j] || ends(t, i, inFlow) {
			return bad()
		}
		b.WriteRune(t[i])
		i, j = i+1, j+1
	}
	return s.leaf(start, i, start, i, b.String(), false), nil
}

// cannotBegin reports whether no plain scalar begins with the character at i.
func cannotBegin(t []rune, i int, inFlow bool) bool {
	switch t[i] {
	case ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`':
		return true
	case '-', '?', ':':
		return i+1 == len(t) || separates(t[i+1], inFlow)
	}
	return false
}

// separates reports whether r ends an indicator: what stands before it is no text.
func separates(r rune, inFlow bool) bool {
	return isBlank(r) || r == '\n' || inFlow && strings.ContainsRune(",[]{}", r)
}

// ends reports whether a plain scalar cannot go on with the character at i.
func ends(t []rune, i int, inFlow bool) bool {
	next := '\n'
	if i+1 < len(t) {
		next = t[i+1]
	}
	switch t[i] {
	case ':':
		return separates(next, inFlow)
	case '#':
		return i > 0 && (isBlank(t[i-1]) || t[i-1] == '\n')
	case ',', '[', ']', '{', '}':
		return inFlow
	}
	return false
}

// fold returns what n line ends in a row stand for inside a plain or quoted scalar.
func fold(n int) string {
	if n == 1 {
		return " "
	}
	return strings.Repeat("\n", n-1)
}

// leaf makes a leaf of source [start, end) whose content is at [from, to).
func (s *source) leaf(start, end, from, to int, value string, quoted bool) leaf {
	return leaf{
		start: start, end: end, quoted: quoted,
		text:  core.Text{Value: value, Start: s.pos(from)},
		exact: string(s.text[from:to]) == value && !strings.Contains(value, "\n"),
	}
}

// breaks consumes the line ends and indentation at i, and drops the blanks that
// end what was read so far, from keep on.
func (s *source) breaks(i int, b []rune, keep int) (int, []rune, int) {
	for len(b) > keep && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	n := 0
	for i < len(s.text) && (isBlank(s.text[i]) || s.text[i] == '\n') {
		if s.text[i] == '\n' {
			n++
		}
		i++
	}
	return i, b, n
}

// single reads a single-quoted scalar at i.
func (s *source) single(start int) (leaf, *misread) {
	var b []rune
	t := s.text
	for i := start + 1; i < len(t); {
		switch {
		case t[i] == '\'' && i+1 < len(t) && t[i+1] == '\'':
			b = append(b, '\'')
			i += 2
		case t[i] == '\'':
			return s.leaf(start, i+1, start+1, i, string(b), true), nil
		case t[i] == '\n':
			var n int
			i, b, n = s.breaks(i, b, 0)
			b = append(b, []rune(fold(n))...)
		default:
			b = append(b, t[i])
			i++
		}
	}
	return leaf{}, &misread{start, "the single-quoted text that begins here has no end"}
}

// double reads a double-quoted scalar at i.
func (s *source) double(start int) (leaf, *misread) {
	var b []rune
	t := s.text
	keep := 0 // blanks before it were escaped, and stay
	for i := start + 1; i < len(t); {
		switch {
		case t[i] == '"':
			return s.leaf(start, i+1, start+1, i, string(b), true), nil
		case t[i] == '\n':
			var n int
			i, b, n = s.breaks(i, b, keep)
			b = append(b, []rune(fold(n))...)
		case t[i] == '\\' && i+1 < len(t) && t[i+1] == '\n':
			var n int
			keep = len(b)
			i, b, n = s.breaks(i+1, b, keep)
			b = append(b, []rune(strings.Repeat("\n", n-1))...)
		case t[i] == '\\':
			r, size, ok := escape(t[i:])
			if !ok {
				return leaf{}, &misread{i, "this escape does not exist in double quotes: write \\\\ for a backslash, or use single quotes"}
			}
			b = append(b, r)
			i += size
			keep = len(b)
		default:
			b = append(b, t[i])
			i++
		}
	}
	return leaf{}, &misread{start, "the double-quoted text that begins here has no end"}
}

// escape decodes the escape at the start of t and returns its length.
func escape(t []rune) (rune, int, bool) {
	if len(t) < 2 {
		return 0, 0, false
	}
	if r, ok := map[rune]rune{
		'0': 0, 'a': 7, 'b': 8, 't': 9, '\t': 9, 'n': 10, 'v': 11, 'f': 12, 'r': 13, 'e': 27, ' ': ' ', '"': '"',
		'/': '/', '\\': '\\', 'N': 0x85, '_': 0xA0, 'L': 0x2028, 'P': 0x2029,
	}[t[1]]; ok {
		return r, 2, true
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[t[1]]
	r, ok := hex(t[2:], digits)
	if !ok || digits == 0 {
		return 0, 0, false
	}
	size := 2 + digits
	if r >= 0xD800 && r < 0xDC00 && digits == 4 && len(t) > 7 && t[6] == '\\' && t[7] == 'u' {
		// JSON writes characters beyond U+FFFF as two halves.
		low, ok := hex(t[8:], 4)
		if !ok || low < 0xDC00 || low > 0xDFFF {
			return 0, 0, false
		}
		return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, 12, true
	}
	if r >= 0xD800 && r <= 0xDFFF || r > 0x10FFFF {
		return 0, 0, false
	}
	return r, size, true
}

func hex(t []rune, digits int) (rune, bool) {
	if len(t) < digits {
		return 0, false
	}
	var r int64
	for _, c := range t[:digits] {
		d := strings.IndexRune("0123456789abcdef", c|0x20)
		if d < 0 || c > 'f' {
			return 0, false
		}
		r = r<<4 | int64(d)
	}
	if r > 0x10FFFF {
		return 0, false
	}
	return rune(r), true
}

// block reads the literal or folded block whose header is at i, inside a
// collection that is indented by parent (-1: the document itself).
func (s *source) block(start, parent int) (leaf, *misread) {
	t := s.text
	h, msg := parseHeader(t[start:s.lineEnd(start)])
	if msg != "" {
		return leaf{}, &misread{start, msg}
	}
	body := min(s.lineEnd(start)+1, len(t))
	indent := max(parent, 0) + h.indent
	if h.indent == 0 {
		first, widest, widestAt := s.detectIndent(body)
		if widest > first && first > parent {
			return leaf{}, &misread{widestAt, "this blank line is indented deeper than the text below it: remove its spaces"}
		}
		if indent = first; first <= parent { // no text
			indent = max(parent+1, widest)
		}
	}
	value, end := s.blockText(body, indent, h)
	if n := s.spaces(end); end+n < len(t) && n < indent && t[end+n] == '\t' && s.lineStart(end) == end {
		return leaf{}, &misread{end + n, tabIndent}
	}
	l := leaf{start: start, end: end, quoted: true, text: core.Text{Value: value, Start: s.pos(start)}}
	if value != "" {
		l.text.Start = s.pos(body)
		l.text.Start.Column = indent + 1
		l.text.Literal = h.literal
		l.text.Indent = indent
		if !h.literal {
			l.text.Indent = 0
		}
	}
	return l, nil
}

// header is what stands behind | or >.
type header struct {
	literal, keep, strip bool
	indent               int // 0: to be found from the text
}

func parseHeader(line []rune) (header, string) {
	h := header{literal: line[0] == '|'}
	i := 1
	for ; i < len(line) && !isBlank(line[i]); i++ {
		switch c := line[i]; {
		case c == '+' && !h.keep && !h.strip:
			h.keep = true
		case c == '-' && !h.keep && !h.strip:
			h.strip = true
		case c >= '1' && c <= '9' && h.indent == 0:
			h.indent = int(c - '0')
		default:
			return h, fmt.Sprintf("after %c only +, - and one digit may follow: begin the text on the next line", line[0])
		}
	}
	rest := strings.TrimLeft(string(line[i:]), " \t")
	if rest != "" && rest[0] != '#' {
		return h, fmt.Sprintf("after %c the text begins on the next line", line[0])
	}
	return h, ""
}

// detectIndent returns the indentation of the first line at or after i that is
// not blank, and the widest of the blank lines before it with its place.
func (s *source) detectIndent(i int) (indent, widest, widestAt int) {
	for i < len(s.text) {
		n := s.spaces(i)
		if i+n < len(s.text) && s.text[i+n] != '\n' {
			return n, widest, widestAt
		}
		if n > widest {
			widest, widestAt = n, i
		}
		i += n + 1
	}
	return widest, widest, widestAt
}

func (s *source) spaces(i int) int {
	n := 0
	for i+n < len(s.text) && s.text[i+n] == ' ' {
		n++
	}
	return n
}

// blockText reads the lines from i on that are indented by indent or blank, and
// returns their text and the index after them. It follows the reference
// implementations' algorithm.
func (s *source) blockText(i, indent int, h header) (string, int) {
	t := s.text
	var b strings.Builder
	blank := func() string { // consumes blank lines
		n := 0
		for i < len(t) {
			k := min(s.spaces(i), indent)
			if i+k >= len(t) {
				i = len(t)
				break
			}
			if t[i+k] != '\n' {
				break
			}
			i += k + 1
			n++
		}
		return strings.Repeat("\n", n)
	}
	more := func() bool {
		return i < len(t) && s.spaces(i) >= indent && !(indent == 0 && s.marker(i))
	}
	breaks, lineBreak := blank(), ""
	for more() {
		b.WriteString(breaks)
		end := s.lineEnd(i)
		flush := !isBlank(t[i+indent])
		b.WriteString(string(t[i+indent : end]))
		lineBreak = ""
		if i = end; i < len(t) {
			i, lineBreak = i+1, "\n"
		}
		if breaks = blank(); !more() {
			break
		}
		if !h.literal && lineBreak == "\n" && flush && !isBlank(t[i+indent]) {
			if breaks == "" {
				b.WriteByte(' ')
			}
		} else {
			b.WriteString(lineBreak)
		}
	}
	switch {
	case h.keep:
		b.WriteString(lineBreak + breaks)
	case !h.strip && b.Len() > 0:
		b.WriteString(lineBreak)
	}
	return b.String(), i
}

// marker reports whether a document marker stands at the line start i.
func (s *source) marker(i int) bool {
	if i+3 > len(s.text) {
		return false
	}
	m := string(s.text[i : i+3])
	return (m == "---" || m == "...") && (i+3 == len(s.text) || isBlank(s.text[i+3]) || s.text[i+3] == '\n')
}
