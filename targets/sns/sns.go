package sns

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// TypeName is the target type's name in the configuration.
const TypeName = "sns"

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
		return &Target{id: id, connect: func(ctx context.Context) (*clients, error) {
			cfg, err := c.Load(ctx, id, s.Resolver(), configs)
			if err != nil {
				return nil, err
			}
			return &clients{
				sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.APIOptions = append(o.APIOptions, awsclient.Genuine) }),
				sts.NewFromConfig(cfg),
			}, nil
		}}, nil
	}
	return core.TargetType{Name: TypeName, New: from, Templates: []core.Template{topicTemplate(), subscriptionTemplate()}}
}

// clients are those of SNS, and of the service that says whose they are.
type clients struct {
	sns *sdk.Client
	sts *sts.Client
}

// Target is SNS in one account and region.
type Target struct {
	id      string
	connect func(ctx context.Context) (*clients, error)
	mu      sync.Mutex
	clients *clients
	home    *arn.ARN // of the account and region; nil until it was asked for
}

var _ core.Target = (*Target)(nil)

// New makes a target over a client that the caller made. Whose account it is in is asked
// with that client's credentials, and at its endpoint if it has one of its own.
func New(id string, client *sdk.Client) *Target {
	o := client.Options()
	who := sts.New(sts.Options{Region: o.Region, Credentials: o.Credentials, HTTPClient: o.HTTPClient, BaseEndpoint: o.BaseEndpoint})
	return &Target{id: id, connect: func(context.Context) (*clients, error) { return &clients{client, who}, nil }}
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
	return &Client{Client: c.sns, target: t}, func() error { return nil }, nil
}

// Close forgets the clients, which keep nothing open of their own.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clients, t.home = nil, nil
	return nil
}

// Ping asks SNS whether it is there.
func (t *Target) Ping(ctx context.Context) error {
	c, err := t.open(ctx)
	if err != nil {
		return err
	}
	_, err = awstarget.Get(ctx, func(ctx context.Context) (*sdk.ListTopicsOutput, error) {
		return c.sns.ListTopics(ctx, &sdk.ListTopicsInput{}, ours)
	})
	if err != nil && awsclient.KindOf(err) == awsclient.Denied {
		return nil // it is there and knows us; to list topics is no right that changes need
	}
	return t.explain(err)
}

// open returns the clients, made on first use.
func (t *Target) open(ctx context.Context) (*clients, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clients != nil {
		return t.clients, nil
	}
	c, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	t.clients = c
	return c, nil
}

// whereabouts is an ARN with the partition, region and account that the target acts in.
func (t *Target) whereabouts(ctx context.Context) (arn.ARN, error) {
	c, err := t.open(ctx)
	if err != nil {
		return arn.ARN{}, err
	}
	if home := t.known(nil); home != nil {
		return *home, nil
	}
	out, err := awstarget.Get(ctx, func(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
		return c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.Retryer = aws.NopRetryer{} })
	})
	if err != nil {
		return arn.ARN{}, fmt.Errorf("whose account this is could not be asked (with the topic's ARN in place of its name there is no need to): %w", t.explain(err))
	}
	who, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return arn.ARN{}, fmt.Errorf("the account of target system %s: %w", t.id, err)
	}
	return *t.known(&arn.ARN{Partition: who.Partition, Service: TypeName, Region: c.sns.Options().Region, AccountID: aws.ToString(out.Account)}), nil
}

// known keeps home if it is given, and returns what is kept.
func (t *Target) known(home *arn.ARN) *arn.ARN {
	t.mu.Lock()
	defer t.mu.Unlock()
	if home != nil {
		t.home = home
	}
	return t.home
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

const notInTransaction = "SNS knows no transactions"

// clientOf returns the client of a session.
func clientOf(s *core.Session) (*Client, error) {
	c, ok := s.Handle.(*Client)
	if !ok || c == nil {
		return nil, &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
	}
	return c, nil
}
