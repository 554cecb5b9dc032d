package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

func dynamoDB(tb server) *system {
	cfg, table := awstest.DynamoDB(tb), ours()
	client := dynamodb.NewFromConfig(cfg)
	makeTable(tb, client, table, "pk")
	makeTable(tb, client, table+"-markers", "pk", "sk")
	return &system{
		name: "dynamodb", operation: "`dynamodb-items`, a put, with a marker table", addr: hostOf(tb, cfg), speaks: overHTTP,
		extra:  "the fence is read; the put is in a transaction with the fence, a marker, and the deletion of the marker of the change before",
		config: awsConfig(tb, "dynamodb", "markerTable: "+table+"-markers"),
		change: func(n int) string {
			return fmt.Sprintf("template: dynamodb-items\napply:\n  - put: { table: %s, item: { pk: c-%d, state: open, total: 12.50 }, condition: attribute_not_exists(pk) }\n"+
				"rollback:\n  - delete: { table: %s, key: { pk: c-%d } }\n", table, n, table, n)
		},
		client: func(_ context.Context, addr string) (bare, error) {
			b := &bareDynamoDB{client: dynamodb.NewFromConfig(awstest.Config("http://" + addr)), table: table}
			return bareAWS{b.same, b.plain}, nil
		},
	}
}

func makeTable(tb server, client *dynamodb.Client, table string, keys ...string) {
	in := &dynamodb.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest}
	for i, k := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(k), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(k), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]})
	}
	_, err := client.CreateTable(tb.Context(), in)
	must(tb, err)
	tb.Cleanup(func() {
		_, err := client.DeleteTable(later(tb), &dynamodb.DeleteTableInput{TableName: &table})
		must(tb, err)
	})
	must(tb, dynamodb.NewTableExistsWaiter(client).Wait(tb.Context(), &dynamodb.DescribeTableInput{TableName: &table}, time.Minute))
}

type bareDynamoDB struct {
	client *dynamodb.Client
	table  string
	last   int // the number of the change before
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func (b *bareDynamoDB) key(sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text("#flamingock#bench/000000"), "sk": text(sk)}
}

func (b *bareDynamoDB) marker(n int) map[string]types.AttributeValue {
	return b.key(fmt.Sprintf("MARKER#%s#%020d", changeID(n), n))
}

// same does what targets/dynamodb does.
func (b *bareDynamoDB) same(ctx context.Context, n int) error {
	markers := b.table + "-markers"
	_, err := b.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &markers, Key: b.key("#FENCE"), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	one := &types.AttributeValueMemberN{Value: "1"}
	items := []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &markers, Key: b.key("#FENCE"), UpdateExpression: aws.String("SET #0 = :0, #1 = :1, #2 = :2"),
			ConditionExpression:       aws.String("(attribute_not_exists (#0)) OR (#0 < :3) OR ((#0 = :4) AND (#2 = :5) AND (#1 <= :6))"),
			ExpressionAttributeNames:  map[string]string{"#0": "token", "#1": "n", "#2": "owner"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":0": one, ":1": one, ":2": text(fenceOwner), ":3": one, ":4": one, ":5": text(fenceOwner), ":6": one},
		}},
		{Put: &types.Put{TableName: &markers, Item: b.marker(n), ConditionExpression: aws.String("attribute_not_exists(pk)")}},
		{Put: &types.Put{TableName: &b.table, Item: b.item(n), ConditionExpression: aws.String("attribute_not_exists(pk)")}},
	}
	if b.last > 0 {
		items = append(items, types.TransactWriteItem{Delete: &types.Delete{TableName: &markers, Key: b.marker(b.last)}})
	}
	b.last = n
	_, err = b.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
	return err
}

func (b *bareDynamoDB) item(n int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text(fmt.Sprintf("c-%d", n)), "state": text("open"), "total": &types.AttributeValueMemberN{Value: "12.50"}}
}

func (b *bareDynamoDB) plain(ctx context.Context, n int) error {
	_, err := b.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.table, Item: b.item(n), ConditionExpression: aws.String("attribute_not_exists(pk)")})
	return err
}
