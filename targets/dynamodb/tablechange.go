package dynamodb

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

func (w *tableWork) create(ctx context.Context, c *createTable) error {
	k, err := w.captured()
	if err != nil {
		return err
	}
	before, err := w.describe(ctx)
	if err != nil {
		return err
	}
	if before != nil {
		w.say("is there already")
		if before.TableStatus == types.TableStatusDeleting {
			return &TableError{Table: w.name, Reason: "is being deleted", Next: "run again when it is gone"}
		}
	} else {
		err := w.change(ctx, true, func(ctx context.Context) error {
			_, err := w.c.CreateTable(ctx, c.input(), ours)
			return err
		})
		var exists *types.ResourceInUseException
		switch {
		case err != nil && core.IsUnknown(err) && errors.As(err, &exists):
			// It was not there before we asked, once without an answer: it is ours.
		case errors.As(err, &exists): // somebody else was faster
			return w.another(k, w.explained(err))
		case err != nil:
			return w.explained(err)
		}
	}
	if err := w.settled(ctx); err != nil {
		return err
	}
	o, err := w.observe(ctx, &c.Options, false)
	if err != nil {
		return err
	}
	if o.table == nil {
		return w.missing()
	}
	if err := w.differs(c.compare(o)); err != nil {
		if before != nil {
			return w.another(k, err)
		}
		return err
	}
	return w.bringAbout(ctx, c.later())
}

// another is the error for a table that somebody else made, as it seems. If there was none
// before the change, its rollback would delete this one, since an earlier attempt could
// have made it: whose it is stays open, and is settled by the probe or a person.
func (w *tableWork) another(k *kept, err error) error {
	if k == nil || k.Exists {
		return err
	}
	return core.Unknown(err)
}

// explained keeps the mark of an unknown outcome.
func (w *tableWork) explained(err error) error {
	var unknown *core.UnknownError
	if errors.As(err, &unknown) {
		return core.Unknown(w.fault(unknown.Err))
	}
	if awstarget.CodeOf(err) == "ValidationException" {
		if w.restoring {
			return &TableError{Table: w.name, Reason: "is not wholly put back, DynamoDB refuses it: " + w.c.target.explain(err).Error(), Next: byHand}
		}
		return &TableError{Table: w.name, Reason: "is refused as declared: " + w.c.target.explain(err).Error(), Next: "mend the change"}
	}
	return w.fault(err)
}

func (w *tableWork) update(ctx context.Context, u *updateTable) error { return w.bringAbout(ctx, u) }

// lostAnswers bounds how often an update is looked for whose answer got lost.
const lostAnswers = 4

// bringAbout makes everything so that is declared, one thing after the other. After
// each, and when an answer got lost, it looks at the table anew.
func (w *tableWork) bringAbout(ctx context.Context, u *updateTable) error {
	done := map[string]bool{}
	p := awsclient.NewPause(firstLook, longestLook)
	open := false // a request got no answer, and its effect was not seen since
	for lost := 0; ; {
		o, err := w.observe(ctx, &u.Options, len(u.RemoveTags) > 0)
		if err != nil {
			return unknownIf(open, err)
		}
		if o.table == nil {
			return w.missing()
		}
		all := u.compare(o)
		if err := w.differs(all); err != nil {
			return err
		}
		if atWork(o.table) != "" {
			if err := w.settled(ctx); err != nil {
				return err
			}
			continue
		}
		i := slices.IndexFunc(all, func(a aspect) bool { return a.standing != isSo && !done[a.what] })
		if i < 0 {
			return nil
		}
		next := all[i].what
		if all[i].standing == isChanging {
			if err := p.Wait(ctx); err != nil {
				return err
			}
			continue
		}
		w.say("%s", next)
		err = w.change(ctx, false, func(ctx context.Context) error { return w.one(ctx, u, o, next) })
		var inUse *types.ResourceInUseException
		switch {
		case err == nil:
			done[next], open = true, false
			continue
		case errors.As(err, &inUse): // somebody else changes the table: wait, and look again
		case core.IsUnknown(err):
			open = true
			if lost++; lost == lostAnswers {
				return w.explained(err)
			}
		default:
			return unknownIf(open, w.explained(err))
		}
		if p.Wait(ctx) != nil {
			return unknownIf(open, w.explained(err))
		}
	}
}

// unknownIf keeps an error from being taken for the whole story while a request
// before it is open.
func unknownIf(open bool, err error) error {
	if open {
		return core.Unknown(err)
	}
	return err
}

