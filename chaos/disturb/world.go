//go:build unix

package disturb

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing" //nolint:depguard // this package is for tests
	"time"
)

// StoreKind is where a world keeps its ledger.
type StoreKind string

// TargetKind is what a world's changes act on.
type TargetKind string

// The audit stores and target systems.
const (
	Embedded StoreKind = "embedded"
	DynamoDB StoreKind = "dynamodb"
	// Within is the embedded store in the SQLite target system's database: TX_SHARED.
	Within StoreKind = "within"

	SQLite   TargetKind = "sqlite"
	Postgres TargetKind = "postgres"
	// Shared is a DynamoDB table beside the audit store's: TX_SHARED.
	Shared TargetKind = "dynamodb"
)

// Change is one change of a world. Its effect is one row, or an increment: it can
// be counted.
type Change struct {
	ID string
	// Direct changes run without a transaction: NON_TX.
	Direct bool
	// Retry is the strategy ALWAYS_RETRY; else MANUAL_INTERVENTION.
	Retry bool
	// Timeout bounds an attempt; 0: nothing does.
	Timeout time.Duration
	// After is SQL that runs before the effect, in the same step: to be slow.
	After string
}

// Changes makes n changes like c, with ids of their own.
func Changes(n int, c Change) []Change {
	out := make([]Change, n)
	for i := range out {
		out[i] = c
		out[i].ID = fmt.Sprintf("change-%03d", i+1)
	}
	return out
}

// Spec says what a world is made of.
type Spec struct {
	Store   StoreKind
	Target  TargetKind
	Changes []Change
	// Lease is 1 s, and Wait for it 30 s, when 0.
	Lease, Wait time.Duration
}

// World is one ledger, and the directory with its configuration and changes.
type World struct {
	*Bench
	Spec
	Dir, Ledger string
}

// World makes a world with an empty ledger in a directory of the test's.
func (b *Bench) World(t testing.TB, s Spec) *World {
	t.Helper()
	s.Lease, s.Wait = cmp.Or(s.Lease, time.Second), cmp.Or(s.Wait, 30*time.Second)
	w := &World{Bench: b, Spec: s, Dir: t.TempDir(), Ledger: fmt.Sprintf("chaos/%d", b.ledgers.Add(1))}
	w.write(t, "flamingock.yaml", w.settings(t))
	w.writeChanges(t, 0)
	w.prepare(t)
	return w
}

// Grow adds changes behind the others. No run of this world may be loading them.
func (w *World) Grow(t testing.TB, changes ...Change) {
	t.Helper()
	from := len(w.Changes)
	w.Changes = append(w.Changes, changes...)
	w.writeChanges(t, from)
}

func (w *World) writeChanges(t testing.TB, from int) {
	t.Helper()
	for i := from; i < len(w.Changes); i++ {
		w.write(t, filepath.Join("changes", fmt.Sprintf("_%04d__%s.yaml", i+1, w.Changes[i].ID)), w.change(&w.Changes[i]))
	}
}

func (w *World) write(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(w.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // others may look at a test's files
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // likewise
		t.Fatal(err)
	}
}

// dsnVariable names the environment variable from which the changes' database is
// taken: it is another one for a process behind a proxy.
const dsnVariable = "CHAOS_DSN"

func (w *World) settings(t testing.TB) string {
	t.Helper()
	var s strings.Builder
	fmt.Fprintf(&s, "ledger: %s\nlock: { lease: %s, wait: %s }\ngrace: 1s\nstages: [{ name: main, location: changes }]\n", w.Ledger, w.Lease, w.Wait)
	switch w.Store {
	case Embedded:
		fmt.Fprintf(&s, "auditStore: { file: store/audit.db }\n")
	case Within:
		fmt.Fprintf(&s, "auditStore: { targetSystem: things }\n")
	case DynamoDB:
		if w.Endpoint == "" {
			t.Fatal(errMissing)
		}
		fmt.Fprintf(&s, "auditStore: { dynamodb: { table: %s, region: %s, endpoint: %q } }\n", w.Ledgers, w.AWS.Region, w.Endpoint)
	}
	s.WriteString("targetSystems:\n")
	switch w.Target {
	case SQLite:
		s.WriteString("  things: { type: sqlite, path: data/app.db }\n")
	case Postgres:
		if w.DSN == "" {
			t.Fatal(errMissing)
		}
		fmt.Fprintf(&s, "  things: { type: postgres, dsn: \"${env:%s}\" }\n", dsnVariable)
	case Shared:
		fmt.Fprintf(&s, "  things: { type: dynamodb, region: %s, endpoint: %q }\n", w.AWS.Region, w.Endpoint)
	}
	return s.String()
}

// change is the text of a change file.
func (w *World) change(c *Change) string {
	var s strings.Builder
	fmt.Fprintf(&s, "id: %s\nauthor: chaos\ntargetSystem: things\n", c.ID)
	if c.Direct {
		s.WriteString("transactional: false\n")
	}
	if c.Retry {
		s.WriteString("recovery: { strategy: ALWAYS_RETRY }\n")
	}
	if c.Timeout > 0 {
		fmt.Fprintf(&s, "timeout: %s\n", c.Timeout)
	}
	if w.Target == Shared {
		fmt.Fprintf(&s, `template: dynamodb-items
apply:
  - update:
      table: %s
      key: { pk: %q, sk: %q }
      expression: ADD n :one
      values: { one: 1 }
`, w.Things, w.Ledger, c.ID)
		return s.String()
	}
	s.WriteString("template: sql\napply: |\n")
	if c.After != "" {
		fmt.Fprintf(&s, "  %s;\n", c.After)
	}
	fmt.Fprintf(&s, "  INSERT INTO effects (ledger, change_id) VALUES ('%s', '%s');\n", w.Ledger, c.ID)
	return s.String()
}
