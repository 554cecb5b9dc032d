package sqltarget_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// payload is what the loader hands to a template.
type payload struct {
	text   core.Text
	config map[string]bool
}

// block is the payload of a block scalar that starts at line 8 of a file, indented by 2.
func block(sql string) payload {
	return payload{text: core.Text{Value: sql, Start: core.Position{File: "_0001__a.yaml", Line: 8, Column: 3}, Literal: true, Indent: 2}}
}

func (p payload) Decode(any) error         { return errors.New("not used") }
func (p payload) Text() (core.Text, error) { return p.text, nil }
func (p payload) Rollback() bool           { return false }

func (p payload) Configuration(into any) error {
	// The type is the template's own: a test can only reach it by its tag, as a decoder does.
	split := reflect.ValueOf(into).Elem().FieldByName("SplitStatements")
	for k, v := range p.config {
		if k != "splitStatements" {
			return p.Fault(0, 0, "unknown key "+k)
		}
		split.SetBool(v)
	}
	return nil
}

func (p payload) Fault(line, column int, message string) error {
	at := p.text.Start
	if line > 0 {
		at = p.text.At(line, column)
	}
	return fmt.Errorf("%s: %s", at, message)
}

func template() core.Template { return sqltarget.Templates(sqlite.Dialect())[0] }

func compile(t *testing.T, p core.Payload) core.Step {
	t.Helper()
	step, err := template().Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestTemplateShape(t *testing.T) {
	got := template()
	want := core.Template{Name: "sql", Aliases: []string{"sql-template"}}
	if d := cmp.Diff(got, want, cmpopts.IgnoreFields(core.Template{}, "Compile")); d != "" {
		t.Errorf("got -, want +:\n%s", d)
	}
	step := compile(t, block("SELECT 1"))
	if !step.LateSafe || step.Name != "sql" || step.NotTransactional != "" {
		t.Errorf("got %+v, want a transactional sql step that is safe when late", step)
	}
}

func TestTemplateFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		in     payload
		want   []string
		config map[string]bool
	}{
		{"blank", block(" \n"), []string{"_0001__a.yaml:8:3: ", "no statement"}, nil},
		{"comments only", block("-- nothing\n;"), []string{"_0001__a.yaml:8:3: ", "no statement"}, nil},
		{"an unknown setting", block("SELECT 1"), []string{"unknown key delimiter"}, map[string]bool{"delimiter": true}},
		{"an open string", block("SELECT 1;\n SELECT 'a"), []string{"_0001__a.yaml:9:11: ", "string"}, nil},
		{"transaction control", block("BEGIN;\nSELECT 1;\n  COMMIT"), []string{"_0001__a.yaml:8:3: BEGIN", "_0001__a.yaml:10:5: COMMIT"}, nil},
		{"transaction control, not split", block("SELECT 1; ROLLBACK TRANSACTION"), []string{"_0001__a.yaml:8:13: ROLLBACK"}, map[string]bool{"splitStatements": false}},
		{"END", block("END TRANSACTION"), []string{"END begins or ends a transaction"}, nil},
		{"blank and not split", block(""), []string{"no statement"}, map[string]bool{"splitStatements": false}},
		{"a NUL byte", block("SELECT 1;\x00 DROP TABLE a"), []string{"NUL"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.config = tt.config
			_, err := template().Compile(tt.in)
			if err == nil {
				t.Fatal("got no fault")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to contain %q", err, want)
				}
			}
		})
	}
}

func TestNotAFault(t *testing.T) {
	for _, sql := range []string{
		"SAVEPOINT a; ROLLBACK TO a; ROLLBACK TRANSACTION TO SAVEPOINT a; RELEASE a",
		"CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END",
		"SELECT 'BEGIN'; SELECT 1 AS \"commit\"",
	} {
		if _, err := template().Compile(block(sql)); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	p := block("SELECT 'not read")
	p.config = map[string]bool{"splitStatements": false}
	if _, err := template().Compile(p); err != nil {
		t.Errorf("a script that is not to be split is not read: %v", err)
	}
}

func TestNotTransactional(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1;\nVACUUM":                "statement 2 of its SQL (VACUUM, _0001__a.yaml:9:3) is refused by SQLite inside a transaction",
		"pragma main.Journal_Mode = WAL":   "statement 1 of its SQL (pragma main.Journal_Mode = WAL, _0001__a.yaml:8:3) is silently ignored by SQLite inside a transaction",
		"PRAGMA foreign_keys(OFF)":         "silently ignored",
		"PRAGMA \"foreign_keys\" = OFF":    "silently ignored",
		"PRAGMA synchronous = OFF":         "refused",
		"PRAGMA wal_checkpoint":            "refused",
		"ATTACH 'x.db' AS x":               "not rolled back",
		"DETACH x":                         "not rolled back",
		"PRAGMA foreign_keys":              "",
		"PRAGMA user_version = 3":          "",
		"PRAGMA defer_foreign_keys = ON":   "",
		"PRAGMA":                           "",
		"CREATE TABLE vacuum_log (attach)": "",
	} {
		got := compile(t, block(sql)).NotTransactional
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
}

// database opens a database in memory with one connection.
func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// runStep runs a step outside of a transaction, and returns its progress.
func runStep(t *testing.T, step core.Step, handle any) ([]core.Progress, error) {
	t.Helper()
	var progress []core.Progress
	err := step.Do(t.Context(), &core.Session{
		Handle:   handle,
		Resolve:  func(ctx context.Context, text string) (string, error) { return core.Expand(ctx, secrets{}, text) },
		Progress: func(p core.Progress) { progress = append(progress, p) },
	})
	return progress, err
}

// secrets resolves ${env:NAME} to s3cret, and MISSING to nothing.
type secrets struct{}

func (secrets) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	if r.Key == "MISSING" {
		return core.Secret{}, &core.ConfigError{Key: r.String(), Reason: "is not set"}
	}
	return core.NewSecret("s3cret"), nil
}

