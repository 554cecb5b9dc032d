package sqltarget

import (
	"context"
	"database/sql"
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
// Of its operation: apply and rollback are the scripts; there is no probe, so a
// NON_TX change of unknown outcome is a person's; nothing counts as already done
// and nothing is retried by itself.
func Templates(d Dialect) []core.Template {
	d = d.withDefaults()
	return []core.Template{{
		Name:    TemplateName,
		Aliases: []string{"sql-template"},
		Compile: func(p core.Payload) (core.Step, error) { return compile(d, p) },
	}}
}

type configuration struct {
	SplitStatements bool `yaml:"splitStatements"`
}

func compile(d Dialect, p core.Payload) (core.Step, error) {
	c := configuration{SplitStatements: true}
	if err := p.Configuration(&c); err != nil {
		return core.Step{}, err
	}
	text, err := p.Text()
	if err != nil {
		return core.Step{}, err
	}
	if i := strings.IndexByte(text.Value, 0); i >= 0 {
		return core.Step{}, p.Fault(0, 0, "the SQL holds a NUL byte, at which databases stop reading")
	}
	statements, err := split.Split(text.Value, d.Split)
	switch unread, ok := errors.AsType[*split.Error](err); {
	case ok && c.SplitStatements:
		return core.Step{}, p.Fault(unread.Line, unread.Column, unread.Error())
	case ok: // not to be split, and so not to be read either
		statements = nil
	case err != nil:
		return core.Step{}, err
	case len(statements) == 0:
		return core.Step{}, p.Fault(0, 0, "the SQL holds no statement")
	}
	s := script{dialect: d}
	step := core.Step{Name: TemplateName, Handle: reflect.TypeFor[Querier](), Do: s.run, LateSafe: d.LateSafe}
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
	if len(faults) == 1 {
		return core.Step{}, faults[0]
	}
	if len(faults) > 1 {
		return core.Step{}, errors.Join(faults...)
	}
	if !c.SplitStatements {
		statements = []split.Statement{whole(text.Value, statements)}
	}
	for _, st := range statements {
		s.statements = append(s.statements, statement{st.Text, text.At(st.Line, st.Column)})
	}
	step.Do = s.run
	return step, nil
}

// whole is a script as one statement, placed where its first one is.
func whole(text string, statements []split.Statement) split.Statement {
	st := split.Statement{Text: text, Line: 1, Column: 1}
	if len(statements) > 0 {
		st.Line, st.Column = statements[0].Line, statements[0].Column
	}
	return st
}

type statement struct {
	text string
	at   core.Position
}

// script is a compiled payload.
type script struct {
	dialect    Dialect
	statements []statement
}

// run executes the statements one after the other.
func (s script) run(ctx context.Context, session *core.Session) error {
	q, ok := session.Handle.(Querier)
	if !ok {
		return &core.HandleError{Want: reflect.TypeFor[Querier](), Got: reflect.TypeOf(session.Handle)}
	}
	_, inTx := session.Handle.(*sql.Tx)
	for i, st := range s.statements {
		session.Progress(core.Progress{Done: i, Total: len(s.statements), Text: brief(st.text)})
		sent, err := s.exec(ctx, session, q, st.text)
		if err == nil {
			continue
		}
		failed := &StatementError{Position: st.at, Index: i + 1, Total: len(s.statements), Statement: core.Cap(st.text, maxStatement), Err: err}
		// Inside a transaction everything is taken back. Outside, only the database's own
		// word says that the statement had no effect.
		if sent && !inTx && !s.dialect.Refused(err) {
			return core.Unknown(failed)
		}
		return failed
	}
	session.Progress(core.Progress{Done: len(s.statements), Total: len(s.statements)})
	return nil
}

func (s script) exec(ctx context.Context, session *core.Session, q Querier, text string) (sent bool, err error) {
	resolved, err := session.Resolve(ctx, text)
	if err != nil {
		return false, err
	}
	_, err = q.ExecContext(ctx, resolved)
	return true, err
}

// maxStatement bounds a statement's text in an error, maxBrief in progress.
const (
	maxStatement = 200
	maxBrief     = 80
)

// brief is the first line of a statement, for people.
func brief(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return core.Cap(strings.TrimSpace(line), maxBrief)
}
