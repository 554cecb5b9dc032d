package dynamodb

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// TypeName is the target type's name in the configuration.
const TypeName = "dynamodb"

// Type returns the target type. Settings: region, endpoint, profile and roleArn,
// each of which the environment and the AWS configuration files stand in for;
// markerTable; share. All texts may hold references. Target systems of one Type that
// have the same settings share connections and credentials, also when one is made after
// another was closed: a function that is invoked again finds them as they were.
func Type() core.TargetType {
	configs := &awsclient.Configs{}
	from := func(id string, s core.Settings) (core.Target, error) { return fromSettings(id, s, configs) }
	return core.TargetType{Name: TypeName, New: from, Templates: []core.Template{tableTemplate(), itemsTemplate()}}
}

// Target is DynamoDB in one account and region.
type Target struct {
	id          string
	connect     func(ctx context.Context) (*sdk.Client, string, error) // the client, and the marker table's name
	domain      string
	hasMarkers  bool
	mu          sync.Mutex
	client      *sdk.Client
	markerTable string
}

var (
	_ core.TxTarget     = (*Target)(nil)
	_ core.SharedTarget = (*Target)(nil)
)

// Option changes what New makes.
type Option func(*Target)

// WithMarkerTable names the table, of the keys pk and sk, that holds markers and
// fences: with it changes run in transactions.
func WithMarkerTable(name string) Option {
	return func(t *Target) { t.hasMarkers, t.markerTable = name != "", name }
}

// WithSharing says that the client acts in the account and region of the audit
// store, and as whoever uses that, so that a change's writes are committed with its
// entries. Domain is the audit store's own (dynamo.Options.Domain).
func WithSharing(domain string) Option { return func(t *Target) { t.domain = domain } }

// New makes a target over a client that the caller made.
func New(id string, client *sdk.Client, options ...Option) *Target {
	t := &Target{id: id}
	for _, set := range options {
		set(t)
	}
	table := t.markerTable
	t.connect = func(context.Context) (*sdk.Client, string, error) { return client, table, nil }
	return t
}

// ID returns the id in the configuration.
func (t *Target) ID() string { return t.id }

// Type returns the target type's name.
func (t *Target) Type() string { return TypeName }

// Handles returns *Client outside a transaction, and *Tx inside where there are
// transactions.
func (t *Target) Handles() core.Handles {
	h := core.Handles{Direct: reflect.TypeFor[*Client]()}
	if t.domain != "" || t.hasMarkers {
		h.Tx = reflect.TypeFor[*Tx]()
	}
	return h
}

// Domain implements core.SharedTarget.
func (t *Target) Domain() string { return t.domain }

// Collect implements core.SharedTarget.
func (t *Target) Collect() core.SharedWrites { return sharedWrites{&Tx{target: t}} }

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

// open returns the client, made on first use.
func (t *Target) open(ctx context.Context) (*sdk.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		return t.client, nil
	}
	c, table, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	t.client, t.markerTable = c, table
	return c, nil
}

// markers returns the client and the name of the marker table.
func (t *Target) markers(ctx context.Context) (*sdk.Client, string, error) {
	if ctx.Err() != nil {
		return nil, "", context.Cause(ctx)
	}
	if !t.hasMarkers {
		return nil, "", &core.ConfigError{
			Key: "targetSystems." + t.id + ".markerTable", Reason: "is missing: a change was, or is to be, run with a marker in it",
			Next: "name the marker table; " + createMarkerTable,
		}
	}
	c, err := t.open(ctx)
	if err != nil {
		return nil, "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return c, t.markerTable, nil
}

func (t *Target) system() string { return fmt.Sprintf("target system %s (%s)", t.id, TypeName) }

// Client is what steps get outside of a transaction: the SDK's client. Its calls
// take effect at once, and are sent again as the SDK sees fit.
type Client struct {
	*sdk.Client
	target *Target
}

// ClientStep makes a step that runs outside of a transaction. With it the change is
// NON_TX. An error that leaves the outcome open is to be marked with core.Unknown.
func ClientStep(f func(ctx context.Context, c *Client) error) core.Step { return core.StepFor(f) }
