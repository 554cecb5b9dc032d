package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/core"
)

// The bounds of one file. They are far above what people write and far below
// what hurts: a file at all of them at once is read in seconds.
const (
	// MaxBytes is the size of a file.
	MaxBytes = 1 << 20
	// MaxDepth is how deep values may be nested.
	MaxDepth = 64
	// MaxKeys is the number of keys in one file.
	MaxKeys = 20_000
	// MaxTokens is the number of scalars, dashes, commas, brackets and colons.
	MaxTokens = 200_000
	// MaxBlank is the number of blank lines in a row.
	MaxBlank = 200
)

// ReadFile reads a regular file within MaxBytes. It returns the bytes, or a
// sentence about the file without its name.
func ReadFile(files fs.FS, name string) ([]byte, error) {
	// Stat comes before Open, because opening a named pipe waits for a writer.
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, readError(err)
	}
	if info.IsDir() {
		return nil, &core.FaultError{Message: "is a directory, not a file"}
	}
	if !info.Mode().IsRegular() {
		return nil, &core.FaultError{Message: "is not a regular file"}
	}
	if info.Size() > MaxBytes {
		return nil, tooBig(info.Size())
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, readError(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	// The size was right a moment ago; the limit holds whatever it is now.
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, readError(err)
	}
	if len(b) > MaxBytes {
		return nil, tooBig(int64(len(b)))
	}
	return b, nil
}

func tooBig(size int64) error {
	return &core.FaultError{Message: fmt.Sprintf("the file has %s or more, and the limit is %s: split it", sizeOf(size), sizeOf(MaxBytes))}
}

func sizeOf(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// readError makes a sentence of an error of the file system. The path is left
// out: the caller says it.
func readError(err error) error {
	var pe *fs.PathError
	reason := err.Error()
	if errors.As(err, &pe) {
		reason = pe.Err.Error()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = "does not exist"
	case errors.Is(err, fs.ErrPermission):
		reason = "cannot be read: permission denied"
	default:
		reason = "cannot be read: " + reason
	}
	return &wrapped{message: reason, err: err}
}

// wrapped is an error with a sentence of ours that still answers errors.Is.
type wrapped struct {
	message string
	err     error
}

func (w *wrapped) Error() string { return w.message }
func (w *wrapped) Unwrap() error { return w.err }

// source is the text of a file as the readers see it: no byte order mark, and \n
// for every line end.
type source struct {
	file  string
	text  []rune
	lines []int // index in text of each line's first character
}

// newSource checks the bytes of a file.
func newSource(file string, data []byte, faults *Faults) *source {
	at := func(line, col int) core.Position { return core.Position{File: file, Line: line, Column: col} }
	if len(data) > MaxBytes {
		faults.Add(core.Position{File: file}, tooBig(int64(len(data))).Error())
		return nil
	}
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		faults.Add(at(1, 1), "the file is UTF-16: save it as UTF-8")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	s := &source{file: file, text: make([]rune, 0, len(data)), lines: []int{0}}
	blank, isBlank := 0, true
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		line, col := len(s.lines), len(s.text)-s.lines[len(s.lines)-1]+1
		switch {
		case r == utf8.RuneError && size == 1:
			faults.Add(at(line, col), fmt.Sprintf("the byte 0x%02X is not UTF-8 text: save the file as UTF-8", data[i]))
			return nil
		case !printable(r):
			faults.Add(at(line, col), fmt.Sprintf("the control character U+%04X is not allowed", r))
			return nil
		case r == '\r':
			if i+1 < len(data) && data[i+1] == '\n' {
				size = 2
			}
			r = '\n'
		}
		i += size
		s.text = append(s.text, r)
		if r != '\n' {
			isBlank = isBlank && (r == ' ' || r == '\t')
			continue
		}
		s.lines = append(s.lines, len(s.text))
		if blank++; !isBlank {
			blank = 0
		}
		if isBlank = true; blank > MaxBlank {
			faults.Add(at(line, 1), fmt.Sprintf("more than %d blank lines in a row: remove them", MaxBlank))
			return nil
		}
	}
	return s
}

// printable reports whether YAML allows r in a file.
func printable(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < 0x20, r >= 0x7F && r < 0xA0, r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return true
}

// masked returns the text for the structure's reader, which drops and misplaces
// tabs: with spaces for them, and with a letter for one that begins a line of
// text behind spaces, as in a block it is not indentation. The tabs of values come
// back from the source, and those that are indentation are refused there.
func (s *source) masked() string {
	out := slices.Clone(s.text)
	for n, start := range s.lines {
		end := len(out)
		if n+1 < len(s.lines) {
			end = s.lines[n+1] - 1
		}
		line := out[start:end]
		lead := slices.IndexFunc(line, func(r rune) bool { return !isBlank(r) })
		for i, r := range line {
			switch {
			case r != '\t':
			case i > 0 && i < lead:
				line[i] = 'x'
			default:
				line[i] = ' '
			}
		}
	}
	return string(out)
}

// pos returns the place of the character at index i.
func (s *source) pos(i int) core.Position {
	lo, hi := 0, len(s.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.lines[mid] <= i {
			lo = mid
		} else {
			hi = mid
		}
	}
	return core.Position{File: s.file, Line: lo + 1, Column: i - s.lines[lo] + 1}
}

// lineStart returns the index of the first character of the line of index i.
func (s *source) lineStart(i int) int {
	p := s.pos(i)
	return s.lines[p.Line-1]
}

// lineEnd returns the index of the line's \n, or of the end of the text.
func (s *source) lineEnd(i int) int {
	for i < len(s.text) && s.text[i] != '\n' {
		i++
	}
	return i
}
