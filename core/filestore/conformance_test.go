package filestore

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{New: func(t *testing.T) storetest.Factory {
		path := filepath.Join(t.TempDir(), "audit.db")
		return storetest.Factory{
			Open: func() core.AuditStore { return mustOpen(t, path, nil) },
			PlantState: func(t *testing.T, ledger, changeID, state string) {
				tamper(t, path, func(db *sql.DB) error { return plantStateIn(db, "changes", ledger, changeID, state) })
			},
		}
	}})
}

// plantStateIn writes a record that is whole but for its state.
func plantStateIn(db *sql.DB, table, ledger, changeID, state string) error {
	ctx := context.Background()
	var body string
	err := db.QueryRowContext(ctx, `SELECT json_set(body, '$.state', ?) FROM `+table+` WHERE ledger = ? AND id = ?`, state, ledger, changeID).Scan(&body)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `UPDATE `+table+` SET body = ?, crc = ? WHERE ledger = ? AND id = ?`, body, checksum([]byte(body)), ledger, changeID)
	return err
}

// mustOpen opens a store that is closed with the test.
func mustOpen(t testing.TB, path string, o *Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", path, err)
		}
	})
	return s
}

// tamper changes the file with a client that knows nothing of the store.
func tamper(t testing.TB, path string, f func(db *sql.DB) error) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := f(db); err != nil {
		t.Fatal(err)
	}
}
