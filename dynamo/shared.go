package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

// maxShared is how many writes of a change fit beside our own: of the 100 items of
// a transaction the head takes one, and its APPLIED and the next STARTED four.
const maxShared = 95

// AppendShared implements core.SharingStore. Items are []types.TransactWriteItem of
// the AWS SDK, at most 95, none of them in the audit store's table.
func (s *Store) AppendShared(ctx context.Context, a core.Append, items any) error {
	writes, ok := items.([]types.TransactWriteItem)
	if !ok {
		return &core.RefusedError{Reason: fmt.Sprintf("writes of type %T cannot be part of a DynamoDB transaction", items)}
	}
	if room := min(maxShared, 100-1-2*len(a.Entries)); len(writes) > room {
		return &core.RefusedError{Reason: fmt.Sprintf("%d writes do not fit into one transaction, %d do: split the change, or set transactional: false", len(writes), room)}
	}
	for i := range writes {
		if dynamoapi.TableOf(&writes[i]) == dynamoapi.NameOf(s.table) {
			return &core.RefusedError{Item: i + 1, Reason: "it is in the audit store's own table"}
		}
	}
	return s.append(ctx, a, writes)
}

// refusedShared finds the first write of the change that was refused.
func refusedShared(reasons []types.CancellationReason) *core.RefusedError {
	for i, r := range reasons {
		switch code := aws.ToString(r.Code); code {
		case "", reasonNone:
		case reasonCondition:
			return &core.RefusedError{Item: i + 1, Reason: "its condition is not met"}
		default:
			return &core.RefusedError{Item: i + 1, Reason: code + ": " + core.Cap(aws.ToString(r.Message), 500)}
		}
	}
	return nil
}

// notShared says that the request itself was refused because of the change's
// writes: what else could be wrong with it has passed before.
func notShared(system string, w write, err error) *core.RefusedError {
	if err == nil || len(w.shared) == 0 {
		return nil
	}
	var missing *types.ResourceNotFoundException
	var api smithy.APIError
	var params smithy.InvalidParamsError
	var garbled *smithy.SerializationError
	switch {
	case errors.As(err, &params), errors.As(err, &garbled):
		return &core.RefusedError{Reason: "it is not complete", Err: awsclient.Explain(system, err)}
	case errors.As(err, &missing):
		return &core.RefusedError{Reason: "a table does not exist", Err: awsclient.Explain(system, err)}
	case awsclient.KindOf(err) == awsclient.Denied:
		return &core.RefusedError{Reason: "a right is missing", Err: awsclient.Explain(system, err)}
	case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
		return &core.RefusedError{Reason: "DynamoDB does not take it", Err: awsclient.Explain(system, err)}
	}
	return nil
}
