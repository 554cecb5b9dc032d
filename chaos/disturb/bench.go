//go:build unix

package disturb

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing" //nolint:depguard // this package is for tests
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/pgtest"     //nolint:depguard // this package is for tests
	"github.com/flamingock/flamingock-go/internal/standstill" //nolint:depguard // this package is for tests
)

// Full reports whether the tests are to run without the bounds of go test.
func Full() bool { return os.Getenv(report.Bound) == report.Full }

// buildTimeout bounds how long the command line may take to build.
const buildTimeout = 5 * time.Minute

// Lab is what the tests of a package share: the command line with failpoints, built
// once, and a PostgreSQL server. Keep one in a variable and call [Lab.Run] in
// TestMain.
type Lab struct {
	Postgres pgtest.Server

	once   sync.Once
	dir    string
	binary string
	err    error
}

// How many tests of a package run at once. They mostly wait; but with too many cases of
// them at work, leases run out.
const atOnce = "3"

// Run runs the tests, then stops and removes what the lab made.
func (l *Lab) Run(m *testing.M) int {
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err) // there is no such flag any more
	}
	defer func() {
		l.Postgres.Stop()
		if l.dir != "" {
			os.RemoveAll(l.dir)
		}
	}()
	return m.Run()
}

// BinaryVariable names the environment variable with a command line that was built
// before, with the tag failpoint.
const BinaryVariable = "FLAMINGOCK_CHAOS_BINARY"

// Binary builds the command line with the tag failpoint, without the race detector.
func (l *Lab) Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(BinaryVariable); path != "" {
		return path
	}
	l.once.Do(func() { l.err = l.build() })
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.binary
}

func (l *Lab) build() error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	var err error
	if l.dir, err = os.MkdirTemp("", "flamingock-chaos"); err != nil {
		return err
	}
	l.binary = filepath.Join(l.dir, "flamingock")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "failpoint", "-o", l.binary, "github.com/flamingock/flamingock-go/container")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the command line: %w\n%s", err, out)
	}
	return nil
}

// Bench is a lab with the servers that the worlds of one test need.
type Bench struct {
	*Lab
	// Path of the command line.
	Path string
	// DSN of the database, and DynamoDB's endpoint; "" when not asked for.
	DSN, Endpoint string
	// Ledgers is the table of the audit store, Things the one that changes write to.
	Ledgers, Things string
	// AWS is the configuration of clients of the simulator.
	AWS aws.Config
	// Reader asks a ledger without a process, for those who ask often. Nil: nobody does.
	Reader func(t testing.TB, w *World, args ...string) End

	db      *sql.DB
	client  *dynamodb.Client
	pulse   *standstill.Pulse
	ledgers atomic.Int64
}

// Needs says which servers a test cannot do without. Without them it is skipped.
type Needs struct{ Postgres, DynamoDB bool }

// NewBench makes a database and tables, which are dropped when the test ends.
func (l *Lab) NewBench(t testing.TB, n Needs) *Bench {
	t.Helper()
	b := &Bench{Lab: l}
	if n.DynamoDB {
		b.AWS = awstest.DynamoDB(t)
		b.Endpoint, b.client = *b.AWS.BaseEndpoint, dynamodb.NewFromConfig(b.AWS)
		b.Ledgers, b.Things = b.newTable(t, "ledgers"), b.newTable(t, "things")
	}
	if n.Postgres {
		b.DSN = l.Postgres.Database(t)
		db, err := sql.Open("pgx", b.DSN)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(4)
		t.Cleanup(func() { db.Close() })
		b.db = db
		for _, q := range []string{createEffects, "CREATE INDEX ON effects (ledger)"} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.Path = l.Binary(t)
	b.feelPulse(t)
	return b
}

// Try runs a case, again if the machine stood still: see [standstill.Pulse.Try].
func (b *Bench) Try(t testing.TB, lease time.Duration, f func(t testing.TB, lease time.Duration)) (again int) {
	t.Helper()
	return b.pulse.Try(t, lease, f)
}

// feelPulse feels the pulse of the machine and of the bench's servers.
func (b *Bench) feelPulse(t testing.TB) {
	b.pulse = standstill.Feel(t, 8)
	if b.client != nil {
		b.pulse.Ask(t, "DynamoDB", func(ctx context.Context) error {
			_, err := b.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.Things, Item: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "pulse"}, "sk": &types.AttributeValueMemberS{Value: "pulse"},
			}}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
			return err
		})
	}
	if b.db != nil {
		db, err := sql.Open("pgx", b.DSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		b.pulse.AskSQL(t, "PostgreSQL", db)
	}
}

// newTable makes a table with the keys of an audit store.
func (b *Bench) newTable(t testing.TB, what string) string {
	t.Helper()
	name := fmt.Sprintf("chaos-%s-%d-%d", what, os.Getpid(), time.Now().UnixNano())
	_, err := b.client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}, {AttributeName: aws.String("sk"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}, {AttributeName: aws.String("sk"), KeyType: "RANGE"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := dynamodb.NewTableExistsWaiter(b.client).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context has ended by now
		defer cancel()
		if _, err := b.client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}

// errMissing says that the bench was made without the server that a world needs.
var errMissing = errors.New("the bench was made without this server: see Needs")
