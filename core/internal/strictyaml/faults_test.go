package strictyaml

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "f: the file is empty"},
		{"# only a comment\n", "f: the file is empty"},
		{"---\n", "f: the file is empty"},
		{"a: \xff\n", "f:1:4: the byte 0xFF is not UTF-8 text: save the file as UTF-8"},
		{"a: b\nc: é\xc3(\n", "f:2:5: the byte 0xC3 is not UTF-8 text: save the file as UTF-8"},
		{"\xff\xfea\x00", "f:1:1: the file is UTF-16: save it as UTF-8"},
		{"a: b\x00\n", "f:1:5: the control character U+0000 is not allowed"},
		{"a: b\x1b[0m\n", "f:1:5: the control character U+001B is not allowed"},
		{"a: \u0086\n", "f:1:4: the control character U+0086 is not allowed"},
		{"a: 1\n---\nb: 2\n", "f:2:1: the file has several documents: put each into a file of its own"},
		{"a: 1\n...\nb: 2\n", "f:3:1: the file has several documents: put each into a file of its own"},
		{"a: &x 1\n", "f:1:4: anchors"},
		{"a: *x\n", "f:1:4: anchors"},
		{"<<: {a: 1}\n", "f:1:1: anchors"},
		{"a: !!str 1\n", "f:1:4: tags (!) are not allowed"},
		{"a: !x {b: 1}\n", "f:1:4: tags (!) are not allowed"},
		{"%YAML 1.2\n---\na: 1\n", "f:1:1: directives (%) are not allowed"},
		{"? a\n: b\n", "f:1:1: keys after a question mark are not allowed"},
		{"a: 1\nb: 2\na: 3\n", `f:3:1: the key "a" is there twice; the first is in line 1`},
		{"x: {a: 1, \"a\": 3}\n", `f:1:11: the key "a" is there twice; the first is in line 1`},
		{"1: x\n'1': y\n", `f:2:1: the key "1" is there twice`},
		{"\ta: 1\n", "f:1:1: a tab is no indentation: use spaces"},
		{"a:\n\tb: 1\n", "f:2:1: a tab is no indentation: use spaces"},
		{"a:\n  \tb: 1\n", "f:2:3: a tab is no indentation: use spaces"},
		{"a: |\n\tx\n", "f:2:1: a tab is no indentation: use spaces"},
		{"a: |\n  x\n\ty\n", "f:3:1: a tab is no indentation: use spaces"},
		{"a:\n-\tb: 1\n", "f:2:2: a tab is no indentation: use spaces"},
		{"a: x\n\ty\n", "f:2:1: a tab is no indentation: use spaces"},
		{"a: 'x\n", "f:1:4: the single-quoted text that begins here has no end"},
		{"a: \"x\n", "f:1:4: the double-quoted text that begins here has no end"},
		{"a: \"x\\q\"\n", "f:1:6: this escape does not exist"},
		{"a: \"x\\xZZ\"\n", "f:1:6: this escape does not exist"},
		{"a: \"\\uD800\"\n", "f:1:5: this escape does not exist"},
		{"a: \"\\uD800xxxxxx\"\n", "f:1:5: this escape does not exist"},
		{"a: \"\\uDC00xxxxxx\"\n", "f:1:5: this escape does not exist"},
		{"a: @x\n", "f:1:4: a value cannot begin with this character: put it in quotes"},
		{"a: ,x\n", "f:1:4: a value cannot begin with this character: put it in quotes"},
		{"a: |x\n  y\n", "f:1:4: after | or > only +, - and one digit may follow"},
		{"a: |5\n  y\n", "f:2:3: the text is indented less than its header says"},
		{"a: |\n    \n  x\n", "f:2:1: "},
		{"a: [1, 2\n", "f:1:4: the [ that begins here has no ]"},
		{"a: {b: c\n", "f:1:4: the { that begins here has no }"},
		{"a: ]\n", "f:1:4: this ] has no ["},
		{"a: [1 2, [3] 4]\n", "f:1:14: a comma or ] is missing before this"},
		{"a: [1,,2]\n", "f:1:7: a value is missing before this comma"},
		{"a: {,}\n", "f:1:5: a value is missing before this comma"},
		{"a: {b:1}\n", "f:1:7: put a space after the colon"},
		{"a: b: c\n", "f:1:4: a key is not allowed here: check the indentation; a text with a colon and a space needs quotes"},
		{"a: 1\n b: 2\n", "f:1:4: "},
		{"a:\n    b: 1\n  c: 2\n", "f:3:3: this value is not allowed here"},
		{"a: - b\n", "f:1:4: a list cannot begin on the line of its key: begin it on the next line"},
		{"a: b\nc\n", "f:2:1: a key with a colon is expected here: check the indentation"},
		{"a:\nb\n", "f:2:1: "},
		{"a:\n  b:\n  c\n", "f:3:3: "},
		{"a: \"b\"c\n", "f:1:7: this belongs to no key"},
		{"a: [- b]\n", "f:1:5: "},
		{"[a, b]: c\n", "f:1:7: a key is missing before the colon"},
		{": c\n", "f:1:1: "},
	} {
		n, faults := Parse("f", []byte(c.in))
		switch {
		case n != nil || len(faults) == 0:
			t.Errorf("%q: accepted, want %s", c.in, c.want)
		case !strings.HasPrefix(faults[0].String(), c.want):
			t.Errorf("%q: got %s, want %s", c.in, faults[0], c.want)
		}
	}
}

