package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

// Level says how bad a Finding is.
type Level string

// The levels. Only a fault keeps runs from being safe, or possible.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning"
	LevelFault   Level = "fault"
)

// Finding is one thing that Check looked at.
type Finding struct {
	Level Level
	About string
	Text  string
	Hint  string // what to do; "" when there is nothing
	Err   error  // of a fault
}

// Findings are what Check found, in the order in which it looked.
type Findings []Finding

// Err joins the errors of the faults; nil when there are none.
func (f Findings) Err() error {
	var errs []error
	for _, one := range f {
		errs = append(errs, one.Err)
	}
	return errors.Join(errs...)
}

func good(about, format string, args ...any) Finding {
	return Finding{Level: LevelOK, About: about, Text: fmt.Sprintf(format, args...)}
}

func warning(about, hint, format string, args ...any) Finding {
	return Finding{Level: LevelWarning, About: about, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// faultOr is a fault when there is an error.
func faultOr(f Finding, err error) Finding {
	if err == nil {
		return f
	}
	return Finding{Level: LevelFault, About: f.About, Text: err.Error(), Hint: core.Advice(err), Err: err}
}

// hintCreate is for what Create brings into place.
const hintCreate = "switch it on with: flamingock store create"

// Check looks at everything about the table that an audit store depends on, and
// reads a ledger. Error: the table cannot be looked at, or does not exist. What
// the caller has no right to see is a warning that names the right; a ledger that
// it must not read is a fault.
func (s *Store) Check(ctx context.Context, ledger string) (Findings, error) {
	if err := core.CheckLedger(ledger); err != nil {
		return nil, err
	}
	d, err := s.describe(ctx)
	if err != nil {
		return nil, err
	}
	f := Findings{
		faultOr(good("status", "%s (%s)", d.TableStatus, aws.ToString(d.TableArn)), s.ready(d)),
		faultOr(good("keys", "%s", dynamoapi.KeysOfAuditStore), s.keysFit(d)),
		s.checkRegions(d),
		s.checkTimeToLive(ctx),
		s.checkRecovery(ctx),
		checkDeletion(d),
		checkEncryption(d),
		checkBilling(d),
		checkIndexes(d),
		s.checkTag(ctx, aws.ToString(d.TableArn)),
	}
	if s.keysFit(d) == nil && s.ready(d) == nil {
		f = append(f, s.checkLedger(ctx, ledger))
	}
	return f, context.Cause(ctx)
}

func (s *Store) checkRegions(d *types.TableDescription) Finding {
	const about = "regions"
	where := s.replicas(d)
	if err := s.oneRegion(d); err != nil || where == "" {
		return faultOr(good(about, "no replicas"), err)
	}
	return warning(about, "let every execution of a ledger use this Region", "a global table (replicas in %s), which the configuration allows", where)
}

// unseen is what is found where looking failed.
func (s *Store) unseen(about, action string, err error) Finding {
	if lacking(err) {
		return warning(about, "", "cannot be looked at: what answers has no %s (DynamoDB has)", action)
	}
	err = s.explain(action, err)
	var denied *core.PermissionError
	if errors.As(err, &denied) {
		return warning(about, "grant the right, or let somebody check who has it", "cannot be looked at: %s", err)
	}
	return faultOr(Finding{About: about}, err)
}

func (s *Store) checkTimeToLive(ctx context.Context) Finding {
	const about, action = "time to live", "DescribeTimeToLive"
	out, err := reading(ctx, func(ctx context.Context) (*dynamodb.DescribeTimeToLiveOutput, error) {
		return s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &s.table})
	})
	if err != nil {
		return s.unseen(about, action, err)
	}
	d := out.TimeToLiveDescription
	if d == nil || d.TimeToLiveStatus == types.TimeToLiveStatusDisabled {
		return good(about, "off")
	}
	if d.TimeToLiveStatus == types.TimeToLiveStatusDisabling {
		return warning(about, "check again in an hour", "it is being switched off")
	}
	attr := aws.ToString(d.AttributeName)
	return faultOr(Finding{About: about}, &core.ConfigError{
		Key: tableKey, Reason: fmt.Sprintf("%s has time to live switched on (attribute %s): DynamoDB would delete history", s.table, attr),
		Next: fmt.Sprintf("switch it off: aws dynamodb update-time-to-live --table-name %s --time-to-live-specification Enabled=false,AttributeName=%s", s.table, attr),
	})
}

func (s *Store) checkRecovery(ctx context.Context) Finding {
	const about = "point-in-time recovery"
	on, err := s.recovery(ctx)
	switch {
	case err != nil:
		return s.unseen(about, "DescribeContinuousBackups", err)
	case !on:
		return warning(about, hintCreate, "off: a damaged history could not be restored")
	}
	return good(about, "on")
}

func checkDeletion(d *types.TableDescription) Finding {
	const about = "deletion protection"
	if !aws.ToBool(d.DeletionProtectionEnabled) {
		return warning(about, hintCreate, "off: one call deletes all history")
	}
	return good(about, "on")
}

func checkEncryption(d *types.TableDescription) Finding {
	const about = "encryption"
	sse := d.SSEDescription
	switch {
	case sse == nil || sse.SSEType == "":
		return good(about, "at rest, with a key of AWS's")
	case sse.InaccessibleEncryptionDateTime != nil:
		return warning(about, "enable the key, and give DynamoDB the use of it back", "the KMS key %s cannot be used since %s", kmsKey(d), sse.InaccessibleEncryptionDateTime.UTC())
	}
	return good(about, "at rest, with the KMS key %s", kmsKey(d))
}

func checkBilling(d *types.TableDescription) Finding {
	const about = "billing"
	if d.BillingModeSummary == nil || d.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
		return warning(about, "change it: aws dynamodb update-table --table-name "+aws.ToString(d.TableName)+" --billing-mode PAY_PER_REQUEST",
			"provisioned capacity: it is paid for between runs, and a run that exceeds it waits")
	}
	return good(about, "on demand")
}

func checkIndexes(d *types.TableDescription) Finding {
	const about = "indexes"
	if n := len(d.GlobalSecondaryIndexes) + len(d.LocalSecondaryIndexes); n > 0 {
		return warning(about, "delete them, unless you use them yourself", "%d secondary: Flamingock uses none, and every write pays for them", n)
	}
	return good(about, "none")
}

func (s *Store) checkTag(ctx context.Context, arn string) Finding {
	const about = "tag"
	tags, err := s.listTags(ctx, arn)
	if err != nil {
		return s.unseen(about, "ListTagsOfResource", err)
	}
	if v, ok := tags[TagKey]; ok {
		return good(about, "%s=%s", TagKey, v)
	}
	return warning(about, "set it with: flamingock store create", "no %s: the table is not marked as an audit store", TagKey)
}

func (s *Store) checkLedger(ctx context.Context, ledger string) Finding {
	const about = "ledger"
	snap, err := s.Load(ctx, ledger)
	if err != nil || snap.Head.LedgerID == "" {
		return faultOr(good(about, "%s has no history yet: its first run makes it", ledger), err)
	}
	lock := "free"
	if snap.Head.Held() {
		lock = "held"
	}
	return good(about, "%s can be read: %d changes, %d entries, lock %s", ledger, len(snap.Records), snap.Head.Seq, lock)
}
