package strictyaml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// outline writes a tree with every position, one node a line.
func outline(n *Node) string {
	var b strings.Builder
	var walk func(n *Node, indent string)
	walk = func(n *Node, indent string) {
		at := fmt.Sprintf("%d:%d", n.Pos.Line, n.Pos.Column)
		switch n.Kind {
		case Map:
			fmt.Fprintf(&b, "%s mapping\n", at)
			for _, f := range n.Fields {
				fmt.Fprintf(&b, "%s%s@%d:%d = ", indent, f.Key, f.KeyPos.Line, f.KeyPos.Column)
				walk(f.Value, indent+"  ")
			}
		case List:
			fmt.Fprintf(&b, "%s list\n", at)
			for _, it := range n.Items {
				fmt.Fprintf(&b, "%s- ", indent)
				walk(it, indent+"  ")
			}
		default:
			fmt.Fprintf(&b, "%s %s %q", at, n.Kind, n.Text.Value)
			if n.Text.Literal {
				fmt.Fprintf(&b, " literal from %d, indent %d", n.Text.Start.Line, n.Text.Indent)
			}
			b.WriteByte('\n')
		}
	}
	walk(n, "")
	return b.String()
}

func TestParsePositions(t *testing.T) {
	const text = `# a comment
id: create-orders   # another
targetSystem: { id: "orders-db", x: [1, 'b'] }
transactional: true
né: é   z
apply: |
  SELECT 1;
    indented
labels:
- a
-   k: v
    w: 0x1F
folded: >-
  one
  two
nothing:
last: 1.5
`
	want := `2:1 mapping
id@2:1 = 2:5 text "create-orders"
targetSystem@3:1 = 3:15 mapping
  id@3:17 = 3:21 text "orders-db"
  x@3:34 = 3:37 list
    - 3:38 a whole number "1"
    - 3:41 text "b"
transactional@4:1 = 4:16 true or false "true"
né@5:1 = 5:5 text "é   z"
apply@6:1 = 6:8 text "SELECT 1;\n  indented\n" literal from 7, indent 2
labels@9:1 = 10:1 list
  - 10:3 text "a"
  - 11:5 mapping
    k@11:5 = 11:8 text "v"
    w@12:5 = 12:8 a whole number "0x1F"
folded@13:1 = 13:9 text "one two"
nothing@16:1 = 16:8 nothing ""
last@17:1 = 17:7 a number "1.5"
`
	for name, in := range map[string]string{
		"LF":   text,
		"CRLF": strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":   strings.ReplaceAll(text, "\n", "\r"),
		"BOM":  "\uFEFF" + text,
		"both": "\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n"),
	} {
		n, faults := Parse("f.yaml", []byte(in))
		if faults != nil {
			t.Fatalf("%s: %v", name, faults)
		}
		if diff := cmp.Diff(want, outline(n)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// Values follow YAML 1.2, and where it is silent the C library; the table was
// checked against the reference implementation's Go port.
func TestParseValues(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a: |\n  x\n", "x\n"},
		{"a: |\n  x\n\n\nb: 1\n", "x\n"},
		{"a: |-\n  x\n\n", "x"},
		{"a: |+\n  x\n\n\nb: 1\n", "x\n\n\n"},
		{"a: |-\n  x   \nb: 1\n", "x   "},
		{"a: |\n  x  \n  y\n", "x  \ny\n"},
		{"a: |\n\n\n  x\n", "\n\nx\n"},
		{"a: |2\n    x\n  y\n", "  x\ny\n"},
		{"a: |2-\n   x\n", " x"},
		{"a: |-2\n   x\n", " x"},
		{"a: |\n    x\n      y\n\n    z\n", "x\n  y\n\nz\n"},
		{"a: |\n  x\n# c\nb: 2\n", "x\n"},
		{"a: |\n  x\n # c\nb: 2\n", "x\n"},
		{"a: |\n  x # no comment\n", "x # no comment\n"},
		{"a: | # comment\n  x\n", "x\n"},
		{"a: |\n  \tx\n  y\t\n", "\tx\ny\t\n"},
		{"a: |\n  x\n  \ty\n", "x\n\ty\n"},
		{"a: |\n  x\n   \n  y\n", "x\n \ny\n"},
		{"a: |\n  x", "x"},
		{"a: |\n", ""},
		{"a: |\nb: 1\n", ""},
		{"a: |\n  if (a) {\n    b: 'c'\n  }\n  #!/bin/sh\n  - d\n", "if (a) {\n  b: 'c'\n}\n#!/bin/sh\n- d\n"},
		{"a: >\n  x\n  y\n\n  z\n    i\n  w\n", "x y\nz\n  i\nw\n"},
		{"a: >\n\n  x\n\n\n  y\n\n", "\nx\n\ny\n"},
		{"a: >+\n  x\n\n", "x\n\n"},
		{"a: x\n  y\n\n  z\n", "x y\nz"},
		{"a:\n  x\n  y\n", "x y"},
		{"a: x\ty\n", "x\ty"},
		{"a: x#y # c\n", "x#y"},
		{"a: x:y\n", "x:y"},
		{"a: http://h/p?q=1\n", "http://h/p?q=1"},
		{"a: ${env:X}\n", "${env:X}"},
		{"a: -x\n", "-x"},
		{"a: 'it''s'\n", "it's"},
		{"a: 'x\n  y\n\n  z'\n", "x y\nz"},
		{"a: 'x\ty'\n", "x\ty"},
		{"a: ''\n", ""},
		{"a: \"\"\n", ""},
		{"a: \"x\\\n  y\"\n", "xy"},
		{"a: \"x \\\n  y\"\n", "x y"},
		{"a: \"x\\\n\n  y\"\n", "x\ny"},
		{"a: \"x  \n  y\n\n  z\"\n", "x y\nz"},
		{"a: \"\\x41\\u00e9\\U0001F600\\uD83D\\uDE00\"\n", "Aé😀😀"},
		{"a: \"\\0\\a\\b\\t\\n\\v\\f\\r\\e\\ \\\"\\/\\\\\\N\\_\\L\\P\"\n", "\x00\a\b\t\n\v\f\r\x1b \"/\\\u0085\u00a0\u2028\u2029"},
		{"a: \"x\t\ty\"\n", "x\t\ty"},
		{"{a: x, b: {c: d}}\n", "x"},
		{"{\"a\":\"x\",\"b\":[true,null]}\n", "x"},
		{"---\na: x\n...\n", "x"},
		{"a:\n  |\n  x\n", "x\n"},
		{"a:\t x\n", "x"},
		{"a: x # c\\\nb: 1\n", "x"},
	} {
		for _, in := range []string{c.in, strings.ReplaceAll(c.in, "\n", "\r\n")} {
			n, faults := Parse("f", []byte(in))
			if faults != nil {
				t.Errorf("%q: %v", in, faults)
				continue
			}
			if got := n.Get("a").Text.Value; got != c.want {
				t.Errorf("%q: got %q, want %q", in, got, c.want)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	for kind, texts := range map[Kind]string{
		Null:   "~ null Null NULL",
		Bool:   "true True TRUE false False FALSE",
		Int:    "0 7 -1 +12 0x1F 0o17 010 18446744073709551616",
		Float:  "1.5 .5 1. -1e3 1E+10 .inf -.INF .nan",
		String: "yes no on off y n 1_000 0b1 1:30 2024-01-01 0x 1e .e nULL tRUE x",
	} {
		for _, text := range strings.Fields(texts) {
			n, faults := Parse("f", []byte("a: "+text+"\n"))
			if faults != nil {
				t.Fatalf("%s: %v", text, faults)
			}
			if got := n.Get("a").Kind; got != kind {
				t.Errorf("%s: got %s, want %s", text, got, kind)
			}
			n, _ = Parse("f", []byte("a: '"+text+"'\n"))
			if got := n.Get("a").Kind; got != String {
				t.Errorf("'%s': got %s, want text", text, got)
			}
		}
	}
}

func TestText(t *testing.T) {
	at := func(in string, line, column int) string {
		t.Helper()
		n, faults := Parse("f", []byte(in))
		if faults != nil {
			t.Fatalf("%q: %v", in, faults)
		}
		return n.Get("a").At(line, column).String()
	}
	for _, c := range []struct {
		in           string
		line, column int
		want         string
	}{
		{"a: |\n  xy\n    z\n", 1, 1, "f:2:3"},
		{"a: |\n  xy\n    z\n", 2, 3, "f:3:5"},
		{"a: |\n\n  xy\n", 2, 2, "f:3:4"},
		{"b: 1\na: | # c\r\n  xy\r\n  z\r\n", 2, 1, "f:4:3"},
		{"\uFEFFa: |4\n      xy\n    z\n", 1, 3, "f:2:7"},
		{"a: |+\n  é x\n\n", 1, 3, "f:2:5"},
		{"a: |-\n  x\n  y", 2, 1, "f:3:3"},
		{"x:\n  a: 1\na: >\n  xy\n  z\n", 2, 1, "f:4:3"}, // folded: the start only
		{"a:  xyz\n", 1, 3, "f:1:7"},
		{"a: 'xyz'\n", 1, 3, "f:1:7"},
		{"a: \"xyz\"\n", 1, 1, "f:1:5"},
		{"a: \"x\\tz\"\n", 1, 3, "f:1:5"}, // escapes: the start only
		{"a: x\n  y\n", 1, 1, "f:1:4"},
		{"a: [x]\n", 1, 1, "f:1:4"},
		{"a:\n", 1, 1, "f:1:2"},
	} {
		if got := at(c.in, c.line, c.column); got != c.want {
			t.Errorf("%q at %d:%d: got %s, want %s", c.in, c.line, c.column, got, c.want)
		}
	}
}

func TestSortFaults(t *testing.T) {
	var in []core.Fault
	for _, w := range []string{"b:2:1", "a:10:1", "a:9:2", "flag", "a:9:1", "a", "a:9:1", `C:\x:1:2`} {
		in = append(in, core.Fault{Where: w, Message: "m"})
	}
	var got []string
	for _, f := range SortFaults(in) {
		got = append(got, f.Where)
	}
	if diff := cmp.Diff([]string{`C:\x:1:2`, "a", "a:9:1", "a:9:2", "a:10:1", "b:2:1", "flag"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
