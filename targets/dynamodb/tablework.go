package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// How often a table that DynamoDB is at work on is looked at.
const (
	firstLook   = 200 * time.Millisecond
	longestLook = 10 * time.Second
	// invisible bounds how often a table may be missing that was just made:
	// DescribeTable is a little behind.
	invisible = 8
)

// tableWork is one payload at work, with its references resolved.
type tableWork struct {
	payload *tablePayload
	name    string
	c       *Client
	s       *core.Session
	// restoring: this is a rollback: auto.
	restoring bool
}

func newTableWork(ctx context.Context, s *core.Session, p *tablePayload) (*tableWork, error) {
	c, ok := s.Handle.(*Client)
	if !ok || c == nil {
		return nil, &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
	}
	full, err := awstarget.Expanded(ctx, s.Resolve, p)
	if err != nil {
		return nil, err
	}
	f := &awstarget.Faults{}
	full.check(f)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return &tableWork{payload: full, name: full.table().Value, c: c, s: s}, c.target.reachable(c.Client, full.table().Value)
}

func (w *tableWork) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: fmt.Sprintf("table %s: ", w.name) + fmt.Sprintf(format, args...)})
}

// fault explains an error about the table.
func (w *tableWork) fault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table %s: %w", w.name, w.c.target.explain(err))
}

// change sends a request that changes something. An error that leaves the outcome
// open is marked as such.
func (w *tableWork) change(ctx context.Context, resend bool, send func(context.Context) error) error {
	return awstarget.Call{Later: collided, Resend: resend, Send: send}.Change(ctx)
}

// describe returns nil for a table that is not there.
func (w *tableWork) describe(ctx context.Context) (*types.TableDescription, error) {
	out, err := get(ctx, func(ctx context.Context) (*sdk.DescribeTableOutput, error) {
		return w.c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &w.name}, ours)
	})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, w.fault(err)
	}
	return out.Table, nil
}

// observe asks for what the options declare, and for nothing else.
func (w *tableWork) observe(ctx context.Context, o *tableOptions, tags bool) (*observed, error) {
	table, err := w.describe(ctx)
	seen := &observed{table: table, tags: map[string]string{}}
	if err != nil || table == nil {
		return seen, err
	}
	if !awstarget.Blank(o.TTL) {
		out, err := get(ctx, func(ctx context.Context) (*sdk.DescribeTimeToLiveOutput, error) {
			return w.c.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: &w.name}, ours)
		})
		if err != nil {
			return nil, w.fault(err)
		}
		seen.ttl = out.TimeToLiveDescription
	}
	if o.PointInTimeRecovery != nil {
		out, err := get(ctx, func(ctx context.Context) (*sdk.DescribeContinuousBackupsOutput, error) {
			return w.c.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: &w.name}, ours)
		})
		if err != nil {
			return nil, w.fault(err)
		}
		if d := out.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil {
			seen.pitr = d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
			seen.recoveryDays = d.PointInTimeRecoveryDescription.RecoveryPeriodInDays
		}
	}
	if tags || len(o.Tags) > 0 {
		err = w.readTags(ctx, table, seen.tags)
	}
	return seen, err
}

