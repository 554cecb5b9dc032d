package postgres_test

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// The difference between the two is what a change costs besides its own work and
// BEGIN and COMMIT. The server does not sync, so that the disk stays out of it.
func BenchmarkTransact(b *testing.B) {
	target := targetOf(b, server.Database(b))
	must(b, target.Transact(b.Context(), core.Transaction{Fence: fence(1, 1), Marker: marker("table", 0), Work: run("CREATE TABLE a (x int)")}))
	for i := uint64(1); b.Loop(); i++ {
		must(b, target.Transact(b.Context(), core.Transaction{
			Fence: fence(1, 1), Marker: marker("a", i), Settled: []core.Marker{marker("a", i-1)}, Work: run("INSERT INTO a VALUES (1)"),
			Guard: func(context.Context) error { return nil },
		}))
	}
}

func BenchmarkBareTransaction(b *testing.B) {
	db := look(b, server.Database(b))
	execute(b, db, "CREATE TABLE a (x int)")
	c, err := db.Conn(b.Context())
	must(b, err)
	defer c.Close()
	for b.Loop() {
		tx, err := c.BeginTx(b.Context(), nil)
		must(b, err)
		must(b, run("INSERT INTO a VALUES (1)")(b.Context(), tx))
		must(b, tx.Commit())
	}
}
