package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	driver "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // as pgx
	_ "modernc.org/sqlite"             // as sqlite

	"github.com/flamingock/flamingock-go/internal/mysqltest" //nolint:depguard // the servers of the tests
	"github.com/flamingock/flamingock-go/internal/pgtest"    //nolint:depguard // the servers of the tests
)

const sqlExtra = "in the transaction of the INSERT: the fence row is written, a marker inserted, the marker of the change before deleted"

// insert is one change, and what a script would do in its place.
func insert(n int) string {
	return fmt.Sprintf("INSERT INTO numbers (id, name) VALUES (%d, 'number %d')", n, n)
}

func insertChange(n int) string {
	return fmt.Sprintf("template: sql\napply: |\n  %s;\nrollback: |\n  DELETE FROM numbers WHERE id = %d;\n", insert(n), n)
}

const numbersTable = "CREATE TABLE numbers (id BIGINT PRIMARY KEY, name VARCHAR(100))"

func postgres(tb server, s *pgtest.Server) *system {
	uri := s.Database(tb)
	s.Exec(tb, uri, numbersTable)
	u, err := url.Parse(uri)
	must(tb, err)
	at := func(addr string) string {
		v := *u
		v.Host = addr
		return v.String()
	}
	return &system{
		name: "postgres", operation: "`sql`, an INSERT in a transaction", extra: "the session is made as it was at its beginning; " + sqlExtra, addr: u.Host, speaks: overPostgres, change: insertChange,
		config: func(addr string) string { return fmt.Sprintf("type: postgres\ndsn: %q", at(addr)) },
		client: func(ctx context.Context, addr string) (bare, error) {
			return openSQL(ctx, "pgx", at(addr), dialect{
				mark: func(n int) string { return fmt.Sprintf("$%d", n) }, prefix: "public.",
				each: []string{"SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; DISCARD TEMP; SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 30000"},
			})
		},
	}
}

func mariaDB(tb server, s *mysqltest.Server) *system {
	dsn := s.Database(tb)
	c, err := driver.ParseDSN(dsn)
	must(tb, err)
	db, err := sql.Open("mysql", dsn)
	must(tb, err)
	_, err = db.ExecContext(tb.Context(), numbersTable)
	must(tb, errors.Join(err, db.Close()))
	at := func(addr string) string {
		v := c.Clone()
		v.Addr = addr
		return v.FormatDSN()
	}
	return &system{
		name: "mysql (MariaDB)", operation: "`sql`, an INSERT in a transaction", extra: "a connection of its own and its set-up; " + sqlExtra + "; the fence is read, since writing the same changes no row; a savepoint set and released", addr: c.Addr, speaks: overMySQL, change: insertChange,
		config: func(addr string) string { return fmt.Sprintf("type: mysql\ndsn: %q", at(addr)) },
		client: func(ctx context.Context, addr string) (bare, error) {
			return openSQL(ctx, "mysql", at(addr), dialect{savepoint: true, fresh: true, prefix: "`" + c.DBName + "`.", each: []string{
				"SELECT CAST(CONCAT_WS(':', @@hostname, @@port) AS CHAR), CAST(CONNECTION_ID() AS CHAR)",
				"SET SESSION autocommit = 1, innodb_lock_wait_timeout = 5, lock_wait_timeout = 5, wait_timeout = 30",
				`SELECT DATABASE(), @@sql_mode, (SELECT GROUP_CONCAT(CONCAT(table_name, ' is ', COALESCE(engine, 'a view')) SEPARATOR ', ') FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_name IN ('flamingock_fence', 'flamingock_marker') AND COALESCE(engine, '') <> 'InnoDB')`,
			}})
		},
	}
}

// sqlite has a file for each side, so that neither finds the log that the other left.
func sqlite(_ server, dir string) *system {
	file := func(name string) string { return filepath.Join(dir, name+".db") }
	return &system{
		name: "sqlite", operation: "`sql`, an INSERT in a transaction", extra: sqlExtra,
		config: func(string) string { return fmt.Sprintf("type: sqlite\npath: %q", file("ours")) },
		change: insertChange,
		client: func(ctx context.Context, _ string) (bare, error) {
			for _, name := range []string{"ours", "theirs"} {
				db, err := sql.Open("sqlite", file(name))
				if err != nil {
					return nil, err
				}
				for _, q := range []string{"PRAGMA journal_mode = WAL", numbersTable} {
					if err == nil {
						_, err = db.ExecContext(ctx, q)
					}
				}
				if err := errors.Join(err, db.Close()); err != nil {
					return nil, err
				}
			}
			return openSQL(ctx, "sqlite", "file:"+file("theirs"), dialect{
				once:   []string{"PRAGMA busy_timeout = 5000", "PRAGMA wal_autocheckpoint = 250"},
				tables: " WITHOUT ROWID",
			})
		},
	}
}
