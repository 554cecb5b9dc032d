package dynamodb

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// input is what CreateTable takes of a declaration.
func (c *createTable) input() *sdk.CreateTableInput {
	o := &c.Options
	in := &sdk.CreateTableInput{
		TableName: aws.String(c.Table.Value), AttributeDefinitions: definitions(c.Attributes), KeySchema: c.Keys.schema(),
		BillingMode: types.BillingModePayPerRequest, DeletionProtectionEnabled: o.DeletionProtection, TableClass: types.TableClass(o.TableClass.Value),
	}
	if o.provisioned() {
		in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, o.Capacity.throughput()
	}
	for i := range c.GlobalIndexes {
		g := &c.GlobalIndexes[i]
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(g.Name.Value), KeySchema: g.Keys.schema(), Projection: projection(g.Projection, g.Include), ProvisionedThroughput: g.throughput(o.Capacity, o.provisioned()),
		})
	}
	for _, l := range c.LocalIndexes {
		keys := tableKeys{Partition: c.Keys.Partition, Sort: l.Sort}
		in.LocalSecondaryIndexes = append(in.LocalSecondaryIndexes, types.LocalSecondaryIndex{
			IndexName: aws.String(l.Name.Value), KeySchema: keys.schema(), Projection: projection(l.Projection, l.Include),
		})
	}
	if !awstarget.Blank(o.Stream) && o.Stream.Value != off {
		in.StreamSpecification = streamOf(o.Stream)
	}
	if !awstarget.Blank(o.Encryption) && o.Encryption.Value != awsOwned {
		in.SSESpecification = encryptionOf(o.Encryption)
	}
	for _, key := range sortedKeys(o.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(o.Tags[key].Value)})
	}
	return in
}

func definitions(attributes map[string]core.Text) []types.AttributeDefinition {
	var out []types.AttributeDefinition
	for _, name := range sortedKeys(attributes) {
		out = append(out, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeType(attributes[name].Value)})
	}
	return out
}

func (k *tableKeys) schema() []types.KeySchemaElement {
	out := []types.KeySchemaElement{{AttributeName: aws.String(k.Partition.Value), KeyType: types.KeyTypeHash}}
	if !awstarget.Blank(k.Sort) {
		out = append(out, types.KeySchemaElement{AttributeName: aws.String(k.Sort.Value), KeyType: types.KeyTypeRange})
	}
	return out
}

func projection(p core.Text, include []core.Text) *types.Projection {
	switch {
	case len(include) > 0:
		out := &types.Projection{ProjectionType: types.ProjectionTypeInclude}
		for _, a := range include {
			out.NonKeyAttributes = append(out.NonKeyAttributes, a.Value)
		}
		return out
	case awstarget.Blank(p):
		return &types.Projection{ProjectionType: types.ProjectionTypeAll}
	}
	return &types.Projection{ProjectionType: types.ProjectionType(p.Value)}
}

func (c *capacity) throughput() *types.ProvisionedThroughput {
	return &types.ProvisionedThroughput{ReadCapacityUnits: &c.Read, WriteCapacityUnits: &c.Write}
}

// throughput is the index's own, or else the table's; nil on demand.
func (g *globalIndex) throughput(ofTable *capacity, provisioned bool) *types.ProvisionedThroughput {
	switch {
	case g.Capacity != nil:
		return g.Capacity.throughput()
	case provisioned && ofTable != nil:
		return ofTable.throughput()
	}
	return nil
}

func streamOf(t core.Text) *types.StreamSpecification {
	if t.Value == off {
		return &types.StreamSpecification{StreamEnabled: aws.Bool(false)}
	}
	return &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(t.Value)}
}

func encryptionOf(t core.Text) *types.SSESpecification {
	switch t.Value {
	case awsOwned:
		return &types.SSESpecification{Enabled: aws.Bool(false)}
	case awsManaged:
		return &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms}
	}
	return &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: aws.String(t.Value)}
}
