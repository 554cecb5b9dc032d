package template

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// compiler makes changes of documents.
type compiler struct {
	targets map[string]core.Target
	types   []core.TargetType
	faults  *strictyaml.Faults
}

// change compiles a document. Whatever is wrong with its work is reported here;
// the change that comes back is complete enough to be checked against others.
func (c *compiler) change(d *document, file, order string) core.Change {
	ch := core.Change{
		ID: d.ID, Order: order, Author: d.Author, Description: d.Description,
		TargetSystem: d.TargetSystem.value, Recovery: d.Recovery.Recovery, Transactional: d.Transactional,
		Profiles: d.Profiles, Labels: d.Labels,
		Timeout: d.Timeout, MaxAttempts: d.MaxAttempts, AllowOutOfOrder: d.AllowOutOfOrder,
		Source: core.Source{Position: d.pos, Template: d.Template},
		Apply:  placeholder(),
	}
	ch.Source.File = file
	good := d.shape(c.faults)
	tpl := c.template(d)
	if tpl != nil {
		ch.Source.Template = tpl.Name
		good = c.fits(d, tpl) && good
		// What is well formed is compiled even when something else is not, for its
		// own faults.
		if compiled := ch; c.compile(d, tpl, &compiled) && good {
			ch = compiled
		}
	}
	if good {
		ch.Checksum = checksum(ch.Source.Template, d)
		ch.References = references(d.Configuration, d.Apply, d.Rollback, d.Steps, d.Probe)
	}
	return ch
}

// placeholder stands for work that could not be compiled, so that the change is
// not said to have none. Load returns no such change, except where the fault is
// the target system's own, which its configuration reports.
func placeholder() core.Step {
	return core.Step{Do: func(context.Context, *core.Session) error {
		return errors.New("the change was not compiled, because its target system's configuration has a fault")
	}}
}

// template finds the template of a document among those of its target system's
// type; nil when there is none, which is reported unless the target system itself
// is at fault.
func (c *compiler) template(d *document) *core.Template {
	if d.Template == "" {
		c.faults.Add(d.pos, "the change names no template")
		return nil
	}
	t := c.targets[d.TargetSystem.value]
	if t == nil {
		return nil
	}
	at := d.templatePos
	var own []core.Template
	for i := range c.types {
		if c.types[i].Name == t.Type() {
			own = append(own, c.types[i].Templates...)
		}
	}
	if tpl := find(own, d.Template); tpl != nil {
		return tpl
	}
	where := fmt.Sprintf("target system %q is of type %s", t.ID(), t.Type())
	if len(own) == 0 {
		c.faults.Add(at, where+", which has no templates: write the change in Go")
		return nil
	}
	for i := range c.types {
		if find(c.types[i].Templates, d.Template) != nil {
			c.faults.Add(at, fmt.Sprintf("template %q is for target systems of type %s, but %s, which has %s",
				d.Template, c.types[i].Name, where, strings.Join(names(own, false), ", ")))
			return nil
		}
	}
	message := fmt.Sprintf("template %q does not exist", core.Cap(d.Template, 80))
	if hint := core.DidYouMean(d.Template, names(own, true)); strings.Contains(hint, "did you mean") {
		message += hint
	}
	c.faults.Add(at, message+"; "+where+", which has "+strings.Join(names(own, false), ", "))
	return nil
}

func find(templates []core.Template, name string) *core.Template {
	for i := range templates {
		if templates[i].Name == name {
			return &templates[i]
		}
	}
	for i := range templates {
		if slices.Contains(templates[i].Aliases, name) {
			return &templates[i]
		}
	}
	return nil
}

