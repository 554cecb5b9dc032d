package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/postgres"
)

// probeOf compiles the probe of a change with these scripts and asks it.
func probeOf(t testing.TB, target core.TxTarget, scripts ...string) (core.ProbeResult, error) {
	t.Helper()
	var ps []core.Payload
	for _, s := range scripts {
		ps = append(ps, block(s))
	}
	probe, err := template().Probe(ps)
	must(t, err)
	if probe == nil {
		return "", nil
	}
	handle, release, err := target.Open(t.Context())
	must(t, err)
	got, err := probe(t.Context(), sessionOf(handle))
	must(t, release())
	return got, err
}

func wantProbe(t testing.TB, target core.TxTarget, want core.ProbeResult, scripts ...string) {
	t.Helper()
	if got, err := probeOf(t, target, scripts...); got != want || err != nil {
		t.Errorf("%q: got %q (%v), want %q", scripts, got, err, want)
	}
}

func TestIndexProbe(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	db := look(t, uri)
	execute(t, db, `CREATE SCHEMA "S"; CREATE TABLE "S".t (a int); CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE INDEX taken ON u (a); CREATE SEQUENCE seq`)
	const create = "CREATE INDEX CONCURRENTLY Idx ON t (a)"
	const other = `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I x" ON "S".T (a);`
	wantProbe(t, target, core.ProbeNotApplied, create)
	wantProbe(t, target, core.ProbeNotApplied, create, other)
	must(t, direct(t, t.Context(), target, compile(t, block(create))))
	wantProbe(t, target, core.ProbeApplied, create)
	wantProbe(t, target, core.ProbeUnknown, create, other)
	must(t, direct(t, t.Context(), target, compile(t, block(other))))
	wantProbe(t, target, core.ProbeApplied, create+";"+other)
	wantProbe(t, target, core.ProbeConflict, "CREATE UNIQUE INDEX CONCURRENTLY idx ON t (a)")
	wantProbe(t, target, core.ProbeConflict, "CREATE INDEX CONCURRENTLY taken ON t (a)")
	wantProbe(t, target, core.ProbeConflict, "CREATE INDEX CONCURRENTLY seq ON t (a)")
	wantProbe(t, target, core.ProbeNotApplied, "CREATE INDEX CONCURRENTLY idx ON nowhere (a)")
	wantProbe(t, target, core.ProbeNotApplied, "DROP INDEX CONCURRENTLY idx")
	wantProbe(t, target, core.ProbeConflict, "DROP INDEX CONCURRENTLY seq")
	wantProbe(t, target, core.ProbeApplied, "DROP INDEX CONCURRENTLY IF EXISTS nowhere.idx")
	must(t, direct(t, t.Context(), target, compile(t, block("DROP INDEX CONCURRENTLY public.idx"))))
	wantProbe(t, target, core.ProbeApplied, "DROP INDEX CONCURRENTLY idx")
	for _, none := range []string{create + "; SELECT 1", "VACUUM", "CREATE INDEX CONCURRENTLY ON t (a)", "REINDEX TABLE CONCURRENTLY t"} {
		wantProbe(t, target, "", none)
	}
	for script, want := range map[string]bool{create: true, create + ";" + other: true, "DROP INDEX CONCURRENTLY idx": false, create + "; VACUUM": false, "VACUUM": false, "SELECT 1": false} {
		if got := compile(t, block(script)).LateSafe; got != want {
			t.Errorf("%s: late safe: got %t, want %t", script, got, want)
		}
	}
}

