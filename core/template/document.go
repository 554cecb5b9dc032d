package template

import (
	"fmt"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// document is a change file, decoded but not compiled.
type document struct {
	ID              string           `yaml:"id"`
	Author          string           `yaml:"author"`
	Description     string           `yaml:"description"`
	Template        string           `yaml:"template"`
	TargetSystem    target           `yaml:"targetSystem"`
	Recovery        recovery         `yaml:"recovery"`
	Transactional   *bool            `yaml:"transactional"`
	Profiles        words            `yaml:"profiles"`
	Labels          words            `yaml:"labels"`
	Timeout         time.Duration    `yaml:"timeout"`
	MaxAttempts     int              `yaml:"maxAttempts"`
	AllowOutOfOrder bool             `yaml:"allowOutOfOrder"`
	Configuration   *strictyaml.Node `yaml:"configuration"`
	Apply           *strictyaml.Node `yaml:"apply"`
	Rollback        *strictyaml.Node `yaml:"rollback"`
	Steps           *strictyaml.Node `yaml:"steps"`
	Probe           *strictyaml.Node `yaml:"probe"`

	pos         core.Position // of the id, or of the document's start
	templatePos core.Position
}

// decode decodes the root of a file strictly. The change can still be checked
// against others when only is nil; otherwise its identity is at fault.
func decode(root *strictyaml.Node, faults *strictyaml.Faults) *document {
	d := &document{pos: root.Pos}
	if root.Kind != strictyaml.Map {
		faults.Add(root.Pos, "a change file must be a mapping of keys such as id: and template:, not "+root.Kind.String())
		return nil
	}
	for _, f := range root.Fields {
		switch f.Key {
		case "order":
			faults.Add(f.KeyPos, "the order is in the file name (_ORDER__name.yaml): remove this key")
			root = root.Without("order")
		case "id":
			d.pos = f.KeyPos
		case "template":
			d.templatePos = f.Value.Pos
		}
	}
	found := strictyaml.Decode(root, d)
	faults.List = append(faults.List, found...)
	// A key without a value is a missing key. Steps are the exception: an empty
	// list of them is a fault.
	for _, n := range []**strictyaml.Node{&d.Configuration, &d.Apply, &d.Rollback, &d.Probe} {
		if *n != nil && (*n).Kind == strictyaml.Null {
			*n = nil
		}
	}
	if len(found) > 0 && (present(root, "id") && d.ID == "" || present(root, "targetSystem") && d.TargetSystem.value == "") {
		return nil // said already
	}
	return d
}

func present(root *strictyaml.Node, key string) bool {
	n := root.Get(key)
	return n != nil && n.Kind != strictyaml.Null
}

// shape checks the rules on apply, rollback and steps that need no template.
func (d *document) shape(faults *strictyaml.Faults) bool {
	before := len(faults.List)
	switch {
	case d.Steps == nil && d.Apply == nil:
		faults.Add(d.pos, "the change has neither apply nor steps")
	case d.Steps == nil:
	case d.Steps.Kind == strictyaml.Null, d.Steps.Kind == strictyaml.List && len(d.Steps.Items) == 0:
		faults.Add(d.Steps.Pos, "steps is empty: a change has at least one step")
	case d.Steps.Kind != strictyaml.List:
		faults.Add(d.Steps.Pos, "steps must be a list of apply and rollback, not "+d.Steps.Kind.String())
		d.Steps = nil
	default:
		for i, s := range d.Steps.Items {
			step(i+1, s, faults)
		}
	}
	if d.Steps != nil && d.Apply != nil {
		faults.Add(d.Apply.Pos, "a change has either apply or steps, not both")
	}
	if d.Steps != nil && d.Rollback != nil {
		faults.Add(d.Rollback.Pos, "with steps, each step has its own rollback: move this one there")
	}
	return len(faults.List) == before
}

func step(number int, s *strictyaml.Node, faults *strictyaml.Faults) {
	if s.Kind != strictyaml.Map {
		faults.Add(s.Pos, fmt.Sprintf("step %d must be a mapping with apply, and rollback if it has one, not %s", number, s.Kind))
		return
	}
	for _, f := range s.Fields {
		if f.Key != "apply" && f.Key != "rollback" {
			faults.Add(f.KeyPos, fmt.Sprintf("step %d: %s", number, strictyaml.UnknownKey(f.Key, []string{"apply", "rollback"})))
		}
	}
	if !present(s, "apply") {
		faults.Add(s.Pos, fmt.Sprintf("Step %d is missing required 'apply'", number))
	}
}

// target is a target system's id, or a mapping with it.
type target struct{ value string }

// UnmarshalYAML decodes either shape.
func (t *target) UnmarshalYAML(decode func(any) error) error {
	var m struct {
		ID string `yaml:"id"`
	}
	isMap, err := either(decode, &t.value, &m)
	if isMap {
		t.value = m.ID
	}
	if err == nil && t.value == "" {
		return &core.FaultError{Message: "the id of the target system is missing"}
	}
	return err
}

// recovery is a strategy, or a mapping with it.
type recovery struct{ core.Recovery }

// UnmarshalYAML decodes either shape.
func (r *recovery) UnmarshalYAML(decode func(any) error) error {
	var (
		m struct {
			Strategy core.Strategy `yaml:"strategy"`
		}
		s core.Strategy
	)
	isMap, err := either(decode, &s, &m)
	if isMap {
		s = m.Strategy
	}
	r.Strategy = s
	return err
}

// words is a list of words, or one text with commas.
type words []string

// UnmarshalYAML decodes either shape.
func (w *words) UnmarshalYAML(decode func(any) error) error {
	var n *strictyaml.Node
	if err := decode(&n); err != nil {
		return err
	}
	if n.Kind == strictyaml.List {
		return decode((*[]string)(w))
	}
	if !n.IsScalar() {
		return &core.FaultError{Message: "must be a list, or one text with commas, not " + n.Kind.String()}
	}
	*w = nil
	text := strings.TrimRight(n.Text.Value, ", \t\n")
	if text == "" {
		return nil
	}
	for _, word := range strings.Split(text, ",") {
		*w = append(*w, strings.TrimSpace(word))
	}
	return nil
}

// either decodes into mapping when the value is one, and otherwise into scalar.
func either(decode func(any) error, scalar, mapping any) (isMap bool, err error) {
	var n *strictyaml.Node
	if err := decode(&n); err != nil {
		return false, err
	}
	if n.Kind == strictyaml.Map {
		return true, decode(mapping)
	}
	return false, decode(scalar)
}
