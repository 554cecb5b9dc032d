package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// TagKey and TagValue are the tag that marks a table as an audit store.
const (
	TagKey   = "flamingock:audit-store"
	TagValue = "1"
)

// CreateOptions say how the table is made. The zero value is right for most.
type CreateOptions struct {
	Options
	// KMSKey is the ARN of a customer's key that encrypts the table. "": a key of
	// AWS's, or the one that an existing table has.
	KMSKey string
	// Tags are set besides the one that marks the table.
	Tags map[string]string
	// Ledger is one whose head, if the table has it, shows that a table with items
	// but without the mark is an audit store nevertheless.
	Ledger string
	// Progress is told what is waited for. Nil: nobody is.
	Progress func(text string)
}

// Created is what Create did.
type Created struct {
	Table, Region, ARN string
	// New: the table was made. Otherwise Changed says what it lacked until now.
	New     bool
	Changed []string
	// Warnings are what could not be had, where that is no error: simulators of
	// DynamoDB lack operations.
	Warnings []string
}

// Create makes the table of an audit store: on demand, with deletion protection,
// point-in-time recovery and a tag, encrypted at rest. It returns when the table
// is ready, or when ctx ends.
//
// A table that exists gets what it lacks of that; its billing stays. So Create may
// be called again, also by many at once, and goes on where it was stopped.
//
// Errors: *core.StoreError when a table of this name belongs to something else;
// *core.PermissionError for each right that is missing; *core.ConfigError;
// *core.UnavailableError. What was done until then is returned too.
func Create(ctx context.Context, cfg aws.Config, table string, o CreateOptions) (Created, error) {
	c := &creation{Store: New(cfg, table, o.Options), o: o, out: Created{Table: table, Region: cfg.Region}}
	if err := c.wanted(); err != nil {
		return c.out, err
	}
	d, err := c.make(ctx)
	if err != nil {
		return c.out, err
	}
	c.out.ARN = aws.ToString(d.TableArn)
	if err := c.ours(ctx, d); err != nil {
		return c.out, err
	}
	var denied []error
	for _, protect := range []func(context.Context, *types.TableDescription) error{c.encrypt, c.keep, c.recoverable, c.mark} {
		err := protect(ctx, d)
		var missing *core.PermissionError
		if err != nil && !errors.As(err, &missing) {
			return c.out, errors.Join(append(denied, err)...)
		}
		denied = append(denied, err) // all missing rights are named at once
	}
	return c.out, errors.Join(denied...)
}

// creation is one call of Create.
type creation struct {
	*Store
	o    CreateOptions
	out  Created
	tags map[string]string // those of the table, once they were looked at
	said string
}

var keyARN = regexp.MustCompile(`^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/.+$`)

func (c *creation) wanted() error {
	if c.o.KMSKey != "" && !keyARN.MatchString(c.o.KMSKey) {
		return &core.UsageError{Reason: fmt.Sprintf("%q is not the ARN of a KMS key", c.o.KMSKey), Next: "give one such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-…, not an alias"}
	}
	if v, ok := c.o.Tags[TagKey]; ok && v != TagValue {
		return &core.UsageError{Reason: "the tag " + TagKey + " is set by Flamingock itself", Next: "leave it out"}
	}
	return nil
}

func (c *creation) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.o.Progress != nil && text != c.said {
		c.o.Progress(text)
	}
	c.said = text
}

func (c *creation) warn(format string, args ...any) {
	c.out.Warnings = append(c.out.Warnings, fmt.Sprintf(format, args...))
}

// changed notes what an existing table lacked; a new one has it from the start.
func (c *creation) changed(format string, args ...any) {
	if !c.out.New {
		c.out.Changed = append(c.out.Changed, fmt.Sprintf(format, args...))
	}
}

// wait waits before the next attempt.
func (c *creation) wait(ctx context.Context, p awsclient.Pause, what string) error {
	c.say("waiting until %s", what)
	err := p.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return &core.UnavailableError{System: c.system, Err: fmt.Errorf("the time ended before %s: %w", what, err)}
	}
	return err
}

// make returns the table once it is active, and makes it when it is missing. Who
// comes second, of two that make it at once, finds it there.
func (c *creation) make(ctx context.Context) (*types.TableDescription, error) {
	p := newPause()
	for {
		d, err := c.describe(ctx)
		var missing *core.StoreError
		switch {
		case errors.As(err, &missing) && missing.Kind == core.StoreMissing:
			if !c.out.New { // else it is not shown yet
				if err := c.send(ctx); err != nil {
					return nil, err
				}
			}
		case err != nil:
			return nil, err
		case !settling(d):
			return d, c.usable(d)
		case d.TableStatus != types.TableStatusDeleting:
			if err := c.keysFit(d); err != nil {
				return nil, err
			}
		}
		if err := c.wait(ctx, p, "the table is active"); err != nil {
			return nil, err
		}
	}
}

func settling(d *types.TableDescription) bool {
	return slices.Contains([]types.TableStatus{types.TableStatusCreating, types.TableStatusUpdating, types.TableStatusDeleting}, d.TableStatus)
}

func (c *creation) send(ctx context.Context) error {
	in := &dynamodb.CreateTableInput{
		TableName: &c.table, BillingMode: types.BillingModePayPerRequest, DeletionProtectionEnabled: aws.Bool(true), Tags: tagList(c.wantedTags()),
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(attrPK), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String(attrSK), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(attrPK), KeyType: types.KeyTypeHash}, {AttributeName: aws.String(attrSK), KeyType: types.KeyTypeRange},
		},
	}
	if c.o.KMSKey != "" {
		in.SSESpecification = customerKey(c.o.KMSKey)
	}
	_, err := reading(ctx, func(ctx context.Context) (*dynamodb.CreateTableOutput, error) { return c.client.CreateTable(ctx, in) })
	var there *types.ResourceInUseException
	switch {
	case errors.As(err, &there):
		return nil
	case err != nil:
		return c.explain("CreateTable", err)
	}
	c.out.New = true
	return nil
}

func customerKey(arn string) *types.SSESpecification {
	return &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: &arn}
}

func (c *creation) wantedTags() map[string]string {
	tags := map[string]string{TagKey: TagValue}
	maps.Copy(tags, c.o.Tags)
	return tags
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return list
}

// ours refuses a table that seems to be another tool's: its keys fit, but it has
// items, no mark, and no head of the ledger that was named.
func (c *creation) ours(ctx context.Context, d *types.TableDescription) error {
	tags, err := c.listTags(ctx, c.out.ARN)
	switch {
	case lacking(err):
		c.warn("the table cannot be tagged: what answers has no ListTagsOfResource (DynamoDB has)")
		return nil
	case err != nil:
		return c.explain("ListTagsOfResource", err)
	}
	c.tags = tags
	if _, marked := tags[TagKey]; marked || c.out.New || aws.ToInt64(d.ItemCount) == 0 {
		return nil
	}
	if c.o.Ledger != "" {
		if found, err := c.hasHead(ctx, c.o.Ledger); found || err != nil {
			return err
		}
	}
	foreign := &core.StoreError{
		Kind: core.StoreForeign, Store: c.system, Err: fmt.Errorf("it has items, but no tag %s, and no ledger of this name", TagKey),
		Next: fmt.Sprintf("name a table of its own in %s; or, if it is an audit store, say so: aws dynamodb tag-resource --resource-arn %s --tags Key=%s,Value=%s",
			tableKey, c.out.ARN, TagKey, TagValue),
	}
	return foreign
}
