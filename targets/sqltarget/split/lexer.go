package split

import (
	"strings"
	"unicode/utf8"
)

// kind is what a token is, as far as splitting needs to know.
type kind int

const (
	end       kind = iota // of the script
	semicolon             // the terminator
	word                  // keyword, bare identifier, number, parameter
	other                 // a quotation, a reference, or one character
)

type token struct {
	kind       kind
	start, end int
}

// lexer yields the tokens of a script, without white space and comments.
type lexer struct {
	text string
	opts Options
	pos  int
	// noBrace is how far we know that no } ends a reference: it keeps a script
	// full of unfinished ones linear.
	noBrace int
	place   place
}

// next returns the next token. After an error the lexer is not used again.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		c := rest[0]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			l.pos++
		case strings.HasPrefix(rest, byteOrderMark):
			l.pos += len(byteOrderMark)
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case strings.HasPrefix(rest, "/*"):
			if err := l.blockComment(); err != nil {
				return token{}, err
			}
		default:
			return l.token(c, rest)
		}
	}
	return token{end, l.pos, l.pos}, nil
}

const byteOrderMark = "\uFEFF"

func (l *lexer) token(c byte, rest string) (token, error) {
	switch {
	case c == ';':
		return l.take(semicolon, 1), nil
	case c == '\'':
		return l.quoted(c, "string", true)
	case c == '"', c == '`' && l.opts.Backtick:
		return l.quoted(c, "quoted identifier", true)
	case c == '[' && l.opts.Bracket:
		return l.quoted(']', "quoted identifier", false)
	case c == '$':
		if n := l.reference(rest); n > 0 {
			return l.take(other, n), nil
		}
	}
	if n := wordLen(rest); n > 0 {
		return l.take(word, n), nil
	}
	return l.take(other, 1), nil
}

func (l *lexer) take(k kind, n int) token {
	t := token{k, l.pos, l.pos + n}
	l.pos += n
	return t
}

// quoted takes a quotation up to the closing mark; where doubled is true, two
// marks in a row stand for one inside it.
func (l *lexer) quoted(mark byte, what string, doubled bool) (token, error) {
	for i := l.pos + 1; ; {
		n := strings.IndexByte(l.text[i:], mark)
		if n < 0 {
			return token{}, l.unterminated(what, l.pos)
		}
		i += n + 1
		if doubled && i < len(l.text) && l.text[i] == mark {
			i++
			continue
		}
		return l.take(other, i-l.pos), nil
	}
}

func (l *lexer) blockComment() error {
	start := l.pos
	depth := 1
	for i := start + 2; ; {
		n := strings.IndexAny(l.text[i:], "*/")
		if n < 0 || i+n+1 >= len(l.text) {
			return l.unterminated("comment", start)
		}
		i += n
		switch two := l.text[i : i+2]; {
		case two == "*/":
			i += 2
			depth--
		case two == "/*" && l.opts.NestedComments:
			i += 2
			depth++
		default:
			i++
		}
		if depth == 0 {
			l.pos = i
			return nil
		}
	}
}

// reference returns the length of the ${scheme:key} that rest begins with, or 0.
// It is one token because its key may hold quotes and semicolons.
func (l *lexer) reference(rest string) int {
	if !strings.HasPrefix(rest, "${") {
		return 0
	}
	i := 2
	for i < len(rest) && rest[i] >= 'a' && rest[i] <= 'z' {
		i++
	}
	if i == 2 || i == len(rest) || rest[i] != ':' || l.pos < l.noBrace {
		return 0
	}
	n := strings.IndexAny(rest, "} \t\n\r\f\v")
	if n < 0 || rest[n] != '}' {
		if n < 0 {
			n = len(rest)
		}
		l.noBrace = l.pos + n
		return 0
	}
	return n + 1
}

// wordLen returns the length of the word that s begins with, or 0.
func wordLen(s string) int {
	i := 0
	for i < len(s) && isWord(s[i]) {
		// The byte after a $ may start a reference of its own.
		if s[i] == '$' && i > 0 && i+1 < len(s) && s[i+1] == '{' {
			break
		}
		i++
	}
	return i
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= utf8.RuneSelf
}

// place turns offsets into lines and columns. It only moves forward, so that all
// the positions of a script together cost one pass.
type place struct {
	offset       int
	line, column int // from 0
}

func (p *place) advance(text string, to int) {
	part := text[p.offset:to]
	if n := strings.Count(part, "\n"); n > 0 {
		p.line += n
		p.column = 0
		part = part[strings.LastIndexByte(part, '\n')+1:]
	}
	p.column += utf8.RuneCountInString(part)
	p.offset = to
}

func (l *lexer) unterminated(what string, start int) error {
	l.place.advance(l.text, start)
	return &Error{What: what, Offset: start, Line: l.place.line + 1, Column: l.place.column + 1}
}