func TestRunScript(t *testing.T) {
	db := database(t)
	step := compile(t, block("CREATE TABLE a (x);\nINSERT INTO a\n  VALUES ('${env:KEY}'); -- done\nINSERT INTO a VALUES ('$${env:KEY}');"))
	progress, err := runStep(t, step, db)
	if err != nil {
		t.Fatal(err)
	}
	want := []core.Progress{
		{Done: 0, Total: 3, Text: "CREATE TABLE a (x)"},
		{Done: 1, Total: 3, Text: "INSERT INTO a"},
		{Done: 2, Total: 3, Text: "INSERT INTO a VALUES ('$${env:KEY}')"},
		{Done: 3, Total: 3},
	}
	if d := cmp.Diff(progress, want); d != "" {
		t.Errorf("progress: got -, want +:\n%s", d)
	}
	var got string
	if err := db.QueryRow("SELECT group_concat(x, ' ') FROM a").Scan(&got); err != nil || got != "s3cret ${env:KEY}" {
		t.Errorf("got %q (%v), want %q", got, err, "s3cret ${env:KEY}")
	}
	// The same script as one text, which SQLite splits itself.
	p := block("CREATE TABLE b (x); INSERT INTO b VALUES (1); INSERT INTO b VALUES (2)")
	p.config = map[string]bool{"splitStatements": false}
	if progress, err = runStep(t, compile(t, p), db); err != nil || progress[0].Total != 1 {
		t.Errorf("not split: got %v, %v, want one statement", progress, err)
	}
	if err := db.QueryRow("SELECT count(*) FROM b").Scan(&got); err != nil || got != "2" {
		t.Errorf("got %s rows (%v), want 2", got, err)
	}
}

func TestStatementError(t *testing.T) {
	db := database(t)
	long := "INSERT INTO a VALUES ('${env:KEY}', '" + strings.Repeat("é", 300) + "')"
	_, err := runStep(t, compile(t, block("CREATE TABLE a (x);\n\n    "+long+";\nSELECT 1")), db)
	e, ok := errors.AsType[*sqltarget.StatementError](err)
	if !ok || core.IsUnknown(err) {
		t.Fatalf("got %v, want a definite *StatementError", err)
	}
	if got, want := e.Position.String(), "_0001__a.yaml:10:7"; got != want {
		t.Errorf("got position %s, want %s", got, want)
	}
	if e.Index != 2 || e.Total != 3 || len(e.Statement) > 200 || !strings.HasPrefix(e.Statement, "INSERT INTO a VALUES ('${env:KEY}'") {
		t.Errorf("got %d of %d, %q, want 2 of 3, at most 200 bytes, the reference as written", e.Index, e.Total, e.Statement)
	}
	for _, want := range []string{"_0001__a.yaml:10:7: statement 2 of 3 failed: ", "1 columns but 2 values", "${env:KEY}"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to contain %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%q shows a resolved secret", err)
	}

	// A folded scalar's lines are not those of the file: only its start is known.
	folded := payload{text: core.Text{Value: "SELECT 1; nonsense", Start: core.Position{File: "f.yaml", Line: 3, Column: 8}}}
	_, err = runStep(t, compile(t, folded), db)
	if e, ok := errors.AsType[*sqltarget.StatementError](err); !ok || e.Position.String() != "f.yaml:3:8" {
		t.Errorf("got %v, want position f.yaml:3:8", err)
	}

	_, err = runStep(t, compile(t, block("SELECT '${env:MISSING}'")), db)
	if _, ok := errors.AsType[*core.ConfigError](err); !ok || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite *core.ConfigError", err)
	}
	_, err = runStep(t, compile(t, block("SELECT 1")), "no handle")
	if _, ok := errors.AsType[*core.HandleError](err); !ok {
		t.Errorf("got %v, want *core.HandleError", err)
	}
}
