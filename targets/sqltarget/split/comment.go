package split

import "strings"

// lineComment reports whether rest begins with a comment that ends with its line.
func (l *lexer) lineComment(rest string) bool {
	switch {
	case strings.HasPrefix(rest, "--"):
		return !l.opts.DashSpace || len(rest) == 2 || isSpace(rest[2])
	case rest[0] == '#':
		return l.opts.HashComments
	}
	return false
}

// lineLen returns the length of the line that rest begins with, without its end.
func (l *lexer) lineLen(rest string) int {
	var n int
	if l.opts.ReturnEndsLine {
		n = strings.IndexAny(rest, "\r\n")
	} else {
		n = strings.IndexByte(rest, '\n')
	}
	if n < 0 {
		return len(rest)
	}
	return n
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

// executableMark returns the length of the beginning of an executable comment,
// with the version that it asks for, or 0.
func executableMark(rest string) int {
	var n int
	switch {
	case strings.HasPrefix(rest, "/*!"):
		n = 3
	case strings.HasPrefix(rest, "/*M!"): // MariaDB's
		n = 4
	default:
		return 0
	}
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	return n
}
