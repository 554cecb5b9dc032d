package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

// maxEntries is what fits into one transaction of 100 items: the head, and for
// each entry itself and the state of its change.
const maxEntries = 49

// write is one conditional write: the head, and the entries that go with it.
type write struct {
	ledger  string
	update  expression.UpdateBuilder
	only    expression.ConditionBuilder
	entries []core.Entry
	states  []stateWrite
	shared  []types.TransactWriteItem // of a TX_SHARED change
}

// stateWrite moves one change from the entry that it is at to its last new one.
type stateWrite struct {
	from  uint64 // 0: it has no state yet
	entry *core.Entry
}

// newWrite checks what can be checked of entries without the ledger.
func newWrite(ledger string, entries []core.Entry) (write, error) {
	w := write{ledger: ledger, entries: entries}
	if len(entries) == 0 {
		return w, nil
	}
	if len(entries) > maxEntries {
		return w, &core.ConflictError{Ledger: ledger, What: fmt.Sprintf("%d entries do not fit into one transaction, %d do", len(entries), maxEntries)}
	}
	if err := core.CheckEntries(ledger, entries[0].Seq-1, entries[0].PrevHash, entries); err != nil {
		return w, err
	}
	at := map[string]int{} // change -> index in states
	for i := range entries {
		e := &entries[i]
		if e.ChangeID == "" {
			continue
		}
		j, again := at[e.ChangeID]
		if !again {
			at[e.ChangeID] = len(w.states)
			w.states = append(w.states, stateWrite{from: e.PrevSeq, entry: e})
			continue
		}
		if found := w.states[j].entry.Seq; e.PrevSeq != found {
			return w, &core.ConflictError{Ledger: ledger, What: "change " + e.ChangeID + " is at another entry", Want: e.PrevSeq, Found: found}
		}
		w.states[j].entry = e
	}
	return w, nil
}

func name(a string) expression.NameBuilder { return expression.Name(a) }
func value(v any) expression.ValueBuilder  { return expression.Value(v) }

// set adds an attribute of the head to the update.
func (w *write) set(attr string, v any) { w.update = w.update.Set(name(attr), value(v)) }

// must adds a condition on the head.
func (w *write) must(c expression.ConditionBuilder) {
	if w.only.IsSet() {
		c = w.only.And(c)
	}
	w.only = c
}

// moveHead writes a new rvn and, with entries, the new end of the history, on the
// condition that the head is where the entries go on.
func (w *write) moveHead() {
	w.update = w.update.Set(name(attrRVN), name(attrRVN).Plus(value(1)))
	if n := len(w.entries); n > 0 {
		first, last := &w.entries[0], &w.entries[n-1]
		w.must(name(attrSeq).Equal(value(first.Seq - 1)))
		w.must(name(attrHash).Equal(value(first.PrevHash)))
		w.set(attrSeq, last.Seq)
		w.set(attrHash, last.Hash)
		w.update = w.update.Set(name(attrSum), name(attrSum).Plus(value(core.SumAfter(0, w.entries))))
	}
}

// makeHead writes the head of a ledger that does not exist.
func (w *write) makeHead(ledgerID string) error {
	w.must(expression.AttributeNotExists(name(attrPK)))
	seq, hash := uint64(0), ""
	if n := len(w.entries); n > 0 {
		if err := core.CheckEntries(w.ledger, 0, "", w.entries[:1]); err != nil {
			return err
		}
		seq, hash = w.entries[n-1].Seq, w.entries[n-1].Hash
	}
	w.set(attrFormat, format)
	w.set(attrLedgerID, ledgerID)
	w.set(attrRVN, 1)
	w.set(attrSeq, seq)
	w.set(attrHash, hash)
	w.set(attrSum, core.SumAfter(0, w.entries))
	return nil
}

