//go:build unix

package disturb

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing" //nolint:depguard // this package is for tests

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// The table has no key: what is done twice shows as two rows.
const createEffects = "CREATE TABLE effects (ledger TEXT NOT NULL, change_id TEXT NOT NULL)"

// prepare makes what changes write to, where each world has its own.
func (w *World) prepare(t testing.TB) {
	t.Helper()
	if w.Store == Embedded {
		if err := os.MkdirAll(filepath.Join(w.Dir, "store"), 0o755); err != nil { //nolint:gosec // others may look at a test's files
			t.Fatal(err)
		}
	}
	if w.Target != SQLite {
		return
	}
	if err := os.MkdirAll(filepath.Join(w.Dir, "data"), 0o755); err != nil { //nolint:gosec // likewise
		t.Fatal(err)
	}
	db := w.sqlite(t)
	defer db.Close()
	for _, q := range []string{"PRAGMA journal_mode = WAL", createEffects} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *World) sqlite(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.Dir, "data", "app.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Effects counts how often each change of the world took effect.
func (w *World) Effects(t testing.TB) map[string]int {
	t.Helper()
	switch w.Target {
	case SQLite:
		db := w.sqlite(t)
		defer db.Close()
		return w.rows(t, db)
	case Postgres:
		return w.rows(t, w.db)
	case Shared:
		return w.items(t)
	}
	t.Fatalf("no target system %q", w.Target)
	return nil
}

func (w *World) rows(t testing.TB, db *sql.DB) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT change_id, count(*) FROM effects WHERE ledger = '"+w.Ledger+"' GROUP BY change_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		out[id] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *World) items(t testing.TB) map[string]int {
	t.Helper()
	out := map[string]int{}
	pages := dynamodb.NewQueryPaginator(w.client, &dynamodb.QueryInput{
		TableName: &w.Things, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :l"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":l": &types.AttributeValueMemberS{Value: w.Ledger}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			id, _ := item["sk"].(*types.AttributeValueMemberS)
			n, _ := item["n"].(*types.AttributeValueMemberN)
			if id == nil || n == nil {
				t.Fatalf("an item that no change writes: %v", item)
			}
			count, err := strconv.Atoi(n.Value)
			if err != nil {
				t.Fatal(err)
			}
			out[id.Value] = count
		}
	}
	return out
}

// Once returns what Effects is when every change took effect exactly once.
func (w *World) Once() map[string]int {
	out := map[string]int{}
	for _, c := range w.Changes {
		out[c.ID] = 1
	}
	return out
}

// Total adds effects up.
func Total(effects map[string]int) int {
	n := 0
	for _, id := range slices.Sorted(maps.Keys(effects)) {
		n += effects[id]
	}
	return n
}

// Violations compares effects with what they must be, and says what differs.
func Violations(got, want map[string]int) []string {
	var out []string
	ids := maps.Clone(want)
	maps.Copy(ids, got)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if got[id] != want[id] {
			out = append(out, fmt.Sprintf("%s took effect %d times, want %d", id, got[id], want[id]))
		}
	}
	return out
}

// Apart says what tells a ledger and its target system apart, if they share their
// transactions: an effect without its APPLIED, or the other way round. Changes that run
// without a transaction are not looked at.
func (w *World) Apart(entries []operation.EntryData, effects map[string]int) []string {
	if w.Store != Within && w.Target != Shared {
		return nil
	}
	applied := map[string]int{}
	for i := range entries {
		if entries[i].State == core.StateApplied {
			applied[entries[i].ChangeID]++
		}
	}
	effects = maps.Clone(effects)
	for _, c := range w.Changes {
		if c.Direct {
			delete(effects, c.ID)
			delete(applied, c.ID)
		}
	}
	return Violations(effects, applied)
}

// Exec executes SQL in the world's SQLite file.
func (w *World) Exec(t testing.TB, query string) {
	t.Helper()
	db := w.sqlite(t)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
