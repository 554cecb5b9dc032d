package sqltarget_test

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// A step did nothing only where what its first statement was to make was there already:
// then its rollback, which takes that away, must not run.
func TestNothingDone(t *testing.T) {
	for name, c := range map[string]struct {
		there, apply string
		split        bool
		nothing      bool
	}{
		"it is there":                       {"CREATE TABLE a (x)", "CREATE TABLE a (y)", true, true},
		"its column is there":               {"CREATE TABLE a (x)", "ALTER TABLE a ADD x", true, true},
		"another refusal":                   {"CREATE TABLE a (x)", "CREATE INDEX i ON a (nothing)", true, false},
		"the second of two":                 {"", "CREATE TABLE a (x); CREATE TABLE a (y)", true, false},
		"not split: who knows which it was": {"CREATE TABLE a (x)", "CREATE TABLE a (y)", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := database(t)
			if _, err := db.Exec(c.there); err != nil {
				t.Fatal(err)
			}
			apply := block(c.apply)
			apply.config = map[string]bool{"splitStatements": c.split}
			step, err := template().Compile(apply)
			if err != nil {
				t.Fatal(err)
			}
			err = step.Do(t.Context(), &core.Session{
				Handle: db, ChangeID: "c", Step: 1, Progress: func(core.Progress) {},
				Resolve: func(_ context.Context, text string) (string, error) { return text, nil },
			})
			if err == nil || core.IsNothingDone(err) != c.nothing {
				t.Errorf("%v: nothing done: %t, want %t", err, core.IsNothingDone(err), c.nothing)
			}
		})
	}
}