// A fault never shows a value, which may be a secret.
func TestFaultsShowNoValues(t *testing.T) {
	const secret = "hunter2"
	for _, in := range []string{
		"a: \"" + secret, "a: '" + secret, "a: " + secret + ": x\n", "a: &" + secret + " x\n", "a: !" + secret + " x\n",
		"a: [" + secret, "a: \"\\" + secret + "\"\n", "a: " + secret + "\n\tx\n", "a: @" + secret + "\n", "%" + secret + "\n",
		"a: b\n" + secret + "\n", "a: |" + secret + "\n  x\n",
	} {
		_, faults := Parse("f", []byte(in))
		if len(faults) == 0 {
			t.Errorf("%q: accepted", in)
		}
		if s := fmt.Sprint(faults); strings.Contains(s, secret) {
			t.Errorf("%q: %s", in, s)
		}
	}
}

// The work that a file can cause is bounded, whatever is in it.
func TestBounds(t *testing.T) {
	const n = MaxBytes - 32
	var keys, deep strings.Builder
	for i := range MaxKeys + 1 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	for i := range MaxDepth + 2 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	blank := strings.Repeat("\n", MaxBlank)
	for name, c := range map[string]struct{ in, want string }{
		"too big":       {strings.Repeat("x", MaxBytes+1), "the limit is 1048576 bytes"},
		"keys":          {keys.String(), "more than 20000 keys"},
		"values":        {"[" + strings.Repeat("a,", n/2) + "]", "more than 200000 values"},
		"dashes":        {strings.Repeat("- ", 1000), "nested more than 64 deep"},
		"brackets":      {strings.Repeat("[", 1000), "nested more than 64 deep"},
		"braces":        {strings.Repeat("{a: ", 1000), "nested more than 64 deep"},
		"indentation":   {deep.String(), "nested more than 64 deep"},
		"blank lines":   {"a: |\n" + strings.Repeat("\n", n), "more than 200 blank lines"},
		"literal":       {"a: |\n" + strings.Repeat("  SELECT 1;\n", n/12), ""},
		"blank literal": {"a: |\n" + strings.Repeat("  x"+blank, n/(3+MaxBlank)), ""},
		"long line":     {"a: |\n  " + strings.Repeat("x", n), ""},
		"plain":         {"a: " + strings.Repeat("x ", n/2), ""},
		"quotes":        {"a: " + strings.Repeat("'", n), ""},
		"colons":        {strings.Repeat(":", n), ""},
		"comments":      {"a: 1\n" + strings.Repeat("#\n", n/2), ""},
		"bomb":          {"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "anchors"},
	} {
		start := time.Now()
		_, faults := Parse("f", []byte(c.in))
		if took := time.Since(start); took > 30*time.Second { // a hang, on the slowest machine
			t.Errorf("%s took %s", name, took)
		}
		if c.want != "" && (len(faults) == 0 || !strings.Contains(faults[0].Message, c.want)) {
			t.Errorf("%s: got %v, want %s", name, faults, c.want)
		}
	}
}

func TestDepthAllowed(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1),
		strings.Repeat("- ", MaxDepth-1) + "x",
	} {
		if _, faults := Parse("f", []byte(in)); faults != nil {
			t.Errorf("%.20q: %v", in, faults)
		}
	}
}

type hugeFile struct{ read *int64 }

