package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// plant writes items behind the store's back, 25 to a request.
func (w *world) plant(t testing.TB, items []map[string]types.AttributeValue) {
	t.Helper()
	var wg sync.WaitGroup
	at := make(chan struct{}, 4)
	for len(items) > 0 {
		n := min(25, len(items))
		var puts []types.WriteRequest
		for _, it := range items[:n] {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		items = items[n:]
		at <- struct{}{}
		wg.Go(func() {
			defer func() { <-at }()
			out, err := w.client.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{w.b.table: puts}})
			if err != nil || len(out.UnprocessedItems) > 0 {
				t.Errorf("%v; %d left", err, len(out.UnprocessedItems))
			}
		})
	}
	wg.Wait()
}

func (w *world) plantHead(t testing.TB, h headItem) {
	t.Helper()
	item, err := attributevalue.MarshalMap(h)
	if err != nil {
		t.Fatal(err)
	}
	item[attrPK], item[attrSK] = &types.AttributeValueMemberS{Value: w.ledger}, &types.AttributeValueMemberS{Value: headKey}
	w.plant(t, []map[string]types.AttributeValue{item})
}

// A run over 10,000 changes that are all applied reads 3 pages at most, whatever
// their history is.
func TestTenThousandChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const n = 10_000
	w := b.world(t, core.Stage{Name: "payments-database"})
	var items []map[string]types.AttributeValue
	sum := uint64(0)
	for i := range n {
		c := plain(fmt.Sprintf("%s-%05d", "create-orders-table-and-its-indexes", i), fmt.Sprintf("%05d", i)) // 41 bytes
		c.TargetSystem = "orders-db-production"
		c.Checksum = "v1:" + strings.Repeat("0123456789abcdef", 4)
		w.stages[0].Changes = append(w.stages[0].Changes, c)
		seq := uint64(2*i + 2)
		sum += seq
		item, err := encodeRecord(w.ledger, core.Record{
			ChangeID: c.ID, State: core.StateApplied, Seq: seq, StartedSeq: seq - 1, Operation: core.OpApply, Checksum: c.Checksum, Order: c.Order,
			Stage: "payments-database", TargetSystem: c.TargetSystem, TxType: core.TxNone, Strategy: core.ManualIntervention, Attempt: 1,
			At: time.Date(2026, 11, 22, 10, 30, 0, 123456789, time.UTC),
		})
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	w.plant(t, items)
	w.plantHead(t, headItem{Format: format, LedgerID: "id", Owner: "o", Token: 1, RVN: 1, LeaseMs: 1000, Released: true, Seq: 2 * n, Sum: sum, Hash: "v1:x"})
	idle := func() *process {
		t.Helper()
		p := w.process("idle")
		metered(p)
		began := time.Now()
		s, err := p.stores.Load(t.Context(), w.ledger)
		if err != nil || len(s.Records) != n {
			t.Fatalf("%d records, %v", len(s.Records), err)
		}
		t.Logf("%d changes: %d pages, %.1f units, %s", n, len(p.ops()), p.capacity(t), time.Since(began).Round(time.Millisecond))
		return p
	}
	before := idle()
	if len(before.ops()) > 3 {
		t.Errorf("%d pages", len(before.ops()))
	}
	// A history of 8 MB beside it.
	items = nil
	for i := range 80 {
		items = append(items, map[string]types.AttributeValue{
			attrPK: &types.AttributeValueMemberS{Value: w.ledger}, attrSK: &types.AttributeValueMemberS{Value: entryKeyOf(uint64(i + 1))},
			attrHash: &types.AttributeValueMemberS{Value: "h"}, "body": &types.AttributeValueMemberS{Value: strings.Repeat("x", 100<<10)},
		})
	}
	w.plant(t, items)
	if after := idle(); len(after.ops()) != len(before.ops()) || after.capacity(t) != before.capacity(t) {
		t.Errorf("a history of 8 MB makes a load cost %d requests and %.1f units", len(after.ops()), after.capacity(t))
	}
}

// huge is an entry with as much text as core.Seal lets through, of a character
// that takes escaped bytes in JSON.
func huge(id, character string) core.Entry {
	text := strings.Repeat(character, 8<<10)
	e := core.Entry{
		ExecutionID: "e", ChangeID: id, Stage: text, Order: text, Author: text, TargetSystem: text, State: core.StateStarted, TxType: core.TxNone,
		Strategy: core.ManualIntervention, Operation: core.OpApply, Definition: text, SourceFile: text, Checksum: "v1:" + strings.Repeat("f", 64), Attempt: 1,
		StartedAt: time.Now(), Host: text, Version: text, Trigger: core.Trigger{Kind: text, ID: text}, Principal: text, Reason: text, Token: 1, Metadata: map[string]string{},
	}
	for i := range 100 {
		e.Metadata[fmt.Sprintf("%02d", i)+text] = text
	}
	err := errors.New(text)
	for range 20 {
		err = fmt.Errorf("%w", err)
	}
	e.Error = core.NewEntryError(err, func(s string) string { return s })
	return e
}

// The largest entry that core.Seal lets through fits into an item, also where
// every byte of it takes six in JSON; and 20 into one append, where it takes two.
func TestLargestEntries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, tt := range []struct {
		name, character string
		n               int
	}{
		{"letters", "a", 20}, {"letters, a full transaction", "a", maxEntries}, {"quotes", `"`, 20}, {"control characters", "\x01", 1}, {"wide", "漢", 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := b.world(t)
			var entries []core.Entry
			for i := range tt.n {
				entries = append(entries, huge(fmt.Sprintf("%0255d", i), tt.character))
			}
			core.Seal(w.ledger, 0, "", entries)
			a := core.Acquisition{Ledger: w.ledger, LedgerID: "id", Owner: "o", Token: 1, Lease: time.Minute, Entries: entries}
			if err := w.store.Acquire(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			all := w.history()
			t.Logf("%d entries of %d bytes", len(all), len(all[0].Canonical()))
			if err := core.VerifyChain(0, "", all); err != nil || len(all) != tt.n {
				t.Errorf("%d entries, %v", len(all), err)
			}
		})
	}
	t.Run("more than a transaction holds", func(t *testing.T) {
		w := b.world(t)
		var entries []core.Entry
		for i := range 20 {
			entries = append(entries, huge(fmt.Sprint(i), "\x01"))
		}
		core.Seal(w.ledger, 0, "", entries)
		a := core.Acquisition{Ledger: w.ledger, LedgerID: "id", Owner: "o", Token: 1, Lease: time.Minute, Entries: entries}
		err := w.store.Acquire(t.Context(), a)
		for range 5 { // 8 MB take a busy simulator longer than a request may take
			if core.CodeOf(err) == core.CodeUnavailable && errors.Is(err, context.DeadlineExceeded) {
				err = w.store.Acquire(t.Context(), a)
			}
		}
		var full *core.StoreError
		if !errors.As(err, &full) || full.Kind != core.StoreFull {
			t.Errorf("got %v", err)
		}
		if s := w.load(); s.Head.LedgerID != "" || len(w.history()) != 0 {
			t.Errorf("something was written: %+v", s.Head)
		}
	})
}