func (w *tableWork) readTags(ctx context.Context, table *types.TableDescription, into map[string]string) error {
	in := &sdk.ListTagsOfResourceInput{ResourceArn: table.TableArn}
	for {
		out, err := get(ctx, func(ctx context.Context) (*sdk.ListTagsOfResourceOutput, error) {
			return w.c.ListTagsOfResource(ctx, in, ours)
		})
		if err != nil {
			return w.fault(err)
		}
		for _, t := range out.Tags {
			into[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

// settled waits until DynamoDB is done with the table and its indexes.
func (w *tableWork) settled(ctx context.Context) error {
	p := awsclient.NewPause(firstLook, longestLook)
	said := ""
	for missing := 0; ; {
		t, err := w.describe(ctx)
		if err != nil {
			return core.Unknown(err) // something is under way, and goes on
		}
		busy := "not to be seen yet"
		if t != nil {
			busy = atWork(t)
		} else if missing++; missing > invisible {
			return w.missing()
		}
		if busy == "" {
			return nil
		}
		if busy != said {
			w.say("%s", busy)
			said = busy
		}
		if err := p.Wait(ctx); err != nil {
			return fmt.Errorf("table %s is still %s: %w", w.name, busy, err)
		}
	}
}

// atWork says what DynamoDB is doing; "" when it is done.
func atWork(t *types.TableDescription) string {
	var all []string
	if t.TableStatus == types.TableStatusCreating || t.TableStatus == types.TableStatusUpdating || t.TableStatus == types.TableStatusDeleting {
		all = append(all, string(t.TableStatus))
	}
	for _, x := range t.GlobalSecondaryIndexes {
		if x.IndexStatus == types.IndexStatusActive || x.IndexStatus == "" {
			continue
		}
		words := "index " + aws.ToString(x.IndexName) + " " + string(x.IndexStatus)
		if aws.ToBool(x.Backfilling) {
			words += ", being filled"
		}
		all = append(all, words)
	}
	return strings.Join(all, ", ")
}

func (w *tableWork) missing() error {
	return &TableError{Table: w.name, Reason: "does not exist", Next: "create it in a change before this one, or mend the name"}
}

// TableError says that a table is not as a change needs it. Nothing was changed.
type TableError struct {
	Table, Reason, Next string
}

func (e *TableError) Error() string { return "table " + e.Table + " " + e.Reason }

// Hint says what to do.
func (e *TableError) Hint() string { return e.Next }

// differs says in what a table is something else than what was declared.
func (w *tableWork) differs(all []aspect) error {
	var details []string
	for _, a := range all {
		if a.standing == isOther {
			details = append(details, a.detail)
		}
	}
	if details == nil {
		return nil
	}
	return &TableError{
		Table: w.name, Reason: "is there, and is not what the change declares: " + strings.Join(details, "; "),
		Next: "mend the change if the table is right; choose another name, or change or delete the table first, if it is not",
	}
}

// probe asks whether the payload's effect is there.
func (w *tableWork) probe(ctx context.Context) (core.ProbeResult, error) {
	var all []aspect
	var o *observed
	var err error
	switch p := w.payload; {
	case p.Create != nil:
		if o, err = w.observe(ctx, &p.Create.Options, false); err == nil && o.table != nil {
			all = p.Create.compare(o)
		}
	case p.Update != nil:
		if o, err = w.observe(ctx, &p.Update.Options, len(p.Update.RemoveTags) > 0); err == nil && o.table != nil {
			all = p.Update.compare(o)
		}
		if err == nil && o.table == nil {
			return core.ProbeUnknown, w.missing()
		}
	default:
		o = new(observed)
		o.table, err = w.describe(ctx)
	}
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case o.table == nil && w.payload.Delete != nil:
		return core.ProbeApplied, nil
	case o.table == nil:
		return core.ProbeNotApplied, nil
	}
	if slices.ContainsFunc(all, func(a aspect) bool { return a.standing == isOther }) {
		return core.ProbeConflict, nil
	}
	if busy := atWork(o.table); busy != "" {
		return core.ProbeUnknown, &TableError{Table: w.name, Reason: "is still " + busy, Next: "run again when DynamoDB is done with it"}
	}
	answer := core.ProbeApplied
	if w.payload.Delete != nil {
		answer = core.ProbeNotApplied
	}
	for _, a := range all {
		switch a.standing {
		case isUnsure, isChanging:
			return core.ProbeUnknown, nil
		case isNotYet: // also in part: what is so is left out the next time
			answer = core.ProbeNotApplied
		case isSo, isOther:
		}
	}
	return answer, nil
}
