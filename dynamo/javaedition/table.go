package javaedition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

const (
	// DefaultTable is what the Java edition calls its audit table when nobody says.
	DefaultTable = "flamingockAuditLog"

	attrKey = "partitionKey"
	// wantedKeys is the key schema in words.
	wantedKeys = attrKey + " (S, HASH)"
)

// Limits of reading.
const (
	requestTimeout = 30 * time.Second
	// attempts bounds how often a page is asked for that gets no answer, and
	// patience for how long one that is refused for load: the Java edition makes its
	// table with a capacity that one page uses up for a minute.
	attempts = 4
	patience = 5 * time.Minute
	// maxRows bounds the memory: an import was measured to use about 7 KB for a row.
	// The Java edition reads its whole table several times in every run, so nobody
	// has one of this size.
	maxRows = 100_000
)

// Table is an audit table of the Java edition.
type Table struct {
	client *dynamodb.Client
	name   string
	region string
	// max is maxRows, but in tests.
	max int
}

// New makes a reader of the table. It contacts nothing.
func New(cfg aws.Config, table string) *Table {
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	return &Table{client: client, name: table, region: cfg.Region, max: maxRows}
}

func (t *Table) system() string { return fmt.Sprintf("DynamoDB table %s (%s)", t.name, t.region) }

// check says why the table is not one of the Java edition's.
func (t *Table) check(ctx context.Context) error {
	out, err := reading(ctx, func(ctx context.Context) (*dynamodb.DescribeTableOutput, error) {
		return t.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.name})
	})
	if err != nil {
		return t.fault("dynamodb:DescribeTable", err)
	}
	keys := dynamoapi.KeysOf(out.Table)
	if keys == wantedKeys {
		return nil
	}
	why := fmt.Sprintf("its keys are %s, not %s: it is no audit table of the Java edition", keys, wantedKeys)
	if keys == dynamoapi.KeysOfAuditStore {
		why = fmt.Sprintf("its keys are %s: it is an audit store of this edition, and needs no import", keys)
	}
	return &core.ConfigError{Key: t.system(), Reason: why, Next: "name the audit table of the Java edition with --table; it calls it " + DefaultTable + " when nobody says"}
}

// each gives every row to use, in no order.
func (t *Table) each(ctx context.Context, use func(item map[string]types.AttributeValue) error) error {
	in := &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true)}
	for {
		out, err := reading(ctx, func(ctx context.Context) (*dynamodb.ScanOutput, error) { return t.client.Scan(ctx, in) })
		if err != nil {
			return t.fault("dynamodb:Scan", err)
		}
		for _, item := range out.Items {
			if err := use(item); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// fault gives the error of a request its class. action is the right that it needs.
func (t *Table) fault(action string, err error) error {
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return &core.ConfigError{
			Key: t.system(), Reason: "there is no such table",
			Next: "name the audit table of the Java edition with --table, and where it is with --region, --endpoint or --aws-profile",
		}
	}
	err = awsclient.Explain(t.system(), err)
	var denied *core.PermissionError
	if errors.As(err, &denied) && denied.Right == "" {
		denied.Right = action + " on table " + t.name
	}
	return err
}

// reading sends a read, again while it is refused for load or gets no answer.
func reading[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause := awsclient.NewPause(50*time.Millisecond, 5*time.Second)
	for unanswered := 0; ; {
		once, done := context.WithTimeout(ctx, requestTimeout)
		out, err := send(once)
		done()
		switch kind := awsclient.KindOf(err); {
		case err == nil:
			return out, nil
		case kind == awsclient.Throttled:
		case kind == awsclient.Transient:
			if unanswered++; unanswered == attempts {
				return out, err
			}
		default:
			return out, err
		}
		if cause := pause.Wait(ctx); cause != nil {
			if !errors.Is(cause, context.DeadlineExceeded) {
				return out, cause
			}
			return out, err
		}
	}
}
