package strictyaml

import (
	"strconv"

	"github.com/flamingock/flamingock-go/core"
)

// Kind is the kind of a node.
type Kind int

// The kinds.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// String names the kind for a message, with its article.
func (k Kind) String() string {
	switch k {
	case Null:
		return "nothing"
	case Bool:
		return "true or false"
	case Int:
		return "a whole number"
	case Float:
		return "a number"
	case String:
		return "text"
	case List:
		return "a list"
	case Map:
		return "a mapping"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Node is a value in a document.
type Node struct {
	Kind Kind
	// Pos is where the value begins: a scalar's first character or quote, the `|`
	// of a block, the first key of a mapping, the first dash or the bracket.
	Pos core.Position
	// Text is a scalar's text as written, without quotes and escapes; of a number,
	// true, false or null too. Text.Start is the first character of it.
	Text core.Text
	// Quoted reports a scalar that is quoted or a block, and so is text.
	Quoted bool
	// Exact reports that Text is one line of the file as it stands, so that a column
	// in it is a column there.
	Exact  bool
	Items  []*Node // of a List
	Fields []Field // of a Map, in file order
}

// Field is one key of a mapping.
type Field struct {
	Key    string
	KeyPos core.Position
	Value  *Node
}

// IsScalar reports whether n is neither list nor mapping.
func (n *Node) IsScalar() bool { return n.Kind != List && n.Kind != Map }

// Get returns the value of a key of a mapping, or nil.
func (n *Node) Get(key string) *Node {
	for i := range n.Fields {
		if n.Fields[i].Key == key {
			return n.Fields[i].Value
		}
	}
	return nil
}

// Without returns a mapping without one of its keys. n is not changed.
func (n *Node) Without(key string) *Node {
	c := *n
	c.Fields = nil
	for _, f := range n.Fields {
		if f.Key != key {
			c.Fields = append(c.Fields, f)
		}
	}
	return &c
}

// Walk calls f for n and everything in it, in file order.
func (n *Node) Walk(f func(*Node)) {
	f(n)
	for _, it := range n.Items {
		it.Walk(f)
	}
	for i := range n.Fields {
		n.Fields[i].Value.Walk(f)
	}
}

// At returns the place in the file of line and column (both from 1) of a
// scalar's text, as well as it is known.
func (n *Node) At(line, column int) core.Position {
	switch {
	case n.Text.Literal:
		return n.Text.At(line, column)
	case n.Exact && line == 1:
		p := n.Text.Start
		p.Column += column - 1
		return p
	case n.IsScalar():
		return n.Text.Start
	}
	return n.Pos
}
