package strictyaml

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"

	"github.com/flamingock/flamingock-go/core"
)

// Parse reads the one document of a file. The result is nil when there are
// faults. The file's name is for positions only.
func Parse(file string, data []byte) (*Node, []core.Fault) {
	var faults Faults
	n := parse(file, data, &faults)
	if !faults.None() {
		return nil, faults.List
	}
	return n, nil
}

func parse(file string, data []byte, faults *Faults) (root *Node) {
	// The library indexes slices on the strength of what it expects to come next.
	defer func() {
		if recover() != nil {
			faults.Add(core.Position{File: file}, "this is not valid YAML, and the place cannot be told")
		}
	}()
	src := newSource(file, data, faults)
	if src == nil {
		return nil
	}
	r := &tokenReader{src: src, faults: faults, tokens: tokenize(src.masked())}
	if !r.read() {
		return nil
	}
	// Duplicate keys are found in convert, all of them and with better words.
	f, err := parser.Parse(r.tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	switch {
	case len(f.Docs) == 0, len(f.Docs) == 1 && f.Docs[0].Body == nil:
		faults.Add(core.Position{File: file}, "the file is empty")
		return nil
	case len(f.Docs) > 1:
		faults.Add(core.Position{File: file}, severalDocuments)
		return nil
	}
	c := &converter{tokenReader: r, last: -1}
	root = c.node(f.Docs[0].Body, nil, 1)
	if faults.None() && c.used != len(r.leaves) {
		faults.Add(core.Position{File: file}, "this is not valid YAML: a value belongs to nothing")
	}
	return root
}

// tokenize splits text up to the first thing that is no token. The library's own
// loop goes on behind it, which gives nothing that could be reported and may not
// end.
func tokenize(text string) token.Tokens {
	var (
		s   scanner.Scanner
		out token.Tokens
	)
	s.Init(text)
	for {
		tokens, err := s.Scan()
		out.Add(tokens...)
		if err != nil {
			return out
		}
	}
}

// syntaxError reports an error of the library at the place it names.
func (r *tokenReader) syntaxError(err error) {
	at := core.Position{File: r.src.file}
	message := ""
	var e interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &e) {
		message = e.GetMessage()
		if tk := e.GetToken(); tk != nil {
			if i, ok := r.starts[tk]; ok {
				at = r.src.pos(i)
			} else if tk.Position != nil && tk.Position.Line > 0 {
				at.Line, at.Column = tk.Position.Line, max(tk.Position.Column, 1)
			}
		}
	}
	r.faults.Add(at, syntaxMessage(message))
}

// syntaxMessage says in plain words what an error of the library means. Its own
// words are never used: they may quote a value.
func syntaxMessage(library string) string {
	for _, m := range []struct{ has, say string }{
		{"end character of double-quoted", "the double-quoted text that begins here has no end"},
		{"end character of single-quoted", "the single-quoted text that begins here has no end"},
		{"unknown escape", "this escape does not exist in double quotes: write \\\\ for a backslash, or use single quotes"},
		{"UTF-16", "an escape in this double-quoted text is incomplete"},
		{"UTF-32", "an escape in this double-quoted text is incomplete"},
		{"surrogate", "an escape in this double-quoted text is incomplete"},
		{"reserved character", "a value cannot begin with this character: put it in quotes"},
		{"tab character", tabIndent},
		{"cannot start any token", tabIndent},
		{"header option", "after | or > only +, - and one digit may follow: begin the text on the next line"},
		{"multi-line header", "the text is indented less than its header says"},
		{"after space only", "a blank line is indented deeper than the text below it: remove its spaces"},
		{"multi-line content", "the text that belongs to this | or > is missing"},
		{"',' or ']'", "a comma or ] is missing before this"},
		{"',' or '}'", "a comma or } is missing before this"},
		{"']' not found", "the [ that begins here has no ]"},
		{"token '}'", "the { that begins here has no }"},
		{"corresponding to ']'", "this ] has no ["},
		{"corresponding to '}'", "this } has no {"},
		{"flow map content", "a key or a value is missing in these braces"},
		{"but found ','", "a value is missing before this comma"},
		{"sequence entries are not allowed", "a list cannot begin on the line of its key: begin it on the next line"},
		{"sequence was used where mapping", "a list item stands among keys: check the indentation"},
		{"non-map value", "a key with a colon is expected here: check the indentation"},
		{"unexpected key name", "a key with a colon is expected here: check the indentation"},
		{"map key-value is pre-defined", "this belongs to no key: check the indentation, or put a text with a colon in quotes"},
		{"mapping value is not allowed", "a key is not allowed here: check the indentation; a text with a colon and a space needs quotes"},
		{"value is not allowed", "this value is not allowed here: check the indentation and the quotes"},
		{"invalid key", "a key is missing before the colon"},
		{"document separator", severalDocuments},
		{"directive", "directives (%) are not allowed; a text that begins with % needs quotes"},
		{"tag", "tags (!) are not allowed; a text that begins with ! needs quotes"},
	} {
		if strings.Contains(library, m.has) {
			return m.say
		}
	}
	return "this is not valid YAML: check the indentation, the quotes and the colons"
}

