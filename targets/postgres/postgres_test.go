package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/pgtest"
	"github.com/flamingock/flamingock-go/internal/standstill"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// server is shared by the tests; each has a database of its own.
var server pgtest.Server

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(childMain(role))
	}
	goleak.VerifyTestMain(server.StopAfter(m))
}

// patiently plays a test again that failed while this process or the server stood still.
// Bound is the shortest time that the test rests on.
func patiently(t *testing.T, bound time.Duration, f func(t testing.TB)) {
	t.Helper()
	feel(t).TryFixed(t, bound, f)
}

// feel feels the pulse of this process and of the server.
func feel(t testing.TB) *standstill.Pulse {
	t.Helper()
	pulse := standstill.Feel(t, 8)
	pulse.AskSQL(t, "PostgreSQL", look(t, server.Database(t)))
	return pulse
}

const lease = 3 * time.Second

func fence(token, n uint64) core.Fence {
	return core.Fence{LedgerID: "ledger", Token: token, N: n, Lease: lease}
}

func marker(change string, seq uint64) core.Marker {
	return core.Marker{LedgerID: "ledger", ChangeID: change, Seq: seq}
}

// newTarget makes a target through the configuration's way in.
func newTarget(t testing.TB, values settings) core.TxTarget {
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
	t, err := postgres.Type().New("db", values)
	if err != nil {
		return nil, err
	}
	return t.(core.TxTarget), nil
}

func targetOf(t testing.TB, uri string) core.TxTarget {
	t.Helper()
	return newTarget(t, settings{"dsn": uri})
}

// look opens the database beside the target, as another program would.
func look(t testing.TB, uri string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", uri)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func query[T any](t testing.TB, db *sql.DB, q string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(q, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return v
}

func execute(t testing.TB, db *sql.DB, q string) {
	t.Helper()
	if _, err := db.Exec(q); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

// tables are those of all schemas, ours left out.
func tables(t testing.TB, uri string) string {
	t.Helper()
	return query[string](t, look(t, uri), `SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'r' AND relname NOT LIKE 'flamingock%' AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'`)
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

func transact(t testing.TB, target core.TxTarget, f core.Fence, m core.Marker, work func(context.Context, any) error) error {
	t.Helper()
	return target.Transact(t.Context(), core.Transaction{Fence: f, Marker: m, Work: work})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marked(t testing.TB, target core.TxTarget, m core.Marker) bool {
	t.Helper()
	got, err := target.Marked(t.Context(), m)
	must(t, err)
	return got
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func TestCommitAndRollback(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)", "INSERT INTO a VALUES (1)")))
	err := transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)", "ALTER TABLE a ADD y int", "CREATE INDEX i ON a (x)", "INSERT INTO a VALUES (2)", "CREATE TABEL c (x int)"))
	if err == nil || core.IsUnknown(err) {
		t.Errorf("failing change: got %v, want a definite error", err)
	}
	boom := errors.New("boom")
	err = target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("c", 3), Work: run("CREATE TABLE c (x int)"), Guard: func(context.Context) error { return boom }})
	if !errors.Is(err, boom) || core.IsUnknown(err) {
		t.Errorf("guard: got %v, want %v", err, boom)
	}
	// A step that swallows the error of a statement has a failed transaction.
	err = target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("d", 4), Work: func(ctx context.Context, h any) error {
		_ = run("CREATE TABLE d (x int)", "nonsense")(ctx, h)
		return nil
	}})
	if !is[*sqltarget.CommitError](err) || core.IsUnknown(err) {
		t.Errorf("COMMIT of a failed transaction: got %v, want a definite *CommitError", err)
	}
	if got := tables(t, uri); got != "a" {
		t.Errorf("got tables %q, want %q", got, "a")
	}
	db := look(t, uri)
	if got := query[string](t, db, "SELECT count(*) || ' ' || (SELECT count(*) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0) || ' ' || (SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass) FROM a"); got != "1 1 0" {
		t.Errorf("got rows, columns, indexes %s, want 1 1 0", got)
	}
	for m, want := range map[core.Marker]bool{marker("a", 1): true, marker("a", 2): false, marker("b", 2): false, marker("c", 3): false, marker("d", 4): false, {LedgerID: "other", ChangeID: "a", Seq: 1}: false} {
		if got := marked(t, target, m); got != want {
			t.Errorf("marker %v: got %t, want %t", m, got, want)
		}
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
			uri := server.Database(t)
			before, after := targetOf(t, uri), targetOf(t, uri)
			must(t, transact(t, before, tt.old, marker("a", 1), run("CREATE TABLE a (x int)"))) // without RaiseFence first
			must(t, after.RaiseFence(t.Context(), tt.new))
			must(t, after.RaiseFence(t.Context(), tt.new)) // an equal one is fine
			worked := false
			err := transact(t, before, tt.old, marker("b", 2), func(ctx context.Context, h any) error {
				worked = true
				return run("CREATE TABLE b (x int)")(ctx, h)
			})
			if !errors.Is(err, core.ErrLeaseLost) || core.IsUnknown(err) || worked {
				t.Errorf("the former holder: got %v, worked %t, want ErrLeaseLost before any work", err, worked)
			}
			if err := before.RaiseFence(t.Context(), tt.old); !errors.Is(err, core.ErrLeaseLost) {
				t.Errorf("raising below: got %v, want ErrLeaseLost", err)
			}
			must(t, transact(t, after, tt.new, marker("b", 3), run("CREATE TABLE b (x int)")))
			other := core.Fence{LedgerID: "other", Token: 1, N: 1}
			must(t, transact(t, before, other, core.Marker{LedgerID: "other", ChangeID: "c", Seq: 1}, run("CREATE TABLE c (x int)")))
			if got := tables(t, uri); got != "a b c" {
				t.Errorf("got tables %q, want %q", got, "a b c")
			}
		})
	}
}

