package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/filestore"
	runner "github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// beside are settings with an audit store of a domain.
type beside struct {
	settings
	domain string
}

func (s beside) StoreDomain() string { return s.domain }

// A target system shares with the audit store that is in its own database only.
func TestDomain(t *testing.T) {
	insert := sqltarget.Step(func(context.Context, *sql.Tx) error { return nil })
	for domain, want := range map[string]core.TxType{
		core.DomainWithin("db"): core.TxShared, core.DomainWithin("other"): core.TxSeparateMarker, "": core.TxSeparateMarker, "us-east-1": core.TxSeparateMarker,
	} {
		target, err := sqlite.Type().New("db", beside{settings{"path": "app.db"}, domain})
		must(t, err)
		if tx, err := core.TxTypeOf(&core.Change{ID: "a", Apply: insert}, target); err != nil || tx != want {
			t.Errorf("domain %q: got %s, %v, want %s", domain, tx, err, want)
		}
		if got := target.(core.SharedTarget).Domain(); (got != "") != (want == core.TxShared) {
			t.Errorf("domain %q: the target's is %q", domain, got)
		}
		no := false
		if tx, err := core.TxTypeOf(&core.Change{ID: "a", Transactional: &no, Apply: sqltarget.ConnStep(func(context.Context, *sql.Conn) error { return nil })}, target); err != nil || tx != core.TxNone {
			t.Errorf("domain %q, not transactional: got %s, %v", domain, tx, err)
		}
		must(t, target.Close())
	}
}

func TestDatabase(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		settings settings
		path     string
	}{
		"a path":             {settings{"path": filepath.Join(dir, "a b#c.db")}, filepath.Join(dir, "a b#c.db")},
		"a reference":        {settings{"path": "${env:" + dir + "/x.db}"}, filepath.Join(dir, "x.db")},
		"a URI":              {settings{"dsn": "file:" + dir + "/a%20b%23d.db?_pragma=foreign_keys(1)"}, filepath.Join(dir, "a b#d.db")},
		"a URI with a host":  {settings{"dsn": "file://localhost" + dir + "/e.db"}, filepath.Join(dir, "e.db")},
		"a DSN without file": {settings{"dsn": dir + "/f.db?_pragma=foreign_keys(1)"}, filepath.Join(dir, "f.db")},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := sqlite.Type().New("db", c.settings)
			must(t, err)
			target := made.(*sqlite.Target)
			defer target.Close()
			dsn, path, err := target.Database(t.Context())
			if err != nil || path != c.path {
				t.Fatalf("got %q, %v, want %q", path, err, c.path)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it was made: %v", err)
			}
			// Both find the same file by it.
			store, err := filestore.Open(t.Context(), path, &filestore.Options{Within: &filestore.Within{DSN: dsn}})
			must(t, err)
			defer store.Close()
			handle, release, err := target.Open(t.Context())
			must(t, err)
			var n int
			must(t, handle.(*sql.Conn).QueryRowContext(t.Context(), "SELECT count(*) FROM flamingock_ledgers").Scan(&n))
			must(t, release())
		})
	}
	for name, c := range map[string]struct {
		settings settings
		want     string
	}{
		"in memory":    {settings{"dsn": ":memory:"}, "in memory"},
		"another VFS":  {settings{"dsn": "file:x.db?vfs=memdb"}, "names a file that nobody else can find"},
		"a directory":  {settings{"path": dir}, "is a directory"},
		"no directory": {settings{"path": dir + "/no/app.db"}, "does not exist"},
		"mode=ro":      {settings{"dsn": "file:" + dir + "/none.db?mode=ro"}, "does not exist"},
	} {
		made, err := sqlite.Type().New("db", c.settings)
		must(t, err)
		if _, _, err := made.(*sqlite.Target).Database(t.Context()); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), c.want) || core.HintOf(err) == "" {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		must(t, made.Close())
	}
}

// The library's way in: a store and a target on one file, and a Runner over both.
func TestWithinByTheLibrary(t *testing.T) {
	path := newFile(t)
	dsn, domain := "file:"+path, "the shop's database"
	target := sqlite.NewFile("db", dsn, domain)
	defer target.Close()
	apply := func(domain string) (*runner.Report, error) {
		store, err := filestore.Open(t.Context(), path, &filestore.Options{Within: &filestore.Within{DSN: dsn, Domain: domain}})
		must(t, err)
		defer store.Close()
		r, err := runner.New(runner.Options{
			Ledger: "shop", Store: store, Targets: map[string]core.Target{"db": target},
			Stages: []core.Stage{{Name: "main", Changes: []core.Change{
				{ID: "a", Order: "1", TargetSystem: "db", Apply: sqltarget.Step(func(ctx context.Context, tx *sql.Tx) error {
					_, err := tx.ExecContext(ctx, "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
					return err
				})},
				{ID: "b", Order: "2", TargetSystem: "db", Apply: sqltarget.Step(func(ctx context.Context, tx *sql.Tx) error {
					_, err := tx.ExecContext(ctx, "UPDATE t SET x = x + 1")
					return err
				})},
			}}},
		})
		if err != nil {
			return nil, err
		}
		return r.Apply(t.Context(), runner.ApplyOptions{})
	}
	if _, err := apply("another"); core.CodeOf(err) != core.CodeConfigInvalid {
		t.Errorf("with another domain: got %v", err)
	}
	for i, want := range []runner.Status{runner.Success, runner.NoChanges} {
		rep, err := apply(domain)
		if err != nil || rep.Status != want {
			t.Fatalf("run %d: %v", i+1, err)
		}
		if got := rep.Stages[0].Changes[1].TxType; i == 0 && got != core.TxShared {
			t.Errorf("tx type %s", got)
		}
	}
	db, err := sql.Open("sqlite", dsn)
	must(t, err)
	defer db.Close()
	if got := query[int](t, db, "SELECT x FROM t"); got != 2 {
		t.Errorf("x is %d, want 2", got)
	}
	// Nothing of the fence and the markers of separate transactions was made.
	if got := query[int](t, db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('flamingock_fence', 'flamingock_marker')"); got != 0 {
		t.Errorf("%d tables of markers", got)
	}
}