// converter makes nodes of the library's tree and this package's scalars.
type converter struct {
	*tokenReader
	used int
	last int // where the scalar before began: scalars come in file order
}

// node converts n; at is the token to blame for a value that is not there.
func (c *converter) node(n ast.Node, at *token.Token, depth int) *Node {
	if depth > MaxDepth {
		c.misread(&misread{c.cursor, tooDeep()})
		return &Node{}
	}
	switch x := n.(type) {
	case *ast.MappingNode:
		return c.mapping(x, depth)
	case *ast.MappingValueNode:
		return c.mapping(&ast.MappingNode{Start: x.Start, Values: []*ast.MappingValueNode{x}}, depth)
	case *ast.SequenceNode:
		return c.list(x, depth)
	case *ast.LiteralNode:
		return c.scalarNode(x.Start, at)
	case *ast.StringNode, *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return c.scalarNode(n.GetToken(), at)
	case nil:
		return c.scalarNode(nil, at)
	}
	c.fault(c.place(n.GetToken()), "this is not valid YAML here")
	return &Node{Pos: c.place(n.GetToken())}
}

// place returns where a token stands, or the file alone.
func (c *converter) place(tk *token.Token) core.Position {
	if i, ok := c.starts[tk]; ok {
		return c.src.pos(i)
	}
	return core.Position{File: c.src.file}
}

func (c *converter) scalarNode(tk, at *token.Token) *Node {
	l, ok := c.leaves[tk]
	if !ok { // nothing is written there
		pos := c.place(at)
		return &Node{Kind: Null, Pos: pos, Text: core.Text{Start: pos}}
	}
	c.used++
	if l.start <= c.last {
		c.misread(&misread{l.start, doubtful})
	}
	c.last = l.start
	n := &Node{Kind: String, Pos: c.src.pos(l.start), Text: l.text, Quoted: l.quoted, Exact: l.exact}
	if !l.quoted {
		n.Kind = kindOf(l.text.Value)
	}
	return n
}

func (c *converter) list(x *ast.SequenceNode, depth int) *Node {
	out := &Node{Kind: List, Pos: c.place(x.Start)}
	for i, v := range x.Values {
		at := x.Start
		if i < len(x.Entries) && x.Entries[i].Start != nil {
			at = x.Entries[i].Start
		}
		item := c.node(v, at, depth+1)
		if !x.IsFlowStyle {
			c.deeper(item, c.place(at), 1)
		}
		out.Items = append(out.Items, item)
	}
	return out
}

// deeper refuses a value on a line of its own that is not indented by so much
// more than what it belongs to: the library takes it for the value all the same.
func (c *converter) deeper(value *Node, than core.Position, by int) {
	if value.Pos.Line > than.Line && value.Pos.Column < than.Column+by {
		c.fault(value.Pos, "this belongs to the key or dash in line "+strconv.Itoa(than.Line)+" and must be indented deeper: check the indentation")
	}
}

func (c *converter) mapping(x *ast.MappingNode, depth int) *Node {
	out := &Node{Kind: Map, Pos: c.place(x.Start)}
	seen := make(map[string]core.Position, len(x.Values))
	for i, v := range x.Values {
		key := c.node(v.Key, v.Start, depth+1)
		if !key.IsScalar() {
			c.fault(key.Pos, "a key must be a word, not "+key.Kind.String())
			continue
		}
		if i == 0 && !x.IsFlowStyle {
			out.Pos = key.Pos
		}
		name := key.Text.Value
		if first, dup := seen[name]; dup {
			c.fault(key.Pos, fmt.Sprintf("the key %q is there twice; the first is in line %d", core.Cap(name, 80), first.Line))
			c.node(v.Value, v.Start, depth+1)
			continue
		}
		seen[name] = key.Pos
		value := c.node(v.Value, v.Start, depth+1)
		if !x.IsFlowStyle {
			by := 1
			if seq, ok := v.Value.(*ast.SequenceNode); ok && !seq.IsFlowStyle {
				by = 0
			}
			c.deeper(value, key.Pos, by)
		}
		out.Fields = append(out.Fields, Field{Key: name, KeyPos: key.Pos, Value: value})
	}
	return out
}
