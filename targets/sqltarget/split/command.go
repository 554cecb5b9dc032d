package split

import "strings"

// The commands of clients that say where a statement ends.

// goLine returns the length of the line without its end if it says GO, or 0.
func goLine(rest string) int {
	if len(rest) < 2 || !strings.EqualFold(rest[:2], "GO") || len(rest) > 2 && !isSpace(rest[2]) {
		return 0
	}
	line, _, _ := strings.Cut(rest, "\n")
	return len(line)
}

func (l *lexer) goToken(rest string) (token, error) {
	n := goLine(rest)
	switch after := strings.TrimSpace(rest[2:n]); {
	case after == "", strings.HasPrefix(after, "--"):
		return l.take(terminator, n), nil
	case strings.Trim(after, "0123456789") == "":
		return token{}, l.refused("GO with a count is not supported: write the batch as often as it is to be run", l.pos)
	}
	return l.take(word, 2), nil // something that is called go
}

func delimiterLine(rest string) bool {
	const name = "DELIMITER"
	return len(rest) >= len(name) && strings.EqualFold(rest[:len(name)], name) && (len(rest) == len(name) || isSpace(rest[len(name)]))
}

// setDelimiter obeys a line that begins with DELIMITER.
func (l *lexer) setDelimiter(rest string) error {
	line, _, _ := strings.Cut(rest, "\n")
	fields := strings.Fields(line)
	if len(fields) < 2 || strings.Contains(fields[1], `\`) {
		return l.refused("DELIMITER must be followed by what is to end a statement, without backslashes", l.pos)
	}
	l.delimiter = fields[1]
	l.pos += len(line)
	return nil
}
