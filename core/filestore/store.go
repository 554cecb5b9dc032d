package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

var (
	_ core.AuditStore = (*Store)(nil)
	_ core.Presence   = (*Store)(nil)
)

// Options are the choices of Open. The zero value, and nil, are good.
type Options struct {
	// ReadOnly opens the store for reports: it creates nothing and refuses every
	// write. A file that is not there is an empty store.
	ReadOnly bool
	// BusyTimeout is how long a call waits for another process's write. 0 means 10 s.
	BusyTimeout time.Duration
	// Within puts the store into the database of an application. Nil: into a file of
	// its own.
	Within *Within

	maxPages int // of the file; tests fill the disk with it
}

// Store is an audit store in one file. It is safe for concurrent use, also by
// several Stores and processes on the same file.
type Store struct {
	path   string
	opts   Options
	ident  os.FileInfo // of the file that was opened
	writer *conn       // nil when ReadOnly

	mu     sync.Mutex
	reader *conn               // of a read-only store: nil until the file is there
	last   map[string]lastHead // heads as this store last wrote them, by ledger
	closed chan struct{}
	once   sync.Once
}

// Open opens the store at path, and makes the file and its directory if they do
// not exist. The errors are *core.StoreError, *core.UnavailableError,
// *core.PermissionError and *core.ConfigError.
func Open(ctx context.Context, path string, o *Options) (*Store, error) {
	s := &Store{path: path, last: map[string]lastHead{}, closed: make(chan struct{})}
	if o != nil {
		s.opts = *o
	}
	if s.opts.BusyTimeout <= 0 {
		s.opts.BusyTimeout = 10 * time.Second
	}
	if path == "" {
		return nil, &core.ConfigError{Key: "auditStore.file", Reason: "is empty", Next: "name a file, for example .flamingock/audit.db"}
	}
	if s.opts.Within != nil {
		holdLocks()
	}
	if s.opts.ReadOnly {
		// Look now, so that a damaged file is an error of Open here too.
		if err := s.reading(ctx, "open", func(*conn) error { return nil }); err != nil {
			_ = s.Close() //nolint:errcheck // err is the reason
			return nil, err
		}
		return s, nil
	}
	if err := s.open(ctx); err != nil {
		_ = s.Close() //nolint:errcheck // err is the reason
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return s.fault("open", err)
	}
	if _, err := s.look(); err != nil {
		return err
	}
	if s.opts.Within == nil { // an application's database is where the application has put it
		if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
			return s.fault("open", err)
		}
	}
	var err error
	if s.writer, err = s.connect(ctx, readWrite); err != nil {
		return err
	}
	if err := s.patiently(ctx, func() error { return s.prepare(ctx) }); err != nil {
		return err
	}
	if s.reader, err = s.connect(ctx, readWrite); err != nil {
		return err
	}
	if s.ident, err = os.Stat(s.path); err != nil || s.opts.Within == nil {
		return s.fault("open", err)
	}
	return s.sameFile(ctx, s.writer)
}

// prepare makes the file a store if it is new, and finds out whether it is one,
// and can be written, if it is not.
func (s *Store) prepare(ctx context.Context) error {
	if s.opts.Within != nil {
		if err := s.checkJournal(ctx, s.writer); err != nil {
			return err
		}
	}
	state, err := s.inspect(ctx, s.writer)
	if err != nil {
		return err
	}
	if state == fileEmpty {
		if err := s.create(ctx, s.writer); err != nil {
			return err
		}
	}
	if err := s.logAhead(ctx, s.writer); err != nil {
		return err
	}
	return s.probe(ctx)
}

// probe finds out now, before a change begins, whether the file can be written.
// SQLite opens a file without the right to write for reading, and begins even
// write transactions on it; only a statement that may write is refused.
//
// Within an application's database somebody may have the write lock for long, a change
// or the application: who waits for the lease waits for that too.
func (s *Store) probe(ctx context.Context) error {
	err := s.writer.transact(ctx, s, "open", func() error {
		return s.writer.exec(context.WithoutCancel(ctx), `UPDATE main.ledgers SET crc = crc WHERE name = ''`)
	})
	if s.opts.Within != nil && isBusy(err) {
		return nil
	}
	return err
}

