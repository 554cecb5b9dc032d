package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/flamingock/flamingock-go/core"
)

// attendTimeout bounds the wait for somebody who looks at our new lock file in
// the moment between its creation and our lock.
const attendTimeout = 2 * time.Second

// Attend holds an operating system lock for the owner, on a file of its own in
// the directory <file>.owners, until leave is called or the process ends in
// whatever way. Call it before the acquisition.
//
// There is one lock for each owner, not one for each ledger, for this reason.
// With one lock: P1 holds it and is paused; P2 takes the ledger over when the
// lease has run out, without the lock; P1 wakes, is fenced, and exits, which
// frees the lock; P3 finds it free and robs P2, which is alive. An owner's own
// lock says something about that owner only.
func (s *Store) Attend(ctx context.Context, owner string) (leave func() error, err error) {
	if s.opts.ReadOnly {
		return nil, &core.StoreError{Kind: core.StoreReadOnly, Store: s.path, Err: errors.New("it was opened for reading only"), Next: "open the store without ReadOnly"}
	}
	path, err := s.ownerFile(owner)
	if err != nil {
		return nil, err
	}
	s.sweep(ctx)
	ctx, cancel := context.WithTimeout(ctx, attendTimeout)
	defer cancel()
	for {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, s.fault("attend", err)
		}
		l := flock.New(path, flock.SetPermissions(0o644))
		locked, err := l.TryLockContext(ctx, 5*time.Millisecond)
		if err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, s.fault("attend", err)
		}
		if locked && samePath(l) {
			return func() error { return s.leave(l) }, nil
		}
		// Somebody took the file for a dead owner's and removed it, or it is held.
		_ = l.Close() //nolint:errcheck // nothing depends on this lock
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("filestore: attend: the lock of owner %s could not be had: %w", owner, err)
		}
	}
}

// leave removes the file while it is locked, so that nobody sees it without its
// lock and takes this owner for dead.
func (s *Store) leave(l *flock.Flock) error {
	err := os.Remove(l.Path())
	if cerr := l.Close(); cerr != nil {
		return s.fault("leave", cerr)
	}
	if err != nil { // some systems remove no open files
		err = os.Remove(l.Path())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.fault("leave", err)
}

// Gone reports whether the owner's process is known to have ended: its file is
// there, and nobody has it locked. It changes nothing, so that a report may ask
// and the next run still gets the same answer.
func (s *Store) Gone(ctx context.Context, owner string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, s.fault("gone", err)
	}
	path, err := s.ownerFile(owner)
	if err != nil {
		return false, nil //nolint:nilerr // an owner that cannot have attended is not known to be gone
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	// Shared, so that several who ask at once all get the answer.
	free, err := l.TryRLock()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return false, nil
		}
		return false, s.fault("gone", err)
	}
	gone := free && samePath(l)
	return gone, s.fault("gone", l.Close())
}

// samePath reports whether the locked file is still the one at its path: a lock
// on a file that was removed meanwhile says nothing.
func samePath(l *flock.Flock) bool {
	mine, err := l.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.Path())
	return err == nil && os.SameFile(mine, there)
}

// sweep removes the files of processes that died, unless a ledger names their
// owner as its holder: then the file is the proof that a successor needs. First
// the lock, then the question: whoever is dead cannot acquire any more.
func (s *Store) sweep(ctx context.Context) {
	files, err := os.ReadDir(s.owners())
	if err != nil {
		return // none yet; and files left over harm nobody
	}
	for _, f := range files {
		owner, err := url.QueryUnescape(f.Name())
		if err != nil {
			continue
		}
		s.removeIfDead(owner, func() bool { return !s.holdsAny(ctx, owner) })
	}
}

// bury removes the file of a former owner, if that is dead.
func (s *Store) bury(owner string) { s.removeIfDead(owner, func() bool { return true }) }

func (s *Store) removeIfDead(owner string, useless func() bool) {
	path, err := s.ownerFile(owner)
	if err != nil {
		return
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	if free, err := l.TryLock(); err != nil || !free {
		return
	}
	if samePath(l) && useless() {
		_ = os.Remove(path) //nolint:errcheck // a file left over harms nobody
	}
	_ = l.Close() //nolint:errcheck // the lock ends with the process at the latest
}

// holdsAny reports whether a ledger is held by the owner, or may be.
func (s *Store) holdsAny(ctx context.Context, owner string) bool {
	held := true
	err := s.reading(ctx, "attend", func(c *conn) error {
		var n int
		err := c.row(ctx, `SELECT count(*) FROM main.ledgers WHERE head ->> '$.owner' = ? AND NOT (head ->> '$.released')`, []any{owner}, &n)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		held = err != nil || n > 0
		return err
	})
	return err != nil || held
}

func (s *Store) owners() string { return s.beside(".owners") }

// ownerFile returns the path of the owner's lock file. Owners are UUIDs, which
// are their own file names; anything else is escaped.
func (s *Store) ownerFile(owner string) (string, error) {
	name := url.QueryEscape(owner)
	if strings.Trim(name, ".") == "" || len(name) > 200 {
		return "", &core.UsageError{Reason: fmt.Sprintf("%q cannot be an owner's id", owner), Next: "use a UUID"}
	}
	return filepath.Join(s.owners(), name), nil
}
