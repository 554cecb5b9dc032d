package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// journal is how the database file of a first run comes to be.
type journal struct {
	name string // of the row
	mode string // of the file made beforehand; "" leaves it to each tool
	// synchronous is what goose is told, so that both wait for the disk alike;
	// Flamingock always uses FULL.
	synchronous string
	// within puts our history where goose has its own: into the database itself.
	within bool
	limit  limit
}

var journals = []journal{
	{name: "first run, each tool's default", limit: ratioBelow(1)},
	{name: "first run, both in WAL, history in the database", mode: "WAL", synchronous: "FULL", within: true, limit: ratioAtMost(1.7)},
	{name: "first run, both in DELETE, history in the database", mode: "DELETE", synchronous: "FULL", within: true, limit: ratioAtMost(1.7)},
	{name: "first run, both in WAL, ours in a file of its own", mode: "WAL", synchronous: "FULL"},
	{name: "first run, both in DELETE, ours in a file of its own", mode: "DELETE", synchronous: "FULL", limit: ratioAtMost(1.7)},
}

// measure does all runs, the two tools in turn, and returns the table's rows.
func measure(ctx context.Context, o *options) ([]row, error) {
	var rows []row
	for _, j := range journals {
		r, err := firstRuns(ctx, o, j)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", j.name, err)
		}
		rows = append(rows, r)
	}
	again, err := runsAgain(ctx, o)
	if err != nil {
		return nil, err
	}
	rows = append(rows, again...)
	version, err := versions(ctx, o)
	if err != nil {
		return nil, err
	}
	return append(rows, version...), nil
}

// firstRuns measures applying everything to a fresh database.
func firstRuns(ctx context.Context, o *options, j journal) (row, error) {
	r := row{name: j.name, limit: j.limit}
	modes := [2]string{}
	for i := range o.runs + 1 { // the first one warms up and does not count
		if err := o.reset(); err != nil {
			return r, err
		}
		if j.mode != "" {
			for _, db := range []string{"app.db", "goose.db"} {
				if _, err := measureOne(ctx, o.dir, o.goose, "-db", db, "-create", j.mode); err != nil {
					return r, err
				}
			}
		}
		apply := o.apply()
		if j.within {
			apply = o.applyWithin()
		}
		ours, err := measureOne(ctx, o.dir, apply...)
		if err != nil {
			return r, err
		}
		theirs, err := measureOne(ctx, o.dir, o.goose, "-db", "goose.db", "-dir", "goose", "-synchronous", j.synchronous)
		if err != nil {
			return r, err
		}
		for k, db := range []string{"app.db", "goose.db"} {
			if modes[k], err = checkDatabase(ctx, o, db, j.mode); err != nil {
				return r, err
			}
		}
		if i > 0 {
			r.ours, r.theirs = append(r.ours, ours), append(r.theirs, theirs)
		}
	}
	if j.mode == "" {
		r.name += fmt.Sprintf(" (%s / %s)", modes[0], modes[1])
	}
	return r, nil
}

// checkDatabase makes sure that a tool did the work that it was measured for.
func checkDatabase(ctx context.Context, o *options, db, mode string) (found string, err error) {
	s, err := measureOne(ctx, o.dir, o.goose, "-db", db, "-inspect")
	if err != nil {
		return "", err
	}
	var n int
	if _, err := fmt.Sscan(s.out, &found, &n); err != nil {
		return "", fmt.Errorf("%s: %q: %w", db, s.out, err)
	}
	if n != o.changes-1 { // the first change makes the table
		return "", fmt.Errorf("%s holds the effect of %d changes, not of %d", db, n+1, o.changes)
	}
	if mode != "" && !strings.EqualFold(mode, found) {
		return "", fmt.Errorf("%s was made in journal mode %s and is now in %s", db, mode, found)
	}
	return found, nil
}

// runsAgain measures runs over a history in which everything is applied.
func runsAgain(ctx context.Context, o *options) ([]row, error) {
	if err := o.reset(); err != nil {
		return nil, err
	}
	goose := []string{o.goose, "-db", "goose.db", "-dir", "goose"}
	for _, argv := range [][]string{o.apply(), goose} {
		if _, err := measureOne(ctx, o.dir, argv...); err != nil {
			return nil, err
		}
	}
	noop := row{name: "nothing to do", limit: wallBelow(80 * time.Millisecond)}
	parse := row{name: "of it: reading and checking the files (`validate`)"}
	for i := range o.runs + 1 {
		ours, err := measureOne(ctx, o.dir, o.apply()...)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(ours.out, "NO_CHANGES") {
			return nil, fmt.Errorf("a second run answers %q", ours.out)
		}
		theirs, err := measureOne(ctx, o.dir, goose...)
		if err != nil {
			return nil, err
		}
		files, err := measureOne(ctx, o.dir, o.flamingock, "-c", "flamingock.yaml", "validate")
		if err != nil {
			return nil, err
		}
		if i > 0 {
			noop.ours, noop.theirs = append(noop.ours, ours), append(noop.theirs, theirs)
			parse.ours = append(parse.ours, files)
		}
	}
	return []row{noop, parse}, nil
}

// versions measures the least that the binary can do: starting.
func versions(ctx context.Context, o *options) ([]row, error) {
	r := row{name: "`flamingock version`"}
	for i := range o.runs + 1 {
		s, err := measureOne(ctx, o.dir, o.flamingock, "version")
		if err != nil {
			return nil, err
		}
		if i > 0 {
			r.ours = append(r.ours, s)
		}
	}
	return []row{r}, nil
}

func (o *options) apply() []string {
	return []string{o.flamingock, "-c", "flamingock.yaml", "apply", "-o", "json"}
}

func (o *options) applyWithin() []string {
	return []string{o.flamingock, "-c", "within.yaml", "apply", "-o", "json"}
}

// reset empties the working directory but for the configuration and the changes.
func (o *options) reset() error {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "changes" || e.Name() == "goose" || filepath.Ext(e.Name()) == ".yaml" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(o.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
