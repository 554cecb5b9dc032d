package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// keptVersion is that of the documents that this package writes, and reads.
const keptVersion = 1

// kept is what a change found before it began, as its STARTED has it. Names are those of
// the payload, so that a person can put it into a change file.
type kept struct {
	Version   int    `json:"version"`
	Operation string `json:"operation"` // the change's: create, update or delete
	// Table is the name as the change file has it, for people: with references, so that no
	// secret is in it.
	Table  string `json:"table"`
	Exists bool   `json:"exists"`
	// ID is DynamoDB's for this table, and for no later one of the name.
	ID string `json:"id,omitempty"`
	// Update is what would bring the table back from what the change makes of it.
	Update *keptState `json:"update,omitempty"`
	// Create is what a table was that is deleted, but for what other requests tell (ttl,
	// tags, point-in-time recovery). For people: nothing puts it back.
	Create *keptState `json:"create,omitempty"`
	// Lost is what was there and cannot be put back.
	Lost []string `json:"lost,omitempty"`
}

type keptState struct {
	Keys       *keptKeys         `json:"keys,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Billing    string            `json:"billing,omitempty"`
	Capacity   *capacity         `json:"capacity,omitempty"`
	// IndexCapacity is that of the indexes whose billing changes with the table's.
	IndexCapacity       map[string]*capacity `json:"indexCapacity,omitempty"`
	Stream              string               `json:"stream,omitempty"`
	TTL                 string               `json:"ttl,omitempty"`
	Tags                map[string]string    `json:"tags,omitempty"`
	RemoveTags          []string             `json:"removeTags,omitempty"`
	DeletionProtection  *bool                `json:"deletionProtection,omitempty"`
	PointInTimeRecovery *bool                `json:"pointInTimeRecovery,omitempty"`
	RecoveryDays        *int32               `json:"recoveryDays,omitempty"`
	Encryption          string               `json:"encryption,omitempty"`
	TableClass          string               `json:"tableClass,omitempty"`
	AddIndexes          []keptIndex          `json:"addIndexes,omitempty"`
	RemoveIndexes       []string             `json:"removeIndexes,omitempty"`
	GlobalIndexes       []keptIndex          `json:"globalIndexes,omitempty"`
	LocalIndexes        []keptIndex          `json:"localIndexes,omitempty"`
}

type keptKeys struct {
	Partition string `json:"partition"`
	Sort      string `json:"sort,omitempty"`
}

type keptIndex struct {
	Name       string    `json:"name"`
	Keys       *keptKeys `json:"keys,omitempty"`
	Sort       string    `json:"sort,omitempty"`
	Projection string    `json:"projection,omitempty"`
	Include    []string  `json:"include,omitempty"`
	Capacity   *capacity `json:"capacity,omitempty"`
}

// capture reads what the payload is about to change, and nothing else.
func (w *tableWork) capture(ctx context.Context, named string) (string, error) {
	k := &kept{Version: keptVersion, Operation: w.payload.operation(), Table: named}
	var o *observed
	var err error
	switch p := w.payload; {
	case p.Update != nil:
		if o, err = w.calm(ctx, p.Update); err == nil && o.table != nil {
			k.Update = k.before(o, p.Update)
		}
	case p.Create != nil && !p.Create.later().none():
		o = new(observed)
		if o.table, err = w.describe(ctx); err != nil || o.table == nil || o.table.TableStatus == types.TableStatusDeleting {
			break
		}
		if o, err = w.calm(ctx, p.Create.later()); err == nil && o.table != nil {
			k.Update = k.before(o, p.Create.later())
		}
	default:
		o = new(observed)
		if o.table, err = w.describe(ctx); err == nil && o.table != nil && p.Delete != nil {
			k.Create = k.definition(o.table)
		}
	}
	if err != nil {
		return "", err
	}
	if o.table != nil {
		k.Exists, k.ID = true, aws.ToString(o.table.TableId)
	}
	text, err := json.Marshal(k)
	return string(text), err
}

// calm observes what u declares when DynamoDB is done with the table: what is on the way
// is neither what was nor what will be.
func (w *tableWork) calm(ctx context.Context, u *updateTable) (*observed, error) {
	p := awsclient.NewPause(firstLook, longestLook)
	said := ""
	for {
		t, err := w.describe(ctx)
		if err != nil || t == nil {
			return new(observed), err
		}
		busy := atWork(t)
		if busy == "" {
			o, err := w.observe(ctx, &u.Options, len(u.RemoveTags) > 0)
			if err != nil || o.table == nil || !isEncrypting(o.table) && atWork(o.table) == "" {
				return o, err
			}
			busy = "UPDATING"
		}
		if busy != said {
			w.say("%s", busy)
			said = busy
		}
		if err := p.Wait(ctx); err != nil {
			return nil, fmt.Errorf("table %s is still %s: %w", w.name, busy, err)
		}
	}
}

func isEncrypting(t *types.TableDescription) bool {
	s := t.SSEDescription
	return s != nil && (s.Status == types.SSEStatusUpdating || s.Status == types.SSEStatusEnabling || s.Status == types.SSEStatusDisabling)
}

// before is what an update would have to declare to bring the table back to what is
// observed, of what u changes.
func (k *kept) before(o *observed, u *updateTable) *keptState {
	s, t := new(keptState), o.table
	if !awstarget.Blank(u.Options.Billing) || u.Options.Capacity != nil {
		s.billing(t)
		if s.Billing == provisioned && u.Options.Billing.Value == onDemand {
			s.indexCapacity(t)
		}
	}
	if !awstarget.Blank(u.Options.Stream) {
		s.Stream = streamIn(t)
	}
	if !awstarget.Blank(u.Options.Encryption) {
		s.Encryption = encryptionIn(t)
	}
	if !awstarget.Blank(u.Options.TableClass) {
		s.TableClass = classIn(t)
	}
	if u.Options.DeletionProtection != nil {
		s.DeletionProtection = aws.Bool(aws.ToBool(t.DeletionProtectionEnabled))
	}
	if !awstarget.Blank(u.Options.TTL) {
		s.TTL = ttlIn(o.ttl)
	}
	if u.Options.PointInTimeRecovery != nil {
		s.PointInTimeRecovery = &o.pitr
		if o.pitr {
			s.RecoveryDays = o.recoveryDays
		}
	}
	tags := sortedKeys(u.Options.Tags)
	for _, r := range u.RemoveTags {
		tags = append(tags, r.Value)
	}
	for _, key := range tags {
		value, there := o.tags[key]
		_, set := u.Options.Tags[key]
		switch {
		case there:
			if s.Tags == nil {
				s.Tags = map[string]string{}
			}
			s.Tags[key] = value
		case set:
			s.RemoveTags = append(s.RemoveTags, key)
		}
	}
	for i := range u.AddIndexes {
		if name := u.AddIndexes[i].Name.Value; findIndex(t, name) == nil {
			s.RemoveIndexes = append(s.RemoveIndexes, name)
		}
	}
	for _, r := range u.RemoveIndexes {
		if x := findIndex(t, r.Value); x != nil {
			if index, ok := k.index(t, x); ok {
				s.AddIndexes = append(s.AddIndexes, index)
				s.attributes(t, x.KeySchema)
			}
		}
	}
	return s
}

func (s *keptState) billing(t *types.TableDescription) {
	if billingOf(t) == onDemand {
		s.Billing = onDemand
		return
	}
	s.Billing = provisioned
	s.Capacity = capacityIn(t.ProvisionedThroughput)
}

func (s *keptState) indexCapacity(t *types.TableDescription) {
	for _, x := range t.GlobalSecondaryIndexes {
		if c := capacityIn(x.ProvisionedThroughput); c != nil {
			if s.IndexCapacity == nil {
				s.IndexCapacity = map[string]*capacity{}
			}
			s.IndexCapacity[aws.ToString(x.IndexName)] = c
		}
	}
}

func capacityIn(p *types.ProvisionedThroughputDescription) *capacity {
	if p == nil || aws.ToInt64(p.ReadCapacityUnits) < 1 || aws.ToInt64(p.WriteCapacityUnits) < 1 {
		return nil // on demand
	}
	return &capacity{Read: *p.ReadCapacityUnits, Write: *p.WriteCapacityUnits}
}

// attributes adds the types of those in keys.
func (s *keptState) attributes(t *types.TableDescription, schema []types.KeySchemaElement) {
	if s.Attributes == nil {
		s.Attributes = map[string]string{}
	}
	for _, e := range schema {
		for _, d := range t.AttributeDefinitions {
			if aws.ToString(d.AttributeName) == aws.ToString(e.AttributeName) {
				s.Attributes[*d.AttributeName] = string(d.AttributeType)
			}
		}
	}
}

// keysFrom returns nil for keys that a payload has no words for: of several attributes.
func keysFrom(schema []types.KeySchemaElement) *keptKeys {
	keys := new(keptKeys)
	for _, e := range schema {
		to := &keys.Sort
		if e.KeyType == types.KeyTypeHash {
			to = &keys.Partition
		}
		if *to != "" {
			return nil
		}
		*to = aws.ToString(e.AttributeName)
	}
	return keys
}

// index is what an index is that would have to be made again.
func (k *kept) index(t *types.TableDescription, x *types.GlobalSecondaryIndexDescription) (keptIndex, bool) {
	out := keptIndex{Name: aws.ToString(x.IndexName), Keys: keysFrom(x.KeySchema)}
	if out.Keys == nil {
		k.Lost = append(k.Lost, "index "+out.Name+": over "+indexWords(x.KeySchema, t.AttributeDefinitions, x.Projection))
		return out, false
	}
	out.project(x.Projection)
	if billingOf(t) != onDemand {
		out.Capacity = capacityIn(x.ProvisionedThroughput)
	}
	if d := x.OnDemandThroughput; d != nil && (aws.ToInt64(d.MaxReadRequestUnits) > 0 || aws.ToInt64(d.MaxWriteRequestUnits) > 0) {
		k.Lost = append(k.Lost, fmt.Sprintf("index %s: its limits on demand, %d read and %d write", out.Name, aws.ToInt64(d.MaxReadRequestUnits), aws.ToInt64(d.MaxWriteRequestUnits)))
	}
	return out, true
}

func (x *keptIndex) project(p *types.Projection) {
	switch {
	case p == nil || p.ProjectionType == types.ProjectionTypeAll:
	case p.ProjectionType == types.ProjectionTypeInclude:
		x.Include = slices.Sorted(slices.Values(p.NonKeyAttributes))
	default:
		x.Projection = string(p.ProjectionType)
	}
}

// definition is what a table was that is about to be deleted.
func (k *kept) definition(t *types.TableDescription) *keptState {
	s := &keptState{
		Keys: keysFrom(t.KeySchema), Stream: streamIn(t), Encryption: encryptionIn(t), TableClass: classIn(t),
		DeletionProtection: aws.Bool(aws.ToBool(t.DeletionProtectionEnabled)),
	}
	s.billing(t)
	s.attributes(t, t.KeySchema)
	for i := range t.GlobalSecondaryIndexes {
		x := &t.GlobalSecondaryIndexes[i]
		if index, ok := k.index(t, x); ok {
			s.GlobalIndexes = append(s.GlobalIndexes, index)
			s.attributes(t, x.KeySchema)
		}
	}
	for _, x := range t.LocalSecondaryIndexes {
		if keys := keysFrom(x.KeySchema); keys != nil {
			index := keptIndex{Name: aws.ToString(x.IndexName), Sort: keys.Sort}
			index.project(x.Projection)
			s.LocalIndexes = append(s.LocalIndexes, index)
			s.attributes(t, x.KeySchema)
		}
	}
	return s
}

// captured reads what was kept; nil when nothing was.
func (w *tableWork) captured() (*kept, error) {
	if w.s.Captured == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(w.s.Captured))
	d.DisallowUnknownFields()
	k := new(kept)
	err := d.Decode(k)
	if err == nil && k.Version != keptVersion {
		err = fmt.Errorf("it is of version %d, not %d", k.Version, keptVersion)
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after it")
		}
	}
	if err != nil {
		return nil, &TableError{Table: w.name, Reason: "is not put back: what was kept before the change cannot be read: " + err.Error(), Next: byHand}
	}
	return k, nil
}
