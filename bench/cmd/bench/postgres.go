package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// peers are the tools that the PostgreSQL rows stand beside. All three work on a
// database of their own on the same server; our audit store is the embedded one.
var peers = []string{"goose", "golang-migrate"}

// postgresRows measures on the server that o.postgres names: an administrator's
// URI, whose user may make databases.
func postgresRows(ctx context.Context, o *options) ([]row, error) {
	admin, err := url.Parse(o.postgres)
	if err != nil || admin.Scheme != "postgres" {
		return nil, fmt.Errorf("-postgres wants postgres://user@host:port/database")
	}
	o.postgresUp = filepath.Join(filepath.Dir(o.goose), "postgres-up")
	if err := build(ctx, filepath.Join(o.root, "bench"), "./cmd/postgres-up", o.postgresUp); err != nil {
		return nil, err
	}
	if err := writeForPostgres(o, database(admin, "bench_flamingock")); err != nil {
		return nil, err
	}
	var rows []row
	for _, peer := range peers {
		first := row{name: "PostgreSQL, first run, beside " + peer}
		noop := row{name: "PostgreSQL, nothing to do, beside " + peer}
		for i := range o.runs + 1 { // the first one warms up and does not count
			if err := postgresPair(ctx, o, admin, peer, i > 0, &first, &noop); err != nil {
				return nil, fmt.Errorf("%s: %w", first.name, err)
			}
		}
		rows = append(rows, first, noop)
	}
	return rows, nil
}

func postgresPair(ctx context.Context, o *options, admin *url.URL, peer string, counts bool, first, noop *row) error {
	dir := map[string]string{"goose": "goose", "golang-migrate": "numbered"}[peer]
	theirDB := "bench_" + strings.ReplaceAll(peer, "-", "_")
	for _, name := range []string{"bench_flamingock", theirDB} {
		if _, err := measureOne(ctx, o.dir, o.postgresUp, "-uri", admin.String(), "-fresh", name); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(o.dir, ".flamingock")); err != nil {
		return err
	}
	ours := []string{o.flamingock, "-c", "postgres.yaml", "apply", "-o", "json"}
	theirs := []string{o.postgresUp, "-uri", database(admin, theirDB), "-with", peer, "-dir", dir}
	for _, r := range []*row{first, noop} {
		a, err := measureOne(ctx, o.dir, ours...)
		if err != nil {
			return err
		}
		b, err := measureOne(ctx, o.dir, theirs...)
		if err != nil {
			return err
		}
		if counts {
			r.ours, r.theirs = append(r.ours, a), append(r.theirs, b)
		}
	}
	for _, name := range []string{"bench_flamingock", theirDB} {
		s, err := measureOne(ctx, o.dir, o.postgresUp, "-uri", database(admin, name), "-inspect")
		if err != nil {
			return err
		}
		if s.out != strconv.Itoa(o.changes-1) { // the first change makes the table
			return fmt.Errorf("%s holds the effect of %s changes, not of %d", name, s.out, o.changes-1)
		}
	}
	return nil
}

func database(admin *url.URL, name string) string {
	u := *admin
	u.Path = "/" + name
	return u.String()
}

// writeForPostgres writes our configuration, and the files in golang-migrate's
// form.
func writeForPostgres(o *options, uri string) error {
	config := fmt.Sprintf("stages:\n  - { name: main, location: changes }\ntargetSystems:\n  db: { type: postgres, dsn: %q }\n", uri)
	if err := os.WriteFile(filepath.Join(o.dir, "postgres.yaml"), []byte(config), 0o600); err != nil {
		return err
	}
	dir := filepath.Join(o.dir, "numbered")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for n := 1; n <= o.changes; n++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d_c%04d.up.sql", n, n)), []byte(statement(o.kind, n)+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}