func TestFenceRowGone(t *testing.T) {
	target := targetOf(t, server.Database(t))
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("DELETE FROM flamingock_fence")))
	err := transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)"))
	if !is[*sqltarget.FenceGoneError](err) || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite *FenceGoneError", err)
	}
	must(t, transact(t, target, fence(1, 1), marker("b", 3), run("CREATE TABLE b (x int)")))
}

func TestMarkers(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	if marked(t, target, marker("a", 1)) {
		t.Error("a marker is there before the table is")
	}
	must(t, target.DeleteMarkers(t.Context(), []core.Marker{marker("a", 1)}))
	must(t, target.PutMarker(t.Context(), marker("a", 1)))
	must(t, target.PutMarker(t.Context(), marker("a", 1)))
	if !marked(t, target, marker("a", 1)) {
		t.Error("the marker that was put is not there")
	}
	err := transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)"))
	if !errors.Is(err, core.ErrMarked) || core.IsUnknown(err) {
		t.Errorf("a marker that is there: got %v, want ErrMarked", err)
	}
	must(t, target.PutMarker(t.Context(), marker("b", 1)))
	boom := errors.New("boom")
	err = target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("c", 2), Settled: []core.Marker{marker("b", 1)}, Work: func(context.Context, any) error { return boom }})
	if !errors.Is(err, boom) || !marked(t, target, marker("b", 1)) {
		t.Errorf("got %v and the settled marker gone, want %v and the marker kept", err, boom)
	}
	must(t, target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("c", 3), Settled: []core.Marker{marker("a", 1), marker("b", 1), marker("none", 1)}, Work: run("CREATE TABLE c (x int)")}))
	must(t, target.DeleteMarkers(t.Context(), nil))
	if got := query[string](t, look(t, uri), "SELECT string_agg(change_id || seq, ' ') FROM flamingock_marker"); got != "c3" {
		t.Errorf("got markers %q, want %q", got, "c3")
	}
}

func TestWrongHandles(t *testing.T) {
	target := targetOf(t, "host=nowhere")
	type client struct{}
	if _, err := core.TxTypeOf(&core.Change{Apply: core.StepFor(func(context.Context, *client) error { return nil })}, target); err == nil {
		t.Error("a step for another client fits")
	}
	tx := sqltarget.Step(func(context.Context, *sql.Tx) error { return nil })
	conn := sqltarget.ConnStep(func(context.Context, *sql.Conn) error { return nil })
	for step, want := range map[*core.Step]core.TxType{&tx: core.TxSeparateMarker, &conn: core.TxNone} {
		if got, err := core.TxTypeOf(&core.Change{Apply: *step}, target); got != want || err != nil {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
	if !is[*core.HandleError](tx.Do(t.Context(), &core.Session{Handle: &client{}})) {
		t.Error("a wrong handle is no *core.HandleError")
	}
}

// What a change leaves on its session does not reach the next one, nor our own
// statements.
func TestSessionIsFresh(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)", "CREATE TEMP TABLE b (x int)",
		"SELECT pg_catalog.set_config('search_path', '', false)", // as in every dump of pg_dump
		"SET lock_timeout = 0", "SET idle_in_transaction_session_timeout = 0", "SET ROLE pg_monitor", "DEALLOCATE ALL")))
	var state string
	const q = `SELECT current_setting('search_path') || ' ' || current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')
		|| ' ' || (current_user = session_user) || ' ' || coalesce(to_regclass('b')::text, 'none') || ' ' || current_setting('application_name')`
	next := func() error {
		return target.Transact(t.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("b", 2), Settled: []core.Marker{marker("a", 1)}, Work: func(ctx context.Context, h any) error {
			return h.(*sql.Tx).QueryRowContext(ctx, q).Scan(&state)
		}})
	}
	// DEALLOCATE took our prepared statements along: that costs a connection, no more.
	if err := next(); err != nil {
		if core.CodeOf(err) != core.CodeUnavailable || core.IsUnknown(err) {
			t.Fatal(err)
		}
		must(t, next())
	}
	if want := `"$user", public 1s 3s true none flamingock`; state != want {
		t.Errorf("got %q, want %q", state, want)
	}
	handle, release, err := target.Open(t.Context())
	must(t, err)
	must(t, run("VACUUM a", "SET lock_timeout = 7")(t.Context(), handle))
	must(t, release())
	handle, release, err = target.Open(t.Context())
	must(t, err)
	must(t, handle.(*sql.Conn).QueryRowContext(t.Context(), "SHOW lock_timeout").Scan(&state))
	must(t, release())
	if state != "5s" {
		t.Errorf("got lock_timeout %s outside of a transaction, want 5s", state)
	}
}

