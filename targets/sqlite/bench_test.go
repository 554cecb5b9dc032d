package sqlite_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// The difference between the two is what a change costs besides its own work and
// BEGIN and COMMIT. synchronous is NORMAL for both, so that the disk stays out of it.
const benchQuery = "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"

func BenchmarkTransact(b *testing.B) {
	target := benchTarget(b)
	for i := uint64(1); b.Loop(); i++ {
		if err := target.Transact(b.Context(), core.Transaction{
			Fence: fence(1, 1), Marker: marker("a", i), Settled: []core.Marker{marker("a", i-1)}, Work: run("INSERT INTO a VALUES (1)"),
			Guard: func(context.Context) error { return nil },
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareTransaction(b *testing.B) {
	db, err := sql.Open("sqlite", "file:"+b.TempDir()+"/app.db"+benchQuery)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE a (x)"); err != nil {
		b.Fatal(err)
	}
	c, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		tx, err := c.BeginTx(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := run("INSERT INTO a VALUES (1)")(b.Context(), tx); err != nil {
			b.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	target := benchTarget(b)
	for b.Loop() {
		_, release, err := target.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := release(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchTarget(b *testing.B) core.TxTarget {
	b.Helper()
	t, err := newFor(settings{"dsn": "file:" + b.TempDir() + "/app.db" + benchQuery})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { t.Close() })
	if err := t.Transact(b.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("table", 0), Work: run("CREATE TABLE a (x)")}); err != nil {
		b.Fatal(err)
	}
	return t
}
