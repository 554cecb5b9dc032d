package mysql_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
)

// shop is a copy of the example, and the command line for it.
type shop struct{ dir, dsn string }

func newShop(t *testing.T, dsn string) shop {
	t.Helper()
	s := shop{t.TempDir(), dsn}
	must(t, os.CopyFS(s.dir, os.DirFS("../../examples/mysql")))
	return s
}

func (s shop) run(t *testing.T, exit int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	got := cli.Run(context.WithoutCancel(t.Context()), core.Program{Version: "test", Targets: []core.TargetType{mysql.Type()}}, cli.Process{
		Args: append([]string{"-c", filepath.Join(s.dir, "flamingock.yaml")}, args...), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
		LookupEnv: func(name string) (string, bool) { return s.dsn, name == "ORDERS_DSN" },
	})
	if got != exit {
		t.Errorf("%v: got exit code %d, want %d:\n%s", args, got, exit, out.String())
	}
	return out.String()
}

func (s shop) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.dir, "changes", name), []byte(text), 0o600))
}

// The example runs as its pages say: the plan tells what is not transactional and why,
// a second run has nothing to do.
func TestExample(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		dsn := server.Database(t)
		s := newShop(t, dsn)
		plan := s.run(t, 0, "plan", "-o", "json")
		for change, tx := range map[string]core.TxType{"create-orders": core.TxNone, "add-order-state": core.TxNone, "keep-totals-positive": core.TxNone, "seed-demo-orders": core.TxSeparateMarker} {
			_, rest, _ := strings.Cut(plan, `"`+change+`"`)
			if one, _, _ := strings.Cut(rest, "}"); !strings.Contains(one, `"`+string(tx)+`"`) {
				t.Errorf("the plan does not say that %s is %s:\n%s", change, tx, plan)
			}
		}
		s.run(t, 0, "apply")
		if got := query[string](t, look(t, dsn), "SELECT GROUP_CONCAT(state ORDER BY id) FROM orders"); got != "placed,paid" {
			t.Errorf("got states %s", got)
		}
		if _, err := look(t, dsn).Exec("INSERT INTO orders (customer_id, total) VALUES (3, -1)"); err == nil || !strings.Contains(err.Error(), "a total; 0 or more") {
			t.Errorf("the trigger: got %v", err)
		}
		if out := s.run(t, 0, "apply"); !strings.Contains(strings.ToLower(out), "nothing") {
			t.Errorf("a second run says:\n%s", out)
		}
	})
}

// DDL is no part of a transaction: who wants that is told so, with advice.
func TestDDLInTransactions(t *testing.T) {
	server := servers[0]
	server.Start(t)
	dsn := server.Database(t)
	t.Run("DDL and rows in one change", func(t *testing.T) {
		s := newShop(t, dsn)
		s.write(t, "_0005__mixed.yaml", "id: mixed\ntemplate: sql\ntargetSystem: orders-db\napply: |\n  ALTER TABLE orders ADD note text;\n  UPDATE orders SET note = 'x';\n")
		if out := s.run(t, 65, "apply"); !strings.Contains(out, "_0005__mixed.yaml:6:3") || !strings.Contains(out, "changes of their own") {
			t.Errorf("it says:\n%s", out)
		}
	})
	t.Run("transactional DDL", func(t *testing.T) {
		s := newShop(t, dsn)
		s.write(t, "_0005__tx.yaml", "id: tx\ntemplate: sql\ntargetSystem: orders-db\ntransactional: true\napply: ALTER TABLE orders ADD note text\n")
		if out := s.run(t, 65, "apply"); !strings.Contains(out, "transactional: true is impossible") || !strings.Contains(out, "is committed by itself") {
			t.Errorf("it says:\n%s", out)
		}
	})
}
