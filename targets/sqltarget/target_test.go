package sqltarget_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// What each failure means: whether it is definite, and of which class.
func TestFailures(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name    string
		answer  func(context.Context, string) ([]int64, error)
		work    func(context.Context, any) error
		want    func(error) bool
		unknown bool
		raise   bool // the fence beforehand, so that the answer is for the change
	}{
		{"all is well", nil, nothing, func(err error) bool { return err == nil }, false, true},
		{"the connection is lost at COMMIT", on("commit", driver.ErrBadConn), nothing, is[*sqltarget.CommitError], true, true},
		{"an error of COMMIT that proves nothing", on("commit", boom), nothing, is[*sqltarget.CommitError], true, true},
		{"COMMIT is refused", on("commit", errRefused), nothing, is[*sqltarget.CommitError], false, true},
		{"COMMIT does not answer", func(ctx context.Context, call string) ([]int64, error) {
			if call == "commit" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, nil
		}, nothing, is[*sqltarget.CommitError], true, true},
		{
			"the connection is lost in the work", on("rollback", driver.ErrBadConn), func(context.Context, any) error { return driver.ErrBadConn },
			func(err error) bool { return errors.Is(err, driver.ErrBadConn) }, false, true,
		},
		{
			"the connection is lost after the rollback", on(readMarkCall, driver.ErrBadConn), func(context.Context, any) error { return boom },
			func(err error) bool { return errors.Is(err, boom) }, false, true,
		},
		{
			"a statement of the work committed implicitly", on(readMarkCall, nil, 1), func(context.Context, any) error { return boom },
			func(err error) bool {
				return errors.Is(err, core.ErrTransactionEnded) && errors.Is(err, boom) && core.HintOf(err) != ""
			}, true, true,
		},
		{"the marker is there", on(markCall, errDuplicate), nothing, func(err error) bool { return errors.Is(err, core.ErrMarked) }, false, true},
		{"busy at BEGIN", on("begin", errBusy), nothing, is[*core.BusyError], false, true},
		{"busy at the fence", on(raiseCall, errBusy), nothing, is[*core.BusyError], false, true},
		{"busy at the marker", on(markCall, errBusy), nothing, is[*core.BusyError], false, true},
		{"denied", on(raiseCall, errDenied), nothing, is[*core.PermissionError], false, true},
		{"the fence is higher", on(raiseCall, nil, 0), nothing, nil, false, true},
		{"no connection", on("connect", driver.ErrBadConn), nothing, is[*core.UnavailableError], false, false},
		{"the work is busy", nil, func(context.Context, any) error { return errBusy }, func(err error) bool { return errors.Is(err, errBusy) && !is[*core.BusyError](err) }, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			target := f.target(t, nil)
			if tt.raise {
				if err := target.RaiseFence(t.Context(), transaction(nil).Fence); err != nil {
					t.Fatal(err)
				}
			}
			f.answer = tt.answer
			if tt.want == nil { // the fence row is 3, 0
				f.answer = func(_ context.Context, call string) ([]int64, error) {
					return map[string][]int64{raiseCall: {0}, readCall: {3, 0}}[call], nil
				}
				tt.want = func(err error) bool { return errors.Is(err, core.ErrLeaseLost) }
			}
			err := target.Transact(t.Context(), transaction(tt.work))
			if !tt.want(err) || core.IsUnknown(err) != tt.unknown {
				t.Errorf("got %v (unknown %t), want unknown %t and another error", err, core.IsUnknown(err), tt.unknown)
			}
		})
	}
}

// Equal values are no changed row to a database that counts changed rows.
func TestEqualFence(t *testing.T) {
	f := &fake{answer: func(_ context.Context, call string) ([]int64, error) {
		return map[string][]int64{raiseCall: {0}, readCall: {2, 1}}[call], nil
	}}
	if err := f.target(t, nil).Transact(t.Context(), transaction(nothing)); err != nil {
		t.Error(err)
	}
}

func TestRaiseFenceMakesWhatIsMissing(t *testing.T) {
	f := &fake{answer: once(raiseCall, errMissing)}
	target := f.target(t, nil)
	fence := core.Fence{LedgerID: "ledger", Token: 1}
	if err := target.RaiseFence(t.Context(), fence); err != nil {
		t.Fatal(err)
	}
	if got := f.count("CREATE TABLE IF"); got != 2 {
		t.Errorf("got %d tables made, want 2", got)
	}
	// Another process made the row between our look and our insert.
	inserted := false
	f = &fake{}
	f.answer = func(_ context.Context, call string) ([]int64, error) {
		switch {
		case call == raiseCall && !inserted:
			return []int64{0}, nil
		case call == insertCall:
			inserted = true
			return nil, errDuplicate
		}
		return nil, nil
	}
	if err := f.target(t, nil).RaiseFence(t.Context(), fence); err != nil {
		t.Error(err)
	}
	f = &fake{answer: on(raiseCall, errMissing)}
	if err := f.target(t, nil).RaiseFence(t.Context(), fence); !errors.Is(err, errMissing) {
		t.Errorf("tables that cannot be made: got %v, want %v", err, errMissing)
	}
}

func TestDeadConnectionIsReplacedBeforeTheChange(t *testing.T) {
	f := &fake{}
	target := f.target(t, nil)
	if err := target.Transact(t.Context(), transaction(nothing)); err != nil {
		t.Fatal(err)
	}
	f.answer = once("begin", driver.ErrBadConn)
	works := 0
	err := target.Transact(t.Context(), transaction(func(context.Context, any) error { works++; return nil }))
	if err != nil || works != 1 || f.count("connect") != 2 {
		t.Errorf("got %v, worked %d times over %d connections, want once over 2", err, works, f.count("connect"))
	}
}

