package dynamodb

import (
	"context"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// TableTemplate is the name of the template for tables.
const TableTemplate = "dynamodb-table"

// tableTemplate makes, changes and deletes tables: create, update or delete. It is
// always NON_TX: DynamoDB has no transactions over tables.
//
// Of its operations:
//
//   - create makes the table and waits until it and its indexes are ACTIVE. A table
//     that is there already counts as made if it is as declared, and gets the ttl and
//     pointInTimeRecovery that it may lack; if it differs, nothing is changed. Probe:
//     APPLIED if all that is declared is so, NOT_APPLIED if the table is not there or
//     lacks one of the above, CONFLICT if it differs, UNKNOWN while it is being made.
//   - update brings about what it declares, one thing after the other, each awaited,
//     and leaves out what is so already. Indexes are waited for until they are filled,
//     with no limit but the change's timeout. Probe: likewise, and UNKNOWN for what
//     DynamoDB does not tell.
//   - delete deletes the table and waits until it is gone. In a rollback a missing
//     table counts as deleted; and one that was there before the change's create, which
//     therefore did not make it, is left alone. Probe: APPLIED if there is no table.
//
// What is about to be changed is kept: see kept. With rollback: auto, a table that create
// made is deleted, and what update changed becomes what it was, each thing awaited as
// update does, unless somebody has changed it since. A deleted table cannot be put back.
//
// None is declared safe against a late effect. For create and for added indexes a late
// copy would be: they make what has one name. But a wait that was broken off would then
// count as a definite failure, although DynamoDB goes on; as an unknown outcome it is
// settled by the probe of the next run.
//
// What gets no answer is looked for, and asked for again only where it is not there.
func tableTemplate() core.Template {
	return core.Template{Name: TableTemplate, Compile: compileTable, Restore: restoreTable, Probe: tableProbe}
}

const notInTransaction = "DynamoDB has no transactions over tables"

type tablePayload struct {
	Create *createTable `yaml:"create"`
	Update *updateTable `yaml:"update"`
	Delete *deleteTable `yaml:"delete"`
}

type createTable struct {
	Table core.Text `yaml:"table"`
	Keys  tableKeys `yaml:"keys"`
	// Attributes are the types (S, N, B) of the attributes in keys of the table and its
	// indexes, and of no others.
	Attributes    map[string]core.Text `yaml:"attributes"`
	GlobalIndexes []globalIndex        `yaml:"globalIndexes"`
	LocalIndexes  []localIndex         `yaml:"localIndexes"`
	Options       tableOptions         `yaml:",inline"`
}

type updateTable struct {
	Table core.Text `yaml:"table"`
	// Attributes are the types of the attributes in the keys of the added indexes.
	Attributes    map[string]core.Text `yaml:"attributes"`
	AddIndexes    []globalIndex        `yaml:"addIndexes"`
	RemoveIndexes []core.Text          `yaml:"removeIndexes"`
	RemoveTags    []core.Text          `yaml:"removeTags"`
	Options       tableOptions         `yaml:",inline"`
}

type deleteTable struct {
	Table core.Text `yaml:"table"`
	// Unprotect switches deletion protection off first.
	Unprotect bool `yaml:"unprotect"`
}

type tableKeys struct {
	Partition core.Text `yaml:"partition"`
	Sort      core.Text `yaml:"sort"`
}

type capacity struct {
	Read  int64 `yaml:"read" json:"read"`
	Write int64 `yaml:"write" json:"write"`
}

type globalIndex struct {
	Name       core.Text   `yaml:"name"`
	Keys       tableKeys   `yaml:"keys"`
	Projection core.Text   `yaml:"projection"` // ALL (if absent) or KEYS_ONLY
	Include    []core.Text `yaml:"include"`    // or the keys and these
	Capacity   *capacity   `yaml:"capacity"`   // absent: the table's
}

type localIndex struct {
	Name       core.Text   `yaml:"name"`
	Sort       core.Text   `yaml:"sort"`
	Projection core.Text   `yaml:"projection"`
	Include    []core.Text `yaml:"include"`
}

// tableOptions are what a table is made with and can be changed later.
type tableOptions struct {
	Billing             core.Text            `yaml:"billing"` // on-demand (if absent) or provisioned
	Capacity            *capacity            `yaml:"capacity"`
	Stream              core.Text            `yaml:"stream"` // a StreamViewType, or off
	TTL                 core.Text            `yaml:"ttl"`    // an attribute, or off
	Tags                map[string]core.Text `yaml:"tags"`
	DeletionProtection  *bool                `yaml:"deletionProtection"`
	PointInTimeRecovery *bool                `yaml:"pointInTimeRecovery"`
	Encryption          core.Text            `yaml:"encryption"` // aws-owned, aws-managed, or a KMS key
	TableClass          core.Text            `yaml:"tableClass"`
	// What only a rollback knows: the capacities of the indexes that have another than the
	// table, by name, and for how many days backups are kept.
	IndexCapacity map[string]*capacity `yaml:"-"`
	RecoveryDays  *int32               `yaml:"-"`
}

const (
	onDemand    = "on-demand"
	provisioned = "provisioned"
	off         = "off"
	awsOwned    = "aws-owned"
	awsManaged  = "aws-managed"
	infrequent  = "STANDARD_INFREQUENT_ACCESS"
	standard    = "STANDARD"
)

func (p *tablePayload) table() core.Text {
	switch {
	case p.Create != nil:
		return p.Create.Table
	case p.Update != nil:
		return p.Update.Table
	case p.Delete != nil:
		return p.Delete.Table
	}
	return core.Text{}
}

func (p *tablePayload) operation() string {
	switch {
	case p.Create != nil:
		return "create"
	case p.Update != nil:
		return "update"
	}
	return "delete"
}

func decodeTable(p core.Payload) (*tablePayload, error) {
	t := new(tablePayload)
	if err := awstarget.Decode(p, t); err != nil {
		return nil, err
	}
	f := &awstarget.Faults{Payload: p}
	t.check(f)
	return t, f.Err()
}

func compileTable(p core.Payload) (core.Step, error) {
	t, err := decodeTable(p)
	if err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	step := core.Step{
		Name: TableTemplate, Does: t.does(), NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newTableWork(ctx, s, t)
			if err != nil {
				return err
			}
			switch p := w.payload; {
			case p.Create != nil:
				return w.create(ctx, p.Create)
			case p.Update != nil:
				return w.update(ctx, p.Update)
			default:
				return w.delete(ctx, p.Delete, rollback)
			}
		},
	}
	if !rollback {
		step.Capture = func(ctx context.Context, s *core.Session) (string, error) {
			w, err := newTableWork(ctx, s, t)
			if err != nil {
				return "", err
			}
			return w.capture(ctx, t.table().Value)
		}
	}
	return step, nil
}

