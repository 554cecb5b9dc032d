package dynamodb

import (
	"context"
	"slices"
	"sync"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// Tx is what steps get in a transaction. It collects writes and does nothing:
// DynamoDB gets all of them in one request, when every step of the change has
// returned. So what a step reads is the state from before the change; a condition
// makes sure that it still holds. A transaction takes 100 items, of which some are
// ours: 95 always fit.
//
// It may be used from several goroutines. What is added after the step has returned
// is lost.
type Tx struct {
	target *Target
	mu     sync.Mutex
	items  []types.TransactWriteItem
}

// Step makes a step that runs in the change's transaction.
func Step(f func(ctx context.Context, tx *Tx) error) core.Step { return core.StepFor(f) }

// Put adds an item to be written.
func (x *Tx) Put(p types.Put) { x.add(types.TransactWriteItem{Put: &p}) }

// Update adds an update of an item.
func (x *Tx) Update(u types.Update) { x.add(types.TransactWriteItem{Update: &u}) }

// Delete adds an item to be deleted.
func (x *Tx) Delete(d types.Delete) { x.add(types.TransactWriteItem{Delete: &d}) }

// Check adds a condition on an item that the change does not write.
func (x *Tx) Check(c types.ConditionCheck) { x.add(types.TransactWriteItem{ConditionCheck: &c}) }

// Reader returns a client to read with. What is written with it is no part of the
// transaction.
func (x *Tx) Reader(ctx context.Context) (*sdk.Client, error) { return x.target.open(ctx) }

func (x *Tx) add(items ...types.TransactWriteItem) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.items = append(x.items, items...)
}

func (x *Tx) collected() []types.TransactWriteItem {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.items)
}

// sharedWrites is a Tx for the audit store.
type sharedWrites struct{ tx *Tx }

// Handle implements core.SharedWrites.
func (w sharedWrites) Handle() any { return w.tx }

// Items implements core.SharedWrites: []types.TransactWriteItem.
func (w sharedWrites) Items() any {
	items := w.tx.collected()
	if items == nil {
		items = []types.TransactWriteItem{}
	}
	return items
}