func TestContextEndsWhileBeginWaits(t *testing.T) {
	f := &fake{answer: func(ctx context.Context, call string) ([]int64, error) {
		if call == "begin" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := f.target(t, nil).Transact(ctx, transaction(nothing))
	if !errors.Is(err, context.DeadlineExceeded) || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite context.DeadlineExceeded", err)
	}
}

// The driver's context outlives the step's, so that COMMIT and ROLLBACK are not
// cut short, and ends after them.
func TestContextOfTheTransaction(t *testing.T) {
	var alive bool
	var ended <-chan struct{}
	f := &fake{answer: func(ctx context.Context, call string) ([]int64, error) {
		if call == "rollback" {
			alive, ended = ctx.Err() == nil, ctx.Done()
		}
		return nil, nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	err := f.target(t, nil).Transact(ctx, transaction(func(context.Context, any) error {
		cancel()
		return ctx.Err()
	}))
	if !errors.Is(err, context.Canceled) || !alive {
		t.Fatalf("got %v; alive at ROLLBACK: %t", err, alive)
	}
	select {
	case <-ended:
	case <-time.After(time.Second):
		t.Error("the driver's context goes on after the transaction")
	}
}

func TestOrderOfCalls(t *testing.T) {
	f := &fake{}
	target := f.target(t, func(c *sqltarget.Config) {
		c.Init = func(context.Context, *sql.Conn) error { _, err := f.call(t.Context(), "init"); return err }
	})
	if err := target.RaiseFence(t.Context(), core.Fence{LedgerID: "ledger", Token: 2, N: 1}); err != nil {
		t.Fatal(err)
	}
	tx := transaction(func(ctx context.Context, h any) error {
		_, err := h.(*sql.Tx).ExecContext(ctx, "the work itself")
		return err
	})
	tx.Settled = []core.Marker{{LedgerID: "ledger", ChangeID: "b", Seq: 1}}
	tx.Guard = func(ctx context.Context) error { _, err := f.call(ctx, "guard"); return err }
	if err := target.Transact(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"connect", "init", "begin", raiseCall, "commit",
		"begin", raiseCall, markCall, "DELETE FROM flamingock_marker", "the work itself", "guard", "commit",
	}
	if d := cmp.Diff(f.calls, want); d != "" {
		t.Errorf("got -, want +:\n%s", d)
	}
}

func TestPlaceholders(t *testing.T) {
	var queries []string
	f := &fake{}
	target := f.target(t, func(c *sqltarget.Config) {
		c.Dialect.Placeholder = func(n int) string { return "$" + string(rune('0'+n)) }
		c.Connect = func(context.Context) (*sql.DB, error) { return sql.OpenDB(recorder{f, &queries}), nil }
	})
	if _, err := target.Marked(t.Context(), core.Marker{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"SELECT 1 FROM flamingock_marker WHERE ledger_id = $1 AND change_id = $2 AND seq = $3"}
	if d := cmp.Diff(queries, want); d != "" {
		t.Errorf("got -, want +:\n%s", d)
	}
}

// recorder keeps the text of prepared statements.
type recorder struct {
	*fake
	queries *[]string
}

func (r recorder) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.fake.Connect(ctx)
	return recorderConn{c.(*fakeConn), r.queries}, err
}

type recorderConn struct {
	*fakeConn
	queries *[]string
}

func (c recorderConn) Prepare(query string) (driver.Stmt, error) {
	*c.queries = append(*c.queries, query)
	return c.fakeConn.Prepare(query)
}

func TestConnectIsTriedAgain(t *testing.T) {
	f := &fake{}
	fails := true
	target := f.target(t, func(c *sqltarget.Config) {
		connect := c.Connect
		c.Connect = func(ctx context.Context) (*sql.DB, error) {
			if fails {
				return nil, errDenied
			}
			return connect(ctx)
		}
	})
	if err := target.Ping(t.Context()); !is[*core.PermissionError](err) {
		t.Errorf("got %v, want *core.PermissionError", err)
	}
	fails = false
	if err := target.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	f.answer = on("connect", errors.New("no route"))
	other := f.target(t, nil)
	if err := other.Ping(t.Context()); !is[*core.UnavailableError](err) {
		t.Errorf("got %v, want *core.UnavailableError", err)
	}
}

func TestLockWait(t *testing.T) {
	for lease, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second / 3, 15 * time.Second: 5 * time.Second, time.Hour: 5 * time.Second} {
		if got := sqltarget.LockWait(lease); got != want {
			t.Errorf("lease %s: got %s, want %s", lease, got, want)
		}
	}
}

// Outside of a transaction only the database's own word makes a failure definite.
func TestDirectStatementOfUnknownOutcome(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		unknown bool
	}{"refused": {errRefused, false}, "lost": {driver.ErrBadConn, true}, "something": {errors.New("something"), true}} {
		f := &fake{}
		target := f.target(t, nil)
		handle, release, err := target.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.answer = on("the work itself", tt.err)
		step, err := sqltarget.Templates(sqltarget.Dialect{Refused: func(err error) bool { return errors.Is(err, errRefused) }})[0].Compile(block("the work itself"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = runStep(t, step, handle)
		if !is[*sqltarget.StatementError](err) || core.IsUnknown(err) != tt.unknown {
			t.Errorf("%s: got %v, want unknown %t", name, err, tt.unknown)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
	}
}
