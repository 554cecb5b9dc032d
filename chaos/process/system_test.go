package process_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
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
	// content lists the effects, each as often as it is there.
	content func(ctx context.Context) ([]string, error)
	// takeBack is a person's, who removes an effect by hand.
	takeBack func(effect string) error
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
