package dynamodb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// observed is what DynamoDB says about a table. What was not asked for is zero.
type observed struct {
	table *types.TableDescription // nil: there is none
	ttl   *types.TimeToLiveDescription
	pitr  bool
	// recoveryDays is for how long backups are kept, with pitr.
	recoveryDays *int32
	tags         map[string]string
}

// standing is how one thing that was declared compares with what is.
type standing int

const (
	isSo       standing = iota
	isNotYet            // and can be brought about
	isOther             // something else is there
	isChanging          // DynamoDB is at work on it
	isUnsure            // DynamoDB does not tell; to ask for it again does no harm
)

// aspect is one thing that was declared.
type aspect struct {
	what     string
	standing standing
	detail   string // of isOther: what is there
}

func so(what string) aspect { return aspect{what: what} }

// either is so, or else what the table would have to become: something else for a
// creation, which makes tables and does not change them.
func either(what string, same, creating bool, format string, args ...any) aspect {
	switch {
	case same:
		return so(what)
	case creating:
		return aspect{what, isOther, fmt.Sprintf(format, args...)}
	}
	return aspect{what, isNotYet, fmt.Sprintf(format, args...)}
}

// compare lists what a creation declares.
func (c *createTable) compare(o *observed) []aspect {
	want := keysIn(c.Keys.schema(), definitions(c.Attributes))
	all := []aspect{either("keys", keysOf(o.table) == want, true, "its keys are %s, not %s", keysOf(o.table), want)}
	for i := range c.GlobalIndexes {
		all = append(all, c.GlobalIndexes[i].compare(o, c.Attributes, true))
	}
	for _, l := range c.LocalIndexes {
		what := "index " + l.Name.Value
		i := slices.IndexFunc(o.table.LocalSecondaryIndexes, func(x types.LocalSecondaryIndexDescription) bool { return aws.ToString(x.IndexName) == l.Name.Value })
		if i < 0 {
			all = append(all, aspect{what, isOther, "it has no local index " + l.Name.Value})
			continue
		}
		x := o.table.LocalSecondaryIndexes[i]
		keys := tableKeys{Partition: c.Keys.Partition, Sort: l.Sort}
		want := indexWords(keys.schema(), definitions(c.Attributes), projection(l.Projection, l.Include))
		is := indexWords(x.KeySchema, o.table.AttributeDefinitions, x.Projection)
		all = append(all, either(what, is == want, true, "local index %s is over %s, not %s", l.Name.Value, is, want))
	}
	return append(all, c.Options.compare(o, true)...)
}

// compare lists what an update declares, in the order in which it is brought about.
func (u *updateTable) compare(o *observed) []aspect {
	all := u.Options.compare(o, false)
	for _, r := range u.RemoveIndexes {
		x := findIndex(o.table, r.Value)
		a := either("without index "+r.Value, x == nil, false, "")
		if x != nil && x.IndexStatus == types.IndexStatusDeleting {
			a.standing = isChanging
		}
		all = append(all, a)
	}
	for i := range u.AddIndexes {
		all = append(all, u.AddIndexes[i].compare(o, u.Attributes, false))
	}
	for _, r := range u.RemoveTags {
		_, there := o.tags[r.Value]
		all = append(all, either("without tag "+r.Value, !there, false, ""))
	}
	return all
}

func findIndex(d *types.TableDescription, name string) *types.GlobalSecondaryIndexDescription {
	for i := range d.GlobalSecondaryIndexes {
		if aws.ToString(d.GlobalSecondaryIndexes[i].IndexName) == name {
			return &d.GlobalSecondaryIndexes[i]
		}
	}
	return nil
}

// indexWords is what makes an index the one it is.
func indexWords(schema []types.KeySchemaElement, attributes []types.AttributeDefinition, p *types.Projection) string {
	words := keysIn(schema, attributes)
	if p == nil || p.ProjectionType == types.ProjectionTypeAll {
		return words + " with all attributes"
	}
	if p.ProjectionType == types.ProjectionTypeKeysOnly {
		return words + " with keys only"
	}
	names := slices.Clone(p.NonKeyAttributes)
	slices.Sort(names)
	return words + " with " + strings.Join(names, ", ")
}

func (g *globalIndex) compare(o *observed, attributes map[string]core.Text, creating bool) aspect {
	name := g.Name.Value
	what := "index " + name
	x := findIndex(o.table, name)
	if x == nil {
		return either(what, false, creating, "it has no index %s", name)
	}
	want := indexWords(g.Keys.schema(), definitions(attributes), projection(g.Projection, g.Include))
	is := indexWords(x.KeySchema, o.table.AttributeDefinitions, x.Projection)
	switch {
	case is != want:
		return aspect{what, isOther, fmt.Sprintf("index %s is over %s, not %s", name, is, want)}
	case x.IndexStatus == types.IndexStatusDeleting:
		return aspect{what, isOther, "index " + name + " is being deleted"}
	case x.IndexStatus != types.IndexStatusActive && x.IndexStatus != "": // DynamoDB Local leaves it out at times
		return aspect{what, isChanging, ""}
	}
	return so(what)
}

