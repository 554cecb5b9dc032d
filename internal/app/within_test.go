package app

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

const withinApp = "auditStore: {targetSystem: app}\ntargetSystems:\n  app: {type: sqlite, dsn: \"file:${env:DIR}/app.db?_pragma=foreign_keys(1)\"}\n  same: {type: sqlite, dsn: \"file:${env:DIR}/app.db\"}\n"

// goChange is a change in Go on the database.
func goChange(id, order, target string, f func(ctx context.Context, tx *sql.Tx) error) core.Change {
	return core.Change{ID: id, Order: order, Author: "tests", TargetSystem: target, Revision: "1", Apply: sqltarget.Step(f)}
}

func statement(query string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query)
		return err
	}
}

// applyWithin applies changes as a command does, and returns "change STATUS TXTYPE" of each.
func applyWithin(t *testing.T, dir string, changes ...core.Change) ([]string, error) {
	t.Helper()
	a := inDir(t, core.Program{Targets: []core.TargetType{sqlite.Type()}, Stages: []core.Stage{{Name: "main", Changes: changes}}}, map[string]string{"flamingock.yaml": strings.ReplaceAll(withinApp, "${env:DIR}", dir)})
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := errors.Join(a.LoadChanges(), a.OpenStore(t.Context(), false)); err != nil {
		t.Fatal(err)
	}
	r, err := a.Runner()
	if err != nil {
		t.Fatal(err)
	}
	rep, err := r.Apply(t.Context(), run.ApplyOptions{})
	var got []string
	for _, st := range rep.Stages {
		for _, c := range st.Changes {
			got = append(got, strings.TrimSpace(c.ChangeID+" "+string(c.Status)+" "+string(c.TxType)))
		}
	}
	var history []core.Entry
	page, herr := a.Store.History(t.Context(), core.HistoryQuery{Ledger: a.Config.Ledger})
	if history = page.Entries; herr != nil {
		t.Error(herr)
	}
	if err := core.VerifyChain(0, "", history); err != nil {
		t.Error(err)
	}
	return got, err
}

// countIn asks the database with another client.
func countIn(t *testing.T, dir, query string) int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	var n int
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}

// Whatever a step in Go does, its change is there with its record, or neither is; and
// the next run, with the step mended, goes on.
func TestWithinStepsInGo(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(ctx context.Context, tx *sql.Tx) error
		says string
	}{
		"commits":                  {func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }, ""},
		"commits and says nothing": {func(_ context.Context, tx *sql.Tx) error { _ = tx.Commit(); return nil }, "ended the transaction"}, //nolint:nlreturn // one line
		"COMMIT, and goes on": {func(ctx context.Context, tx *sql.Tx) error {
			_, _ = tx.ExecContext(ctx, "COMMIT")
			_, _ = tx.ExecContext(ctx, "INSERT INTO t VALUES (8)")
			return nil
		}, "ended the transaction"},
		"rolls back":            {func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() }, "ended the transaction"},
		"ROLLBACK and BEGIN":    {statement("ROLLBACK; BEGIN; INSERT INTO t VALUES (9)"), "ended the transaction"},
		"an error":              {func(context.Context, *sql.Tx) error { return errors.New("no, thanks") }, "no, thanks"},
		"a panic":               {func(context.Context, *sql.Tx) error { panic("no, thanks") }, "no, thanks"},
		"a deferred constraint": {statement("CREATE TABLE child (t REFERENCES t DEFERRABLE INITIALLY DEFERRED); INSERT INTO child VALUES (77)"), "FOREIGN KEY"},
		"the store's tables":    {statement("DROP TABLE flamingock_entries"), ""},
		"a state of the store":  {statement("DELETE FROM flamingock_changes"), "tables of the audit store"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := goChange("first", "1", "app", statement("CREATE TABLE t (id INTEGER PRIMARY KEY)"))
			last := goChange("last", "3", "app", statement("INSERT INTO t VALUES (3)"))
			bad := goChange("bad", "2", "app", func(ctx context.Context, tx *sql.Tx) error {
				if err := statement("INSERT INTO t VALUES (2); PRAGMA recursive_triggers = 1; CREATE TEMP TABLE left_behind (x)")(ctx, tx); err != nil {
					return err
				}
				return tc.do(ctx, tx)
			})
			got, err := applyWithin(t, dir, first, bad, last)
			if core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("code %s of %v, want that it says %q", core.CodeOf(err), err, tc.says)
			}
			if d := cmp.Diff([]string{"first APPLIED TX_SHARED", "bad ROLLED_BACK TX_SHARED", "last NOT_REACHED TX_SHARED"}, got); d != "" {
				t.Error(d)
			}
			if n := countIn(t, dir, "SELECT count(*) FROM t"); n != 0 {
				t.Errorf("%d rows are left", n)
			}
			mended := goChange("bad", "2", "app", statement("INSERT INTO t VALUES (2)"))
			reads := goChange("reads", "4", "app", func(ctx context.Context, tx *sql.Tx) error {
				var n int
				return tx.QueryRowContext(ctx, "SELECT 1 FROM t WHERE NOT EXISTS (SELECT 1 FROM sqlite_temp_schema)").Scan(&n)
			})
			if got, err = applyWithin(t, dir, first, mended, last, reads); err != nil {
				t.Errorf("%v: %v", got, err)
			}
			if n := countIn(t, dir, "SELECT count(*) FROM t"); n != 2 {
				t.Errorf("%d rows, want 2", n)
			}
		})
	}
}

