package sqltarget

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

var _ core.TxTarget = (*Target)(nil)

// Config makes a Target.
type Config struct {
	// ID is the id in the configuration; TypeName the target type's name.
	ID, TypeName string
	Dialect      Dialect
	// Connect opens the database. It is called on first use, and again if it failed.
	Connect func(ctx context.Context) (*sql.DB, error)
	// Init is called once, on a connection, before anything can be written. Optional.
	Init func(ctx context.Context, c *sql.Conn) error
	// Borrowed says that the database belongs to the caller: Close leaves it open,
	// and between calls none of its connections is kept, so that one with a single
	// connection does not block its owner.
	Borrowed bool
}

// Target is a target system with transactions over database/sql. Steps get a
// *sql.Tx inside a transaction and a *sql.Conn outside.
type Target struct {
	id, typeName string
	dialect      Dialect
	connect      func(ctx context.Context) (*sql.DB, error)
	initialize   func(ctx context.Context, c *sql.Conn) error
	borrowed     bool

	mu          sync.Mutex
	db          *sql.DB
	initialized bool
	// idle is the session that waits for its next use. Whoever uses it takes it out,
	// so that no session is used twice at a time.
	idle   *session
	raised map[string]bool // ledger ids whose fence this target has raised
}

// New makes a target and contacts nothing.
func New(c Config) *Target {
	return &Target{
		id: c.ID, typeName: c.TypeName, dialect: c.Dialect.withDefaults(), connect: c.Connect, initialize: c.Init, borrowed: c.Borrowed,
		raised: map[string]bool{},
	}
}

// ID returns the id in the configuration.
func (t *Target) ID() string { return t.id }

// Type returns the target type's name.
func (t *Target) Type() string { return t.typeName }

// Handles returns *sql.Conn outside a transaction and *sql.Tx inside.
func (t *Target) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*sql.Conn](), Tx: reflect.TypeFor[*sql.Tx]()}
}

// Ping connects and asks the dialect whether the database can be used.
func (t *Target) Ping(ctx context.Context) error {
	err := t.ping(ctx)
	if err == nil || ctx.Err() != nil || core.CodeOf(t.explain(ctx, err)) != core.CodeInternal {
		return t.explain(ctx, err)
	}
	return &core.UnavailableError{System: t.system(), Err: err}
}

func (t *Target) ping(ctx context.Context) error {
	c, err := t.conn(ctx)
	if err != nil {
		return err
	}
	restore, err := t.dialect.Session(ctx, c, 0)
	if err != nil {
		return errors.Join(err, closeConn(c))
	}
	err = t.dialect.Ping(ctx, c)
	return errors.Join(err, t.giveBack(ctx, c, restore))
}

// Open returns a *sql.Conn. Unless the database is the caller's, the connection
// is closed when it is given back, so that no setting made on it reaches another
// change.
func (t *Target) Open(ctx context.Context) (any, func() error, error) {
	c, err := t.ready(ctx)
	if err != nil {
		return nil, nil, t.explain(ctx, err)
	}
	restore, err := t.dialect.Session(ctx, c, 0)
	if err != nil {
		return nil, nil, t.explain(ctx, errors.Join(err, closeConn(c)))
	}
	release := func() error {
		// database/sql gives a connection back only when nothing is open on it, and
		// waits for that without end.
		done := make(chan error, 1)
		go func() {
			if t.borrowed {
				done <- t.giveBack(ctx, c, restore)
				return
			}
			discard(c)
			done <- nil
		}()
		select {
		case err := <-done:
			return t.explain(ctx, err)
		case <-time.After(releaseWait):
			return &LeftOpenError{t.system()}
		}
	}
	return c, release, nil
}

// releaseWait bounds how long giving a connection back may take.
const releaseWait = 3 * time.Second

// Close frees the connections.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	if t.idle != nil {
		errs = append(errs, t.idle.close())
		t.idle = nil
	}
	if t.db != nil && !t.borrowed {
		errs = append(errs, t.db.Close())
	}
	t.db = nil
	return errors.Join(errs...)
}

// conn returns a connection of the pool, which is opened on first use.
func (t *Target) conn(ctx context.Context) (*sql.Conn, error) {
	t.mu.Lock()
	db := t.db
	if db == nil {
		var err error
		if db, err = t.connect(ctx); err != nil {
			t.mu.Unlock()
			return nil, err
		}
		t.db = db
	}
	t.mu.Unlock()
	return db.Conn(ctx)
}

// ready is conn after Init.
func (t *Target) ready(ctx context.Context) (*sql.Conn, error) {
	c, err := t.conn(ctx)
	if err != nil || t.initialize == nil {
		return c, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.initialized {
		return c, nil
	}
	if err := t.initialize(ctx, c); err != nil {
		return nil, errors.Join(err, closeConn(c))
	}
	t.initialized = true
	return c, nil
}

// giveBack returns c to its pool as it was found.
func (t *Target) giveBack(ctx context.Context, c *sql.Conn, restore func(context.Context) error) error {
	if err := restore(context.WithoutCancel(ctx)); err != nil {
		discard(c)
		return nil //nolint:nilerr // the connection is gone, and with it what was to be restored
	}
	return closeConn(c)
}

// closeConn gives c back to its pool. A connection that broke has left already.
func closeConn(c *sql.Conn) error {
	if err := c.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

// discard closes c and the connection under it.
func discard(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // it is the error we give: database/sql closes a bad connection
	_ = c.Close()                                           //nolint:errcheck // sql.ErrConnDone: it is closed already
}
