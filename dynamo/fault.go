package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

func (s *Store) corrupt(err error) error {
	return &core.StoreError{
		Kind: core.StoreCorrupt, Store: s.table, Err: err,
		Next: "change nothing by hand: find out who wrote it, or restore the table from its point-in-time recovery, and see: flamingock audit verify",
	}
}

// damaged says what is wrong with items that cannot be read. Errors that have
// their class already stay as they are.
func (s *Store) damaged(err error) error {
	var se *core.StoreError
	var newer errNewer
	switch {
	case err == nil || errors.As(err, &se):
		return err
	case errors.As(err, &newer):
		return &core.StoreError{Kind: core.StoreNewer, Store: s.table, Err: err, Next: "use the version of Flamingock that the other executions of this ledger use"}
	case errors.Is(err, errForeign):
		return &core.StoreError{Kind: core.StoreForeign, Store: s.table, Err: err, Next: "name a table of its own in auditStore.dynamodb.table, and make it with: flamingock store create"}
	}
	return s.corrupt(err)
}

// fault gives the error of a request its class, and finds out more when the
// table itself seems to be the reason.
func (s *Store) fault(ctx context.Context, err error) error {
	var missing *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing), errors.As(err, &api) && api.ErrorCode() == "ValidationException":
		if found := s.checkTable(ctx); found != nil {
			return found
		}
	}
	return awsclient.Explain(s.system, err)
}

// away makes err a *core.UnavailableError, if it is none.
func (s *Store) away(err error) error {
	var away *core.UnavailableError
	if errors.As(err, &away) {
		return err
	}
	return &core.UnavailableError{System: s.system, Err: err}
}

// writeFault is fault for a write. What it makes a *core.PermissionError or a
// *core.StoreError was not written, for good; all else leaves the outcome open.
func (s *Store) writeFault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var cancelled *types.TransactionCanceledException
	var api smithy.APIError
	var gone *awsclient.CredentialsError
	switch kind := awsclient.KindOf(err); {
	case dynamoapi.Collided(err):
		// Until its time was over. It may pass a little later, and what was sent before
		// may have landed: not definite.
		return s.away(awsclient.Explain(s.system, err))
	case errors.As(err, &cancelled):
		// No condition and no collision: an item that the table does not take.
		return &core.StoreError{Kind: core.StoreFull, Store: s.table, Err: awsclient.Explain(s.system, err)}
	case kind == awsclient.Expired:
		// Fresh ones may arrive, and what was sent before may have landed: not definite.
		return &core.UnavailableError{System: s.system, Err: fmt.Errorf("the AWS credentials have expired: %w", err)}
	case errors.As(err, &gone), kind == awsclient.Foreign:
		// Both worked for the load: they may again. Only the words: a class of their own
		// would be definite.
		return &core.UnavailableError{System: s.system, Err: errors.New(awsclient.Explain(s.system, err).Error())}
	case kind == awsclient.Other && errors.As(err, &api) && api.ErrorCode() == "ValidationException":
		if found := s.checkTable(ctx); found != nil {
			return found
		}
		return &core.StoreError{Kind: core.StoreFull, Store: s.table, Err: awsclient.Explain(s.system, err)}
	}
	return s.fault(ctx, err)
}
