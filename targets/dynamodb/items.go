package dynamodb

import (
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

// ItemsTemplate is the name of the template that writes items.
const ItemsTemplate = "dynamodb-items"

// itemsTemplate writes items: put, update, delete, check and partiql, in a list.
//
// Of its operation: apply and rollback are what the lists say. In a transaction (see
// the package's comment) all writes of the change commit together. Without one, the
// writes of one payload are still one request of DynamoDB, all or nothing, unless
// configuration.inSequence is true: then they are sent one by one, and what came
// before a failing one stays. Nothing counts as already done; a write that got no
// answer is sent again under the same token. A late duplicate may overwrite what
// came after it, and so the outcome of a NON_TX change that nobody knows is a
// person's to find out.
func itemsTemplate() core.Template {
	return core.Template{Name: ItemsTemplate, Compile: compileItems}
}

type itemsConfiguration struct {
	InSequence bool `yaml:"inSequence"`
}

// operation is one of its fields.
type operation struct {
	Put     *put       `yaml:"put"`
	Update  *update    `yaml:"update"`
	Delete  *deletion  `yaml:"delete"`
	Check   *check     `yaml:"check"`
	PartiQL *statement `yaml:"partiql"`
}

type put struct {
	Table core.Text         `yaml:"table"`
	Item  map[string]*value `yaml:"item"`
	Guard guard             `yaml:",inline"`
}

type update struct {
	Table core.Text         `yaml:"table"`
	Key   map[string]*value `yaml:"key"`
	// Expression is DynamoDB's; or Set and Remove say the same of whole attributes.
	Expression core.Text         `yaml:"expression"`
	Set        map[string]*value `yaml:"set"`
	Remove     []core.Text       `yaml:"remove"`
	Guard      guard             `yaml:",inline"`
}

type deletion struct {
	Table core.Text         `yaml:"table"`
	Key   map[string]*value `yaml:"key"`
	Guard guard             `yaml:",inline"`
}

type check struct {
	Table core.Text         `yaml:"table"`
	Key   map[string]*value `yaml:"key"`
	Guard guard             `yaml:",inline"`
}

// guard is a condition, and what its and the update's placeholders stand for. Their
// # and : may be left out here.
type guard struct {
	Condition core.Text            `yaml:"condition"`
	Names     map[string]core.Text `yaml:"names"`
	Values    map[string]*value    `yaml:"values"`
}

type statement struct {
	Statement  core.Text `yaml:"statement"`
	Parameters []*value  `yaml:"parameters"`
}

// write is an operation as the rest of the template sees it.
type write struct {
	kind  string
	op    *operation
	table core.Text
	key   map[string]*value // nil for put and partiql
	guard guard
	at    core.Position
}

// writeOf tells which field of an operation is set; how many says that it is not one.
func writeOf(op *operation) (w write, how int) {
	w.op = op
	if p := op.Put; p != nil {
		w.kind, w.table, w.guard, how = "put", p.Table, p.Guard, how+1
		w.at = awstarget.First(p.Table.Start, placeOf(p.Item))
	}
	if u := op.Update; u != nil {
		w.kind, w.table, w.key, w.guard, how = "update", u.Table, u.Key, u.Guard, how+1
	}
	if d := op.Delete; d != nil {
		w.kind, w.table, w.key, w.guard, how = "delete", d.Table, d.Key, d.Guard, how+1
	}
	if c := op.Check; c != nil {
		w.kind, w.table, w.key, w.guard, how = "check", c.Table, c.Key, c.Guard, how+1
	}
	if s := op.PartiQL; s != nil {
		w.kind, w.at, how = "partiql", s.Statement.Start, how+1
	}
	if w.at.Line == 0 {
		w.at = awstarget.First(w.table.Start, placeOf(w.key))
	}
	return w, how
}

func compileItems(p core.Payload) (core.Step, error) {
	var c itemsConfiguration
	var operations []operation
	if err := p.Configuration(&c); err != nil {
		return core.Step{}, err
	}
	if err := p.Decode(&operations); err != nil {
		return core.Step{}, err
	}
	f := &awstarget.Faults{Payload: p}
	b := &batch{inSequence: c.InSequence}
	if len(operations) == 0 {
		f.At(core.Position{}, "the list of writes is empty: give put, update, delete, check or partiql")
	}
	for i := range operations {
		w, how := writeOf(&operations[i])
		if how != 1 {
			f.At(w.at, "write %d must be one of put, update, delete, check and partiql", i+1)
			continue
		}
		w.check(f)
		b.writes = append(b.writes, w)
	}
	b.check(f)
	step := core.Step{Name: ItemsTemplate, Does: b.does(), Do: b.run, NotTransactional: b.notTransactional()}
	return step, f.Err()
}

// batch are the writes of one payload.
type batch struct {
	writes     []write
	inSequence bool
}

func (b *batch) statements() (n int) {
	for i := range b.writes {
		if b.writes[i].kind == "partiql" {
			n++
		}
	}
	return n
}

func (b *batch) notTransactional() string {
	switch {
	case b.inSequence:
		return "configuration.inSequence sends its writes one by one"
	case b.statements() > 0:
		return "PartiQL statements cannot be in one transaction with the change's marker"
	}
	return ""
}

// check finds what is wrong with the writes together.
func (b *batch) check(f *awstarget.Faults) {
	if b.inSequence {
		return
	}
	n, statements := len(b.writes), b.statements()
	if statements > 0 && statements < n {
		f.At(b.writes[0].at, "PartiQL statements and other writes cannot be in one request: put them into steps of their own, or set configuration.inSequence: true, which sends all one by one")
	}
	if n > maxWrites {
		f.At(b.writes[maxWrites].at, "%d writes do not fit into one transaction, %d do beside Flamingock's own: split the change, or set configuration.inSequence: true, which sends them one by one, so that a failure leaves those before it", n, maxWrites)
	}
	seen := map[string]int{}
	for i := range b.writes {
		w := &b.writes[i]
		id := w.identity()
		if id == "" {
			continue
		}
		if at, twice := seen[id]; twice {
			f.At(w.at, "write %d is about the same item as write %d, which DynamoDB does not take in one transaction: make one of them, or put it into a change of its own", i+1, at)
		} else {
			seen[id] = i + 1
		}
	}
}

// What DynamoDB takes. A transaction takes 4 MB, which is more than a change file can
// hold; what references add to it DynamoDB refuses as a whole.
const (
	maxItemSize = 400 << 10
	maxKeySize  = 2048
)

// identity names the item that a write is about; "" when nobody can know yet.
func (w *write) identity() string {
	if len(w.key) == 0 || awstarget.HasReference(w.table.Value) {
		return ""
	}
	id := dynamoapi.NameOf(w.table.Value)
	for _, name := range sortedKeys(w.key) {
		v := w.key[name]
		if v == nil || awstarget.HasReference(v.text) {
			return ""
		}
		id += fmt.Sprintf("\x00%s\x00%d\x00%s", name, v.kind, v.text)
	}
	return id
}