// look reports whether there is something at the path that could be a store.
func (s *Store) look() (bool, error) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, s.fault("open", err)
	case info.IsDir():
		return false, s.foreign(errors.New("it is a directory"))
	case !info.Mode().IsRegular():
		return false, s.foreign(fmt.Errorf("it is not a regular file (%s)", info.Mode().Type()))
	case info.Size() == 1 && runtime.GOOS != "darwin":
		// SQLite would take it for empty: on some macOS it makes such files itself.
		return false, s.foreign(errors.New("it is not an SQLite database: it has one byte"))
	}
	return true, nil
}

// Close folds the log into the file, if no other process uses it, and gives
// everything back. Calls after it fail; a second Close does nothing.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		s.mu.Lock() // not for longer: who still writes notes the head
		open := []*conn{s.reader, s.writer}
		s.mu.Unlock()
		// The writer last: closing the last connection folds the log in.
		for _, c := range open {
			if c == nil {
				continue
			}
			<-c.turn // whoever uses it finishes
			if cerr := c.close(); err == nil {
				err = s.fault("close", cerr)
			}
		}
	})
	return err
}

// use runs work with c taken.
func (s *Store) use(ctx context.Context, c *conn, op string, work func() error) error {
	if err := s.take(ctx, c, op); err != nil {
		return err
	}
	defer c.give()
	return s.onOpen(ctx, c, op, work)
}

// take waits for the connection, which is the caller's until it is given back.
func (s *Store) take(ctx context.Context, c *conn, op string) error {
	if err := ctx.Err(); err != nil {
		return s.fault(op, err)
	}
	select {
	case <-s.closed:
		return s.shut(op)
	default:
	}
	select {
	case <-c.turn:
		return nil
	case <-s.closed:
		return s.shut(op)
	case <-ctx.Done():
		return s.fault(op, ctx.Err())
	}
}

func (c *conn) give() { c.turn <- struct{}{} }

// onOpen runs work on a connection that was taken.
func (s *Store) onOpen(ctx context.Context, c *conn, op string, work func() error) error {
	return s.patiently(ctx, func() error {
		if c.sql == nil {
			if err := s.there(); err != nil { // to connect would make another file
				return err
			}
			if err := c.open(ctx, s); err != nil {
				return s.fault(op, err)
			}
		}
		return work()
	})
}

// patiently repeats work while another process is in the way. SQLite itself waits
// for most locks, but not for those of a process that makes the file, recovers
// its log after a crash, or closes it as the last one. Work that fails must have
// changed nothing.
func (s *Store) patiently(ctx context.Context, work func() error) error {
	enough := time.NewTimer(s.opts.BusyTimeout)
	defer enough.Stop()
	for {
		err := work()
		if !isBusy(err) {
			return err
		}
		pause := time.NewTimer(2 * time.Millisecond)
		select {
		case <-enough.C:
			pause.Stop()
			return err
		case <-ctx.Done():
			pause.Stop()
			return &core.UnavailableError{System: "audit store " + s.path, Err: fmt.Errorf("another process keeps it locked: %w", ctx.Err())}
		case <-pause.C:
		}
	}
}

func (s *Store) shut(op string) error {
	return fmt.Errorf("filestore: %s: the store %s is closed", op, s.path)
}

// writing runs work in a transaction under the file's write lock.
func (s *Store) writing(ctx context.Context, op string, work func(c *conn) error) error {
	if s.opts.ReadOnly {
		return &core.StoreError{
			Kind: core.StoreReadOnly, Store: s.path, Err: errors.New("it was opened for reading only"),
			Next: "use a command that may write, or open the store without ReadOnly",
		}
	}
	return s.use(ctx, s.writer, op, func() error {
		return s.writer.transact(ctx, s, op, func() error {
			if err := s.there(); err != nil {
				return err
			}
			return work(s.writer)
		})
	})
}

// there refuses to commit to a file that is gone: what was written would be lost
// without a sign.
func (s *Store) there() error {
	if info, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, s.ident) {
		return s.moved()
	}
	return nil
}
