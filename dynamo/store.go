package dynamo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Store is an audit store on one DynamoDB table. It is safe for concurrent use.
type Store struct {
	client *dynamodb.Client
	table  string
	system string // what errors call it
	o      Options
	// checked: the table was looked at, once, before a ledger was made in it.
	checked atomic.Bool
}

// Options change what a Store does. The zero value is right for most.
type Options struct {
	// AllowGlobalTable admits a table with replicas in other Regions. Then it is on
	// the user that all executions of a ledger use the same Region.
	AllowGlobalTable bool
	// Domain names the account, region and credentials that the store is used with,
	// in words that its user chooses: target systems that give the same can have
	// their writes committed with the entries (TX_SHARED). "": none can.
	Domain string
}

var _ core.SharingStore = (*Store)(nil)

// New makes a store over the table. It contacts nothing. The retries of cfg are
// not used: the store knows better what may be sent again.
func New(cfg aws.Config, table string, o Options) *Store {
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.APIOptions = append(o.APIOptions, awsclient.Genuine)
	})
	return &Store{client: client, table: table, system: fmt.Sprintf("DynamoDB table %s (%s)", table, cfg.Region), o: o}
}

// Table is the table's name.
func (s *Store) Table() string { return s.table }

// Domain implements core.SharingStore.
func (s *Store) Domain() string { return s.o.Domain }

// Load implements core.AuditStore: one Query, of one request for each MB.
func (s *Store) Load(ctx context.Context, ledger string) (core.Snapshot, error) {
	if err := core.CheckLedger(ledger); err != nil {
		return core.Snapshot{}, err
	}
	pause := newPause()
	same, rvn := 0, uint64(0) // how many torn loads in a row showed this rvn
	for {
		snap, err := s.read(ctx, ledger)
		if err != nil {
			return core.Snapshot{}, err
		}
		torn := tear(snap)
		if torn == nil {
			return snap, nil
		}
		if snap.Head.RVN != rvn {
			same, rvn = 0, snap.Head.RVN
		}
		if same++; same == tornLoads {
			return core.Snapshot{}, s.corrupt(fmt.Errorf("ledger %s: %w", ledger, torn))
		}
		if err := pause.Wait(ctx); err != nil {
			return core.Snapshot{}, &core.UnavailableError{System: s.system, Err: fmt.Errorf("ledger %s is written faster than it can be read: %w", ledger, err)}
		}
	}
}

// tornLoads of one rvn, over about a second, mean that the ledger is damaged. One
// alone means nothing: a Query is no snapshot, a write in its midst shows, and of a
// transaction it may see one item before the other.
const tornLoads = 8

// tear says why a load is not one state of the ledger.
func tear(snap core.Snapshot) error {
	if snap.Head.LedgerID == "" && len(snap.Records) > 0 {
		return errors.New("it has states of changes, but no head")
	}
	var sum uint64
	for id, r := range snap.Records {
		if r.Seq > snap.Head.Seq {
			return fmt.Errorf("change %s is at entry %d, the head at %d", id, r.Seq, snap.Head.Seq)
		}
		sum += r.Seq
	}
	if sum != snap.Head.Sum {
		return fmt.Errorf("the states of the changes add up to %d, the head says %d", sum, snap.Head.Sum)
	}
	return nil
}

func (s *Store) read(ctx context.Context, ledger string) (core.Snapshot, error) {
	snap := core.Snapshot{Records: map[string]core.Record{}}
	// "#HEAD" and "CHANGE#…" sort before "D", "ENTRY#…" behind it.
	key := expression.Key(attrPK).Equal(expression.Value(ledger)).And(expression.Key(attrSK).LessThan(expression.Value("D")))
	err := s.query(ctx, query{key: key}, func(item map[string]types.AttributeValue) (bool, error) {
		return true, addTo(&snap, ledger, item)
	})
	return snap, err
}

// query is a Query over one ledger.
type query struct {
	key    expression.KeyConditionBuilder
	filter *expression.ConditionBuilder
	limit  int32 // items looked at in one request; 0: as many as fit
}

// query gives each item to use, page by page, until that returns false. Errors of
// use are about what was read.
func (s *Store) query(ctx context.Context, q query, use func(map[string]types.AttributeValue) (more bool, err error)) error {
	b := expression.NewBuilder().WithKeyCondition(q.key)
	if q.filter != nil {
		b = b.WithFilter(*q.filter)
	}
	expr, err := b.Build()
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	in := &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: expr.KeyCondition(), FilterExpression: expr.Filter(),
		ExpressionAttributeNames: expr.Names(), ExpressionAttributeValues: expr.Values(),
	}
	if q.limit > 0 {
		in.Limit = &q.limit
	}
	for {
		out, err := reading(ctx, func(ctx context.Context) (*dynamodb.QueryOutput, error) { return s.client.Query(ctx, in) })
		if err != nil {
			return s.fault(ctx, err)
		}
		if out.Items == nil { // the SDK reads an empty body as success; a ledger without items has an empty list
			return &core.UnavailableError{System: s.system, Err: errors.New("the answer to a Query is empty")}
		}
		for _, item := range out.Items {
			more, err := use(item)
			if err != nil {
				return s.damaged(err)
			}
			if !more {
				return nil
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// wholeMs rounds up: contenders wait rather longer than shorter.
func wholeMs(d time.Duration) int64 {
	return ((d + time.Millisecond - 1) / time.Millisecond).Nanoseconds()
}
