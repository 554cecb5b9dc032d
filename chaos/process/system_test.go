package process_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// system is a target system with the changes "one" (its effect: a row one) and "two"
// (its effects, in two steps: two-a and two-b).
type system struct {
	settings string            // its entry in the configuration
	files    map[string]string // change files
	env      []string
	within   bool // the audit store is in its database
	// content lists the effects, each as often as it is there.
	content func(ctx context.Context) ([]string, error)
	// takeBack is a person's, who removes an effect by hand.
	takeBack func(effect string) error
	// mend is a person's, who puts right what made a run fail. Nil: nothing did.
	mend func(ctx context.Context) error
}

// maker makes a fresh system in the directory of a case.
type maker func(t testing.TB, w *world) system

// SQL files: the table is made by the first change, so that a run also makes what it
// needs itself.
var sqlFiles = map[string]string{
	"_0001__one.yaml": "id: one\nauthor: chaos\ntemplate: sql\ntargetSystem: db\napply: |\n  CREATE TABLE effects (name text);\n  INSERT INTO effects VALUES ('one');\n",
	"_0002__two.yaml": "id: two\nauthor: chaos\ntemplate: sql\ntargetSystem: db\nsteps:\n  - apply: INSERT INTO effects VALUES ('two-a')\n  - apply: INSERT INTO effects VALUES ('two-b')\n",
}

func postgres(t testing.TB, _ *world) system {
	uri := server.Database(t)
	return system{
		settings: "{ type: postgres, dsn: " + strconv.Quote(uri) + " }", files: sqlFiles,
		content: func(ctx context.Context) ([]string, error) { return rows(ctx, "pgx", uri) },
	}
}

func sqlite(_ testing.TB, w *world) system {
	path := filepath.Join(w.dir, "app.db")
	return system{
		settings: "{ type: sqlite, path: app.db }", files: sqlFiles,
		content: func(ctx context.Context) ([]string, error) {
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return rows(ctx, "sqlite", (&url.URL{Scheme: "file", Path: path}).String())
		},
	}
}

// within is SQLite with the audit store in the same file.
func within(t testing.TB, w *world) system {
	s := sqlite(t, w)
	s.within = true
	return s
}

// failing is within with a last step that needs a table which a person forgot.
func failing(t testing.TB, w *world) system {
	s := within(t, w)
	s.files = maps.Clone(s.files)
	s.files["_0002__two.yaml"] = strings.Replace(s.files["_0002__two.yaml"], "VALUES ('two-b')", "SELECT 'two-b' FROM forgotten", 1)
	s.mend = func(ctx context.Context) error { return w.exec(ctx, "CREATE TABLE forgotten AS SELECT 1 AS n") }
	return s
}

// journal is within in a database that was there before, and has no log. The first change
// is larger than SQLite's cache: nothing of it may be in the file before its COMMIT.
func journal(t testing.TB, w *world) system {
	if err := w.exec(t.Context(), "CREATE TABLE application (n)"); err != nil {
		t.Fatal(err)
	}
	s := within(t, w)
	s.files = maps.Clone(s.files)
	s.files["_0001__one.yaml"] += "  CREATE TABLE large AS SELECT randomblob(4000000) AS b;\n"
	return s
}

// exec executes SQL in the case's SQLite file.
func (w *world) exec(ctx context.Context, query string) (err error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.Join(w.dir, "app.db")}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, query)
	return err
}

func rows(ctx context.Context, driver, dsn string) (found []string, err error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	made := "SELECT count(*) FROM information_schema.tables WHERE table_name = 'effects'"
	if driver == "sqlite" {
		made = "SELECT count(*) FROM sqlite_schema WHERE name = 'effects'"
	}
	var n int
	if err := db.QueryRowContext(ctx, made).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	rs, err := db.QueryContext(ctx, "SELECT name FROM effects ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	for rs.Next() {
		var name string
		if err := rs.Scan(&name); err != nil {
			return nil, err
		}
		found = append(found, name)
	}
	return found, rs.Err()
}

// file is the plain file, with one of job's kinds of changes.
func file(kind string) maker {
	return func(_ testing.TB, w *world) system {
		path := filepath.Join(w.dir, "effects.txt")
		content := func(context.Context) ([]string, error) {
			text, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return strings.Fields(string(text)), err
		}
		return system{
			env: []string{"CHAOS_JOB_FILE=" + path, "CHAOS_JOB_CHANGES=" + kind}, content: content,
			takeBack: func(effect string) error {
				lines, err := content(context.Background())
				if err != nil {
					return err
				}
				lines = slices.DeleteFunc(lines, func(l string) bool { return l == effect })
				text := strings.Join(lines, "\n")
				if text != "" {
					text += "\n"
				}
				return os.WriteFile(path, []byte(text), 0o600)
			},
		}
	}
}

// items are counters in DynamoDB, which a change that runs twice would raise twice.
// With a marker table the system does not share the audit store's transactions.
func items(settings func() string) maker {
	return func(t testing.TB, w *world) system {
		d := simulator(t)
		update := func(name string) string {
			return fmt.Sprintf("- update: { table: %s, key: { pk: %q, sk: %s }, expression: \"ADD n :one\", values: { one: 1 } }", d.effects, w.ledger, name)
		}
		return system{
			settings: settings(), env: d.env(),
			files: map[string]string{
				"_0001__one.yaml": "id: one\nauthor: chaos\ntemplate: dynamodb-items\ntargetSystem: db\napply:\n  " + update("one") + "\n",
				"_0002__two.yaml": "id: two\nauthor: chaos\ntemplate: dynamodb-items\ntargetSystem: db\nsteps:\n  - apply:\n      " + update("two-a") + "\n  - apply:\n      " + update("two-b") + "\n",
			},
			content: func(ctx context.Context) ([]string, error) { return d.counters(ctx, w.ledger) },
		}
	}
}

func shared() string { return "{ type: dynamodb }" }

func marked() string { return "{ type: dynamodb, markerTable: " + dynamoDB.markers + " }" }

func (d *simulated) counters(ctx context.Context, ledger string) (found []string, err error) {
	out, err := d.client.Query(ctx, &sdk.QueryInput{
		TableName: &d.effects, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :l"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":l": &types.AttributeValueMemberS{Value: ledger}},
	})
	if err != nil {
		return nil, err
	}
	for _, item := range out.Items {
		name, named := item["sk"].(*types.AttributeValueMemberS)
		times, counted := item["n"].(*types.AttributeValueMemberN)
		if !named || !counted {
			return nil, fmt.Errorf("an item is %v", item)
		}
		n, err := strconv.Atoi(times.Value)
		if err != nil {
			return nil, err
		}
		found = append(found, slices.Repeat([]string{name.Value}, n)...)
	}
	return found, nil
}
