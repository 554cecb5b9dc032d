package split

import (
	"strings"
	"unicode/utf8"
)

// kind is what a token is, as far as splitting needs to know.
type kind int

const (
	end        kind = iota // of the script
	terminator             // what ends a statement, by default a semicolon
	word                   // keyword, bare identifier, number, parameter
	other                  // a quotation, a reference, or one character
	mark                   // begin or end of an executable comment
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
	// delimiter ends a statement; "" where only GO does.
	delimiter string
	// fresh: nothing but white space stands before pos on its line.
	fresh bool
	// executable is 1 + the start of the executable comment that pos is in, or 0.
	executable int
	// noBrace is how far we know that no } ends a reference: it keeps a script
	// full of unfinished ones linear.
	noBrace int
	place   place
}

func newLexer(text string, o Options) *lexer {
	l := &lexer{text: text, opts: o, delimiter: ";", fresh: true}
	if o.Go {
		l.delimiter = ""
	}
	return l
}

// next returns the next token; first says that it would be a statement's first.
// After an error the lexer is not used again.
func (l *lexer) next(first bool) (token, error) {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		c := rest[0]
		switch {
		case c == '\n':
			l.fresh = true
			l.pos++
		case isSpace(c):
			l.pos++
		case strings.HasPrefix(rest, byteOrderMark):
			l.pos += len(byteOrderMark)
		case l.opts.Go && l.fresh && goLine(rest) > 0:
			return l.goToken(rest)
		case first && l.opts.Delimiter && l.fresh && delimiterLine(rest):
			if err := l.setDelimiter(rest); err != nil {
				return token{}, err
			}
		case l.delimiter != ";" && l.atDelimiter(rest):
			return l.take(terminator, len(l.delimiter)), nil
		case l.lineComment(rest):
			l.pos += l.lineLen(rest)
		case l.opts.ExecutableComments && executableMark(rest) > 0 && l.executable == 0:
			l.executable = l.pos + 1
			return l.take(mark, executableMark(rest)), nil
		case l.executable > 0 && strings.HasPrefix(rest, "*/"):
			l.executable = 0
			return l.take(mark, 2), nil
		case strings.HasPrefix(rest, "/*"):
			if err := l.blockComment(); err != nil {
				return token{}, err
			}
		default:
			return l.token(c, rest)
		}
	}
	if l.executable > 0 {
		return token{}, l.unterminated("comment", l.executable-1)
	}
	return token{end, l.pos, l.pos}, nil
}

const byteOrderMark = "\uFEFF"

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}

func (l *lexer) token(c byte, rest string) (token, error) {
	switch {
	case l.atDelimiter(rest):
		return l.take(terminator, len(l.delimiter)), nil
	case c == '\'':
		return l.quoted(l.pos, c, "string", true)
	case c == '"':
		return l.quoted(l.pos, c, "quoted identifier", true)
	case c == '`' && l.opts.Backtick:
		return l.quoted(l.pos, c, "quoted identifier", false)
	case c == '[' && l.opts.Bracket:
		return l.quoted(l.pos, ']', "quoted identifier", false)
	case (c == 'e' || c == 'E') && l.opts.EscapeStrings && strings.HasPrefix(rest[1:], "'"):
		return l.escapeString()
	case c == '\\' && l.opts.Psql:
		return token{}, l.refused("a command that begins with a backslash is psql's, not SQL: leave it out", l.pos)
	case c == '$':
		if n := l.reference(rest); n > 0 {
			return l.take(other, n), nil
		}
		if l.opts.DollarQuotes {
			return l.dollar(rest)
		}
	}
	if n := l.wordLen(rest); n > 0 {
		return l.take(word, n), nil
	}
	return l.take(other, 1), nil
}

func (l *lexer) take(k kind, n int) token {
	t := token{k, l.pos, l.pos + n}
	l.pos += n
	l.fresh = false
	return t
}

func (l *lexer) atDelimiter(rest string) bool {
	return l.delimiter != "" && l.executable == 0 && strings.HasPrefix(rest, l.delimiter)
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
func (l *lexer) wordLen(s string) int {
	number := l.opts.DollarQuotes && s[0] >= '0' && s[0] <= '9' // a $ after it begins something else
	i := 0
	for i < len(s) && isWord(s[i]) {
		if i > 0 && s[i] == '$' {
			// The byte after a $ may start a reference of its own.
			if number || i+1 < len(s) && s[i+1] == '{' {
				break
			}
		}
		if i > 0 && l.delimiter != ";" && l.atDelimiter(s[i:]) { // END$$
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

func (l *lexer) refused(reason string, start int) error {
	l.place.advance(l.text, start)
	return &Error{Reason: reason, Offset: start, Line: l.place.line + 1, Column: l.place.column + 1}
}