// The caller's own database: its connections come back as they were, and it stays open.
func TestBorrowed(t *testing.T) {
	uri := server.Database(t)
	db := look(t, uri) // it has one connection: whoever keeps that blocks its owner
	execute(t, db, "SET lock_timeout = 123")
	execute(t, db, "SET search_path = public")
	target := postgres.New("mine", db)
	must(t, target.Ping(t.Context()))
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)")))
	handle, release, err := target.Open(t.Context())
	must(t, err)
	must(t, run("INSERT INTO a VALUES (1)")(t.Context(), handle))
	must(t, release())
	err = transact(t, target, fence(1, 1), marker("b", 2), run("CREATE TABLE b (x int)", "nonsense"))
	if err == nil || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite error", err)
	}
	must(t, target.Close())
	if got := query[string](t, db, "SELECT current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('search_path')"); got != "123ms 0 public" {
		t.Errorf("got %q, want the caller's settings", got)
	}
	if got := tables(t, uri); got != "a" {
		t.Errorf("got tables %q, want %q", got, "a")
	}
}

func TestSchemas(t *testing.T) {
	uri := server.Database(t)
	db := look(t, uri)
	execute(t, db, "CREATE SCHEMA one; CREATE SCHEMA \"Two;\"")
	where := func() string {
		return query[string](t, db, "SELECT coalesce(string_agg(relnamespace::regnamespace || '.' || relname, ' ' ORDER BY 1), '') FROM (SELECT * FROM pg_class WHERE relname ~ '^(flamingock_(fence|marker)|a)$' ORDER BY relnamespace::regnamespace::text, relname) c")
	}
	one := newTarget(t, settings{"dsn": uri, "searchPath": "one, public"})
	two := newTarget(t, settings{"dsn": uri, "searchPath": `nowhere, "Two;", public`})
	for _, target := range []core.TxTarget{one, two} {
		must(t, target.Ping(t.Context()))
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)")))
	}
	if got, want := strings.Fields(where()), 6; len(got) != want || !strings.Contains(where(), "one.flamingock_marker") || !strings.Contains(where(), `"Two;".flamingock_fence`) {
		t.Errorf("got %q, want each table in both schemas", got)
	}
	must(t, one.RaiseFence(t.Context(), fence(5, 1)))
	must(t, transact(t, two, fence(1, 1), marker("b", 2), run("DROP TABLE a")))
	if marked(t, one, marker("b", 2)) {
		t.Error("two schemas share their markers")
	}

	// A change that makes the first schema of the path does not hide the tables.
	uri = server.Database(t)
	early := newTarget(t, settings{"dsn": uri, "searchPath": "app, public"})
	must(t, transact(t, early, fence(1, 1), marker("a", 1), run("CREATE SCHEMA app")))
	late := newTarget(t, settings{"dsn": uri, "searchPath": "app, public"})
	if !marked(t, early, marker("a", 1)) || !marked(t, late, marker("a", 1)) {
		t.Error("the marker of the change that made the schema is not found")
	}
	none := newTarget(t, settings{"dsn": uri, "searchPath": "nowhere"})
	for what, err := range map[string]error{"Ping": none.Ping(t.Context()), "RaiseFence": none.RaiseFence(t.Context(), fence(1, 1))} {
		if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(core.HintOf(err), "searchPath") {
			t.Errorf("%s without a schema: got %v", what, err)
		}
	}
}
