// Command bench measures Flamingock beside goose: the same trivial statements on
// SQLite, each run a whole process, the two tools in turn. It prints a Markdown
// table with the limits that the project sets itself.
//
// Compare ratios, not times: both run on the same machine in the same minute, and
// nothing else is equal between two machines. Flamingock does more per change (a
// durable intent, a fenced lease, a chained audit entry); the limits say what that
// may cost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

type options struct {
	root, dir, kind string
	changes, runs   int
	strict, keep    bool
	// flamingock and goose are the binaries.
	flamingock, goose string
	// postgres is an administrator's URI; empty: no PostgreSQL rows.
	postgres, postgresUp string
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "..", "the root `directory` of the module")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where to work: a `directory` on a real disk")
	flag.StringVar(&o.kind, "kind", "insert", "what a change does: insert a row, or create a table")
	flag.StringVar(&o.flamingock, "flamingock", "", "measure this `binary`; empty: build it from -root")
	flag.StringVar(&o.postgres, "postgres", os.Getenv("FLAMINGOCK_TEST_POSTGRES_URI"), "also measure on the PostgreSQL server with this administrator's `URI`")
	flag.IntVar(&o.changes, "changes", 1000, "how many changes")
	flag.IntVar(&o.runs, "n", 5, "how many runs; medians are printed")
	flag.BoolVar(&o.strict, "strict", false, "exit with 1 when a limit is missed")
	flag.BoolVar(&o.keep, "keep", false, "keep the files")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := bench(ctx, &o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
	if missed > 0 && o.strict {
		stop()
		os.Exit(1)
	}
}

func bench(ctx context.Context, o *options) (missed int, err error) {
	if err := prepare(ctx, o); err != nil {
		return 0, err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(o.dir))) }()
	}
	rows, err := measure(ctx, o)
	if err != nil {
		return 0, err
	}
	if o.postgres != "" {
		more, err := postgresRows(ctx, o)
		if err != nil {
			return 0, err
		}
		rows = append(rows, more...)
	}
	if err := printHeading(ctx, os.Stdout, o); err != nil {
		return 0, err
	}
	return printTable(os.Stdout, rows), nil
}

// prepare builds both binaries, and makes the working directory with the changes
// in both formats; o.dir is that directory from then on.
func prepare(ctx context.Context, o *options) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	top, err := os.MkdirTemp(o.dir, "run-")
	if err != nil {
		return err
	}
	if top, err = filepath.Abs(top); err != nil {
		return err
	}
	o.dir = filepath.Join(top, "work")
	o.goose = filepath.Join(top, "goose-up")
	if err := build(ctx, filepath.Join(o.root, "bench"), "./cmd/goose-up", o.goose); err != nil {
		return err
	}
	if o.flamingock == "" {
		o.flamingock = filepath.Join(top, "flamingock")
		if err := build(ctx, o.root, "./container", o.flamingock); err != nil {
			return err
		}
	}
	if o.flamingock, err = filepath.Abs(o.flamingock); err != nil {
		return err
	}
	return writeFiles(o)
}
