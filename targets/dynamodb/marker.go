package dynamodb

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

func markerItem(m core.Marker) map[string]types.AttributeValue {
	return itemKey(m.LedgerID, fmt.Sprintf("%s%s#%020d", markerKey, m.ChangeID, m.Seq))
}

// Marked reports whether the marker is there.
func (t *Target) Marked(ctx context.Context, m core.Marker) (bool, error) {
	client, table, err := t.markers(ctx)
	if err != nil {
		return false, err
	}
	out, err := get(ctx, func(ctx context.Context) (*sdk.GetItemOutput, error) {
		return client.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: markerItem(m), ConsistentRead: aws.Bool(true)}, ours)
	})
	if err != nil {
		return false, t.markerFault(ctx, err)
	}
	return len(out.Item) > 0, nil
}

// PutMarker writes the marker, whether or not it is there.
func (t *Target) PutMarker(ctx context.Context, m core.Marker) error {
	client, table, err := t.markers(ctx)
	if err != nil {
		return err
	}
	_, err = awstarget.Call{Later: collided, Resend: true, Send: func(ctx context.Context) error {
		_, err := client.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: markerItem(m)}, ours)
		return err
	}}.Do(ctx)
	return t.markerFault(ctx, err)
}

// DeleteMarkers deletes markers one by one: who fails halfway leaves some behind,
// which do no harm.
func (t *Target) DeleteMarkers(ctx context.Context, ms []core.Marker) error {
	if len(ms) == 0 {
		return nil
	}
	client, table, err := t.markers(ctx)
	if err != nil {
		return err
	}
	for _, m := range ms {
		if _, err := (awstarget.Call{Later: collided, Resend: true, Send: func(ctx context.Context) error {
			_, err := client.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: &table, Key: markerItem(m)}, ours)
			return err
		}}).Do(ctx); err != nil {
			return t.markerFault(ctx, err)
		}
	}
	return nil
}