// compare lists the options that were declared. On-demand is, when a table is made.
func (o *tableOptions) compare(at *observed, creating bool) []aspect {
	var all []aspect
	t := at.table
	if creating || !awstarget.Blank(o.Billing) || o.Capacity != nil {
		is, want := billingOf(t), onDemand
		if o.provisioned() {
			want = fmt.Sprintf("provisioned, %d read and %d write", o.Capacity.Read, o.Capacity.Write)
		}
		all = append(all, either(whatBilling, is == want, creating, "its billing is %s, not %s", is, want))
	}
	if !awstarget.Blank(o.Stream) {
		all = append(all, o.compareStream(t, creating))
	}
	if !awstarget.Blank(o.Encryption) {
		all = append(all, o.compareEncryption(t, creating))
	}
	if !awstarget.Blank(o.TableClass) {
		is := classIn(t)
		all = append(all, either(whatClass, is == o.TableClass.Value, creating, "its class is %s, not %s", is, o.TableClass.Value))
	}
	if o.DeletionProtection != nil {
		all = append(all, either(whatProtection, aws.ToBool(t.DeletionProtectionEnabled) == *o.DeletionProtection, creating,
			"its deletion protection is %t, not %t", aws.ToBool(t.DeletionProtectionEnabled), *o.DeletionProtection))
	}
	for _, key := range sortedKeys(o.Tags) {
		want := o.Tags[key].Value
		is, there := at.tags[key]
		all = append(all, either(whatTag+key, there && is == want, creating, "its tag %s is %q, not %q", key, is, want))
	}
	if !awstarget.Blank(o.TTL) {
		all = append(all, o.compareTTL(at.ttl))
	}
	if o.PointInTimeRecovery != nil {
		// CreateTable cannot take it: a creation brings it about afterwards.
		all = append(all, either(whatPITR, at.pitr == *o.PointInTimeRecovery, false, ""))
	}
	return all
}

// The names of the aspects that an update brings about by them.
const (
	whatBilling    = "billing"
	whatStream     = "stream"
	whatEncryption = "encryption"
	whatClass      = "tableClass"
	whatProtection = "deletionProtection"
	whatTTL        = "ttl"
	whatPITR       = "pointInTimeRecovery"
	whatTag        = "tag "
)

func billingOf(t *types.TableDescription) string {
	if b := t.BillingModeSummary; b != nil && b.BillingMode == types.BillingModePayPerRequest {
		return onDemand
	}
	if p := t.ProvisionedThroughput; p != nil {
		return fmt.Sprintf("provisioned, %d read and %d write", aws.ToInt64(p.ReadCapacityUnits), aws.ToInt64(p.WriteCapacityUnits))
	}
	return provisioned
}

func classIn(t *types.TableDescription) string {
	if c := t.TableClassSummary; c != nil && c.TableClass != "" {
		return string(c.TableClass)
	}
	return standard
}

func streamIn(t *types.TableDescription) string {
	if s := t.StreamSpecification; s != nil && aws.ToBool(s.StreamEnabled) {
		return string(s.StreamViewType)
	}
	return off
}

// encryptionIn gives a KMS key by its ARN, whether it is AWS's own or not.
func encryptionIn(t *types.TableDescription) string {
	if s := t.SSEDescription; s != nil && (s.Status == types.SSEStatusEnabled || s.Status == types.SSEStatusUpdating || s.Status == types.SSEStatusEnabling) {
		return aws.ToString(s.KMSMasterKeyArn)
	}
	return awsOwned
}

func ttlIn(ttl *types.TimeToLiveDescription) string {
	if ttl != nil && (ttl.TimeToLiveStatus == types.TimeToLiveStatusEnabled || ttl.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		return aws.ToString(ttl.AttributeName)
	}
	return off
}

func (o *tableOptions) compareStream(t *types.TableDescription, creating bool) aspect {
	is := streamIn(t)
	a := either(whatStream, is == o.Stream.Value, creating, "its stream is %s, not %s", is, o.Stream.Value)
	if a.standing == isNotYet && is != off && o.Stream.Value != off {
		a.standing = isOther
		a.detail += " (DynamoDB takes another only after it was off: whoever reads it loses its place, so that this needs changes of its own)"
	}
	return a
}

func (o *tableOptions) compareEncryption(t *types.TableDescription, creating bool) aspect {
	is, want := encryptionIn(t), o.Encryption.Value
	if is != awsOwned && t.SSEDescription.Status != types.SSEStatusEnabled {
		return aspect{whatEncryption, isChanging, ""}
	}
	// An alias, or AWS's own key, DynamoDB shows as the ARN that it stands for.
	if is != awsOwned && (want == awsManaged || strings.HasPrefix(want, "alias/")) {
		if creating {
			return so(whatEncryption)
		}
		return aspect{whatEncryption, isUnsure, ""}
	}
	return either(whatEncryption, is == want, creating, "its encryption is by %s, not %s", is, want)
}

// compareTTL takes what is on the way for done: DynamoDB takes up to an hour.
func (o *tableOptions) compareTTL(ttl *types.TimeToLiveDescription) aspect {
	is := ttlIn(ttl)
	a := either(whatTTL, is == o.TTL.Value, false, "")
	if a.standing == isNotYet && is != off && o.TTL.Value != off {
		return aspect{whatTTL, isOther, fmt.Sprintf("its ttl is by %s, not %s (DynamoDB takes another only after it was off)", is, o.TTL.Value)}
	}
	return a
}