func (h hugeFile) Open(string) (fs.File, error)     { return &hugeReader{read: h.read}, nil }
func (h hugeFile) Stat(string) (fs.FileInfo, error) { return liar{}, nil }
func (r *hugeReader) Stat() (fs.FileInfo, error)    { return liar{}, nil }
func (r *hugeReader) Close() error                  { return nil }
func (r *hugeReader) Read(p []byte) (int, error)    { *r.read += int64(len(p)); return len(p), nil }

type hugeReader struct{ read *int64 }

// liar is a file that says that it is small.
type liar struct{ fs.FileInfo }

func (liar) Size() int64       { return 10 }
func (liar) Mode() fs.FileMode { return 0 }
func (liar) IsDir() bool       { return false }

func TestReadFile(t *testing.T) {
	files := fstest.MapFS{
		"ok.yaml":  {Data: []byte("a: 1\n")},
		"big.yaml": {Data: make([]byte, MaxBytes+1)},
		"dir/x":    {Data: nil},
		"pipe":     {Mode: fs.ModeNamedPipe},
	}
	if b, err := ReadFile(files, "ok.yaml"); err != nil || string(b) != "a: 1\n" {
		t.Errorf("got %q, %v", b, err)
	}
	for name, want := range map[string]string{
		"big.yaml": "the file has 1048577 bytes or more, and the limit is 1048576 bytes: split it",
		"dir":      "is a directory, not a file",
		"pipe":     "is not a regular file",
		"none":     "does not exist",
	} {
		if _, err := ReadFile(files, name); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if _, err := ReadFile(files, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	var read int64
	if _, err := ReadFile(hugeFile{&read}, "x"); err == nil {
		t.Error("an endless file was accepted")
	}
	if read > 4*MaxBytes {
		t.Errorf("read %d bytes of an endless file", read)
	}
}

var pieces = []string{
	"a: ", "b:\n", "- ", " ", "  ", "\n", "\n\n", "|\n", ">\n", "|-\n", ">+\n", "|2\n", "'", "\"", "x", "y z", "# c", "#", ",",
	"[", "]", "{", "}", ": ", ":", "\t", "\\", "\\n", "-", "é", "1", "0", "~", "true", "?", "&", "*", "!", "%", "@", "`",
	"---\n", "...\n", "<<", "\r\n", "\r", "  - ", "    ", "x: y\n", "${env:X}", "\x00", "\xff", "\uFEFF", "\u0085", "\\u00e9",
}

// Files put together at random from what YAML is made of never panic, and what is
// accepted has the properties that the rest of the program relies on.
func TestRandomPieces(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 30_000 {
		var b strings.Builder
		for range r.Intn(14) {
			b.WriteString(pieces[r.Intn(len(pieces))])
		}
		checkParse(t, []byte(b.String()))
	}
}

// checkParse parses and checks what must hold for any bytes.
func checkParse(t *testing.T, data []byte) {
	t.Helper()
	n, faults := Parse("f", data)
	if (n == nil) == (len(faults) == 0) {
		t.Fatalf("%q: node %v and faults %v", data, n, faults)
	}
	for _, f := range faults {
		if f.Message == "" || !strings.HasPrefix(f.Where, "f") {
			t.Fatalf("%q: fault %q", data, f)
		}
	}
	if n == nil {
		return
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\uFEFF", "").Replace(string(data)), "\n")
	last := n.Pos
	n.Walk(func(n *Node) {
		if n.Pos.Line < 1 || n.Pos.Line > len(lines) || n.Pos.Column < 1 {
			t.Fatalf("%q: position %s", data, n.Pos)
		}
		if n.Pos.Line < last.Line || n.Pos.Line == last.Line && n.Pos.Column < last.Column {
			t.Fatalf("%q: %s comes after %s", data, n.Pos, last)
		}
		last = n.Pos
		if !n.Text.Literal {
			return
		}
		for i, line := range strings.Split(strings.TrimSuffix(n.Text.Value, "\n"), "\n") {
			p := n.Text.At(i+1, 1)
			src := []rune(lines[p.Line-1])
			if got := string(src[min(p.Column-1, len(src)):]); got != line && !strings.Contains(string(data), "\uFEFF") {
				t.Fatalf("%q: line %d of the text is %q, and at %s there is %q", data, i+1, line, p, got)
			}
		}
	})
	var v any
	Decode(n, &v)
}
