package dynamo

import (
	"context"
	"errors"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// The changes that the tests run, one of each kind that recovers in its own way.

// plain has no transaction, no rollback and no probe.
func plain(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "svc", Apply: core.StepFor(func(_ context.Context, p *process) error {
		p.wait()
		p.w.svc.add(id, 1)
		return nil
	})}
}

// again has an effect that is harmless when it comes twice.
func again(id, order string) core.Change {
	c := plain(id, order)
	c.Apply = core.StepFor(func(_ context.Context, p *process) error {
		p.wait()
		p.w.svc.add(id, 1-p.w.svc.count(id))
		return nil
	})
	return c
}

// retried may be run again without a question.
func retried(id, order string) core.Change {
	c := again(id, order)
	c.Recovery.Strategy = core.AlwaysRetry
	return c
}

// probed can be asked for.
func probed(id, order string) core.Change {
	c := again(id, order)
	c.Apply.LateSafe = true
	c.Probe = func(_ context.Context, s *core.Session) (core.ProbeResult, error) {
		p, ok := s.Handle.(*process)
		switch {
		case !ok:
			return "", errors.New("no handle")
		case p.w.svc.count(id) > 0:
			return core.ProbeApplied, nil
		}
		return core.ProbeNotApplied, nil
	}
	return c
}

// flaky has its effect and fails, the first time, and can be rolled back.
func flaky(id, order string) core.Change {
	c := plain(id, order)
	c.Apply = core.StepFor(func(_ context.Context, p *process) error {
		p.wait()
		first := p.w.svc.called(id) == 0
		p.w.svc.add(id, 1)
		if first {
			return errors.New("half done")
		}
		return nil
	})
	c.Rollback = core.StepFor(func(_ context.Context, p *process) error {
		p.wait()
		p.w.svc.add(id, -p.w.svc.count(id))
		return nil
	})
	return c
}

// shared is a change whose writes commit with its entry.
func shared(id, order string, more ...types.TransactWriteItem) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "here", Apply: core.StepFor(func(_ context.Context, c *collected) error {
		c.items = append(append(c.items, c.w.count(id)), more...)
		return nil
	})}
}

// mixed has a change of every kind.
func mixed() []core.Stage {
	return []core.Stage{
		{Name: "main", Changes: []core.Change{plain("n1", "1"), shared("s1", "2"), retried("r1", "3")}},
		{Name: "side", Changes: []core.Change{probed("q1", "1"), flaky("f1", "2")}},
		{Name: "last", DependsOn: []string{"main"}, Changes: []core.Change{plain("n2", "1")}},
	}
}

// sharing is a target system that lives where the audit store does.
type sharing struct{ w *world }

func (s *sharing) ID() string   { return "here" }
func (s *sharing) Type() string { return "fakeshared" }
func (s *sharing) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*sharing](), Tx: reflect.TypeFor[*collected]()}
}
func (s *sharing) Close() error               { return nil }
func (s *sharing) Ping(context.Context) error { return nil }
func (s *sharing) Open(context.Context) (any, func() error, error) {
	return s, func() error { return nil }, nil
}
func (s *sharing) Domain() string             { return s.w.b.things }
func (s *sharing) Collect() core.SharedWrites { return &collected{w: s.w} }

type collected struct {
	w     *world
	items []types.TransactWriteItem
}

func (c *collected) Handle() any { return c }
func (c *collected) Items() any  { return c.items }

// count is a write that shows how often it was done.
func (w *world) count(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &w.b.things, Key: key{w.ledger, id}.item(), UpdateExpression: aws.String("ADD n :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
	}}
}

// thing reads what count wrote.
func (w *world) thing(id string) int {
	w.t.Helper()
	out, err := w.client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &w.b.things, Key: key{w.ledger, id}.item(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	n, ok := out.Item["n"].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return i
}
