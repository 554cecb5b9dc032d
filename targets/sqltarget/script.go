package sqltarget

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// script is a compiled payload.
type script struct {
	dialect    Dialect
	statements []statement
	leaves     bool // a statement may leave something on its session
}

type statement struct {
	text         string
	in           core.Text // the payload that it is part of
	line, column int       // of its first character there
	special      *Special
	makes        bool // it makes or changes one object, or nothing
}

// run executes the statements one after the other.
func (s script) run(ctx context.Context, session *core.Session) error {
	q, ok := session.Handle.(Querier)
	if !ok {
		return &core.HandleError{Want: reflect.TypeFor[Querier](), Got: reflect.TypeOf(session.Handle)}
	}
	if s.leaves {
		core.Taint(ctx)
	}
	_, inTx := session.Handle.(*sql.Tx)
	for i, st := range s.statements {
		session.Progress(core.Progress{Done: i, Total: len(s.statements), Text: brief(st.text)})
		sent, err := st.exec(ctx, session, q)
		if err == nil {
			continue
		}
		failed := &StatementError{
			Position: st.in.At(st.line, st.column), Fault: s.fault(ctx, session, st, err),
			Index: i + 1, Total: len(s.statements), Statement: core.Cap(st.text, maxStatement), Advice: s.advice(err, inTx), Err: err,
		}
		// Inside a transaction everything is taken back. Outside, only the database's own
		// word says that the statement had no effect.
		if sent && !inTx && !s.dialect.Refused(err) {
			return core.Unknown(failed)
		}
		if i == 0 && st.makes && s.dialect.Exists(err) {
			return core.NothingDone(failed)
		}
		return failed
	}
	session.Progress(core.Progress{Done: len(s.statements), Total: len(s.statements)})
	return nil
}

func (st statement) exec(ctx context.Context, session *core.Session, q Querier) (sent bool, err error) {
	resolved := st.text
	if strings.Contains(resolved, "${") { // looking closer takes long in a large text, while the transaction is idle
		if resolved, err = session.Resolve(ctx, resolved); err != nil {
			return false, err
		}
	}
	if st.special != nil && st.special.Run != nil {
		return true, st.special.Run(ctx, q, resolved)
	}
	_, err = q.ExecContext(ctx, resolved)
	return true, err
}

// advice says what to do about a failed statement; "" when that is up to the author.
func (s script) advice(err error, inTx bool) string {
	if advice := s.dialect.Advice(err); advice != "" {
		return advice
	}
	if inTx && (errors.Is(err, driver.ErrBadConn) || s.dialect.Classify(err) == Lost) {
		return "the connection was lost before COMMIT, and nothing of the change is there: check that the database is up and can be reached from here, then run again"
	}
	return ""
}

// fault finds the place in the change file that the database's error points at.
func (s script) fault(ctx context.Context, session *core.Session, st statement, err error) core.Position {
	offset, ok := s.dialect.Place(err)
	if !ok || !st.in.Literal {
		return core.Position{}
	}
	before, ok := written(ctx, session.Resolve, st.text, offset)
	if !ok {
		return core.Position{}
	}
	line, column := st.line, st.column
	for _, c := range before {
		if column++; c == '\n' {
			line, column = line+1, 1
		}
	}
	return st.in.At(line, column)
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

// makes reports whether a statement with these first tokens makes or changes an object,
// all of it or nothing. One that runs others, such as CALL, may have done some of it.
func makes(head []string) bool {
	return len(head) > 0 && (head[0] == "CREATE" || head[0] == "ALTER" || head[0] == "RENAME")
}
