package dynamodb

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

// ours is how this package calls: what may be sent again it knows better.
func ours(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// get sends a read.
func get[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	return awstarget.GetBy(ctx, awstarget.Call{Later: collided}, send)
}

// collided reports whether err says that nothing was done because of load, or of
// another write or operation on a table at the same moment.
func collided(err error) bool {
	var limit *types.LimitExceededException
	return errors.As(err, &limit) || dynamoapi.Collided(err)
}
