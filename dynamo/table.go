package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

// tableKey is the key of the configuration that names the table.
const tableKey = "auditStore.dynamodb.table"

// checkOnce looks at the table before the first ledger is made in it.
func (s *Store) checkOnce(ctx context.Context) error {
	if s.checked.Load() {
		return nil
	}
	err := s.checkTable(ctx)
	if err == nil {
		s.checked.Store(true)
	}
	return err
}

// checkTable says why the table cannot be an audit store: *core.StoreError when it
// is missing or has other keys, *core.ConfigError when it is a global one,
// *core.UnavailableError while it is being made.
func (s *Store) checkTable(ctx context.Context) error {
	d, err := s.describe(ctx)
	if err != nil {
		return err
	}
	return s.usable(d)
}

func (s *Store) describe(ctx context.Context) (*types.TableDescription, error) {
	out, err := reading(ctx, func(ctx context.Context) (*dynamodb.DescribeTableOutput, error) {
		return s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return nil, &core.StoreError{Kind: core.StoreMissing, Store: s.system, Next: "create it with: flamingock store create (or name the right table, region and endpoint in auditStore.dynamodb)"}
	case err != nil:
		return nil, s.explain("DescribeTable", err)
	}
	return out.Table, nil
}

// explain gives the error of a call about the table as a whole its class. A right
// that is missing is named also where the answer does not.
func (s *Store) explain(action string, err error) error {
	if errorCode(err) == "ValidationException" {
		return &core.ConfigError{Key: tableKey, Reason: s.table + " is refused by " + action, Err: awsclient.Explain(s.system, err), Next: "mend the name of the table, or what was asked for it"}
	}
	err = awsclient.Explain(s.system, err)
	var limit *types.LimitExceededException
	if errors.As(err, &limit) { // too many tables are being changed, or there are too many
		return &core.UnavailableError{System: s.system, Err: err}
	}
	var denied *core.PermissionError
	if errors.As(err, &denied) {
		switch {
		case denied.Right == "":
			denied.Right = "dynamodb:" + action + " on table " + s.table
		case strings.Contains(denied.Right, ":") && !strings.Contains(denied.Right, " on "):
			denied.Right += " on table " + s.table
		}
	}
	return err
}

func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// lacking reports whether what answered knows DynamoDB, but not this operation:
// simulators lack some.
func lacking(err error) bool {
	var response *smithyhttp.ResponseError
	return errorCode(err) == "UnknownOperationException" || errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotImplemented
}

// usable says why a table cannot be an audit store; see checkTable.
func (s *Store) usable(d *types.TableDescription) error {
	for _, check := range []func(*types.TableDescription) error{s.keysFit, s.ready, s.oneRegion} {
		if err := check(d); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) keysFit(d *types.TableDescription) error {
	if keys := dynamoapi.KeysOf(d); keys != dynamoapi.KeysOfAuditStore {
		return s.foreign(fmt.Errorf("its keys are %s, an audit store's are %s", keys, dynamoapi.KeysOfAuditStore))
	}
	return nil
}

func (s *Store) foreign(why error) error {
	return &core.StoreError{Kind: core.StoreForeign, Store: s.system, Err: why, Next: "name a table of its own in " + tableKey + ", and make it with: flamingock store create"}
}

func (s *Store) ready(d *types.TableDescription) error {
	switch d.TableStatus {
	case types.TableStatusActive, types.TableStatusUpdating, "":
		return nil
	case types.TableStatusInaccessibleEncryptionCredentials:
		return &core.StoreError{Kind: core.StoreReadOnly, Store: s.system, Err: errors.New("its KMS key cannot be used"), Next: "enable the key, and give DynamoDB the use of it back"}
	default:
		return &core.UnavailableError{System: s.system, Err: fmt.Errorf("the table's status is %s", d.TableStatus)}
	}
}

// oneRegion says why the replicas of a table are in the way.
func (s *Store) oneRegion(d *types.TableDescription) error {
	where := s.replicas(d)
	fault := &core.ConfigError{Key: tableKey}
	switch {
	case where == "":
		return nil
	case d.MultiRegionConsistency == types.MultiRegionConsistencyStrong:
		fault.Reason = fmt.Sprintf("%s is a global table with strong consistency (replicas in %s), and such tables know no transactions", s.table, where)
		fault.Next = "use a table of one Region"
	case !s.o.AllowGlobalTable:
		fault.Reason = fmt.Sprintf("%s is a global table (replicas in %s): its Regions would not see each other's locks", s.table, where)
		fault.Next = "use a table of one Region; or, if every execution of a ledger uses this Region, set auditStore.dynamodb.allowGlobalTable: true"
	default:
		return nil
	}
	return fault
}

// legacyGlobal is the version of global tables that DescribeTable shows no
// replicas of.
const legacyGlobal = "2017.11.29"

// replicas names the other Regions that the table is in; "" when there are none.
func (s *Store) replicas(d *types.TableDescription) string {
	var regions []string
	for _, r := range d.Replicas {
		if name := aws.ToString(r.RegionName); name != s.client.Options().Region {
			regions = append(regions, name)
		}
	}
	slices.Sort(regions)
	if len(regions) == 0 && aws.ToString(d.GlobalTableVersion) == legacyGlobal {
		return "Regions that version " + legacyGlobal + " of global tables does not tell"
	}
	return strings.Join(regions, ", ")
}
