package sqltarget_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// A database that does not refuse a COMMIT without a transaction.
func TestDriverKnowsThatTheTransactionIsGone(t *testing.T) {
	for name, work := range map[string]func(context.Context, any) error{"the work is content": nothing, "the work fails": func(context.Context, any) error { return errors.New("boom") }} {
		f := &fake{}
		target := f.target(t, func(c *sqltarget.Config) { c.Dialect.InTransaction = func(any) bool { return false } })
		if err := target.RaiseFence(t.Context(), transaction(nil).Fence); err != nil {
			t.Fatal(err)
		}
		commits := f.count("commit")
		err := target.Transact(t.Context(), transaction(work))
		if !is[*sqltarget.StepEndedTransactionError](err) || !core.IsUnknown(err) || f.count("commit") != commits {
			t.Errorf("%s: got %v and %d commits, want *StepEndedTransactionError and none", name, err, f.count("commit")-commits)
		}
	}
}

func TestTablePrefixAndFreshSessions(t *testing.T) {
	var queries []string
	sessions, prefixes := 0, 0
	f := &fake{}
	target := f.target(t, func(c *sqltarget.Config) {
		c.Connect = func(context.Context) (*sql.DB, error) { return sql.OpenDB(recorder{f, &queries}), nil }
		c.Dialect.SessionEachTime = true
		c.Dialect.Session = func(context.Context, *sql.Conn, time.Duration) (func(context.Context) error, error) {
			sessions++
			return func(context.Context) error { return nil }, nil
		}
		c.Dialect.TablePrefix = func(context.Context, *sql.Conn) (string, error) { prefixes++; return "app.", nil }
	})
	for range 3 {
		if _, err := target.Marked(t.Context(), core.Marker{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"SELECT 1 FROM app.flamingock_marker WHERE ledger_id = ? AND change_id = ? AND seq = ?"}
	if d := cmp.Diff(queries, want); d != "" {
		t.Errorf("got -, want +:\n%s", d)
	}
	if sessions != 3 || prefixes != 1 {
		t.Errorf("prepared the session %d times and asked for the prefix %d times, want 3 and 1", sessions, prefixes)
	}
	f.answer = func(_ context.Context, call string) ([]int64, error) {
		if strings.HasPrefix(call, "SELECT") {
			return nil, errRefused // as a database says that a statement was cancelled
		}
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the grace period is over")
	cancel(cause)
	if _, err := target.Marked(ctx, core.Marker{}); !errors.Is(err, cause) || !errors.Is(err, errRefused) {
		t.Errorf("got %v, want the cause and the database's words", err)
	}
}

// A driver says that a connection is bad also when the context had ended before
// anything was sent: of a process that was paused after BEGIN, for example.
func TestBadConnectionInATransaction(t *testing.T) {
	for name, answer := range map[string]func(context.Context, string) ([]int64, error){
		"at the fence": on(raiseCall, driver.ErrBadConn),
		"at the fence, which must be read": func(_ context.Context, call string) ([]int64, error) {
			switch call {
			case raiseCall:
				return []int64{0}, nil
			case readCall:
				return nil, driver.ErrBadConn
			}
			return nil, nil
		},
		"at the marker": on(markCall, driver.ErrBadConn),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			target := f.target(t, nil)
			if err := target.RaiseFence(t.Context(), transaction(nil).Fence); err != nil {
				t.Fatal(err)
			}
			f.answer = answer
			begun := false
			ended := make(chan error, 1)
			go func() {
				ended <- target.Transact(t.Context(), transaction(func(context.Context, any) error { begun = true; return nil }))
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, driver.ErrBadConn) || core.IsUnknown(err) || begun {
					t.Errorf("got %v, begun %t, want a definite driver.ErrBadConn and nothing begun", err, begun)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it waits for its own transaction to end")
			}
			f.answer = nil
			if err := target.Transact(t.Context(), transaction(nothing)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// When a lease is lost, a connection breaks as a rule, too: that is not the news.
func TestWhatEndedTheContextIsTheReason(t *testing.T) {
	for _, cause := range []error{core.ErrLeaseLost, &core.InterruptedError{Reason: "asked to stop"}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		f := &fake{}
		target := f.target(t, func(c *sqltarget.Config) {
			c.Dialect.Session = func(context.Context, *sql.Conn, time.Duration) (func(context.Context) error, error) {
				cancel(cause)
				return nil, errors.Join(driver.ErrBadConn, errors.New("reset by peer"))
			}
		})
		_, _, err := target.Open(ctx)
		if core.CodeOf(err) != core.CodeOf(cause) || !errors.Is(err, cause) || !errors.Is(err, driver.ErrBadConn) || core.HintOf(err) != core.HintOf(cause) {
			t.Errorf("%v: code %s, want %s", err, core.CodeOf(err), core.CodeOf(cause))
		}
	}
}
