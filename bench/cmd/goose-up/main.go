// Command goose-up applies a directory of SQL files to a SQLite database with
// goose as a library: the program that Flamingock is measured against. It can
// also make a database file in a journal mode, and say what is in one, so that
// the measuring process itself needs no database driver.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the same driver, at the same version, as Flamingock's
)

func main() {
	db := flag.String("db", "", "the database `file`")
	dir := flag.String("dir", "", "apply the files in this `directory`")
	create := flag.String("create", "", "make the file, in this journal `mode`, and end")
	inspect := flag.Bool("inspect", false, "print the journal mode and the number of rows or tables made, and end")
	synchronous := flag.String("synchronous", "", "FULL or NORMAL; SQLite's own default when empty")
	flag.Parse()
	if err := run(context.Background(), *db, *dir, *create, *synchronous, *inspect); err != nil {
		fmt.Fprintln(os.Stderr, "goose-up:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file, dir, create, synchronous string, inspect bool) (err error) {
	dsn := "file:" + file
	if synchronous != "" {
		dsn += "?_pragma=synchronous(" + synchronous + ")"
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	switch {
	case create != "":
		// A file of zero bytes has no journal mode to keep: give it a page.
		_, err := db.ExecContext(ctx, "PRAGMA journal_mode = "+create+"; CREATE TABLE made_beforehand (id INTEGER); DROP TABLE made_beforehand")
		return err
	case inspect:
		return printState(ctx, db)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS(dir))
	if err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return err
	}
	fmt.Println(len(results), "applied")
	return nil
}

func printState(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	var tables, rows int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name GLOB 't[0-9]*'").Scan(&tables); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM numbers").Scan(&rows); err != nil {
		return err
	}
	fmt.Println(mode, tables+rows)
	return nil
}
