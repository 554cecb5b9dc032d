package s3

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// TypeName is the target type's name in the configuration.
const TypeName = "s3"

// Type returns the target type. Settings: region, endpoint, profile and roleArn, each
// of which the environment and the AWS configuration files stand in for; account, the
// owner that buckets must have; files, the directory of the files that changes upload.
// All texts but files may hold references. Target systems of one Type that have the
// same settings share connections and credentials, also when one is made after another
// was closed.
func Type() core.TargetType {
	configs := &awsclient.Configs{}
	from := func(id string, s core.Settings) (core.Target, error) { return fromSettings(id, s, configs) }
	return core.TargetType{Name: TypeName, New: from, Templates: []core.Template{bucketTemplate(), objectTemplate()}}
}

// Target is S3 in one region, as one principal.
type Target struct {
	id      string
	files   string
	token   func() string // names the making of one bucket
	connect func(ctx context.Context) (*sdk.Client, error)
	mu      sync.Mutex
	client  *sdk.Client
	// refused are the objects that a change of this process wanted to write and did
	// not: its rollback has nothing to take back.
	refused sync.Map
}

var _ core.Target = (*Target)(nil)

// Option changes what New makes.
type Option func(*Target)

// WithFiles names the directory that holds the files which changes upload.
func WithFiles(directory string) Option { return func(t *Target) { t.files = directory } }

// New makes a target over a client that the caller made.
func New(id string, client *sdk.Client, options ...Option) *Target {
	t := newTarget(id)
	for _, set := range options {
		set(t)
	}
	t.connect = func(context.Context) (*sdk.Client, error) { return client, nil }
	return t
}

func newTarget(id string) *Target {
	return &Target{id: id, token: rand.Text} //nolint:forbidigo // this is where it is injected
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

// Ping asks S3 whether it is there and knows us.
func (t *Target) Ping(ctx context.Context) error {
	client, err := t.open(ctx)
	if err != nil {
		return err
	}
	_, err = get(ctx, func(ctx context.Context) (*sdk.ListBucketsOutput, error) {
		return client.ListBuckets(ctx, &sdk.ListBucketsInput{MaxBuckets: aws.Int32(1)}, ours)
	})
	if err != nil && awsclient.KindOf(err) == awsclient.Denied {
		return nil // it is there and knows us; to list buckets is no right that changes need
	}
	return t.explain(err)
}

// open returns the client, made on first use.
func (t *Target) open(ctx context.Context) (*sdk.Client, error) {
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

func (t *Target) system() string { return fmt.Sprintf("target system %s (%s)", t.id, TypeName) }

// Client is what steps get: the SDK's client. Its calls take effect at once, and are
// sent again as the SDK sees fit.
type Client struct {
	*sdk.Client
	target *Target
}

// ClientStep makes a step over the client. An error that leaves the outcome open is to
// be marked with core.Unknown.
func ClientStep(f func(ctx context.Context, c *Client) error) core.Step { return core.StepFor(f) }

const notInTransaction = "S3 has no transactions"

// clientOf returns the handle of a session.
func clientOf(s *core.Session) (*Client, error) {
	c, ok := s.Handle.(*Client)
	if !ok || c == nil {
		return nil, &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
	}
	return c, nil
}
