// Command postgres-up applies a directory of SQL files to PostgreSQL with goose or
// golang-migrate as a library: the programs that Flamingock is measured against
// there. It can also make a fresh database, and say what is in one.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/pgx/v5" // as pgx5://
	_ "github.com/golang-migrate/migrate/v4/source/file"     // as file://
	_ "github.com/jackc/pgx/v5/stdlib"                       // as pgx, for goose and ourselves
	"github.com/pressly/goose/v3"
)

func main() {
	uri := flag.String("uri", "", "the database, as a `URI`")
	with := flag.String("with", "goose", "goose or golang-migrate")
	dir := flag.String("dir", "", "apply the files in this `directory`")
	fresh := flag.String("fresh", "", "make this `database` anew, with -uri as the administrator's, and end")
	inspect := flag.Bool("inspect", false, "print how many rows or tables were made, and end")
	flag.Parse()
	if err := run(context.Background(), *uri, *with, *dir, *fresh, *inspect); err != nil {
		fmt.Fprintln(os.Stderr, "postgres-up:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, uri, with, dir, fresh string, inspect bool) (err error) {
	if with == "golang-migrate" && dir != "" {
		return golangMigrate(uri, dir)
	}
	db, err := sql.Open("pgx", uri)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	switch {
	case fresh != "":
		for _, q := range []string{"DROP DATABASE IF EXISTS " + fresh + " WITH (FORCE)", "CREATE DATABASE " + fresh} {
			if _, err := db.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		return nil
	case inspect:
		var n int
		err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM numbers) + (SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]+$')`).Scan(&n)
		fmt.Println(n)
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(dir))
	if err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	fmt.Println(len(results), "applied")
	return err
}

func golangMigrate(uri, dir string) (err error) {
	m, err := migrate.New("file://"+dir, "pgx5"+strings.TrimPrefix(uri, "postgres"))
	if err != nil {
		return err
	}
	defer func() {
		src, dst := m.Close()
		err = errors.Join(err, src, dst)
	}()
	if err := m.Up(); err != nil && !errors.Is(err, migrate.ErrNoChange) {
		return err
	}
	return nil
}
