package dynamodb

import (
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// check finds what is wrong with a payload. What holds references is checked once
// more when they are resolved.
func (p *tablePayload) check(f *awstarget.Faults) {
	n := 0
	for _, there := range []bool{p.Create != nil, p.Update != nil, p.Delete != nil} {
		if there {
			n++
		}
	}
	if n != 1 {
		f.At(p.table().Start, "this must be one of create, update and delete")
		return
	}
	checkTable(f, p.table(), core.Position{})
	at := p.table().Start
	switch {
	case p.Create != nil:
		p.Create.check(f, at)
	case p.Update != nil:
		p.Update.check(f, at)
	}
}

func (c *createTable) check(f *awstarget.Faults, at core.Position) {
	used := map[string]bool{}
	c.Keys.check(f, at, "keys", c.Attributes, used)
	names := map[string]bool{}
	for i := range c.GlobalIndexes {
		c.GlobalIndexes[i].check(f, at, c.Attributes, used, names)
	}
	for _, l := range c.LocalIndexes {
		checkIndexName(f, l.Name, at, names)
		place := awstarget.First(l.Name.Start, at)
		switch {
		case awstarget.Blank(l.Sort):
			f.At(place, "the local index needs sort, its sort key")
		case l.Sort.Value == c.Keys.Sort.Value:
			f.At(l.Sort.Start, "this is the table's own sort key")
		default:
			needAttribute(f, l.Sort, c.Attributes, used)
		}
		checkProjection(f, l.Projection, l.Include)
	}
	if len(c.LocalIndexes) > 0 && awstarget.Blank(c.Keys.Sort) {
		f.At(awstarget.First(c.LocalIndexes[0].Name.Start, at), "a table without a sort key can have no local index")
	}
	if len(c.LocalIndexes) > 5 {
		f.At(awstarget.First(c.LocalIndexes[5].Name.Start, at), "a table can have 5 local indexes")
	}
	checkAttributes(f, c.Attributes, used)
	c.Options.check(f, at)
	if c.Options.provisioned() && c.Options.Capacity == nil {
		f.At(awstarget.First(c.Options.Billing.Start, at), "provisioned needs capacity, with read and write")
	}
	if !c.Options.provisioned() {
		for _, g := range c.GlobalIndexes {
			if g.Capacity != nil {
				f.At(awstarget.First(g.Name.Start, at), "the index has a capacity, and the table's billing is on-demand")
			}
		}
	}
}

func (u *updateTable) check(f *awstarget.Faults, at core.Position) {
	used, names := map[string]bool{}, map[string]bool{}
	for i := range u.AddIndexes {
		u.AddIndexes[i].check(f, at, u.Attributes, used, names)
	}
	for _, r := range u.RemoveIndexes {
		if awstarget.Blank(r) {
			f.At(awstarget.First(r.Start, at), "an index to remove has no name")
		}
		if names[r.Value] {
			f.At(r.Start, "index %s is both added and removed: make two changes of it", r.Value)
		}
	}
	checkAttributes(f, u.Attributes, used)
	for _, r := range u.RemoveTags {
		if _, both := u.Options.Tags[r.Value]; both {
			f.At(r.Start, "tag %s is both set and removed", r.Value)
		}
	}
	if u.none() {
		f.At(at, "update changes nothing")
	}
	u.Options.check(f, at)
	if u.Options.Billing.Value == provisioned && u.Options.Capacity == nil {
		f.At(u.Options.Billing.Start, "provisioned needs capacity, with read and write")
	}
}

func (k *tableKeys) check(f *awstarget.Faults, at core.Position, what string, attributes map[string]core.Text, used map[string]bool) {
	if awstarget.Blank(k.Partition) {
		f.At(awstarget.First(k.Partition.Start, k.Sort.Start, at), "%s.partition is missing", what)
		return
	}
	needAttribute(f, k.Partition, attributes, used)
	if !awstarget.Blank(k.Sort) {
		if k.Sort.Value == k.Partition.Value {
			f.At(k.Sort.Start, "partition and sort key are the same attribute")
		}
		needAttribute(f, k.Sort, attributes, used)
	}
}

func needAttribute(f *awstarget.Faults, name core.Text, attributes map[string]core.Text, used map[string]bool) {
	used[name.Value] = true
	if _, ok := attributes[name.Value]; !ok {
		f.At(name.Start, "%s is a key, and attributes does not say its type: S, N or B", name.Value)
	}
}

func checkAttributes(f *awstarget.Faults, attributes map[string]core.Text, used map[string]bool) {
	for _, name := range sortedKeys(attributes) {
		typ := attributes[name]
		if !awstarget.HasReference(typ.Value) && !slices.Contains([]string{"S", "N", "B"}, typ.Value) {
			f.At(typ.Start, "the type of attribute %s must be S, N or B", name)
		}
		if !used[name] {
			f.At(typ.Start, "attribute %s is in no key: DynamoDB wants to know the types of key attributes only", name)
		}
	}
}

func (g *globalIndex) check(f *awstarget.Faults, at core.Position, attributes map[string]core.Text, used, names map[string]bool) {
	checkIndexName(f, g.Name, at, names)
	g.Keys.check(f, awstarget.First(g.Name.Start, at), "keys", attributes, used)
	checkProjection(f, g.Projection, g.Include)
	g.Capacity.check(f, awstarget.First(g.Name.Start, at))
}

func checkIndexName(f *awstarget.Faults, name core.Text, at core.Position, names map[string]bool) {
	switch {
	case awstarget.Blank(name):
		f.At(awstarget.First(name.Start, at), "an index has no name")
	case !awstarget.HasReference(name.Value) && !isName(name.Value):
		f.At(name.Start, "the index's name must be 3 to 255 letters, digits, _ . -")
	case names[name.Value]:
		f.At(name.Start, "index %s is named twice", name.Value)
	}
	names[name.Value] = true
}

func checkProjection(f *awstarget.Faults, projection core.Text, include []core.Text) {
	switch {
	case !awstarget.Blank(projection) && len(include) > 0:
		f.At(projection.Start, "give projection or include, and not both")
	case !awstarget.OneOf(projection, "ALL", "KEYS_ONLY"):
		f.At(projection.Start, "projection must be ALL or KEYS_ONLY; to name attributes, use include")
	}
}

func (c *capacity) check(f *awstarget.Faults, at core.Position) {
	if c != nil && (c.Read < 1 || c.Write < 1) {
		f.At(at, "capacity needs read and write, of at least 1")
	}
}

func (o *tableOptions) check(f *awstarget.Faults, at core.Position) {
	if !awstarget.OneOf(o.Billing, onDemand, provisioned) {
		f.At(o.Billing.Start, "billing must be on-demand or provisioned")
	}
	if o.Billing.Value == onDemand && o.Capacity != nil {
		f.At(o.Billing.Start, "on-demand takes no capacity")
	}
	o.Capacity.check(f, at)
	if !awstarget.OneOf(o.Stream, "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", off) {
		f.At(o.Stream.Start, "stream must be KEYS_ONLY, NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES or off")
	}
	if !awstarget.OneOf(o.TableClass, standard, infrequent) {
		f.At(o.TableClass.Start, "tableClass must be STANDARD or STANDARD_INFREQUENT_ACCESS")
	}
	if !awstarget.OneOf(o.Encryption, awsOwned, awsManaged) && !strings.HasPrefix(o.Encryption.Value, "arn:") && !strings.HasPrefix(o.Encryption.Value, "alias/") {
		f.At(o.Encryption.Start, "encryption must be aws-owned, aws-managed, or a KMS key: its ARN or alias/…")
	}
	for _, key := range sortedKeys(o.Tags) {
		switch v := o.Tags[key]; {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			f.At(v.Start, "tags that begin with aws: are AWS's own")
		case key == "" || len([]rune(key)) > 128 || len([]rune(v.Value)) > 256:
			f.At(v.Start, "a tag has a key of 1 to 128 characters and a value of at most 256")
		}
	}
}

func (o *tableOptions) provisioned() bool {
	return o.Billing.Value == provisioned || awstarget.Blank(o.Billing) && o.Capacity != nil
}
