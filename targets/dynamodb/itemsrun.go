package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// WriteError says which write of a change failed.
type WriteError struct {
	// Position is where the write stands in the change file.
	Position core.Position
	// Index is its number, from 1, of Total. Those before it took effect only if they
	// were sent one by one.
	Index, Total int
	// Kind is put, update, delete, check or partiql.
	Kind string
	Err  error
}

func (e *WriteError) Error() string {
	s := fmt.Sprintf("write %d of %d (%s) failed: %v", e.Index, e.Total, e.Kind, e.Err)
	if where := e.Position.String(); where != "" {
		s = where + ": " + s
	}
	return s
}

func (e *WriteError) Unwrap() error { return e.Err }

// run adds the writes to the transaction, or sends them.
func (b *batch) run(ctx context.Context, s *core.Session) error {
	switch h := s.Handle.(type) {
	case *Tx:
		client, err := h.target.open(ctx)
		if err != nil {
			return err
		}
		items := make([]types.TransactWriteItem, len(b.writes))
		for i := range b.writes {
			if items[i], err = b.writes[i].item(ctx, s.Resolve, h.target, client); err != nil {
				return b.failed(i, err)
			}
		}
		h.add(items...)
		return nil
	case *Client:
		err := b.send(ctx, s, h)
		if b.refusedAll(err) {
			return core.NothingDone(err)
		}
		return err
	}
	return &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
}

func (b *batch) failed(i int, err error) error {
	return &WriteError{Position: b.writes[i].at, Index: i + 1, Total: len(b.writes), Kind: b.writes[i].kind, Err: err}
}

// send sends the writes outside of a transaction of ours: at once, or one by one.
func (b *batch) send(ctx context.Context, s *core.Session, c *Client) error {
	if !b.inSequence {
		return b.together(ctx, s, c, 0, len(b.writes))
	}
	for i := range b.writes {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := b.together(ctx, s, c, i, i+1); err != nil {
			return err
		}
		s.Progress(core.Progress{Done: i + 1, Total: len(b.writes), Text: "items written"})
	}
	return nil
}

// together sends some of the writes in one request. Its token makes DynamoDB take it
// once, so that it may be sent again when no answer came.
func (b *batch) together(ctx context.Context, s *core.Session, c *Client, from, to int) error {
	token, err := c.Options().IdempotencyTokenProvider.GetIdempotencyToken()
	if err != nil {
		return err
	}
	send, err := b.request(ctx, s, c, token, from, to)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	unanswered, err := awstarget.Call{Later: collided, Resend: true, Commits: true, Send: send}.Do(ctx)
	if err == nil {
		return nil
	}
	var cancelled *types.TransactionCanceledException
	var explained error
	switch {
	case collided(err):
		explained = c.target.busy(err)
	case errors.As(err, &cancelled):
		explained = c.target.explain(err)
		var no *core.RefusedError
		if errors.As(refusal(cancelled.CancellationReasons, 0, to-from), &no) {
			explained = b.failed(from+no.Item-1, errors.New(no.Reason))
		}
	default:
		explained = c.target.refused(err)
		if to == from+1 {
			explained = b.failed(from, explained)
		}
	}
	if unanswered {
		return core.Unknown(explained)
	}
	return explained
}

func (b *batch) request(ctx context.Context, s *core.Session, c *Client, token string, from, to int) (func(context.Context) error, error) {
	if b.writes[from].kind == "partiql" {
		in := &sdk.ExecuteTransactionInput{ClientRequestToken: &token}
		for i := from; i < to; i++ {
			st, err := b.writes[i].op.PartiQL.parameterized(ctx, s.Resolve)
			if err != nil {
				return nil, b.failed(i, err)
			}
			in.TransactStatements = append(in.TransactStatements, st)
		}
		return func(ctx context.Context) error { _, err := c.ExecuteTransaction(ctx, in, ours); return err }, nil
	}
	in := &sdk.TransactWriteItemsInput{ClientRequestToken: &token}
	for i := from; i < to; i++ {
		item, err := b.writes[i].item(ctx, s.Resolve, c.target, c.Client)
		if err != nil {
			return nil, b.failed(i, err)
		}
		in.TransactItems = append(in.TransactItems, item)
	}
	return func(ctx context.Context) error { _, err := c.TransactWriteItems(ctx, in, ours); return err }, nil
}

