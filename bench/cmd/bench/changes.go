package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeFiles writes the same statements as Flamingock's changes and as goose's
// files. The first one makes the table that the others write to.
func writeFiles(o *options) error {
	changes, goose := filepath.Join(o.dir, "changes"), filepath.Join(o.dir, "goose")
	for _, dir := range []string{o.dir, changes, goose} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	for i := range o.changes {
		n := i + 1
		statement := statement(o.kind, n)
		ours := fmt.Sprintf("id: c%04d\nauthor: bench\ntemplate: sql\ntargetSystem: db\napply: |\n  %s\n", n, statement)
		theirs := fmt.Sprintf("-- +goose Up\n%s\n", statement)
		if err := os.WriteFile(filepath.Join(changes, fmt.Sprintf("_%04d__c%04d.yaml", n, n)), []byte(ours), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(goose, fmt.Sprintf("%05d_c%04d.sql", n, n)), []byte(theirs), 0o600); err != nil {
			return err
		}
	}
	within := "auditStore: { targetSystem: db }\n" + config
	return errors.Join(
		os.WriteFile(filepath.Join(o.dir, "flamingock.yaml"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(o.dir, "within.yaml"), []byte(within), 0o600))
}

func statement(kind string, n int) string {
	switch {
	case n == 1:
		return "CREATE TABLE numbers (id INTEGER PRIMARY KEY, name TEXT);"
	case kind == "create":
		return fmt.Sprintf("CREATE TABLE t%d (id INTEGER PRIMARY KEY);", n)
	}
	return fmt.Sprintf("INSERT INTO numbers (id, name) VALUES (%d, 'number %d');", n, n)
}

// config is Flamingock's configuration.
const config = `stages:
  - { name: main, location: changes }
targetSystems:
  db: { type: sqlite, path: app.db }
`
