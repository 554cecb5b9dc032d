package dynamodb

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

const (
	// maxTransaction is what DynamoDB takes in one transaction; own is the fence and
	// the marker.
	maxTransaction = 100
	own            = 2
	// maxWrites is what always fits beside our own, also in the audit store's
	// transaction (dynamo.Store.AppendShared).
	maxWrites = 95
)

// Transact runs one change and commits it with its marker and the fence in one
// TransactWriteItems. See core.TxTarget.
func (t *Target) Transact(ctx context.Context, c core.Transaction) error {
	client, table, err := t.markers(ctx)
	if err != nil {
		return err
	}
	if err := t.checkFence(ctx, client, table, c.Fence); err != nil {
		return err
	}
	tx := &Tx{target: t}
	if err := c.Work(ctx, tx); err != nil {
		return err
	}
	writes := tx.collected()
	if err := fits(writes, table); err != nil {
		return err
	}
	items, left, err := ownItems(table, c, maxTransaction-len(writes))
	if err != nil {
		return err
	}
	guard := func(ctx context.Context) error {
		if c.Guard != nil {
			if err := c.Guard(ctx); err != nil {
				return err
			}
		}
		if ctx.Err() != nil { // whoever ended it counts on nothing being committed
			return context.Cause(ctx)
		}
		return nil
	}
	if err := guard(ctx); err != nil {
		return err
	}
	items = slices.Concat(items[:own], writes, items[own:])
	// Never sent again without an answer: the first may still arrive, after the marker
	// that would refuse it is gone. Only a raised fence keeps it out then.
	var stop error
	failpoint.Hit(failpoint.TargetCommitting)
	unanswered, err := awstarget.Call{Later: collided, Commits: true, Before: func(ctx context.Context) error { stop = guard(ctx); return stop }, Send: func(ctx context.Context) error {
		_, err := client.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{TransactItems: items}, ours)
		return err
	}}.Do(ctx)
	failpoint.Hit(failpoint.TargetCommitted)
	if stop != nil {
		return stop
	}
	if err != nil {
		return t.notCommitted(ctx, err, unanswered, len(writes))
	}
	if len(left) > 0 {
		_ = t.DeleteMarkers(ctx, left) //nolint:errcheck // the change is committed; markers that stay do no harm
	}
	return nil
}

// fits checks what DynamoDB would refuse, and what is not the change's to write.
func fits(writes []types.TransactWriteItem, markerTable string) error {
	if room := maxTransaction - own; len(writes) > room {
		return &core.RefusedError{Reason: fmt.Sprintf("%d writes do not fit into one transaction, %d do: split the change, or set transactional: false", len(writes), room)}
	}
	for i := range writes {
		if dynamoapi.TableOf(&writes[i]) == dynamoapi.NameOf(markerTable) {
			return &core.RefusedError{Item: i + 1, Reason: "it is in the marker table"}
		}
	}
	return nil
}

// ownItems are the fence, the marker, and the deletions of as many settled markers
// as there is room for; left are the other ones.
func ownItems(table string, c core.Transaction, room int) (items []types.TransactWriteItem, left []core.Marker, err error) {
	fence, err := fenceUpdate(table, c.Fence)
	if err != nil {
		return nil, nil, err
	}
	items = append(items, types.TransactWriteItem{Update: fence}, types.TransactWriteItem{Put: &types.Put{
		TableName: &table, Item: markerItem(c.Marker), ConditionExpression: aws.String("attribute_not_exists(" + attrPK + ")"),
	}})
	for i, m := range c.Settled {
		if len(items) == room {
			return items, c.Settled[i:], nil
		}
		items = append(items, types.TransactWriteItem{Delete: &types.Delete{TableName: &table, Key: markerItem(m)}})
	}
	return items, nil, nil
}