// refusal is what the conditions found that let a write fail.
type refusal struct {
	headFailed bool
	head       *core.Head // as it is; nil: there is none, or its condition held
	// entryHash is the hash of the first entry's seq, as it is in the table: by the
	// transaction itself (entryFailed), or a little later, when others may have written.
	entryHash   string
	entryFailed bool
	// stateFailed is the change whose condition failed; stateAt where it is.
	stateFailed *core.Entry
	stateAt     uint64
	// shared is the first write of the change that was refused; unseen: before
	// any condition was looked at.
	shared *core.RefusedError
	unseen bool
}

// ours reports whether nothing but the change's own writes stood against it.
func (no *refusal) ours() bool {
	return !no.headFailed && no.stateFailed == nil && !no.entryFailed
}

// send writes. A nil refusal and a nil error: it is written.
func (s *Store) send(ctx context.Context, w write) (*refusal, error) {
	expr, err := expression.NewBuilder().WithUpdate(w.update).WithCondition(w.only).Build()
	if err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	if len(w.entries) == 0 {
		return s.sendHead(ctx, w, expr)
	}
	items := []types.TransactWriteItem{{Update: &types.Update{
		TableName: &s.table, Key: key{w.ledger, headKey}.item(), UpdateExpression: expr.Update(), ConditionExpression: expr.Condition(),
		ExpressionAttributeNames: expr.Names(), ExpressionAttributeValues: expr.Values(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}}
	for _, e := range w.entries {
		item, err := encodeEntry(e)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		put, err := s.put(item, expression.AttributeNotExists(name(attrSK)))
		if err != nil {
			return nil, err
		}
		items = append(items, put)
	}
	for _, st := range w.states {
		item, err := encodeRecord(w.ledger, st.entry.Record())
		if err != nil {
			return nil, fmt.Errorf("state of change %s: %w", st.entry.ChangeID, err)
		}
		only := expression.AttributeNotExists(name(attrSK))
		if st.from > 0 {
			only = name(attrSeq).Equal(value(st.from))
		}
		put, err := s.put(item, only)
		if err != nil {
			return nil, err
		}
		items = append(items, put)
	}
	own := len(items)
	items = append(items, w.shared...)
	err = writing(ctx, len(items), func(ctx context.Context) error {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		return err
	})
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) && !dynamoapi.Collided(err) {
		reasons := cancelled.CancellationReasons
		no := refusedShared(reasons[min(own, len(reasons)):])
		if refused(reasons[:min(own, len(reasons))]) || no != nil {
			return s.readRefusal(ctx, w, reasons, no)
		}
	}
	if no := notShared(s.system, w, err); no != nil {
		return s.readRefusal(ctx, w, nil, no) // an earlier request may have landed
	}
	return nil, s.writeFault(ctx, err)
}

func (s *Store) put(item map[string]types.AttributeValue, only expression.ConditionBuilder) (types.TransactWriteItem, error) {
	expr, err := expression.NewBuilder().WithCondition(only).Build()
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("write: %w", err)
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: item, ConditionExpression: expr.Condition(), ExpressionAttributeNames: expr.Names(), ExpressionAttributeValues: expr.Values(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, nil
}

// sendHead writes the head alone, at half the price of a transaction.
func (s *Store) sendHead(ctx context.Context, w write, expr expression.Expression) (*refusal, error) {
	err := writing(ctx, 1, func(ctx context.Context) error {
		_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.table, Key: key{w.ledger, headKey}.item(), UpdateExpression: expr.Update(), ConditionExpression: expr.Condition(),
			ExpressionAttributeNames: expr.Names(), ExpressionAttributeValues: expr.Values(),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		return err
	})
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, s.writeFault(ctx, err)
	}
	no := &refusal{headFailed: true}
	return no, s.readHead(no, w.ledger, failed.Item)
}

func (s *Store) readHead(no *refusal, ledger string, item map[string]types.AttributeValue) error {
	if len(item) == 0 {
		return nil
	}
	h, err := decodeHead(ledger, item)
	no.head = &h
	return s.damaged(err)
}

// readRefusal reads the reasons, which are in the order of the items. The first
// entry is what tells our own earlier write from another's: when the answer does
// not show it, it is fetched.
func (s *Store) readRefusal(ctx context.Context, w write, reasons []types.CancellationReason, shared *core.RefusedError) (*refusal, error) {
	no := &refusal{shared: shared, unseen: reasons == nil}
	failed := func(i int) (map[string]types.AttributeValue, bool) {
		if i >= len(reasons) || aws.ToString(reasons[i].Code) != reasonCondition {
			return nil, false
		}
		return reasons[i].Item, true
	}
	var item map[string]types.AttributeValue
	if item, no.headFailed = failed(0); no.headFailed {
		if err := s.readHead(no, w.ledger, item); err != nil {
			return nil, err
		}
	}
	item, known := failed(1)
	no.entryFailed = known
	behind := no.head != nil && no.head.Seq < w.entries[0].Seq // then the entry cannot be there
	if len(item) == 0 && (known || !behind) {
		var err error
		if item, err = s.getItem(ctx, key{w.ledger, entryKeyOf(w.entries[0].Seq)}); err != nil {
			return nil, core.Unknown(err) // whatever forbids to read: an earlier request may have landed
		}
	}
	if h, ok := item[attrHash].(*types.AttributeValueMemberS); ok {
		no.entryHash = h.Value
	}
	for i, st := range w.states {
		item, bad := failed(1 + len(w.entries) + i)
		if !bad {
			continue
		}
		no.stateFailed = st.entry
		if len(item) > 0 {
			r, err := decodeRecord(w.ledger, st.entry.ChangeID, item)
			if err != nil {
				return nil, s.damaged(err)
			}
			no.stateAt = r.Seq
		}
		break
	}
	return no, nil
}

func (s *Store) getItem(ctx context.Context, k key) (map[string]types.AttributeValue, error) {
	out, err := reading(ctx, func(ctx context.Context) (*dynamodb.GetItemOutput, error) {
		return s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k.item(), ConsistentRead: aws.Bool(true)})
	})
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	return out.Item, nil
}

