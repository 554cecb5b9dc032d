package mysql_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
)

const (
	yes = core.ProbeApplied
	no  = core.ProbeNotApplied
	odd = core.ProbeConflict
)

// A probe is asked before and after the change, and in a database where something else
// is in the way.
func TestProbes(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		for _, tt := range []struct {
			apply    string
			lateSafe bool
			odd      []string // what makes it a conflict
		}{
			{"CREATE TABLE n (x int PRIMARY KEY, `y z` decimal(9, 2) DEFAULT 1.5, KEY k (x), CHECK (x > 0)) ENGINE = InnoDB", true, []string{"CREATE TABLE n (x int)"}},
			{"create table if not exists n (x int)", true, []string{"CREATE VIEW n AS SELECT 1 AS x"}},
			{"DROP TABLE t", false, []string{"DROP TABLE t; CREATE VIEW t AS SELECT 1"}},
			{"CREATE INDEX i ON t (x)", true, []string{"CREATE UNIQUE INDEX i ON t (x)"}},
			{"CREATE UNIQUE INDEX i ON t (x DESC, y)", true, []string{"CREATE INDEX i ON t (y)"}},
			{"DROP INDEX k ON t", false, []string{"DROP TABLE t"}},
			{"RENAME TABLE t TO n", false, []string{"CREATE TABLE n (x int)"}},
			{"ALTER TABLE t ADD COLUMN z int NOT NULL DEFAULT 0 AFTER x", true, []string{"DROP TABLE t"}},
			{"ALTER TABLE t ADD z decimal(9, 2), ADD INDEX i (z, x), ADD UNIQUE KEY u (x, z), ALGORITHM=COPY, LOCK=SHARED", true, []string{"CREATE INDEX u ON t (x)"}},
			{"ALTER TABLE t DROP COLUMN y, DROP KEY k", false, []string{"DROP TABLE t"}},
		} {
			t.Run(tt.apply, func(t *testing.T) {
				for _, change := range append([]string{""}, tt.odd...) {
					dsn := server.Database(t)
					db := look(t, dsn)
					execute(t, db, "CREATE TABLE t (x int, y int, KEY k (x))")
					target := targetOf(t, dsn)
					c := loaded(t, block(tt.apply))
					if c.Apply.LateSafe != tt.lateSafe || c.Probe == nil {
						t.Fatalf("late safe %t, with a probe %t; want %t, and one", c.Apply.LateSafe, c.Probe != nil, tt.lateSafe)
					}
					if change != "" {
						execute(t, db, strings.Split(change, "; ")...)
						probes(t, target, c, odd)
						continue
					}
					probes(t, target, c, no)
					must(t, direct(t, t.Context(), target, c.Apply))
					probes(t, target, c, yes)
				}
			})
		}
	})
}

func probes(t testing.TB, target core.TxTarget, c core.Change, want core.ProbeResult) {
	t.Helper()
	handle, release, err := target.Open(t.Context())
	must(t, err)
	got, err := c.Probe(t.Context(), sessionOf(handle))
	if got != want || err != nil {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
	must(t, release())
}

// Nobody can answer for these, or for a change with one of them.
func TestNoProbe(t *testing.T) {
	for _, script := range []string{
		"CREATE TABLE n LIKE t", "CREATE TABLE n AS SELECT 1", "CREATE TABLE n (x int) SELECT 1 AS x", "CREATE OR REPLACE TABLE n (x int)", "CREATE TABLE ${env:t} (x int)",
		"CREATE TABLE \"n\" (x int)", "DROP TABLE a, b", "ALTER TABLE t ADD PRIMARY KEY (x)", "ALTER TABLE t ADD (x int, y int)", "ALTER TABLE t MODIFY x bigint",
		"ALTER TABLE t ADD CONSTRAINT c CHECK (x > 0)", "ALTER TABLE t ADD UNIQUE (x)", "CREATE VIEW v AS SELECT 1", "/*!50003 CREATE */ TABLE n (x int)",
		"CREATE TABLE n (x int); GRANT SELECT ON n TO u", "RENAME TABLE a TO b, c TO d", "CREATE TABLE n", "ALTER TABLE t", "DROP INDEX", "CREATE INDEX i t",
	} {
		if c := loaded(t, block(script)); c.Probe != nil {
			t.Errorf("%s has a probe", script)
		}
	}
}

// While another session executes the statement, nobody knows what becomes of it.
func TestStillAtWork(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		patiently(t, server, 4*time.Second, func(t testing.TB) {
			dsn := table(t, server)
			other := look(t, dsn)
			execute(t, other, "START TRANSACTION", "SELECT * FROM a") // which keeps DDL out
			c := loaded(t, block("ALTER TABLE a ADD y int"))
			target := targetOf(t, dsn)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				handle, release, err := target.Open(ctx)
				if err == nil {
					err = c.Apply.Do(ctx, sessionOf(handle))
					_ = release()
				}
				done <- err
			}()
			watch := targetOf(t, dsn)
			handle, release, err := watch.Open(t.Context())
			must(t, err)
			defer func() {
				if err := release(); err != nil {
					t.Error(err)
				}
			}()
			for deadline := time.Now().Add(4 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				got, err := c.Probe(t.Context(), sessionOf(handle))
				if is[*mysql.AtWorkError](err) && got == core.ProbeUnknown && core.HintOf(err) != "" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("got %s (%v), want that the statement is at work", got, err)
				}
			}
			cancel()
			if err := <-done; err == nil {
				t.Error("the interrupted statement ended well")
			}
			if got, err := c.Probe(t.Context(), sessionOf(handle)); got != no || err != nil {
				t.Errorf("afterwards: got %s (%v), want %s", got, err, no)
			}
		})
	})
}
