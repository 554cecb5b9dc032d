package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(childMain(role))
	}
	goleak.VerifyTestMain(m)
}

const lease = 3 * time.Second

func fence(token, n uint64) core.Fence {
	return core.Fence{LedgerID: "ledger", Token: token, N: n, Lease: lease}
}

func marker(change string, seq uint64) core.Marker {
	return core.Marker{LedgerID: "ledger", ChangeID: change, Seq: seq}
}

// newTarget makes a target through the configuration's way in.
func newTarget(t *testing.T, values map[string]string) core.TxTarget {
	t.Helper()
	target, err := newFor(values)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func newFor(values settings) (core.TxTarget, error) {
	t, err := sqlite.Type().New("db", values)
	if err != nil {
		return nil, err
	}
	return t.(core.TxTarget), nil
}

func newFile(t *testing.T) string { return filepath.Join(t.TempDir(), "app.db") }

func fileTarget(t *testing.T, path string) core.TxTarget {
	t.Helper()
	return newTarget(t, map[string]string{"dsn": "file:" + path})
}

// look opens the file beside the target, as another program would.
func look(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func query[T any](t *testing.T, db *sql.DB, q string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(q, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return v
}

func execute(t *testing.T, db *sql.DB, q string) {
	t.Helper()
	if _, err := db.Exec(q); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

func tables(t *testing.T, db *sql.DB) string {
	t.Helper()
	return query[string](t, db, "SELECT coalesce(group_concat(name, ' '), '') FROM (SELECT name FROM sqlite_master WHERE name NOT LIKE 'flamingock%' AND name NOT LIKE 'sqlite_%' ORDER BY name)")
}

func run(statements ...string) func(context.Context, any) error {
	return func(ctx context.Context, handle any) error {
		for _, s := range statements {
			if _, err := handle.(sqltarget.Querier).ExecContext(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

func transact(t *testing.T, target core.TxTarget, f core.Fence, m core.Marker, work func(context.Context, any) error) error {
	t.Helper()
	return target.Transact(t.Context(), core.Transaction{Fence: f, Marker: m, Work: work})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marked(t *testing.T, target core.TxTarget, m core.Marker) bool {
	t.Helper()
	got, err := target.Marked(t.Context(), m)
	must(t, err)
	return got
}

func TestCommitAndRollback(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)")))
	err := transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)", "INSERT INTO a VALUES (2)", "CREATE TABEL c (x)"))
	if err == nil || core.IsUnknown(err) {
		t.Errorf("failing change: got %v, want a definite error", err)
	}
	boom := errors.New("boom")
	err = target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("c", 3), Work: run("CREATE TABLE c (x)"), Guard: func(context.Context) error { return boom }})
	if !errors.Is(err, boom) || core.IsUnknown(err) {
		t.Errorf("guard: got %v, want %v", err, boom)
	}
	db := look(t, path)
	if got := tables(t, db); got != "a" {
		t.Errorf("got tables %q, want %q", got, "a")
	}
	if got := query[int](t, db, "SELECT count(*) FROM a"); got != 1 {
		t.Errorf("got %d rows, want 1", got)
	}
	for m, want := range map[core.Marker]bool{marker("a", 1): true, marker("a", 2): false, marker("b", 2): false, marker("c", 3): false, {LedgerID: "other", ChangeID: "a", Seq: 1}: false} {
		if got := marked(t, target, m); got != want {
			t.Errorf("marker %v: got %t, want %t", m, got, want)
		}
	}
}

// A run without anything to settle does not raise the fence first.
func TestTransactWithoutRaise(t *testing.T) {
	path := newFile(t)
	must(t, transact(t, fileTarget(t, path), fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
	if got := tables(t, look(t, path)); got != "a" {
		t.Errorf("got tables %q, want %q", got, "a")
	}
}

func TestFenceKeepsFormerHoldersOut(t *testing.T) {
	for _, tt := range []struct {
		name     string
		old, new core.Fence
	}{
		{"higher token", fence(1, 9), fence(2, 1)},
		{"same token, higher n", fence(1, 1), fence(1, 2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t)
			before, after := fileTarget(t, path), fileTarget(t, path)
			must(t, before.RaiseFence(t.Context(), tt.old))
			must(t, transact(t, before, tt.old, marker("a", 1), run("CREATE TABLE a (x)")))
			must(t, after.RaiseFence(t.Context(), tt.new))
			must(t, after.RaiseFence(t.Context(), tt.new)) // an equal one is fine
			worked := false
			err := transact(t, before, tt.old, marker("b", 2), func(ctx context.Context, h any) error {
				worked = true
				return run("CREATE TABLE b (x)")(ctx, h)
			})
			if !errors.Is(err, core.ErrLeaseLost) || core.IsUnknown(err) || worked {
				t.Errorf("the former holder: got %v, worked %t, want ErrLeaseLost before any work", err, worked)
			}
			if err := before.RaiseFence(t.Context(), tt.old); !errors.Is(err, core.ErrLeaseLost) {
				t.Errorf("raising below: got %v, want ErrLeaseLost", err)
			}
			must(t, transact(t, after, tt.new, marker("b", 3), run("CREATE TABLE b (x)")))
			// Another ledger on the same database has its own fence.
			other := core.Fence{LedgerID: "other", Token: 1, N: 1}
			must(t, transact(t, before, other, core.Marker{LedgerID: "other", ChangeID: "c", Seq: 1}, run("CREATE TABLE c (x)")))
			if got := tables(t, look(t, path)); got != "a b c" {
				t.Errorf("got tables %q, want %q", got, "a b c")
			}
		})
	}
}

func TestFenceRowGone(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("DELETE FROM flamingock_fence")))
	err := transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)"))
	if _, ok := errors.AsType[*sqltarget.FenceGoneError](err); !ok || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite *FenceGoneError", err)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 3), run("CREATE TABLE b (x)")))
}

func TestMarkers(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	if marked(t, target, marker("a", 1)) {
		t.Error("a marker is there before the table is")
	}
	must(t, target.DeleteMarkers(t.Context(), []core.Marker{marker("a", 1)}))
	must(t, target.PutMarker(t.Context(), marker("a", 1)))
	must(t, target.PutMarker(t.Context(), marker("a", 1)))
	if !marked(t, target, marker("a", 1)) {
		t.Error("the marker that was put is not there")
	}
	err := transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)"))
	if !errors.Is(err, core.ErrMarked) || core.IsUnknown(err) {
		t.Errorf("a marker that is there: got %v, want ErrMarked", err)
	}
	for seq := range uint64(20) {
		must(t, target.PutMarker(t.Context(), marker("b", seq)))
	}
	must(t, target.Transact(t.Context(), core.Transaction{
		Fence: fence(1, 1), Marker: marker("c", 30), Settled: []core.Marker{marker("a", 1), marker("b", 0), marker("none", 1)}, Work: run("CREATE TABLE c (x)"),
	}))
	var ms []core.Marker
	for seq := range uint64(19) {
		ms = append(ms, marker("b", seq))
	}
	must(t, target.DeleteMarkers(t.Context(), ms))
	must(t, target.DeleteMarkers(t.Context(), nil))
	db := look(t, path)
	if got, want := query[string](t, db, "SELECT group_concat(change_id || seq, ' ') FROM (SELECT * FROM flamingock_marker ORDER BY change_id)"), "b19 c30"; got != want {
		t.Errorf("got markers %q, want %q", got, want)
	}
	if got := tables(t, db); got != "c" {
		t.Errorf("got tables %q, want %q", got, "c")
	}
}

// Settled markers stay when the change that would delete them does not commit.
func TestSettledStayAfterRollback(t *testing.T) {
	target := fileTarget(t, newFile(t))
	must(t, target.PutMarker(t.Context(), marker("a", 1)))
	boom := errors.New("boom")
	err := target.Transact(t.Context(), core.Transaction{
		Fence: fence(1, 1), Marker: marker("b", 2), Settled: []core.Marker{marker("a", 1)}, Work: func(context.Context, any) error { return boom },
	})
	if !errors.Is(err, boom) || !marked(t, target, marker("a", 1)) {
		t.Errorf("got %v and the settled marker gone, want %v and the marker kept", err, boom)
	}
}

func TestDirectHandle(t *testing.T) {
	path := newFile(t)
	target := fileTarget(t, path)
	handle, release, err := target.Open(t.Context())
	must(t, err)
	c := handle.(*sql.Conn)
	must(t, run("CREATE TABLE a (x)", "PRAGMA foreign_keys = ON", "VACUUM")(t.Context(), c))
	must(t, release())
	handle, release, err = target.Open(t.Context())
	must(t, err)
	var on, timeout int
	must(t, handle.(*sql.Conn).QueryRowContext(t.Context(), "PRAGMA foreign_keys").Scan(&on))
	must(t, handle.(*sql.Conn).QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&timeout))
	must(t, release())
	if on != 0 || timeout != 5000 {
		t.Errorf("got foreign_keys %d and busy_timeout %d, want 0 (nothing of the last change) and 5000", on, timeout)
	}
}

func TestStepLeavesConnectionOpen(t *testing.T) {
	target := fileTarget(t, newFile(t))
	handle, release, err := target.Open(t.Context())
	must(t, err)
	rows, err := handle.(*sql.Conn).QueryContext(t.Context(), "SELECT 1 UNION SELECT 2")
	must(t, err)
	if _, ok := errors.AsType[*sqltarget.LeftOpenError](release()); !ok {
		t.Error("rows left open: got no *LeftOpenError")
	}
	must(t, errors.Join(rows.Err(), rows.Close()))
}

func TestWrongHandles(t *testing.T) {
	target := fileTarget(t, newFile(t))
	type client struct{}
	steps := map[string]core.Step{
		"a client": core.StepFor(func(context.Context, *client) error { return nil }),
		"no step":  sqltarget.Step(nil),
	}
	if _, err := core.TxTypeOf(&core.Change{Apply: steps["a client"]}, target); err == nil {
		t.Error("a step for another client fits")
	}
	if !steps["no step"].IsZero() {
		t.Error("a nil function is a step")
	}
	tx := sqltarget.Step(func(context.Context, *sql.Tx) error { return nil })
	conn := sqltarget.ConnStep(func(context.Context, *sql.Conn) error { return nil })
	for step, want := range map[*core.Step]core.TxType{&tx: core.TxSeparateMarker, &conn: core.TxNone} {
		if got, err := core.TxTypeOf(&core.Change{Apply: *step}, target); got != want || err != nil {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
	if _, ok := errors.AsType[*core.HandleError](tx.Do(t.Context(), &core.Session{Handle: &client{}})); !ok {
		t.Error("a wrong handle is no *core.HandleError")
	}
	if want := "github.com/flamingock/flamingock-go/targets/sqlite_test.named"; sqltarget.Step(named).Name != want {
		t.Errorf("got name %q, want %q", sqltarget.Step(named).Name, want)
	}
}

func named(context.Context, *sql.Tx) error { return nil }

// The caller's own database: its connections come back as they were, and it stays open.
func TestBorrowed(t *testing.T) {
	for _, dsn := range []string{":memory:", "file:" + newFile(t)} {
		db, err := sql.Open("sqlite", dsn)
		must(t, err)
		db.SetMaxOpenConns(1) // whoever keeps the connection blocks its owner
		execute(t, db, "PRAGMA busy_timeout = 123")
		target := sqlite.New("mine", db)
		must(t, target.Ping(t.Context()))
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x)")))
		handle, release, err := target.Open(t.Context())
		must(t, err)
		must(t, run("INSERT INTO a VALUES (1)")(t.Context(), handle))
		must(t, release())
		err = transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x)", "nonsense"))
		if err == nil || core.IsUnknown(err) {
			t.Errorf("got %v, want a definite error", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err = target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("c", 3), Work: run("CREATE TABLE c (x)", endless)})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || core.IsUnknown(err) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		must(t, target.Close())
		if got := tables(t, db); got != "a" {
			t.Errorf("%s: got tables %q, want %q", dsn, got, "a")
		}
		if got := query[int](t, db, "SELECT count(*) FROM a"); got != 1 {
			t.Errorf("%s: got %d rows, want 1", dsn, got)
		}
		if dsn == ":memory:" {
			if got := query[int](t, db, "PRAGMA busy_timeout"); got != 123 {
				t.Errorf("got busy_timeout %d, want the caller's 123", got)
			}
		}
		must(t, db.Close())
	}
}

// endless is a statement that only an interrupt ends.
const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

// txQuery is work that reads one value in the change's transaction.
func txQuery(q string, dest any) func(context.Context, any) error {
	return func(ctx context.Context, h any) error {
		return h.(*sql.Tx).QueryRowContext(ctx, q).Scan(dest)
	}
}
