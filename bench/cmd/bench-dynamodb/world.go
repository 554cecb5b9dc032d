package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/dynamo"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// world is a table on a simulator.
type world struct {
	sim    simulator
	table  string
	client *dynamodb.Client
}

func newWorld(ctx context.Context, sim simulator) (*world, error) {
	w := &world{sim: sim, table: fmt.Sprintf("flamingock-bench-%d", os.Getpid()), client: dynamodb.NewFromConfig(awstest.Config(sim.url))}
	_, err := w.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &w.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}, {AttributeName: aws.String("sk"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}, {AttributeName: aws.String("sk"), KeyType: "RANGE"}},
	})
	if err != nil {
		return nil, err
	}
	return w, dynamodb.NewTableExistsWaiter(w.client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &w.table}, time.Minute)
}

func (w *world) close(ctx context.Context) error {
	_, err := w.client.DeleteTable(context.WithoutCancel(ctx), &dynamodb.DeleteTableInput{TableName: &w.table})
	return err
}

// wire watches what a client sends.
type wire struct {
	next     http.RoundTripper
	capacity bool // add up what requests cost

	mu          sync.Mutex
	requests    []*http.Request
	bodies      [][]byte
	read, write float64
}

func newWire() *wire {
	return &wire{next: &http.Transport{MaxIdleConnsPerHost: 64}}
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	w.mu.Lock()
	w.requests, w.bodies = append(w.requests, r), append(w.bodies, body)
	w.mu.Unlock()
	resp, err := w.next.RoundTrip(r)
	if err != nil || !w.capacity {
		return resp, err
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	read, write := units(r.Header.Get("X-Amz-Target"), body, answer)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read, w.write = w.read+read, w.write+write
	return resp, nil
}

// changes are n changes that do nothing, so that only the record costs.
func changes(n int, done func(id string)) []core.Stage {
	s := core.Stage{Name: "main"}
	for i := range n {
		id := fmt.Sprintf("create-table-number-%05d", i+1)
		s.Changes = append(s.Changes, core.Change{
			ID: id, Order: fmt.Sprintf("%05d", i+1), Author: "payments-team", TargetSystem: "orders-db", Revision: "1",
			Apply: core.StepFor(func(context.Context, struct{}) error {
				if done != nil {
					done(id)
				}
				return nil
			}),
		})
	}
	return []core.Stage{s}
}

// apply runs n changes on a ledger. With n = 0 there is one, which is applied.
func (w *world) apply(ctx context.Context, over *wire, ledger string, n int, done func(id string)) (*run.Report, error) {
	cfg := awstest.Config(w.sim.url)
	cfg.HTTPClient = &http.Client{Transport: over}
	r, err := run.New(run.Options{
		Ledger: ledger, Store: dynamo.New(cfg, w.table, dynamo.Options{}), Stages: changes(n, done),
		Targets: map[string]core.Target{"orders-db": core.NewClientTarget("orders-db", struct{}{})},
		Trigger: core.Trigger{Kind: "codepipeline", ID: "6f1a2b3c-0000-4444-8888-0123456789ab"}, Principal: "arn:aws:sts::123456789012:assumed-role/flamingock/deploy", Version: "1.0.0", Host: "169.254.76.1",
	})
	if err != nil {
		return nil, err
	}
	return r.Apply(ctx, run.ApplyOptions{})
}
