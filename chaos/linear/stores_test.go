package linear_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/chaos/linear"
	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/filestore"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/dynamo"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// place makes stores of one kind.
type place struct {
	name string
	// begin makes one store. Its handles share nothing in memory where processes
	// would not, and those over losses have a bad network.
	begin func(t *testing.T) (over func(*losses) core.AuditStore)
	// contends and runs are how many histories there is time for: every day, and in a
	// full run.
	contends, runs bound
}

type bound struct{ day, full int }

func (b bound) now() int {
	if os.Getenv(report.Bound) == report.Full {
		return b.full
	}
	return b.day
}

func places() []place {
	return []place{
		{"memstore", inMemory, bound{200, 8000}, bound{4, 60}},
		{"filestore", inFile, bound{20, 200}, bound{4, 30}},
		{"dynamodb", inDynamoDB, bound{12, 70}, bound{4, 30}},
	}
}

func inMemory(*testing.T) func(*losses) core.AuditStore {
	s := memstore.New()
	return func(l *losses) core.AuditStore {
		if l == nil {
			return s
		}
		return lossyStore{s, l}
	}
}

// inFile opens the file a few times, and no more often: SQLite's connections are
// dear, and what is checked is what several of them do.
func inFile(t *testing.T) func(*losses) core.AuditStore {
	path := filepath.Join(t.TempDir(), "audit.db")
	var mu sync.Mutex
	var handles []core.AuditStore
	n := 0
	return func(l *losses) core.AuditStore {
		mu.Lock()
		defer mu.Unlock()
		if len(handles) < 6 {
			s, err := filestore.Open(context.Background(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			handles = append(handles, s)
		}
		n++
		s := handles[n%len(handles)]
		if l == nil {
			return s
		}
		return lossyStore{s, l}
	}
}

func inDynamoDB(t *testing.T) func(*losses) core.AuditStore {
	cfg := awstest.DynamoDB(t)
	table := newTable(t, cfg)
	network := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(network.CloseIdleConnections)
	return func(l *losses) core.AuditStore {
		c := cfg.Copy()
		c.HTTPClient = &http.Client{Transport: network}
		if l != nil {
			c.HTTPClient = &http.Client{Transport: wire{l, network}}
		}
		return dynamo.New(c, table, dynamo.Options{})
	}
}

func newTable(t *testing.T, cfg aws.Config) string {
	t.Helper()
	name := fmt.Sprintf("flamingock-linear-%d-%d", os.Getpid(), time.Now().UnixNano())
	client := dynamodb.NewFromConfig(cfg)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}, {AttributeName: aws.String("sk"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}, {AttributeName: aws.String("sk"), KeyType: "RANGE"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := dynamodb.NewTableExistsWaiter(client).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}

// TestContenders checks histories of clients that ask for anything, over a network
// that loses a tenth of it.
func TestContenders(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			over := p.begin(t)
			r := newRow("linear/contenders/" + p.name)
			for _, seed := range seeds(t, p.contends.now()) {
				ledger := fmt.Sprintf("linear/%d", seed)
				h, l := new(linear.History), newLosses(seed, 0.1)
				contend(t.Context(), h, ledger, seed, func() core.AuditStore { return over(l) })
				l.heal()
				settle(t, h, over(nil), ledger)
				r.judge(t, h, seed)
			}
			r.report(t, "4 clients, valid and stale requests, a tenth lost or late")
		})
	}
}
