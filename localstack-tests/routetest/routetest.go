// Package routetest tests a route to an AWS simulator: that it gives a server that
// does what tests want of one, on loopback only, until it is stopped.
package routetest

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing" //nolint:depguard // this package is for tests

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

// Test starts the route's server, uses it and stops it. It skips where the route is
// not to be had.
func Test(t *testing.T, r route.Route) {
	t.Helper()
	server, err := r.Start(t.Context())
	if lacking := (*route.UnavailableError)(nil); errors.As(err, &lacking) {
		t.Skipf("needs what the route %s needs: %v", r.Name(), err)
	} else if err != nil {
		t.Fatal(err)
	}
	running := true
	stop := func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); running && err != nil {
			t.Errorf("stop: %v", err)
		}
		running = false
	}
	defer func() {
		if t.Failed() {
			t.Logf("the end of its log:\n%s", server.Said())
		}
		if running {
			stop()
		}
	}()

	if err := server.Answers(t.Context()); err != nil {
		t.Errorf("a new server does not answer: %v", err)
	}
	base := server.LocalStack + server.DynamoDB // one of them is ""
	useTable(t, base)
	hidden(t, base)
	stop()
	if err := server.Answers(context.WithoutCancel(t.Context())); err == nil {
		t.Error("it answers after it was stopped")
	}
}

// useTable makes a table, writes an item and reads it.
func useTable(t *testing.T, base string) {
	t.Helper()
	ctx, client := t.Context(), dynamodb.NewFromConfig(awstest.Config(base))
	table := aws.String("routetest")
	if _, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Errorf("create a table: %v", err)
		return
	}
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
	put := &dynamodb.PutItemInput{TableName: table, Item: key, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if _, err := client.PutItem(ctx, put); err != nil {
		t.Errorf("put: %v", err)
	}
	if got, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key}); err != nil || len(got.Item) != 1 {
		t.Errorf("get: %v, %v", got, err)
	}
	exists := (*types.ConditionalCheckFailedException)(nil)
	if _, err := client.PutItem(ctx, put); !errors.As(err, &exists) {
		t.Errorf("put again: %v, want the condition's failure", err)
	}
}

// hidden checks that other machines cannot reach the server.
func hidden(t *testing.T, base string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			at := net.JoinHostPort(n.IP.String(), u.Port())
			if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at); err == nil {
				t.Errorf("others reach it at %s", at)
				_ = c.Close() //nolint:errcheck // it should not be
			}
		}
	}
}