func names(templates []core.Template, aliases bool) []string {
	var out []string
	for i := range templates {
		out = append(out, templates[i].Name)
		if aliases {
			out = append(out, templates[i].Aliases...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fits checks the rules on shape that the template sets.
func (c *compiler) fits(d *document, tpl *core.Template) bool {
	before := len(c.faults.List)
	switch {
	case tpl.StepsOnly && d.Apply != nil && d.Steps == nil:
		c.faults.Add(d.Apply.Pos, "template "+tpl.Name+" takes steps, each with apply and rollback, not one apply")
	case tpl.SingleOnly && d.Steps != nil:
		c.faults.Add(d.Steps.Pos, "template "+tpl.Name+" takes one apply and rollback, not steps")
	}
	if tpl.RollbackRequired {
		switch {
		case d.Steps == nil && d.Apply != nil && d.Rollback == nil:
			c.faults.Add(d.Apply.Pos, "rollback is missing: template "+tpl.Name+" requires one")
		case d.Steps != nil:
			for i, s := range d.Steps.Items {
				if s.Kind == strictyaml.Map && !present(s, "rollback") {
					c.faults.Add(s.Pos, fmt.Sprintf("Step %d is missing required 'rollback': template %s requires one", i+1, tpl.Name))
				}
			}
		}
	}
	if d.Probe != nil && tpl.CustomProbe == nil {
		c.faults.Add(d.Probe.Pos, "template "+tpl.Name+" takes no probe: remove this key")
	}
	return len(c.faults.List) == before
}

// compile fills in the steps and the probe of ch and reports whether all could be
// compiled.
func (c *compiler) compile(d *document, tpl *core.Template, ch *core.Change) bool {
	var applies []core.Payload
	one := func(n *strictyaml.Node, path string, rollback bool) core.Step {
		if n == nil || n.Kind == strictyaml.Null {
			return core.Step{}
		}
		p := &payload{node: n, config: d.Configuration, path: path, rollback: rollback}
		if !rollback {
			applies = append(applies, p)
		}
		s, err := tpl.Compile(p)
		if err != nil {
			c.faults.List = append(c.faults.List, faultsOf(err, n.Pos)...)
		}
		if s.Name == "" {
			s.Name = tpl.Name
		}
		return s
	}
	back := func(apply, rollback *strictyaml.Node, path string) core.Step {
		if !isAuto(rollback) {
			return one(rollback, path+"rollback", true)
		}
		s, err := restore(tpl, &payload{node: apply, config: d.Configuration, path: path + "apply"}, rollback)
		if err != nil {
			c.faults.List = append(c.faults.List, faultsOf(err, rollback.Pos)...)
		}
		return s
	}
	before := len(c.faults.List)
	switch {
	case d.Steps != nil && !tpl.SingleOnly:
		ch.Apply = core.Step{}
		for i, s := range d.Steps.Items {
			path := fmt.Sprintf("steps[%d].", i)
			ch.Steps = append(ch.Steps, core.StepPair{
				Apply:    one(s.Get("apply"), path+"apply", false),
				Rollback: back(s.Get("apply"), s.Get("rollback"), path),
			})
		}
	case d.Steps == nil && !tpl.StepsOnly:
		ch.Apply = one(d.Apply, "apply", false)
		ch.Rollback = back(d.Apply, d.Rollback, "")
	}
	if len(c.faults.List) > before {
		return false // a probe would only repeat the faults of the payloads
	}
	c.probe(d, tpl, applies, ch)
	return len(c.faults.List) == before
}

// automatic is the rollback that puts back what was there before.
const automatic = "auto"

func isAuto(n *strictyaml.Node) bool { return n != nil && n.IsScalar() && n.Text.Value == automatic }

// restore compiles `rollback: auto` from the apply payload.
func restore(tpl *core.Template, apply *payload, rollback *strictyaml.Node) (core.Step, error) {
	if tpl.Restore == nil {
		return core.Step{}, (&payload{node: rollback, path: "rollback", rollback: true}).Fault(0, 0, "template "+tpl.Name+" has no automatic rollback: write out what takes the change back")
	}
	if apply.node == nil || apply.node.Kind == strictyaml.Null {
		return core.Step{}, nil // that it is missing is said elsewhere
	}
	s, err := tpl.Restore(apply)
	if s.Name == "" {
		s.Name = tpl.Name
	}
	return s, err
}

func (c *compiler) probe(d *document, tpl *core.Template, applies []core.Payload, ch *core.Change) {
	var (
		err error
		at  = d.pos
	)
	switch {
	case d.Probe != nil && tpl.CustomProbe == nil: // said already
	case d.Probe != nil:
		at = d.Probe.Pos
		ch.Probe, err = tpl.CustomProbe(&payload{node: d.Probe, config: d.Configuration, path: "probe"})
	case tpl.Probe != nil && len(applies) > 0:
		ch.Probe, err = tpl.Probe(applies)
	}
	if err != nil {
		c.faults.List = append(c.faults.List, faultsOf(err, at)...)
	}
}

// references lists the references in every text and key of the nodes, each once.
func references(nodes ...*strictyaml.Node) []core.Reference {
	var out []core.Reference
	add := func(text string) {
		for _, r := range core.References(text) {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	for _, n := range nodes {
		if n == nil {
			continue
		}
		n.Walk(func(n *strictyaml.Node) {
			if n.IsScalar() {
				add(n.Text.Value)
			}
			for _, f := range n.Fields {
				add(f.Key)
			}
		})
	}
	return out
}
