package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// filled makes a closed store with a history of 60 entries.
func filled(t *testing.T, path string) contents {
	t.Helper()
	s := mustOpen(t, path, nil)
	r := mustBegin(t, s, "o1")
	for i := range 30 {
		r.mustAppend(t, core.StateStarted, fmt.Sprint("change-", i))
		r.mustAppend(t, core.StateApplied, fmt.Sprint("change-", i))
	}
	if err := s.Release(context.Background(), r.lease); err != nil {
		t.Fatal(err)
	}
	c := mustRead(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// reopen reads what is left of a damaged store, read-only and for writing.
func reopen(t *testing.T, path string, o *Options) (contents, error) {
	t.Helper()
	s, err := Open(t.Context(), path, o)
	if err != nil {
		return contents{}, err
	}
	defer func() { _ = s.Close() }() // damaged: what matters was read
	return read(t.Context(), s)
}

// loud fails unless damage was either noticed, in a way that says what to do, or
// without effect.
func loud(t *testing.T, what string, got contents, err error, whole contents) {
	t.Helper()
	var store *core.StoreError
	var chain *core.ChainError
	switch {
	case err == nil:
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Errorf("%s: the ledger is another, without an error (-whole +got):\n%s", what, diff)
		}
	case errors.As(err, &store):
		switch store.Kind {
		case core.StoreCorrupt, core.StoreForeign, core.StoreNewer:
		default:
			t.Errorf("%s: got kind %q (%v), want corrupt, foreign or newer", what, store.Kind, err)
		}
	case errors.As(err, &chain):
	default:
		t.Errorf("%s: got %v (%T), want a *StoreError or a *ChainError", what, err, err)
	}
}

// TestFlippedBytes flips bytes all over the file, one at a time.
func TestFlippedBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.db")
	whole := filled(t, path)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noticed, tried := 0, 0
	for at := 0; at < len(file); at += 1 + at/40 + len(file)/1000 {
		bad := append([]byte(nil), file...)
		bad[at] ^= 0x15
		victim := filepath.Join(dir, fmt.Sprint("flipped-", at))
		if err := os.WriteFile(victim, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		tried++
		got, err := reopen(t, victim, nil)
		if err != nil {
			noticed++
		}
		loud(t, fmt.Sprintf("byte %d of %d", at, len(file)), got, err, whole)
		for _, name := range []string{victim, victim + "-wal", victim + "-shm"} {
			_ = os.Remove(name) // the next victim has another name
		}
	}
	t.Logf("%d bytes flipped, %d times noticed, the others are in unused space", tried, noticed)
	if noticed < tried/4 {
		t.Errorf("only %d of %d were noticed", noticed, tried)
	}
}

func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.db")
	whole := filled(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1, 15, 16, 99, 100, 511, 512, 1000, 4095, 4096, 4097, 8192, 12288, info.Size() / 2, info.Size() - 4096, info.Size() - 1} {
		victim := filepath.Join(dir, fmt.Sprint("cut-", size))
		if err := os.WriteFile(victim, file[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		for _, o := range []*Options{{ReadOnly: true}, nil} {
			got, err := reopen(t, victim, o)
			if err == nil {
				t.Errorf("cut to %d of %d bytes: no error", size, info.Size())
			}
			loud(t, fmt.Sprintf("cut to %d bytes", size), got, err, whole)
		}
		if after, err := os.Stat(victim); err != nil || after.Size() != size {
			t.Errorf("cut to %d bytes: opening it changed the file: %v, %v", size, after.Size(), err)
		}
	}
}

// TestRowsLostOrChanged damages what the store keeps in a way that SQLite itself
// finds nothing wrong with.
func TestRowsLostOrChanged(t *testing.T) {
	free := "DROP TRIGGER entries_no_update; DROP TRIGGER entries_no_delete;"
	template := filepath.Join(t.TempDir(), "audit.db")
	whole := filled(t, template)
	for name, sqlText := range map[string]string{
		"state lost":             `DELETE FROM changes WHERE id = 'change-7'`,
		"all states lost":        `DELETE FROM changes`,
		"head lost":              `DELETE FROM ledgers`,
		"head damaged":           `UPDATE ledgers SET head = replace(head, 'o1', 'o2')`,
		"head is no JSON":        `UPDATE ledgers SET head = 'x'`,
		"state damaged":          `UPDATE changes SET body = replace(body, 'APPLIED', 'applied') WHERE id = 'change-7'`,
		"state of another":       `UPDATE changes SET (body, crc) = (SELECT body, crc FROM changes WHERE id = 'change-8') WHERE id = 'change-7'`,
		"state's seq changed":    `UPDATE changes SET seq = seq + 1 WHERE id = 'change-7'`,
		"state renamed":          `UPDATE changes SET id = 'change-x' WHERE id = 'change-7'`,
		"states of no ledger":    `UPDATE changes SET ledger = 'x' WHERE id = 'change-7'`,
		"entry changed":          free + `UPDATE entries SET body = replace(body, 'APPLIED', 'FAILED') WHERE seq = 10`,
		"entry is no JSON":       free + `UPDATE entries SET body = 'x' WHERE seq = 9`,
		"entry is another":       free + `UPDATE entries SET body = (SELECT body FROM entries WHERE seq = 8) WHERE seq = 9`,
		"entry lost":             free + `DELETE FROM entries WHERE seq = 9`,
		"last entry lost":        free + `DELETE FROM entries WHERE seq = 60`,
		"all entries lost":       free + `DELETE FROM entries`,
		"table lost":             `DROP TABLE changes`,
		"column lost":            `ALTER TABLE changes RENAME COLUMN crc TO other`,
		"entries of a new table": `DROP TABLE entries; CREATE TABLE entries (x)`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.db")
			if err := os.CopyFS(filepath.Dir(path), os.DirFS(filepath.Dir(template))); err != nil {
				t.Fatal(err)
			}
			tamper(t, path, func(db *sql.DB) error {
				_, err := db.ExecContext(context.Background(), sqlText)
				return err
			})
			for _, o := range []*Options{nil, {ReadOnly: true}} {
				got, err := reopen(t, path, o)
				if err == nil {
					t.Errorf("not noticed: %+v", got.Snapshot.Head)
				}
				loud(t, name, got, err, whole)
			}
		})
	}
}

// TestHeadLostIsNotANewLedger: a writer must not begin again at entry 1.
func TestHeadLostIsNotANewLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	filled(t, path)
	database(t, path, `DELETE FROM ledgers`)
	s := mustOpen(t, path, nil)
	wantKind(t, s.Acquire(t.Context(), core.Acquisition{Ledger: ledger, LedgerID: "new", Owner: "o", Token: 1}), core.StoreCorrupt)
}

// TestDisagreementIsNoConflict: entries beyond the head are damage, and not
// somebody else's progress.
func TestDisagreementIsNoConflict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, nil)
	r := mustBegin(t, s, "o1")
	r.mustAppend(t, core.StateStarted, "x")
	database(t, path, `INSERT INTO entries SELECT id + 1, ledger, seq + 1, '', 'hash', '{}' FROM entries ORDER BY id DESC LIMIT 1`)
	wantKind(t, r.append(t.Context(), false, r.entries(core.StateApplied, "x")), core.StoreCorrupt)
}
