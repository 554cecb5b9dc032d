package filestore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

const (
	applicationID = 0x464C4D47 // "FLMG"
	layoutVersion = 1
)

// schema creates layout 1. The crc columns let a load notice a damaged body;
// entries have their hashes. The triggers make the history append-only for any
// client; the third is there because REPLACE deletes without DELETE triggers.
//
// An append writes one page of each tree that it touches, so there are few:
// entries are one tree in the order of their writing, found by number (entryID),
// and a change's entries are found by going back from its last one. {} is what the
// tables' names begin with.
const schema = `
CREATE TABLE {}ledgers (
	no   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	head TEXT NOT NULL,
	crc  INTEGER NOT NULL
) STRICT;

CREATE TABLE {}changes (
	ledger TEXT NOT NULL,
	id     TEXT NOT NULL,
	seq    INTEGER NOT NULL,
	body   TEXT NOT NULL,
	crc    INTEGER NOT NULL,
	PRIMARY KEY (ledger, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE {}entries (
	id        INTEGER PRIMARY KEY, -- ledgers.no * 2^40 + seq
	ledger    TEXT NOT NULL,
	seq       INTEGER NOT NULL CHECK (seq = id & 0xFFFFFFFFFF),
	change_id TEXT NOT NULL,
	hash      TEXT NOT NULL,
	body      TEXT NOT NULL
) STRICT;

CREATE TRIGGER {}entries_no_update BEFORE UPDATE ON {}entries
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;

CREATE TRIGGER {}entries_no_delete BEFORE DELETE ON {}entries
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;

CREATE TRIGGER {}entries_no_replace BEFORE INSERT ON {}entries
WHEN EXISTS (SELECT 1 FROM {}entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
`

// entryID is the key of an entry: entries of one ledger stand together, in order.
func entryID(no int64, seq uint64) int64 { return no<<40 | int64(seq) } //nolint:gosec // far below 2^40

// fileState is what the file at the path turned out to be.
type fileState int

const (
	fileEmpty fileState = iota // no database yet, or one without content
	fileOurs
)

// inspect finds out what c has opened, and writes nothing.
func (s *Store) inspect(ctx context.Context, c *conn) (fileState, error) {
	if s.opts.Within != nil {
		return s.inspectWithin(ctx, c)
	}
	var app, version, tables, ours int64
	err := c.sql.QueryRowContext(ctx, `SELECT
		(SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema),
		(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('ledgers', 'changes', 'entries'))`).
		Scan(&app, &version, &tables, &ours)
	if err != nil {
		return 0, s.fault("open", err)
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		return fileEmpty, nil
	case app != applicationID:
		return 0, s.foreign(fmt.Errorf("it is the SQLite database of another application (application_id %#x, %d tables and indexes)", app, tables))
	case version > layoutVersion:
		return 0, s.newer(version)
	case version < layoutVersion || ours != 3:
		return 0, s.corrupt(fmt.Errorf("the tables of layout %d are not there (layout %d, %d of 3 tables)", layoutVersion, version, ours))
	}
	return fileOurs, nil
}

func (s *Store) newer(version int64) error {
	return &core.StoreError{
		Kind: core.StoreNewer, Store: s.path,
		Err:  fmt.Errorf("layout %d, and this version knows %d", version, layoutVersion),
		Next: "use the version of Flamingock that wrote it, or a later one; nothing was changed",
	}
}

// create lays the tables out, in one transaction and before the file is put into
// WAL mode: so the main file alone is enough to recognise the store. Of several
// processes that do it at once, one finds an empty file.
func (s *Store) create(ctx context.Context, c *conn) error {
	layOut := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, layoutVersion) + strings.ReplaceAll(schema, "{}", "")
	if s.opts.Within != nil {
		if err := s.newToWAL(ctx, c); err != nil {
			return s.fault("create", err)
		}
		layOut = schemaWithin()
	}
	return c.transact(ctx, s, "create", func() error {
		state, err := s.inspect(ctx, c)
		if err != nil || state == fileOurs {
			return err
		}
		if _, err := c.sql.ExecContext(context.WithoutCancel(ctx), layOut); err != nil {
			return s.fault("create", err)
		}
		return nil
	})
}

// logAhead puts the database into WAL mode, which lets readers go on while a
// run writes.
func (s *Store) logAhead(ctx context.Context, c *conn) error {
	if s.opts.Within != nil { // the application's choice
		return nil
	}
	var mode string
	if err := c.sql.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return s.fault("open", err)
	}
	if mode != "wal" {
		return &core.ConfigError{
			Key: "auditStore.file", Reason: fmt.Sprintf("the file system of %s cannot hold the audit store (journal mode %q)", s.path, mode),
			Next: "put the file on a local disk, or use the audit store on DynamoDB",
			Err:  errors.New("it has no shared memory or no locks"),
		}
	}
	return nil
}
