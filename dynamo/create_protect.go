package dynamo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// encrypt gives the table the customer's key.
func (c *creation) encrypt(ctx context.Context, d *types.TableDescription) error {
	done := func(d *types.TableDescription) bool { return c.o.KMSKey == "" || kmsKey(d) == c.o.KMSKey }
	switch {
	case done(d):
		return nil
	case c.out.New:
		c.warn("the table was made with the KMS key, but does not show it")
		return nil
	}
	return c.update(ctx, &dynamodb.UpdateTableInput{SSESpecification: customerKey(c.o.KMSKey)}, "encrypted with "+c.o.KMSKey, done)
}

// kmsKey is the ARN of the KMS key of a table; "" for a key of AWS's.
func kmsKey(d *types.TableDescription) string {
	if d.SSEDescription == nil {
		return ""
	}
	return aws.ToString(d.SSEDescription.KMSMasterKeyArn)
}

// keep switches deletion protection on.
func (c *creation) keep(ctx context.Context, d *types.TableDescription) error {
	done := func(d *types.TableDescription) bool { return aws.ToBool(d.DeletionProtectionEnabled) }
	if done(d) {
		return nil
	}
	return c.update(ctx, &dynamodb.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(true)}, "deletion protection", done)
}

// showAttempts is how often a change that was accepted is looked for.
const showAttempts = 8

// update changes the table until it is as wanted, by whomever.
func (c *creation) update(ctx context.Context, in *dynamodb.UpdateTableInput, what string, done func(*types.TableDescription) bool) error {
	in.TableName = &c.table
	p := newPause()
	for accepted := 0; ; {
		var err error
		if accepted == 0 {
			_, err = reading(ctx, func(ctx context.Context) (*dynamodb.UpdateTableOutput, error) { return c.client.UpdateTable(ctx, in) })
		}
		var busy *types.ResourceInUseException
		if err != nil && !errors.As(err, &busy) && errorCode(err) != "ValidationException" { // which is also said of what is so already
			return c.explain("UpdateTable", err)
		}
		if err == nil {
			accepted++
		}
		d, settled := c.settled(ctx)
		switch {
		case settled != nil:
			return settled
		case done(d):
			c.changed("%s", what)
			return nil
		case accepted == showAttempts:
			c.warn("%s was accepted, but the table does not show it", what)
			return nil
		case err != nil && busy == nil:
			return c.explain("UpdateTable", err)
		}
		if err := c.wait(ctx, p, "the table can be changed"); err != nil {
			return err
		}
	}
}

// settled returns the table once nothing is changed on it.
func (c *creation) settled(ctx context.Context) (*types.TableDescription, error) {
	p := newPause()
	for {
		d, err := c.describe(ctx)
		if err != nil || !settling(d) {
			return d, err
		}
		if err := c.wait(ctx, p, "the table is active"); err != nil {
			return nil, err
		}
	}
}

// recoverable switches point-in-time recovery on. For some time after a table was
// made, DynamoDB refuses that.
func (c *creation) recoverable(ctx context.Context, _ *types.TableDescription) error {
	const what = "point-in-time recovery"
	in := &dynamodb.UpdateContinuousBackupsInput{
		TableName: &c.table, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	}
	p := newPause()
	for {
		action := "DescribeContinuousBackups"
		on, err := c.recovery(ctx)
		if err == nil && !on {
			action = "UpdateContinuousBackups"
			var out *dynamodb.UpdateContinuousBackupsOutput
			out, err = reading(ctx, func(ctx context.Context) (*dynamodb.UpdateContinuousBackupsOutput, error) {
				return c.client.UpdateContinuousBackups(ctx, in)
			})
			if err == nil && !recoveryOn(out.ContinuousBackupsDescription) {
				c.warn("%s was accepted, but the table does not show it", what)
				return nil
			}
			if err == nil {
				c.changed(what)
			}
		}
		switch {
		case err == nil:
			return nil
		case lacking(err):
			c.warn("the table has no %s: what answers has no %s (DynamoDB has)", what, action)
			return nil
		case !notYet(err):
			return c.explain(action, err)
		}
		if err := c.wait(ctx, p, what+" can be switched on"); err != nil {
			return err
		}
	}
}

// notYet reports whether err says that backups are not ready for this table. Who
// keeps them hears of a new table a little later.
func notYet(err error) bool {
	var unavailable *types.ContinuousBackupsUnavailableException
	var unheard *types.TableNotFoundException
	var busy *types.ResourceInUseException
	return errors.As(err, &unavailable) || errors.As(err, &unheard) || errors.As(err, &busy)
}

// recovery reports whether point-in-time recovery is on.
func (s *Store) recovery(ctx context.Context) (bool, error) {
	out, err := reading(ctx, func(ctx context.Context) (*dynamodb.DescribeContinuousBackupsOutput, error) {
		return s.client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &s.table})
	})
	if err != nil {
		return false, err
	}
	return recoveryOn(out.ContinuousBackupsDescription), nil
}

func recoveryOn(d *types.ContinuousBackupsDescription) bool {
	return d != nil && d.PointInTimeRecoveryDescription != nil && d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
}

// mark sets the tags.
func (c *creation) mark(ctx context.Context, _ *types.TableDescription) error {
	if c.tags == nil {
		return nil // there are none here
	}
	missing := c.wantedTags()
	maps.DeleteFunc(missing, func(k, v string) bool {
		have, ok := c.tags[k]
		return ok && have == v
	})
	if len(missing) == 0 {
		return nil
	}
	in := &dynamodb.TagResourceInput{ResourceArn: &c.out.ARN, Tags: tagList(missing)}
	p := newPause()
	for {
		_, err := reading(ctx, func(ctx context.Context) (*dynamodb.TagResourceOutput, error) { return c.client.TagResource(ctx, in) })
		var busy *types.ResourceInUseException
		switch {
		case err == nil:
			c.changed("tags %s", strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
			return nil
		case !errors.As(err, &busy):
			return c.explain("TagResource", err)
		}
		if err := c.wait(ctx, p, "the table can be tagged"); err != nil {
			return err
		}
	}
}

// listTags reads the tags of the table.
func (s *Store) listTags(ctx context.Context, arn string) (map[string]string, error) {
	tags := map[string]string{}
	in := &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn}
	for {
		out, err := reading(ctx, func(ctx context.Context) (*dynamodb.ListTagsOfResourceOutput, error) {
			return s.client.ListTagsOfResource(ctx, in)
		})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if aws.ToString(out.NextToken) == "" {
			return tags, nil
		}
		in.NextToken = out.NextToken
	}
}

// hasHead reports whether the table has the head of a ledger. It is a Query, since
// whoever looks after the table needs that one anyway (Check).
func (s *Store) hasHead(ctx context.Context, ledger string) (found bool, err error) {
	key := expression.Key(attrPK).Equal(expression.Value(ledger)).And(expression.Key(attrSK).Equal(expression.Value(headKey)))
	err = s.query(ctx, query{key: key}, func(item map[string]types.AttributeValue) (bool, error) {
		found = true
		_, err := decodeHead(ledger, item)
		return false, err
	})
	return found, err
}