// A failed build leaves an INVALID index. It is named; the next attempt drops it,
// and no other.
func TestInvalidIndex(t *testing.T) {
	uri := server.Database(t)
	target := targetOf(t, uri)
	db := look(t, uri)
	execute(t, db, "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE TABLE u (a int)")
	for _, sql := range []string{"CREATE UNIQUE INDEX CONCURRENTLY idx ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS idx ON t (a)"} {
		step := compile(t, block(sql))
		for range 2 { // the second attempt drops what the first left, and fails as it did
			err := direct(t, t.Context(), target, step)
			e, ok := errors.AsType[*postgres.InvalidIndexError](err)
			if !ok || core.IsUnknown(err) || !strings.Contains(err.Error(), "public.\"idx\" on table \"t\" INVALID") || !strings.Contains(err.Error(), "23505") || core.HintOf(err) == "" {
				t.Fatalf("got %v (%+v), want a definite *InvalidIndexError", err, e)
			}
			wantProbe(t, target, core.ProbeNotApplied, sql)
		}
		// On another table, or another's name: nothing is dropped.
		err := direct(t, t.Context(), target, compile(t, block("CREATE INDEX CONCURRENTLY idx ON u (a)")))
		if err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "42P07") {
			t.Errorf("the name on another table: got %v, want a definite 42P07", err)
		}
		execute(t, db, "DELETE FROM t")
		must(t, direct(t, t.Context(), target, step))
		wantProbe(t, target, core.ProbeApplied, sql)
		if err := direct(t, t.Context(), target, compile(t, block("CREATE UNIQUE INDEX CONCURRENTLY idx ON t (a)"))); err == nil || !strings.Contains(err.Error(), "42P07") {
			t.Errorf("a valid index: got %v, want 42P07", err)
		}
		execute(t, db, "DROP INDEX idx; INSERT INTO t VALUES (1), (1)")
	}
}

// A build waits for old transactions as long as the change may take; cancelled, it
// leaves an INVALID index, while another's build is left alone.
func TestIndexBuildWaits(t *testing.T) {
	t.Parallel()
	patiently(t, time.Second, func(t testing.TB) {
		uri := server.Database(t)
		target := targetOf(t, uri)
		db := look(t, uri)
		execute(t, db, "CREATE TABLE t (a int)")
		old := look(t, uri)
		execute(t, old, "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO t VALUES (1)")
		const create = "CREATE INDEX CONCURRENTLY idx ON t (a)"
		step := compile(t, block(create))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- direct(t, ctx, target, step) }()
		waitFor(t, db, "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%')")
		second := targetOf(t, uri)
		if got, err := probeOf(t, second, create); got != core.ProbeUnknown || !is[*postgres.BuildingError](err) {
			t.Errorf("while it is built: got %q (%v), want UNKNOWN and *BuildingError", got, err)
		}
		if err := direct(t, t.Context(), second, step); !is[*postgres.BuildingError](err) || core.IsUnknown(err) || core.HintOf(err) == "" {
			t.Errorf("while it is built: got %v, want a definite *BuildingError", err)
		}
		if err := <-done; !is[*postgres.InvalidIndexError](err) || !strings.Contains(err.Error(), "57014") || core.IsUnknown(err) {
			t.Errorf("cancelled: got %v, want a definite *InvalidIndexError", err)
		}
		wantProbe(t, target, core.ProbeNotApplied, create)
		// Now longer than the lock timeout of 5 s.
		if !testing.Short() {
			go func() { done <- direct(t, t.Context(), target, step) }()
			timer := time.AfterFunc(6*time.Second, func() { _, _ = old.Exec("COMMIT") })
			defer timer.Stop()
			must(t, <-done)
			wantProbe(t, target, core.ProbeApplied, create)
		}
	})
}

func waitFor(t testing.TB, db *sql.DB, condition string) {
	t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if query[bool](t, db, condition) {
			return
		}
	}
	t.Fatalf("never came true: %s", condition)
}

// A lock_timeout that the change sets itself stays.
func TestOwnLockTimeout(t *testing.T) {
	patiently(t, 5*time.Second, func(t testing.TB) { // for which locks are waited at most
		uri := server.Database(t)
		target := targetOf(t, uri)
		db := look(t, uri)
		execute(t, db, "CREATE TABLE t (a int)")
		old := look(t, uri)
		execute(t, old, "BEGIN; INSERT INTO t VALUES (1)")
		err := direct(t, t.Context(), target, compile(t, block("SET lock_timeout = 200;\nCREATE INDEX CONCURRENTLY idx ON t (a)")))
		if !is[*postgres.InvalidIndexError](err) && (err == nil || !strings.Contains(err.Error(), "55P03")) || core.IsUnknown(err) {
			t.Errorf("got %v, want a definite lock timeout", err)
		}
		execute(t, old, "ROLLBACK")
		must(t, direct(t, t.Context(), target, compile(t, block("CREATE INDEX CONCURRENTLY idx ON t (a);\nREINDEX TABLE CONCURRENTLY t"))))
	})
}
