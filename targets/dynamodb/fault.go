package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// notCommitted says what became of a change's transaction. Its items are the fence,
// the marker, and then writes of the change.
func (t *Target) notCommitted(ctx context.Context, err error, unanswered bool, writes int) error {
	if unanswered {
		return core.Unknown(t.explain(err))
	}
	if collided(err) {
		return t.busy(err)
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		reasons := cancelled.CancellationReasons
		switch {
		case failed(reasons, 0):
			return core.ErrLeaseLost
		case failed(reasons, 1):
			return core.ErrMarked
		}
		if no := refusal(reasons, own, writes); no != nil {
			return no
		}
		return t.explain(err)
	}
	if missing := t.checkMarkers(ctx, err); missing != nil {
		return missing
	}
	return t.refused(err)
}

// busy says that a request was refused for load, or collided with other writes, for
// as long as we had patience.
func (t *Target) busy(err error) error {
	if awsclient.KindOf(err) == awsclient.Throttled {
		return t.explain(err)
	}
	return &core.BusyError{System: t.system(), Err: t.explain(err)}
}

func failed(reasons []types.CancellationReason, i int) bool {
	return i < len(reasons) && aws.ToString(reasons[i].Code) == "ConditionalCheckFailed"
}

// refusal finds the first of n writes, the first at from, that was refused.
func refusal(reasons []types.CancellationReason, from, n int) error {
	for i := from; i < min(from+n, len(reasons)); i++ {
		switch code := aws.ToString(reasons[i].Code); code {
		case "", "None":
		case "ConditionalCheckFailed":
			return &core.RefusedError{Item: i - from + 1, Reason: "its condition is not met"}
		default:
			return &core.RefusedError{Item: i - from + 1, Reason: code + ": " + core.Cap(aws.ToString(reasons[i].Message), 500)}
		}
	}
	return nil
}

// refused gives an answer that refuses a whole request its meaning.
func (t *Target) refused(err error) error {
	var missing *types.ResourceNotFoundException
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing):
		return &core.RefusedError{Reason: "a table does not exist", Err: t.explain(err)}
	case awstarget.CodeOf(err) == "ValidationException":
		return &core.RefusedError{Reason: "DynamoDB does not take it", Err: t.explain(err)}
	}
	return t.explain(err)
}

// explain gives the error of a call its class.
func (t *Target) explain(err error) error {
	if err == nil {
		return nil
	}
	return awsclient.Explain(t.system(), err)
}

// markerFault explains an error of a call about the marker table alone.
func (t *Target) markerFault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !awstarget.Answered(err) {
		return fmt.Errorf("%s: %w: %w", t.system(), context.Cause(ctx), err)
	}
	if found := t.checkMarkers(ctx, err); found != nil {
		return found
	}
	if collided(err) {
		return t.busy(err)
	}
	return t.explain(err)
}

// checkMarkers looks at the marker table after an error that it may be the reason of.
func (t *Target) checkMarkers(ctx context.Context, err error) error {
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) && awstarget.CodeOf(err) != "ValidationException" {
		return nil
	}
	client, table, err := t.markers(ctx)
	if err != nil {
		return err
	}
	var found *core.ConfigError
	if err := t.pingMarkers(ctx, client, table); errors.As(err, &found) {
		return found
	}
	return nil
}

// createMarkerTable says how.
const createMarkerTable = "create it with the partition key pk (S) and the sort key sk (S): aws dynamodb create-table --billing-mode PAY_PER_REQUEST " +
	"--attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE --table-name …"

// Ping asks DynamoDB whether it is there, and looks at the marker table.
func (t *Target) Ping(ctx context.Context) error {
	if t.hasMarkers {
		client, table, err := t.markers(ctx)
		if err != nil {
			return err
		}
		return t.pingMarkers(ctx, client, table)
	}
	client, err := t.open(ctx)
	if err != nil {
		return err
	}
	_, err = get(ctx, func(ctx context.Context) (*sdk.ListTablesOutput, error) {
		return client.ListTables(ctx, &sdk.ListTablesInput{Limit: aws.Int32(1)}, ours)
	})
	if err != nil && awsclient.KindOf(err) == awsclient.Denied {
		return nil // it is there and knows us; to list tables is no right that changes need
	}
	return t.explain(err)
}

func (t *Target) pingMarkers(ctx context.Context, client *sdk.Client, table string) error {
	out, err := get(ctx, func(ctx context.Context) (*sdk.DescribeTableOutput, error) {
		return client.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &table}, ours)
	})
	fault := &core.ConfigError{Key: "targetSystems." + t.id + ".markerTable", Next: createMarkerTable}
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		fault.Reason = "table " + table + " does not exist"
		return fault
	case awstarget.CodeOf(err) == "ValidationException":
		fault.Reason, fault.Err = "table "+table+" cannot be used", t.explain(err)
		return fault
	case err != nil:
		return t.explain(err)
	}
	switch d := out.Table; {
	case keysOf(d) != "pk (S), sk (S)":
		fault.Reason = fmt.Sprintf("the keys of table %s are %s, not pk (S), sk (S)", table, keysOf(d))
		return fault
	case len(d.Replicas) > 0 || aws.ToString(d.GlobalTableVersion) == "2017.11.29":
		fault.Reason, fault.Next = "table "+table+" is a global table: its Regions would not see each other's fences", "use a table of one Region"
		return fault
	case d.TableStatus == types.TableStatusCreating || d.TableStatus == types.TableStatusDeleting:
		return &core.UnavailableError{System: t.system(), Err: fmt.Errorf("table %s is %s", table, d.TableStatus)}
	}
	return nil
}

// keysOf returns a table's keys in words, the partition key first.
func keysOf(d *types.TableDescription) string {
	return keysIn(d.KeySchema, d.AttributeDefinitions)
}

func keysIn(schema []types.KeySchemaElement, attributes []types.AttributeDefinition) string {
	typ := map[string]types.ScalarAttributeType{}
	for _, a := range attributes {
		typ[aws.ToString(a.AttributeName)] = a.AttributeType
	}
	keys := make([]string, 0, len(schema))
	for _, k := range schema {
		n := aws.ToString(k.AttributeName)
		keys = append(keys, fmt.Sprintf("%s (%s)", n, typ[n]))
	}
	return strings.Join(keys, ", ")
}
