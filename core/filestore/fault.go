package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/flamingock/flamingock-go/core"
)

const (
	nextRestore = "restore the file from a backup, together with its -wal file if the backup has one, or choose another file with auditStore.file; " +
		"nothing was changed, and the damaged file is left as it is"
	nextRestoreWithin = "restore the database from a backup, together with its -wal file if the backup has one; nothing was changed, and what is damaged is left as it is. " +
		"Another audit store would begin a new history, in which every change is pending"
	nextForeign     = "choose another file with auditStore.file; if this was the audit store once, restore it from a backup; nothing was changed"
	nextWrite       = "let this user write the file and create files in its directory (SQLite keeps its log beside it), or choose another file with auditStore.file"
	nextWriteWithin = "let this user write the database and create files in its directory (SQLite keeps its log beside it)"
	nextRoom        = "make room on the disk, then run again; nothing of this was written, and the history so far is whole"
)

// fault turns an error of the driver or of the file system into one of the
// model. It is the only place that looks at SQLite's codes.
func (s *Store) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	var known core.Coded
	if errors.As(err, &known) || errors.Is(err, core.ErrLeaseLost) {
		return err
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return s.osFault(op, err)
	}
	switch e.Code() {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return s.moved()
	case sqlite3.SQLITE_IOERR_CORRUPTFS:
		return s.corrupt(err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT:
		return s.corrupt(err)
	case sqlite3.SQLITE_CONSTRAINT:
		// The head was checked before: tables that disagree with it are damaged.
		return s.corrupt(fmt.Errorf("the history does not agree with the head: %w", err))
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH:
		return s.corrupt(fmt.Errorf("the tables are not as this version made them: %w", err))
	case sqlite3.SQLITE_NOTADB:
		return s.foreign(fmt.Errorf("it is not an SQLite database, or its beginning was overwritten: %w", err))
	case sqlite3.SQLITE_FULL:
		return &core.StoreError{Kind: core.StoreFull, Store: s.path, Err: err, Next: nextRoom}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return s.denied(err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return &core.UnavailableError{
			System: "audit store " + s.path,
			Err:    fmt.Errorf("another process kept it locked for more than %s: %w", s.opts.BusyTimeout, err),
		}
	case sqlite3.SQLITE_IOERR:
		return &core.UnavailableError{System: "audit store " + s.path, Err: err}
	}
	return fmt.Errorf("filestore: %s: %w", op, err)
}

func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func (s *Store) osFault(op string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("filestore: %s: %w", op, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return s.denied(err)
	case errors.Is(err, syscall.ENOSPC):
		return &core.StoreError{Kind: core.StoreFull, Store: s.path, Err: err, Next: nextRoom}
	case errors.Is(err, syscall.ENOTDIR):
		return s.foreign(err)
	}
	return fmt.Errorf("filestore: %s: %w", op, err)
}

func (s *Store) corrupt(err error) error {
	return &core.StoreError{Kind: core.StoreCorrupt, Store: s.path, Err: err, Next: s.next(nextRestore, nextRestoreWithin)}
}

// next is what to do about a fault of the store's own file, or of an application's.
func (s *Store) next(own, within string) string {
	if s.opts.Within != nil {
		return within
	}
	return own
}

func (s *Store) foreign(err error) error {
	return &core.StoreError{Kind: core.StoreForeign, Store: s.path, Err: err, Next: nextForeign}
}

func (s *Store) moved() error {
	return &core.StoreError{
		Kind: core.StoreMissing, Store: s.path, Err: errors.New("the file was deleted or replaced while it was in use"),
		Next: "put the file back from a backup, and find out what removed it; this run's last entries may be lost",
	}
}

func (s *Store) denied(err error) error {
	if s.opts.ReadOnly {
		return &core.PermissionError{System: "audit store " + s.path, Right: "read", Err: err}
	}
	return &core.StoreError{Kind: core.StoreReadOnly, Store: s.path, Err: err, Next: s.next(nextWrite, nextWriteWithin)}
}
