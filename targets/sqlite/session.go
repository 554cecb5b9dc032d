package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// SQLite folds its log into the file when it has grown to this many pages, and
// then writes it again from its beginning. A sync of a log that is written over
// costs half of that of one that grows, whose size has to be written too, and
// changes are many small commits in a row: of 1,000 pages hundreds extend it.
const (
	logPages        = 250
	logPagesDefault = 1000 // SQLite's; any other number is somebody's choice
)

// session bounds the wait for locks, and the log.
func session(ctx context.Context, c *sql.Conn, lease time.Duration) (func(context.Context) error, error) {
	var wait, pages int64
	if err := c.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&wait); err != nil {
		return nil, err
	}
	if err := c.QueryRowContext(ctx, "PRAGMA wal_autocheckpoint").Scan(&pages); err != nil {
		return nil, err
	}
	if err := setBusyTimeout(ctx, c, max(1, sqltarget.LockWait(lease).Milliseconds())); err != nil {
		return nil, err
	}
	if pages != logPagesDefault {
		return func(ctx context.Context) error { return setBusyTimeout(ctx, c, wait) }, nil
	}
	if err := setLogPages(ctx, c, logPages); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return errors.Join(setBusyTimeout(ctx, c, wait), setLogPages(ctx, c, logPagesDefault))
	}, nil
}

func setBusyTimeout(ctx context.Context, c *sql.Conn, ms int64) error {
	_, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", ms))
	return err
}

func setLogPages(ctx context.Context, c *sql.Conn, n int64) error {
	_, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", n))
	return err
}