// A step that ends its goroutine leaves no transaction behind: the store can be
// closed, and another process goes on.
func TestWithinGoexit(t *testing.T) {
	dir := t.TempDir()
	first := goChange("first", "1", "app", statement("CREATE TABLE t (id INTEGER PRIMARY KEY)"))
	bad := goChange("bad", "2", "app", func(ctx context.Context, tx *sql.Tx) error {
		if err := statement("INSERT INTO t VALUES (2)")(ctx, tx); err != nil {
			return err
		}
		runtime.Goexit()
		return nil
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = applyWithin(t, dir, first, bad) // it does not return
	}()
	<-ended
	if n := countIn(t, dir, "SELECT count(*) FROM t"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := countIn(t, dir, "SELECT count(*) FROM flamingock_entries"); n != 3 {
		t.Errorf("%d entries, want STARTED, APPLIED and STARTED", n)
	}
}

// Only the target system that is named shares; another one on the same file has a
// marker, and one whose change cannot be in a transaction neither.
func TestWithinIsOneTargetSystem(t *testing.T) {
	dir := t.TempDir()
	vacuum := core.Change{ID: "c", Order: "3", Author: "tests", TargetSystem: "app", Revision: "1", Apply: sqltarget.ConnStep(func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "VACUUM")
		return err
	})}
	got, err := applyWithin(t, dir,
		goChange("a", "1", "app", statement("CREATE TABLE t (id INTEGER PRIMARY KEY)")),
		goChange("b", "2", "same", statement("INSERT INTO t VALUES (1)")), vacuum,
		goChange("d", "4", "app", statement("INSERT INTO t VALUES (2)")),
	)
	if d := cmp.Diff([]string{"a APPLIED TX_SHARED", "b APPLIED TX_SEPARATE_WITH_MARKER", "c APPLIED NON_TX", "d APPLIED TX_SHARED"}, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if n := countIn(t, dir, "SELECT count(*) FROM t"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// A store that cannot be where it is to be.
func TestWithinFaults(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"another type":   {"auditStore: {targetSystem: c}\ntargetSystems: {c: {type: custom}}\n", "auditStore.targetSystem: a target system of type custom cannot hold the audit store"},
		"no directory":   {"auditStore: {targetSystem: c}\ntargetSystems: {c: {type: sqlite, path: no/c.db}}\n", "no does not exist"},
		"in memory":      {"auditStore: {targetSystem: c}\ntargetSystems: {c: {type: sqlite, dsn: ':memory:'}}\n", "in memory"},
		"a secret's DSN": {"auditStore: {targetSystem: c}\ntargetSystems: {c: {type: sqlite, dsn: '${env:NOT_SET_ANYWHERE}'}}\n", "NOT_SET_ANYWHERE"},
		"another VFS":    {"auditStore: {targetSystem: c}\ntargetSystems: {c: {type: sqlite, dsn: 'file:c.db?vfs=other'}}\n", "names a file that nobody else can find"},
	} {
		a := inDir(t, core.Program{Targets: []core.TargetType{sqlite.Type()}, Clients: []core.Target{core.NewClientTarget("c", 1)}}, map[string]string{"flamingock.yaml": tc.text})
		for _, readOnly := range []bool{true, false} {
			if err := a.OpenStore(t.Context(), readOnly); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", name, err, tc.want)
			}
		}
	}
}