func (o *tableOptions) none() bool {
	return awstarget.Blank(o.Billing) && o.Capacity == nil && awstarget.Blank(o.Stream) && awstarget.Blank(o.TTL) && len(o.Tags) == 0 && o.DeletionProtection == nil &&
		o.PointInTimeRecovery == nil && awstarget.Blank(o.Encryption) && awstarget.Blank(o.TableClass)
}

func (u *updateTable) none() bool {
	return len(u.AddIndexes) == 0 && len(u.RemoveIndexes) == 0 && len(u.RemoveTags) == 0 && u.Options.none()
}

// later is what CreateTable cannot take: a creation brings it about afterwards.
func (c *createTable) later() *updateTable {
	return &updateTable{Options: tableOptions{TTL: c.Options.TTL, PointInTimeRecovery: c.Options.PointInTimeRecovery}}
}

// tableProbe asks for every payload's effect.
func tableProbe(ps []core.Payload) (core.Probe, error) {
	var all []*tablePayload
	for _, p := range ps {
		t, err := decodeTable(p)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		return core.ProbeEach(all, func(t *tablePayload) (core.ProbeResult, error) {
			w, err := newTableWork(ctx, s, t)
			if err != nil {
				return core.ProbeUnknown, err
			}
			return w.probe(ctx)
		})
	}, nil
}
