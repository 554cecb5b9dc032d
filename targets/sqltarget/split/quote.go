package split

import "strings"

// quoted takes a quotation that opens at byte open, up to the closing mark; where
// doubled is true, two marks in a row stand for one inside it.
func (l *lexer) quoted(open int, closing byte, what string, doubled bool) (token, error) {
	if closing == '`' || closing == ']' && l.opts.BracketDoubled {
		doubled = true
	}
	escapes := l.opts.Backslash && (closing == '\'' || closing == '"')
	i, ok := l.quotationEnd(open+1, closing, doubled, escapes)
	if !ok {
		return token{}, l.unterminated(what, l.pos)
	}
	return l.take(other, i-l.pos), nil
}

// quotationEnd returns the offset after the closing mark of a quotation whose
// content begins at i.
func (l *lexer) quotationEnd(i int, closing byte, doubled, escapes bool) (int, bool) {
	stop := string([]byte{closing, '\\'})
	for {
		var n int
		if escapes {
			n = strings.IndexAny(l.text[i:], stop)
		} else {
			n = strings.IndexByte(l.text[i:], closing)
		}
		if n < 0 {
			return 0, false
		}
		i += n + 1
		switch {
		case l.text[i-1] == '\\' && escapes:
			if i == len(l.text) {
				return 0, false
			}
			i++
		case doubled && i < len(l.text) && l.text[i] == closing:
			i++
		default:
			return i, true
		}
	}
}

// escapeString takes E'…' with the quotations that continue it after a line end,
// in which a backslash escapes as well.
func (l *lexer) escapeString() (token, error) {
	i := l.pos + 2
	for {
		var ok bool
		if i, ok = l.quotationEnd(i, '\'', true, true); !ok {
			return token{}, l.unterminated("string", l.pos)
		}
		next, continues := l.continuation(i)
		if !continues {
			return l.take(other, i-l.pos), nil
		}
		i = next
	}
}

// continuation finds the quotation mark that continues the string which ended at
// i: between them is white space with a line end, and perhaps -- comments. It
// returns the offset after the mark.
func (l *lexer) continuation(i int) (int, bool) {
	newline := false
	for i < len(l.text) {
		rest := l.text[i:]
		switch {
		case isSpace(rest[0]):
			newline = newline || rest[0] == '\n' || rest[0] == '\r'
			i++
		case strings.HasPrefix(rest, "--"):
			i += l.lineLen(rest)
		default:
			return i + 1, newline && rest[0] == '\''
		}
	}
	return 0, false
}

// dollar takes what begins with a $: a dollar quotation, a parameter, or the $
// itself.
func (l *lexer) dollar(rest string) (token, error) {
	i := 1
	for i < len(rest) && isWord(rest[i]) && rest[i] != '$' && (i > 1 || rest[i] < '0' || rest[i] > '9') {
		i++
	}
	if i < len(rest) && rest[i] == '$' {
		quote := rest[:i+1]
		n := strings.Index(rest[len(quote):], quote)
		if n < 0 {
			return token{}, l.unterminated("string", l.pos)
		}
		return l.take(other, n+2*len(quote)), nil
	}
	for i = 1; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; {
		i++
	}
	if i > 1 {
		return l.take(word, i), nil
	}
	return l.take(other, 1), nil
}