func (s *statement) parameterized(ctx context.Context, r awstarget.Resolve) (out types.ParameterizedStatement, err error) {
	text, err := r(ctx, s.Statement.Value)
	if err != nil {
		return out, err
	}
	out.Statement = &text
	for _, p := range s.Parameters {
		a, err := p.attribute(ctx, r)
		if err != nil {
			return out, err
		}
		out.Parameters = append(out.Parameters, a)
	}
	return out, nil
}

// item makes DynamoDB's form of a write to a target, with references resolved.
func (w *write) item(ctx context.Context, r awstarget.Resolve, t *Target, client *sdk.Client) (item types.TransactWriteItem, err error) {
	op, err := awstarget.Expanded(ctx, r, w.op)
	if err != nil {
		return item, err
	}
	key, err := attributes(ctx, r, w.key)
	if err != nil {
		return item, err
	}
	full, _ := writeOf(op)
	table := aws.String(full.table.Value)
	if err := t.reachable(client, *table); err != nil {
		return item, err
	}
	e, err := full.guard.encode(ctx, r)
	if err != nil {
		return item, err
	}
	switch {
	case op.Put != nil:
		all, err := attributes(ctx, r, op.Put.Item)
		item.Put = &types.Put{TableName: table, Item: all, ConditionExpression: e.condition, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values}
		return item, err
	case op.Update != nil:
		expr, err := op.Update.encode(ctx, r, &e)
		item.Update = &types.Update{TableName: table, Key: key, UpdateExpression: &expr, ConditionExpression: e.condition, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values}
		return item, err
	case op.Delete != nil:
		item.Delete = &types.Delete{TableName: table, Key: key, ConditionExpression: e.condition, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values}
	case op.Check != nil:
		item.ConditionCheck = &types.ConditionCheck{TableName: table, Key: key, ConditionExpression: e.condition, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values}
	}
	return item, nil
}

// encoded is a guard in DynamoDB's form.
type encoded struct {
	condition *string
	names     map[string]string
	values    map[string]types.AttributeValue
}

func (g guard) encode(ctx context.Context, r awstarget.Resolve) (e encoded, err error) {
	if !awstarget.Blank(g.Condition) {
		e.condition = aws.String(g.Condition.Value)
	}
	for name, t := range g.Names {
		e.name(prefixed("#", name), t.Value)
	}
	for name, v := range g.Values {
		a, err := v.attribute(ctx, r)
		if err != nil {
			return e, fmt.Errorf("values.%s: %w", name, err)
		}
		e.value(prefixed(":", name), a)
	}
	return e, nil
}

func (e *encoded) name(placeholder, name string) {
	if e.names == nil {
		e.names = map[string]string{}
	}
	e.names[placeholder] = name
}

func (e *encoded) value(placeholder string, a types.AttributeValue) {
	if e.values == nil {
		e.values = map[string]types.AttributeValue{}
	}
	e.values[placeholder] = a
}

// encode returns the update expression, and adds what set and remove need.
func (u *update) encode(ctx context.Context, r awstarget.Resolve, e *encoded) (string, error) {
	if !awstarget.Blank(u.Expression) {
		return u.Expression.Value, nil
	}
	var set, remove []string
	for i, name := range sortedKeys(u.Set) {
		a, err := u.Set[name].attribute(ctx, r)
		if err != nil {
			return "", fmt.Errorf("set.%s: %w", name, err)
		}
		n, v := fmt.Sprintf("#flamingock_s%d", i), fmt.Sprintf(":flamingock_s%d", i)
		e.name(n, name)
		e.value(v, a)
		set = append(set, n+" = "+v)
	}
	for i, name := range u.Remove {
		n := fmt.Sprintf("#flamingock_r%d", i)
		e.name(n, name.Value)
		remove = append(remove, n)
	}
	var parts []string
	if len(set) > 0 {
		parts = append(parts, "SET "+strings.Join(set, ", "))
	}
	if len(remove) > 0 {
		parts = append(parts, "REMOVE "+strings.Join(remove, ", "))
	}
	return strings.Join(parts, " "), nil
}

// refusedAll reports that err says that none of the writes was done.
func (b *batch) refusedAll(err error) bool {
	if err == nil || core.IsUnknown(err) {
		return false
	}
	var one *WriteError
	return !b.inSequence || errors.As(err, &one) && one.Index == 1
}
