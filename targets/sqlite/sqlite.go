package sqlite

import (
	"context"
	"database/sql"
	"time"

	"modernc.org/sqlite"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// TypeName is the target type's name in the configuration.
const TypeName = "sqlite"

// Type returns the target type. Settings: dsn, which goes to the driver as it is,
// or path, which is relative to the configuration file. Both may hold references.
func Type() core.TargetType {
	return core.TargetType{Name: TypeName, New: fromSettings, Templates: sqltarget.Templates(Dialect())}
}

// Target is a SQLite file.
type Target struct {
	*sqltarget.Target
	id     string
	domain string
	source func(ctx context.Context) (source, error)
}

var (
	_ core.TxTarget     = (*Target)(nil)
	_ core.SharedTarget = (*Target)(nil)
)

// Domain implements core.SharedTarget: "" unless the audit store is in this file.
func (t *Target) Domain() string { return t.domain }

// Database returns how the file is opened, and its path, for an audit store that is
// to be in it. Errors: those of [Target.Ping] for a file that cannot be used.
func (t *Target) Database(ctx context.Context) (dsn, path string, err error) {
	s, err := t.source(ctx)
	if err != nil {
		return "", "", err
	}
	if _, err := s.check(t.id); err != nil {
		return "", "", err
	}
	if s.path == "" {
		return "", "", &core.ConfigError{Key: "targetSystems." + t.id, Reason: "its DSN names a file that nobody else can find, and the audit store is to be in it", Next: "name the file: path: app.db"}
	}
	return s.dsn, s.path, nil
}

// New makes a target of a database that the caller opened with the driver
// modernc.org/sqlite, and goes on to own: its connections are given back after
// every call and it is not closed. Its journal mode is left as it is.
func New(id string, db *sql.DB) *sqltarget.Target {
	return sqltarget.New(sqltarget.Config{
		ID: id, TypeName: TypeName, Dialect: Dialect(), Borrowed: true,
		Connect: func(context.Context) (*sql.DB, error) { return db, nil },
	})
}

// NewFile makes a target of the file that a DSN of modernc.org/sqlite names. domain is
// that of an audit store in the same file (filestore.Within), with which its changes
// then share their transactions; "" when there is none.
func NewFile(id, dsn, domain string) *Target {
	t := newTarget(id, func(context.Context) (source, error) { return parse(dsn), nil })
	t.domain = domain
	return t
}

type settings struct {
	DSN  string `yaml:"dsn"`
	Path string `yaml:"path"`
}

func fromSettings(id string, s core.Settings) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	if (c.DSN == "") == (c.Path == "") {
		return nil, &core.ConfigError{Key: "targetSystems." + id, Reason: "needs either dsn or path, and not both", Next: "name the database file: path: app.db"}
	}
	t := newTarget(id, func(ctx context.Context) (source, error) {
		if c.DSN != "" {
			dsn, err := core.Expand(ctx, s.Resolver(), c.DSN)
			return parse(dsn), err
		}
		path, err := core.Expand(ctx, s.Resolver(), c.Path)
		if err != nil {
			return source{}, err
		}
		return parse(uri(s.Path(path))), nil
	})
	if d := s.StoreDomain(); d == core.DomainWithin(id) {
		t.domain = d
	}
	return t, nil
}

func newTarget(id string, from func(ctx context.Context) (source, error)) *Target {
	t := &Target{id: id, source: from}
	t.Target = sqltarget.New(sqltarget.Config{ID: id, TypeName: TypeName, Dialect: Dialect(), Connect: t.connect, Init: t.prepareNew})
	return t
}

// Ping reads the file. A missing one is to be made by the first change: then Ping
// only looks whether its directory is there and can be written.
func (t *Target) Ping(ctx context.Context) error {
	s, err := t.source(ctx)
	if err != nil {
		return err
	}
	if exists, err := s.check(t.id); err != nil || !exists {
		return err
	}
	return t.Target.Ping(ctx)
}

func (t *Target) connect(ctx context.Context) (*sql.DB, error) {
	s, err := t.source(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.check(t.id); err != nil {
		return nil, err
	}
	c, err := sqlite.NewConnector(s.dsn)
	if err != nil {
		return nil, &core.ConfigError{Key: "targetSystems." + t.id, Reason: "the DSN cannot be used", Next: "see the parameters of modernc.org/sqlite", Err: err}
	}
	return sql.OpenDB(c), nil
}

// prepareNew puts a database that has no page yet into WAL mode, in which readers
// do not block a change, nor it them.
func (t *Target) prepareNew(ctx context.Context, c *sql.Conn) error {
	s, err := t.source(ctx)
	if err != nil || s.setsJournal() {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, sqltarget.LockWait(0))
	defer cancel()
	for {
		err := toWAL(ctx, c)
		// Another process is making the same file: SQLite does not wait for the lock
		// that a change of the journal mode needs.
		if classify(err) != sqltarget.Busy {
			return err
		}
		select {
		case <-wait.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func toWAL(ctx context.Context, c *sql.Conn) error {
	var pages int
	if err := c.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil || pages > 0 {
		return err
	}
	_, err := c.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	return err
}
