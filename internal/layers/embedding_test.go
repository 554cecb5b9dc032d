package layers_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/internal/layers"
)

// TestEmbedding builds what users build who embed the Runner, and looks at what they
// get with it. The rules of the table speak of packages one by one; this is what
// comes of them, as go list sees it.
func TestEmbedding(t *testing.T) {
	const (
		sqlite   = "modernc.org/sqlite"
		pgx      = "github.com/jackc/pgx"
		cobra    = "github.com/spf13/cobra"
		yaml     = "github.com/goccy/go-yaml"
		aws      = "github.com/aws/"
		exporter = "go.opentelemetry.io/otel/sdk"
		lock     = "github.com/gofrs/flock"
	)
	always := []string{cobra, aws, exporter, "container/cli", "internal/app", "targets/all", "core/memstore", "core/targettest", "core/changetest", "testing"}
	for name, tt := range map[string]struct {
		imports []string
		has     []string // so that the list proves something
		hasNot  []string
	}{
		"the Runner alone": {
			imports: []string{"core/run"},
			has:     []string{"core/plan"},
			hasNot:  []string{"database/sql", sqlite, pgx, yaml, lock, "targets/", "core/filestore", "core/template", "core/config", "dynamo"},
		},
		"the Runner on SQLite": {
			imports: []string{"core/run", "core/filestore", "targets/sqlite"},
			has:     []string{sqlite, "targets/sqltarget"},
			hasNot:  []string{pgx, yaml, "targets/postgres", "dynamo"},
		},
		"the Runner on PostgreSQL": {
			imports: []string{"core/run", "targets/postgres"},
			has:     []string{pgx, "targets/sqltarget"},
			hasNot:  []string{"modernc.org/", yaml, lock, "targets/sqlite", "core/filestore", "dynamo"},
		},
		"tokens for PostgreSQL on RDS": {
			imports: []string{"core/run", "targets/postgres/rdsauth"},
			has:     []string{pgx, aws, "internal/awsclient"},
			hasNot:  []string{"modernc.org/", yaml, lock, "targets/sqlite", "core/filestore", "dynamo"},
		},
		"the Runner on DynamoDB": {
			imports: []string{"core/run", "targets/dynamodb"},
			has:     []string{aws, "internal/awsclient"},
			hasNot:  []string{"database/sql", "modernc.org/", pgx, yaml, lock, "targets/sqlite", "targets/sqltarget", "core/filestore", "dynamo"},
		},
		"change files": {
			imports: []string{"core/template"},
			has:     []string{yaml},
			hasNot:  []string{"database/sql", sqlite, pgx, "targets/", "core/run", "core/filestore"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deps := depsOf(t, tt.imports)
			reaches := func(prefix string) bool {
				return slices.ContainsFunc(deps, func(d string) bool {
					return d == prefix || strings.HasPrefix(d, strings.TrimSuffix(prefix, "/")+"/")
				})
			}
			for _, p := range tt.has {
				if !reaches(p) {
					t.Errorf("it does not reach %s, but the test counts on that", p)
				}
			}
			for _, p := range append(slices.Clone(always), tt.hasNot...) {
				if reaches(p) && !slices.Contains(tt.has, p) {
					t.Errorf("it reaches %s", p)
				}
			}
		})
	}
}

// depsOf returns everything that packages of this module bring along, those of the
// module relative to it.
func depsOf(t *testing.T, packages []string) []string {
	t.Helper()
	args := []string{"list", "-deps"}
	for _, p := range packages {
		args = append(args, layers.Module+"/"+p)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	deps := strings.Fields(string(out))
	for i := range deps {
		deps[i] = strings.TrimPrefix(deps[i], layers.Module+"/")
	}
	return deps
}
