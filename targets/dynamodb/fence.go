package dynamodb

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// The marker table has the keys of an audit store's and none of its items: no
// ledger's name begins with the prefix.
const (
	attrPK = "pk"
	attrSK = "sk"
	prefix = "#flamingock#"

	fenceKey  = "#FENCE"
	markerKey = "MARKER#"

	attrToken = "token"
	attrN     = "n"
	attrOwner = "owner"
)

func itemKey(ledgerID, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		attrPK: &types.AttributeValueMemberS{Value: prefix + ledgerID},
		attrSK: &types.AttributeValueMemberS{Value: sk},
	}
}

// RaiseFence raises the fence of a ledger to f.
func (t *Target) RaiseFence(ctx context.Context, f core.Fence) error {
	client, table, err := t.markers(ctx)
	if err != nil {
		return err
	}
	u, err := fenceUpdate(table, f)
	if err != nil {
		return err
	}
	// Raising it once more to the same height changes nothing: it may be sent again.
	_, err = awstarget.Call{Later: collided, Resend: true, Send: func(ctx context.Context) error {
		_, err := client.UpdateItem(ctx, &sdk.UpdateItemInput{
			TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
			ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues,
		}, ours)
		return err
	}}.Do(ctx)
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return core.ErrLeaseLost
	}
	return t.markerFault(ctx, err)
}

// fenceUpdate writes the fence where it is not higher than f.
func fenceUpdate(table string, f core.Fence) (*types.Update, error) {
	token, n, owner := expression.Name(attrToken), expression.Name(attrN), expression.Name(attrOwner)
	expr, err := expression.NewBuilder().
		WithUpdate(expression.Set(token, expression.Value(f.Token)).Set(n, expression.Value(f.N)).Set(owner, expression.Value(f.Owner))).
		WithCondition(expression.AttributeNotExists(token).
			Or(token.LessThan(expression.Value(f.Token))).
			Or(token.Equal(expression.Value(f.Token)).And(owner.Equal(expression.Value(f.Owner)), n.LessThanEqual(expression.Value(f.N))))).
		Build()
	if err != nil {
		return nil, err
	}
	return &types.Update{
		TableName: &table, Key: itemKey(f.LedgerID, fenceKey), UpdateExpression: expr.Update(), ConditionExpression: expr.Condition(),
		ExpressionAttributeNames: expr.Names(), ExpressionAttributeValues: expr.Values(),
	}, nil
}

// checkFence reads the fence, so that a former holder hears of it before it works.
// What keeps it out is the commit.
func (t *Target) checkFence(ctx context.Context, client *sdk.Client, table string, f core.Fence) error {
	out, err := get(ctx, func(ctx context.Context) (*sdk.GetItemOutput, error) {
		return client.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: itemKey(f.LedgerID, fenceKey), ConsistentRead: aws.Bool(true)}, ours)
	})
	if err != nil {
		return t.markerFault(ctx, err)
	}
	if len(out.Item) == 0 {
		return nil
	}
	token, n, owner := number(out.Item[attrToken]), number(out.Item[attrN]), ""
	if s, ok := out.Item[attrOwner].(*types.AttributeValueMemberS); ok {
		owner = s.Value
	}
	if token > f.Token || token == f.Token && (owner != f.Owner || n > f.N) {
		return core.ErrLeaseLost
	}
	return nil
}

// number is what an attribute of ours holds; a damaged one is higher than any.
func number(v types.AttributeValue) uint64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return ^uint64(0)
	}
	i, err := strconv.ParseUint(n.Value, 10, 64)
	if err != nil {
		return ^uint64(0)
	}
	return i
}