// landed reports whether the refused write was there already: an entry has its seq
// once and for ever, and its hash covers who wrote it.
func (no *refusal) landed(w write) bool {
	n := len(w.entries)
	if n == 0 {
		return false
	}
	return no.entryHash == w.entries[0].Hash || no.head != nil && no.head.Hash == w.entries[n-1].Hash
}

// conflict says what the write met. The head was as it had to be, or is not known.
func (no *refusal) conflict(s *Store, w write) error {
	if no.head != nil {
		if err := core.CheckEntries(w.ledger, no.head.Seq, no.head.Hash, w.entries); err != nil {
			return err
		}
	}
	switch {
	case no.headFailed && no.head == nil:
		return &core.ConflictError{Ledger: w.ledger, What: "its head is gone"}
	case no.stateFailed != nil:
		from := uint64(0)
		for _, st := range w.states {
			if st.entry == no.stateFailed {
				from = st.from
			}
		}
		return &core.ConflictError{Ledger: w.ledger, What: "change " + no.stateFailed.ChangeID + " is at another entry", Want: from, Found: no.stateAt}
	case no.entryFailed:
		return s.corrupt(fmt.Errorf("ledger %s: entry %d is there already, although the head is before it", w.ledger, w.entries[0].Seq))
	}
	return &core.ConflictError{Ledger: w.ledger, What: "its head was written since it was read"}
}

func holderOf(h core.Holder) attributevalue.Marshaler { return holderValue{holderItem(h)} }

// holderValue leaves out what is empty, which the expression's encoder would not.
type holderValue struct{ holderItem }

func (v holderValue) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	m, err := attributevalue.MarshalMap(v.holderItem)
	return &types.AttributeValueMemberM{Value: m}, err
}
