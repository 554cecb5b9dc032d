// Package javatest makes audit tables as Flamingock's Java edition does: the same
// key and capacity, and rows with the attributes and texts that its bean has. It
// has been written from that bean's source, and not been compared with a running
// Java edition.
package javatest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing" //nolint:depguard // this package is for tests
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// Item is one row as DynamoDB has it.
type Item = map[string]types.AttributeValue

// Text is an attribute.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Number is an attribute.
func Number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// Bool is an attribute.
func Bool(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }

// Row makes the row that a template change's transition leaves. Nulls are left out,
// as the Java edition's mapper does.
func Row(execution, id, order string, state core.State, at time.Time) Item {
	item := Item{
		"partitionKey": Text(execution + "#" + id + "#" + string(state)),
		"executionId":  Text(execution), "stageId": Text("java-stage"), "changeId": Text(id), "author": Text("ann"),
		"createdAt": Text(LocalDateTime(at)), "state": Text(string(state)), "type": Text("STANDARD_TEMPLATE"),
		"invokedClass": Text("io.flamingock.template.sql.SqlTemplate"), "invokedMethod": Text("apply"), "sourceFile": Text("_" + order + "__" + id + ".yaml"),
		"metadata": Text("{}"), "executionMillis": Number(0), "executionHostname": Text("host-1"), "errorTrace": Text(""), "systemChange": Bool(false),
		"txStrategy": Text("NON_TX"), "targetSystemId": Text("app"), "changeOrder": Text(order), "recoveryStrategy": Text("MANUAL_INTERVENTION"), "transactionFlag": Bool(true),
	}
	switch state {
	case core.StateApplied:
		item["executionMillis"] = Number(5)
	case core.StateFailed:
		item["errorTrace"] = Text(`{"type":"java.lang.RuntimeException","message":"boom","rootCause":"java.sql.SQLException: no table","stackTrace":["io.flamingock.A.b(A.java:1)"]}`)
	case core.StateRolledBack, core.StateRollbackFailed:
		item["invokedMethod"] = Text("rollback")
	default:
	}
	return item
}

// Change makes the rows of one execution of a change, 5 ms apart.
func Change(id, order string, at time.Time, states ...core.State) []Item {
	var out []Item
	for i, s := range states {
		out = append(out, Row("exec-"+order, id, order, s, at.Add(time.Duration(i)*5*time.Millisecond)))
	}
	return out
}

// LocalDateTime prints a time as Java's LocalDateTime does.
func LocalDateTime(t time.Time) string {
	switch n := t.Nanosecond(); {
	case n == 0 && t.Second() == 0:
		return t.Format("2006-01-02T15:04")
	case n == 0:
		return t.Format("2006-01-02T15:04:05")
	case n%1e6 == 0:
		return t.Format("2006-01-02T15:04:05.000")
	case n%1e3 == 0:
		return t.Format("2006-01-02T15:04:05.000000")
	}
	return t.Format("2006-01-02T15:04:05.000000000")
}

var tables atomic.Int64

// Table makes an audit table with these rows, and deletes it after the test.
func Table(t testing.TB, cfg aws.Config, rows ...Item) string {
	t.Helper()
	name := fmt.Sprintf("flamingockAuditLog-%d-%d", os.Getpid(), tables.Add(1))
	Make(t, cfg, name, []types.KeySchemaElement{{AttributeName: aws.String("partitionKey"), KeyType: types.KeyTypeHash}})
	Put(t, cfg, name, rows...)
	return name
}

// Make makes a table with any keys, which are texts.
func Make(t testing.TB, cfg aws.Config, name string, keys []types.KeySchemaElement) {
	t.Helper()
	ctx, client := context.WithoutCancel(t.Context()), dynamodb.NewFromConfig(cfg)
	in := &dynamodb.CreateTableInput{
		TableName: &name, KeySchema: keys,
		ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5)},
	}
	for _, k := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: k.AttributeName, AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := client.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	if err := dynamodb.NewTableExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
}

// Put writes rows, over those of the same key.
func Put(t testing.TB, cfg aws.Config, table string, rows ...Item) {
	t.Helper()
	client := dynamodb.NewFromConfig(cfg)
	for len(rows) > 0 {
		n := min(len(rows), 25)
		var puts []types.WriteRequest
		for _, r := range rows[:n] {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: r}})
		}
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: puts}})
		if err != nil || len(out.UnprocessedItems) > 0 {
			t.Fatalf("%d left: %v", len(out.UnprocessedItems), err)
		}
		rows = rows[n:]
	}
}
