package mongodb

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/flamingock/flamingock-go/core"
)

// TypeName is the target type's name in the configuration.
const TypeName = "mongodb"

// Type returns the target type. See docs/targets/mongodb.md for its settings.
func Type() core.TargetType {
	return core.TargetType{Name: TypeName, New: fromSettings, Templates: []core.Template{operationTemplate()}}
}

// Target is one database of a MongoDB deployment.
type Target struct {
	id           string
	transactions bool
	given        bool // the setting was given, not derived
	borrowed     bool
	connect      func(ctx context.Context) (*mongo.Client, string, error) // the client, and the database's name

	mu     sync.Mutex
	client *mongo.Client
	db     *mongo.Database
	raised map[string]bool // ledger ids whose fence this target has raised
	lost   []bson.Raw      // the sessions whose transaction may still be open on the server, where it keeps others out
	// present are the steps of this process that found done what they were to do: their
	// rollback must not take it away.
	present map[stepID]bool
}

// stepID is one step of a change.
type stepID struct {
	change string
	step   int
}

var _ core.TxTarget = (*Target)(nil)

// Option changes what New makes.
type Option func(*Target)

// WithoutTransactions says that the client leads to a standalone server.
func WithoutTransactions() Option { return func(t *Target) { t.transactions = false } }

// New makes a target over a client that the caller made, and keeps: Close leaves it
// connected. It is one of a replica set or a sharded cluster, unless the options say
// otherwise.
func New(id string, client *mongo.Client, database string, opts ...Option) *Target {
	t := newTarget(id)
	t.transactions, t.given, t.borrowed = true, true, true
	for _, set := range opts {
		set(t)
	}
	t.connect = func(context.Context) (*mongo.Client, string, error) { return client, database, nil }
	return t
}

func newTarget(id string) *Target {
	return &Target{id: id, raised: map[string]bool{}, present: map[stepID]bool{}}
}

// ID returns the id in the configuration.
func (t *Target) ID() string { return t.id }

// Type returns the target type's name.
func (t *Target) Type() string { return TypeName }

// Handles returns *Client outside a transaction, and *Tx inside where there are
// transactions.
func (t *Target) Handles() core.Handles {
	h := core.Handles{Direct: reflect.TypeFor[*Client]()}
	if t.transactions {
		h.Tx = reflect.TypeFor[*Tx]()
	}
	return h
}

// Open returns a *Client.
func (t *Target) Open(ctx context.Context) (any, func() error, error) {
	db, err := t.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &Client{db, t}, func() error { return nil }, nil
}

// disconnectTimeout bounds how long connections in use may keep Close.
const disconnectTimeout = 3 * time.Second

// Close disconnects, unless the client is the caller's.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	client := t.client
	t.client, t.db = nil, nil
	if client == nil || t.borrowed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), disconnectTimeout) //nolint:forbidigo // Close has no context
	defer cancel()
	_ = client.Disconnect(ctx) //nolint:errcheck // nothing is left to be done with it
	return nil
}

// open returns the database. The client is made on first use, and contacts nothing by
// that.
func (t *Target) open(ctx context.Context) (*mongo.Database, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.db != nil {
		return t.db, nil
	}
	client, database, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	t.client = client
	t.db = client.Database(database, options.Database().SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).SetWriteConcern(writeconcern.Majority()))
	return t.db, nil
}

func (t *Target) system() string { return fmt.Sprintf("target system %s (%s)", t.id, TypeName) }

// Handle is what a *Client and a *Tx have in common: steps that take it run in both.
type Handle interface {
	// Database is the target's, with read preference primary and with read and write
	// concern majority.
	Database() *mongo.Database
	owner() *Target
}

// Client is what steps get outside of a transaction.
type Client struct {
	db     *mongo.Database
	target *Target
}

// Database returns the target's database.
func (c *Client) Database() *mongo.Database { return c.db }

func (c *Client) owner() *Target { return c.target }

// Tx is what steps get inside a transaction. What is called with the step's context, or
// one made of it, belongs to the transaction; what is called with another one does not.
type Tx struct {
	db     *mongo.Database
	target *Target
}

// Database returns the target's database.
func (x *Tx) Database() *mongo.Database { return x.db }

func (x *Tx) owner() *Target { return x.target }

var _, _ Handle = (*Client)(nil), (*Tx)(nil)

// Step makes a step of a transaction: its calls use the context that it is given. It
// leaves commit and abort to Flamingock.
func Step(f func(ctx context.Context, tx *Tx) error) core.Step { return core.StepFor(f) }

// ClientStep makes a step that runs outside of a transaction. With it the change is
// NON_TX. An error that leaves the outcome open is to be marked with core.Unknown:
// Outcome does that.
func ClientStep(f func(ctx context.Context, c *Client) error) core.Step { return core.StepFor(f) }

// AnyStep makes a step that runs inside a transaction where there are any, and outside
// of one otherwise.
func AnyStep(f func(ctx context.Context, h Handle) error) core.Step { return core.StepFor(f) }
