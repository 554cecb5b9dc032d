package sqltarget

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/core"
)

// written returns the part of text that stands before a place which is given as an
// offset, in characters, in the same text with its references resolved. A place
// within a reference's value is the reference's own.
func written(ctx context.Context, resolve func(context.Context, string) (string, error), text string, offset int) (before string, ok bool) {
	done := 0
	for {
		at, n := nextReference(text[done:])
		literal := text[done : done+at]
		if k := byteOffset(literal, offset); k >= 0 {
			return text[:done+k], true
		}
		offset -= utf8.RuneCountInString(literal)
		done += at
		if n == 0 {
			return text, offset == 0 // the end of the text is a place, too
		}
		value, err := resolve(ctx, text[done:done+n])
		if err != nil {
			return "", false
		}
		chars := utf8.RuneCountInString(value)
		if offset < chars {
			return text[:done], true
		}
		offset -= chars
		done += n
	}
}

// byteOffset returns where the character number offset of s begins, or -1 if s has
// no such character.
func byteOffset(s string, offset int) int {
	for i := range s {
		if offset == 0 {
			return i
		}
		offset--
	}
	return -1
}

// nextReference returns the place and length of the first reference in text, or of
// an escaped one; the text's end and 0 if there is none.
func nextReference(text string) (at, n int) {
	for at = 0; ; at += 2 {
		i := strings.Index(text[at:], "${")
		if i < 0 {
			return len(text), 0
		}
		at += i
		end := strings.IndexByte(text[at:], '}')
		if end < 0 {
			return len(text), 0
		}
		one := text[at : at+end+1]
		if len(core.References(one)) == 0 || core.References(one)[0].String() != one {
			continue
		}
		if at > 0 && text[at-1] == '$' { // $${…}, which stands for ${…}
			return at - 1, len(one) + 1
		}
		return at, len(one)
	}
}
