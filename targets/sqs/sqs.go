package sqs

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// TypeName is the target type's name in the configuration.
const TypeName = "sqs"

// Type returns the target type. Settings: region, endpoint, profile and roleArn, each of
// which the environment and the AWS configuration files stand in for. All may hold
// references. Target systems of one Type that have the same settings share connections
// and credentials.
func Type() core.TargetType {
	configs := &awsclient.Configs{}
	from := func(id string, s core.Settings) (core.Target, error) {
		var c awstarget.Settings
		if err := s.Decode(&c); err != nil {
			return nil, err
		}
		return &Target{id: id, connect: func(ctx context.Context) (*sdk.Client, error) {
			cfg, err := c.Load(ctx, id, s.Resolver(), configs)
			if err != nil {
				return nil, err
			}
			return sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.APIOptions = append(o.APIOptions, awsclient.Genuine) }), nil
		}}, nil
	}
	return core.TargetType{Name: TypeName, New: from, Templates: []core.Template{queueTemplate(), messageTemplate()}}
}

// Target is SQS in one account and region.
type Target struct {
	id      string
	connect func(ctx context.Context) (*sdk.Client, error)
	mu      sync.Mutex
	client  *sdk.Client
}

var _ core.Target = (*Target)(nil)

// New makes a target over a client that the caller made.
func New(id string, client *sdk.Client) *Target {
	return &Target{id: id, connect: func(context.Context) (*sdk.Client, error) { return client, nil }}
}

// ID returns the id in the configuration.
func (t *Target) ID() string { return t.id }

// Type returns the target type's name.
func (t *Target) Type() string { return TypeName }

// Handles returns *Client: there are no transactions.
func (t *Target) Handles() core.Handles { return core.Handles{Direct: reflect.TypeFor[*Client]()} }

// Open returns a *Client.
func (t *Target) Open(ctx context.Context) (any, func() error, error) {
	c, err := t.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &Client{Client: c, target: t}, func() error { return nil }, nil
}

// Close forgets the client, which keeps nothing open of its own.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.client = nil
	return nil
}

// Ping asks SQS whether it is there.
func (t *Target) Ping(ctx context.Context) error {
	client, err := t.open(ctx)
	if err != nil {
		return err
	}
	_, err = awstarget.Get(ctx, func(ctx context.Context) (*sdk.ListQueuesOutput, error) {
		return client.ListQueues(ctx, &sdk.ListQueuesInput{MaxResults: aws.Int32(1)}, ours)
	})
	if err != nil && awsclient.KindOf(err) == awsclient.Denied {
		return nil // it is there and knows us; to list queues is no right that changes need
	}
	return t.explain(err)
}

// open returns the client, made on first use.
func (t *Target) open(ctx context.Context) (*sdk.Client, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		return t.client, nil
	}
	c, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	t.client = c
	return c, nil
}

// explain gives the error of a call its class, and keeps the mark of an unknown outcome.
func (t *Target) explain(err error) error {
	return awstarget.Explain(fmt.Sprintf("target system %s (%s)", t.id, TypeName), err)
}

// Client is what steps get: the SDK's client. Its calls take effect at once, and are sent
// again as the SDK sees fit.
type Client struct {
	*sdk.Client
	target *Target
}

// Step makes a step of a Go change. An error that leaves the outcome open is to be marked
// with core.Unknown.
func Step(f func(ctx context.Context, c *Client) error) core.Step { return core.StepFor(f) }

// ours is how this package calls: what may be sent again it knows better.
func ours(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

const notInTransaction = "SQS knows no transactions"

// clientOf returns the client of a session.
func clientOf(s *core.Session) (*Client, error) {
	c, ok := s.Handle.(*Client)
	if !ok || c == nil {
		return nil, &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
	}
	return c, nil
}

// QueueError says that a queue is not as a change needs it.
type QueueError struct {
	Queue, Reason, Next string
}

func (e *QueueError) Error() string { return "queue " + e.Queue + " " + e.Reason }

// Hint says what to do.
func (e *QueueError) Hint() string { return e.Next }
