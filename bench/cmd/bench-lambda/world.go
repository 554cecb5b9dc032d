package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// changes is how many the bundle has.
const changes = 10

const apply = `{"flamingock":"v1","operation":"apply"}`

// world is a bundle of changes, and LocalStack with the table that they are of.
type world struct {
	dir, endpoint, table string
	client               *dynamodb.Client
}

func newWorld(ctx context.Context, endpoint, dir string) (*world, error) {
	w := &world{dir: dir, endpoint: endpoint, table: fmt.Sprintf("flamingock-bench-lambda-%d", os.Getpid()), client: dynamodb.NewFromConfig(awstest.Config(endpoint))}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "changes"), 0o755); err != nil {
		return nil, err
	}
	files := map[string]string{"flamingock.yaml": fmt.Sprintf("ledger: bench/lambda\nauditStore: { dynamodb: { table: %s } }\n"+
		"stages: [{ name: main, location: changes }]\ntargetSystems: { items: { type: dynamodb } }\n", w.table)}
	for i := range changes {
		files[fmt.Sprintf("changes/_%04d__c%d.yaml", i, i)] = fmt.Sprintf("id: c%d\nauthor: bench\ntemplate: dynamodb-items\ntargetSystem: items\n"+
			"apply:\n  - put: { table: %s-items, item: { pk: c%d } }\n", i, w.table, i)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := w.create(ctx, w.table, "pk", "sk"); err != nil {
		return nil, err
	}
	return w, w.create(ctx, w.table+"-items", "pk")
}

func (w *world) create(ctx context.Context, table string, keys ...string) error {
	in := &dynamodb.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest}
	for i, k := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(k), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(k), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]})
	}
	if _, err := w.client.CreateTable(ctx, in); err != nil {
		return err
	}
	return dynamodb.NewTableExistsWaiter(w.client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &table}, time.Minute)
}

func (w *world) close(ctx context.Context) error {
	for _, table := range []string{w.table, w.table + "-items"} {
		if _, err := w.client.DeleteTable(context.WithoutCancel(ctx), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			return err
		}
	}
	return nil
}

// env is the environment of a function, and nothing of this process's.
func (w *world) env(more ...string) []string {
	return append([]string{
		"LAMBDA_TASK_ROOT=" + w.dir, "AWS_LAMBDA_FUNCTION_NAME=flamingock", "AWS_REGION=" + awstest.Region, "AWS_ENDPOINT_URL=" + w.endpoint,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "HOME=" + w.dir, "PATH=/usr/bin:/bin",
	}, more...)
}
