package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// dialect is what differs from one database to the next: what targets/sqltarget and its
// targets say, said once more.
type dialect struct {
	mark      func(n int) string // of a parameter; nil: ?
	prefix    string             // of our tables
	tables    string             // what ends the statements that make them
	once      []string           // what the connection is told first
	each      []string           // what it is told, or asked, before each change
	fresh     bool               // every change has a connection of its own
	savepoint bool
}

// bareSQL is a driver under database/sql.
type bareSQL struct {
	db      *sql.DB
	dialect dialect
	ledger  string
	at      *bareSession // that lasts; nil: none does
	own     *sql.Conn    // of the plain operation
	last    int          // the number of the change before
}

const fenceOwner = "0123456789abcdef0123456789abcdef"

// openSQL connects, and makes our tables where they are missing.
func openSQL(ctx context.Context, driver, dsn string, d dialect) (_ bare, err error) {
	b := &bareSQL{dialect: d, ledger: "bench/bare"}
	if b.db, err = sql.Open(driver, dsn); err != nil {
		return nil, err
	}
	if err = b.begin(ctx); err != nil {
		return nil, errors.Join(err, b.db.Close())
	}
	return b, nil
}

func (b *bareSQL) begin(ctx context.Context) (err error) {
	p := b.dialect.prefix
	for _, q := range []string{
		"CREATE TABLE IF NOT EXISTS " + p + "flamingock_marker (ledger_id VARCHAR(255) NOT NULL, change_id VARCHAR(255) NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (ledger_id, change_id, seq))" + b.dialect.tables,
		"CREATE TABLE IF NOT EXISTS " + p + "flamingock_fence (ledger_id VARCHAR(255) NOT NULL PRIMARY KEY, token BIGINT NOT NULL, n BIGINT NOT NULL, owner VARCHAR(255) NOT NULL)" + b.dialect.tables,
		"DELETE FROM " + p + "flamingock_fence WHERE ledger_id = '" + b.ledger + "'",
		"INSERT INTO " + p + "flamingock_fence (ledger_id, token, n, owner) VALUES ('" + b.ledger + "', 1, 1, '" + fenceOwner + "')",
	} {
		if _, err := b.db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if b.own, err = b.db.Conn(ctx); err != nil {
		return err
	}
	for _, q := range b.dialect.once {
		if _, err := b.own.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if b.dialect.fresh {
		b.db.SetMaxIdleConns(-1)
		return nil
	}
	b.at = &bareSession{conn: b.own, dialect: b.dialect, prepared: map[string]*sql.Stmt{}}
	return nil
}

// same does what targets/sqltarget does.
func (b *bareSQL) same(ctx context.Context, n int) (err error) {
	s := b.at
	if s == nil {
		c, err := b.db.Conn(ctx)
		if err != nil {
			return err
		}
		s = &bareSession{conn: c, dialect: b.dialect, prepared: map[string]*sql.Stmt{}}
		defer func() { err = errors.Join(err, s.close()) }()
	}
	if err := s.tell(ctx); err != nil {
		return err
	}
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := b.work(ctx, s, tx, n); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (b *bareSQL) work(ctx context.Context, s *bareSession, tx *sql.Tx, n int) error {
	p := b.dialect.prefix
	rows, err := s.exec(ctx, "UPDATE "+p+"flamingock_fence SET token = ?, n = ?, owner = ? WHERE ledger_id = ? AND (token < ? OR (token = ? AND owner = ? AND n <= ?))",
		1, 1, fenceOwner, b.ledger, 1, 1, fenceOwner, 1)
	if err != nil {
		return err
	}
	if rows == 0 { // it is as high already, and the database counts changes only
		var token, height int64
		var owner string
		err := tx.QueryRowContext(ctx, b.dialect.bind("SELECT token, n, owner FROM "+p+"flamingock_fence WHERE ledger_id = ?"), b.ledger).Scan(&token, &height, &owner)
		if err != nil {
			return err
		}
	}
	if _, err := s.exec(ctx, "INSERT INTO "+p+"flamingock_marker (ledger_id, change_id, seq) VALUES (?, ?, ?)", b.ledger, changeID(n), n); err != nil {
		return err
	}
	if b.last > 0 {
		if _, err := s.exec(ctx, "DELETE FROM "+p+"flamingock_marker WHERE ledger_id = ? AND change_id = ? AND seq = ?", b.ledger, changeID(b.last), b.last); err != nil {
			return err
		}
	}
	b.last = n
	statements := []string{insert(n)}
	if b.dialect.savepoint {
		statements = []string{"SAVEPOINT flamingock_begun", insert(n), "RELEASE SAVEPOINT flamingock_begun"}
	}
	for _, q := range statements {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func changeID(n int) string { return fmt.Sprintf("change-number-%05d", n) }

// plain is what a script would do.
func (b *bareSQL) plain(ctx context.Context, n int) error {
	tx, err := b.own.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insert(n)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (b *bareSQL) close() error { return errors.Join(b.own.Close(), b.db.Close()) }

// bareSession is a connection with statements that are prepared once.
type bareSession struct {
	conn     *sql.Conn
	dialect  dialect
	prepared map[string]*sql.Stmt
}

// tell says and asks what comes before each change.
func (s *bareSession) tell(ctx context.Context) error {
	for _, q := range s.dialect.each {
		if !strings.HasPrefix(q, "SELECT") {
			if _, err := s.conn.ExecContext(ctx, q); err != nil {
				return err
			}
			continue
		}
		rows, err := s.conn.QueryContext(ctx, q)
		if err != nil {
			return err
		}
		for rows.Next() { // nobody needs what it says
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (s *bareSession) exec(ctx context.Context, q string, args ...any) (int64, error) {
	st := s.prepared[q]
	if st == nil {
		var err error
		if st, err = s.conn.PrepareContext(ctx, s.dialect.bind(q)); err != nil {
			return 0, err
		}
		s.prepared[q] = st
	}
	r, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *bareSession) close() error {
	var errs []error
	for _, st := range s.prepared {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// bind gives parameters their marks.
func (d dialect) bind(q string) string {
	if d.mark == nil {
		return q
	}
	parts := strings.Split(q, "?")
	out := parts[0]
	for i, p := range parts[1:] {
		out += d.mark(i+1) + p
	}
	return out
}
