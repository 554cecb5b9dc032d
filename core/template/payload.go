package template

import (
	"errors"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// payload is a value of a change file as templates see it.
type payload struct {
	node     *strictyaml.Node
	config   *strictyaml.Node // nil: there is none
	path     string           // for messages: "apply", "steps[0].rollback"
	rollback bool
}

var _ core.Payload = (*payload)(nil)

func (p *payload) Decode(into any) error {
	return asError(strictyaml.DecodeAt(p.node, into, p.path))
}

func (p *payload) Configuration(into any) error {
	if p.config == nil {
		return nil
	}
	return asError(strictyaml.DecodeAt(p.config, into, "configuration"))
}

func (p *payload) Text() (core.Text, error) {
	if !p.node.IsScalar() {
		return core.Text{}, asError([]core.Fault{{
			Where: p.node.Pos.String(), Message: p.path + " must be text, not " + p.node.Kind.String(),
		}})
	}
	return p.node.Text, nil
}

func (p *payload) Rollback() bool { return p.rollback }

func (p *payload) Fault(line, column int, message string) error {
	at := p.node.Pos
	if line > 0 {
		at = p.node.At(line, max(column, 1))
	}
	return asError([]core.Fault{{Where: at.String(), Message: message}})
}

func asError(faults []core.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	return &core.ValidationError{Faults: faults}
}

// faultsOf returns the faults that a template's error carries, wherever they are
// in its tree; an error of another kind is one fault at the payload.
func faultsOf(err error, at core.Position) []core.Fault {
	var v *core.ValidationError
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []core.Fault
		for _, e := range many.Unwrap() {
			out = append(out, faultsOf(e, at)...)
		}
		return out
	}
	if errors.As(err, &v) {
		return v.Faults
	}
	return []core.Fault{{Where: at.String(), Message: err.Error()}}
}
