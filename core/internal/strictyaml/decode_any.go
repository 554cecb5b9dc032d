package strictyaml

import (
	"strconv"

	"github.com/flamingock/flamingock-go/core"
)

// plain returns n as a value of Go's own types; nil for nothing and for a fault.
func (d *decoder) plain(n *Node, path string, ordered bool) any {
	switch n.Kind {
	case Null:
		return nil
	case Bool:
		return isTrue(n.Text.Value)
	case Int:
		return d.integer(n, path)
	case Float:
		if f, ok := d.float(n, path); ok {
			return f
		}
		return nil
	case List:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = d.plain(it, path+"["+strconv.Itoa(i)+"]", ordered)
		}
		return out
	case Map:
		if ordered {
			out := make(core.Ordered, len(n.Fields))
			for i, f := range n.Fields {
				out[i] = core.Member{Key: f.Key, Value: d.plain(f.Value, join(path, f.Key), true)}
			}
			return out
		}
		out := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			out[f.Key] = d.plain(f.Value, join(path, f.Key), false)
		}
		return out
	case String:
	}
	return n.Text.Value
}

// integer returns an int64, or a uint64 where that does not suffice.
func (d *decoder) integer(n *Node, path string) any {
	if !d.unambiguous(n, path) {
		return nil
	}
	digits, base := number(n.Text.Value)
	if i, err := strconv.ParseInt(digits, base, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(digits, base, 64); err == nil {
		return u
	}
	d.Add(n.Pos, subject(path)+" is out of range")
	return nil
}
