package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/changetest"
	"github.com/flamingock/flamingock-go/targets/sqlite"
)

// TestApply runs the program twice, as a user would.
func TestApply(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "changes"), os.DirFS("changes")); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile("flamingock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "flamingock.yaml")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	var mails bytes.Buffer
	for _, want := range []string{`"SUCCESS"`, `"NO_CHANGES"`} {
		var stdout, stderr bytes.Buffer
		code := cli.Run(context.Background(), program(&mailer{&mails}), cli.Process{
			Args: []string{"-c", path, "apply", "-o", "json"}, Stdin: &bytes.Buffer{}, Stdout: &stdout, Stderr: &stderr,
		})
		if code != 0 || !bytes.Contains(stdout.Bytes(), []byte(want)) {
			t.Fatalf("exit code %d, want 0 and %s\n%s%s", code, want, &stdout, &stderr)
		}
	}
	if got, want := mails.String(), "mail: orders now have totals\n"; got != want {
		t.Errorf("got mails %q, want %q: each change is applied once", got, want)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var total int
	if err := db.QueryRow("SELECT sum(total) FROM orders").Scan(&total); err != nil || total != 2899 {
		t.Errorf("got totals of %d (%v), want 2899", total, err)
	}
}

// TestChanges checks the changes without running them.
func TestChanges(t *testing.T) {
	changetest.Check(t, backfillTotals(), sqlite.New("shop-db", nil)).RunsAs(core.TxSeparateMarker).HasRollback()
	changetest.Check(t, announce(), core.NewClientTarget("mail", &mailer{})).RunsAs(core.TxNone).Recovers(core.ManualIntervention)
}