// one brings about one aspect.
func (w *tableWork) one(ctx context.Context, u *updateTable, o *observed, what string) error {
	in := &sdk.UpdateTableInput{TableName: &w.name}
	index, isIndex := strings.CutPrefix(what, "index ")
	without, isWithout := strings.CutPrefix(what, "without index ")
	tag, isTag := strings.CutPrefix(what, whatTag)
	noTag, isNoTag := strings.CutPrefix(what, "without "+whatTag)
	switch {
	case what == whatBilling:
		u.Options.billing(in, o.table)
	case what == whatStream:
		in.StreamSpecification = streamOf(u.Options.Stream)
	case what == whatEncryption:
		in.SSESpecification = encryptionOf(u.Options.Encryption)
	case what == whatClass:
		in.TableClass = types.TableClass(u.Options.TableClass.Value)
	case what == whatProtection:
		in.DeletionProtectionEnabled = u.Options.DeletionProtection
	case isWithout:
		in.GlobalSecondaryIndexUpdates = []types.GlobalSecondaryIndexUpdate{{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &without}}}
	case isIndex:
		u.addIndex(in, o.table, index)
	case isTag:
		_, err := w.c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: o.table.TableArn, Tags: []types.Tag{{Key: &tag, Value: aws.String(u.Options.Tags[tag].Value)}}}, ours)
		return err
	case isNoTag:
		_, err := w.c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: o.table.TableArn, TagKeys: []string{noTag}}, ours)
		return err
	case what == whatTTL:
		spec := &types.TimeToLiveSpecification{AttributeName: aws.String(u.Options.TTL.Value), Enabled: aws.Bool(true)}
		if u.Options.TTL.Value == off {
			spec.AttributeName, spec.Enabled = o.ttl.AttributeName, aws.Bool(false)
		}
		_, err := w.c.UpdateTimeToLive(ctx, &sdk.UpdateTimeToLiveInput{TableName: &w.name, TimeToLiveSpecification: spec}, ours)
		return err
	case what == whatPITR:
		_, err := w.c.UpdateContinuousBackups(ctx, &sdk.UpdateContinuousBackupsInput{
			TableName: &w.name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
				PointInTimeRecoveryEnabled: u.Options.PointInTimeRecovery, RecoveryPeriodInDays: u.Options.RecoveryDays,
			},
		}, ours)
		return err
	}
	_, err := w.c.UpdateTable(ctx, in, ours)
	return err
}

// billing switches the table and, to provisioned, its indexes with it: DynamoDB
// wants to hear of each.
func (o *tableOptions) billing(in *sdk.UpdateTableInput, t *types.TableDescription) {
	if !o.provisioned() {
		in.BillingMode = types.BillingModePayPerRequest
		return
	}
	in.ProvisionedThroughput = o.Capacity.throughput()
	if billingOf(t) != onDemand {
		return // the indexes keep what they have
	}
	in.BillingMode = types.BillingModeProvisioned
	for _, x := range t.GlobalSecondaryIndexes {
		c := o.Capacity
		if own := o.IndexCapacity[aws.ToString(x.IndexName)]; own != nil {
			c = own
		}
		if is := capacityIn(x.ProvisionedThroughput); is != nil && *is == *c {
			continue // DynamoDB Local keeps it on demand, and refuses to set what is set
		}
		in.GlobalSecondaryIndexUpdates = append(in.GlobalSecondaryIndexUpdates, types.GlobalSecondaryIndexUpdate{
			Update: &types.UpdateGlobalSecondaryIndexAction{IndexName: x.IndexName, ProvisionedThroughput: c.throughput()},
		})
	}
}

func (u *updateTable) addIndex(in *sdk.UpdateTableInput, t *types.TableDescription, name string) {
	for i := range u.AddIndexes {
		g := &u.AddIndexes[i]
		if g.Name.Value != name {
			continue
		}
		in.AttributeDefinitions = definitions(u.Attributes)
		create := &types.CreateGlobalSecondaryIndexAction{IndexName: &name, KeySchema: g.Keys.schema(), Projection: projection(g.Projection, g.Include), ProvisionedThroughput: g.throughput(nil, false)}
		if p := t.ProvisionedThroughput; create.ProvisionedThroughput == nil && p != nil && billingOf(t) != onDemand {
			create.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: p.ReadCapacityUnits, WriteCapacityUnits: p.WriteCapacityUnits}
		}
		in.GlobalSecondaryIndexUpdates = []types.GlobalSecondaryIndexUpdate{{Create: create}}
	}
}

const leftAlone = "was there before this change, which did not make it: it is left alone"

func (w *tableWork) delete(ctx context.Context, d *deleteTable, rollback bool) error {
	if rollback {
		k, err := w.captured()
		if err != nil {
			return err
		}
		if k != nil && k.Exists && k.Operation == "create" {
			w.say(leftAlone)
			return nil
		}
	}
	t, err := w.describe(ctx)
	if err != nil {
		return err
	}
	switch {
	case t == nil && rollback:
		return nil
	case t == nil:
		return w.missing()
	case !aws.ToBool(t.DeletionProtectionEnabled):
	case !d.Unprotect:
		next := "switch that off in a change before this one (update: deletionProtection: false), or set unprotect: true beside the table's name"
		if w.restoring {
			next = "somebody else protected it: if it is not needed, delete it by hand, then: flamingock issue resolve"
		}
		return &TableError{Table: w.name, Reason: "is protected from deletion", Next: next}
	default:
		if err := w.bringAbout(ctx, &updateTable{Options: tableOptions{DeletionProtection: aws.Bool(false)}}); err != nil {
			return err
		}
	}
	return w.drop(ctx)
}

// drop asks for the deletion until the table is gone.
func (w *tableWork) drop(ctx context.Context) error {
	p := awsclient.NewPause(firstLook, longestLook)
	asked := false
	for lost := 0; ; {
		t, err := w.describe(ctx)
		if err != nil || t == nil {
			return unknownIf(asked && err != nil, err)
		}
		if t.TableStatus != types.TableStatusDeleting {
			err = w.change(ctx, false, func(ctx context.Context) error {
				_, err := w.c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &w.name}, ours)
				return err
			})
			var missing *types.ResourceNotFoundException
			var inUse *types.ResourceInUseException
			switch {
			case errors.As(err, &missing):
				return nil
			case err == nil, errors.As(err, &inUse):
				asked = true
			case core.IsUnknown(err):
				asked = true
				if lost++; lost == lostAnswers {
					return w.explained(err)
				}
			default:
				return unknownIf(asked, w.explained(err))
			}
		}
		if err := p.Wait(ctx); err != nil {
			return err
		}
	}
}
