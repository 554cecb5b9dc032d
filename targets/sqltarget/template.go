package sqltarget

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// TemplateName is the name of the template for SQL scripts.
const TemplateName = "sql"

// Templates returns the templates of a dialect: sql, whose payload is an SQL
// script. Configuration: splitStatements (default true) runs the statements of
// the script one by one; false hands the script to the driver as one text, for
// what the splitter cannot read.
//
// Of its operation: apply and rollback are the scripts; nothing counts as already
// done and nothing is retried by itself. A step whose first statement is refused
// because something of that name is there already did nothing, and its rollback does
// not run. A NON_TX change of unknown outcome is a
// person's, unless each of its statements is one that the dialect can look for in
// the database (see [Special]).
func Templates(d Dialect) []core.Template {
	probes, separates := d.Special != nil, d.WritesRows != nil
	d = d.withDefaults()
	t := core.Template{
		Name:    TemplateName,
		Aliases: []string{"sql-template"},
		Compile: func(p core.Payload) (core.Step, error) {
			_, step, err := compile(d, p)
			return step, err
		},
	}
	if probes || separates {
		t.Probe = func(ps []core.Payload) (core.Probe, error) {
			if err := mixedSteps(d, ps); err != nil || !probes {
				return nil, err
			}
			return probe(d, ps)
		}
	}
	return []core.Template{t}
}

type configuration struct {
	SplitStatements bool `yaml:"splitStatements"`
}

func compile(d Dialect, p core.Payload) (script, core.Step, error) {
	c := configuration{SplitStatements: true}
	if err := p.Configuration(&c); err != nil {
		return script{}, core.Step{}, err
	}
	text, err := p.Text()
	if err != nil {
		return script{}, core.Step{}, err
	}
	if i := strings.IndexByte(text.Value, 0); i >= 0 {
		return script{}, core.Step{}, p.Fault(0, 0, "the SQL holds a NUL byte, at which databases stop reading")
	}
	statements, err := split.Split(text.Value, d.Split)
	switch unread, ok := errors.AsType[*split.Error](err); {
	case ok && c.SplitStatements:
		return script{}, core.Step{}, p.Fault(unread.Line, unread.Column, unread.Error())
	case ok: // not to be split, and so not to be read either
		statements = nil
	case err != nil:
		return script{}, core.Step{}, err
	case len(statements) == 0:
		return script{}, core.Step{}, p.Fault(0, 0, "the SQL holds no statement")
	}
	s := script{dialect: d, leaves: statements == nil} // what cannot be read may leave anything
	step := core.Step{Name: TemplateName, Handle: reflect.TypeFor[Querier]()}
	var faults []error
	for i, st := range statements {
		if controlsTransaction(st.Head) {
			faults = append(faults, p.Fault(st.Line, st.Column, strings.Join(st.Head[:1], " ")+
				" begins or ends a transaction, but the change is run in one of its own: leave it out (savepoints are fine)"))
		}
		if why := d.NotTransactional(st.Head); why != "" && step.NotTransactional == "" {
			step.NotTransactional = fmt.Sprintf("statement %d of its SQL (%s, %s) %s", i+1, brief(st.Text), text.At(st.Line, st.Column), why)
		}
	}
	if fault := mixed(d, p, text, statements); fault != nil {
		faults = append(faults, fault)
	}
	if len(faults) == 1 {
		return script{}, core.Step{}, faults[0]
	}
	if len(faults) > 1 {
		return script{}, core.Step{}, errors.Join(faults...)
	}
	for _, st := range statements {
		s.leaves = s.leaves || leaves(st.Head)
	}
	step.Does = does(d, statements)
	if !c.SplitStatements {
		statements = []split.Statement{whole(text.Value, statements)}
	}
	step.LateSafe = true
	for _, st := range statements {
		one := statement{text: st.Text, in: text, line: st.Line, column: st.Column}
		if c.SplitStatements {
			one.special, one.makes = d.Special(st.Text), makes(st.Head)
		}
		step.LateSafe = step.LateSafe && (d.LateSafe || one.special != nil && one.special.LateSafe)
		s.statements = append(s.statements, one)
	}
	step.Do = s.run
	return s, step, nil
}

// whole is a script as one statement, which begins where its first one does.
func whole(text string, statements []split.Statement) split.Statement {
	st := split.Statement{Text: text, Line: 1, Column: 1}
	if len(statements) > 0 {
		first := statements[0]
		st.Text, st.Line, st.Column = text[first.Offset:], first.Line, first.Column
	}
	return st
}
