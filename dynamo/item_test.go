package dynamo

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
)

// What encodeRecord writes, decodeRecord reads, whatever is in it.
func TestRecordRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "-", "x"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		r := core.Record{
			ChangeID: rapid.StringN(1, 80, 255).Draw(t, "id"), State: rapid.SampledFrom(core.States()).Draw(t, "state"), Seq: rapid.Uint64Min(1).Draw(t, "seq"),
			StartedSeq: rapid.Uint64().Draw(t, "started"), Operation: core.Operation(rapid.OneOf(rapid.Just("apply"), rapid.Just("-"), text).Draw(t, "op")),
			Unknown: rapid.Bool().Draw(t, "unknown"), Reconciled: rapid.Bool().Draw(t, "reconciled"), Checksum: text.Draw(t, "sum"), Order: text.Draw(t, "order"), Stage: text.Draw(t, "stage"),
			TargetSystem: text.Draw(t, "target"), TxType: core.TxType(text.Draw(t, "tx")), Attempt: rapid.IntRange(-1, 1<<40).Draw(t, "attempt"),
			Strategy: core.Strategy(rapid.OneOf(rapid.Just(string(core.ManualIntervention)), rapid.Just(string(core.AlwaysRetry)), text).Draw(t, "strategy")),
		}
		if ns := rapid.Int64Range(0, 1<<61).Draw(t, "at"); ns > 0 {
			r.At = time.Unix(0, ns).UTC()
		}
		if r.State == core.StateStarted {
			r.StartedSeq = r.Seq // core.Seal sees to it
		}
		// "-" stands for what is empty: nobody calls an operation or a strategy so.
		if r.Operation == none || r.Strategy == none {
			t.Skip()
		}
		item, err := encodeRecord("l", r)
		if err != nil {
			t.Fatal(err)
		}
		var snap core.Snapshot
		snap.Records = map[string]core.Record{}
		if err := addTo(&snap, "l", item); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, snap.Records[r.ChangeID]); d != "" {
			t.Fatal(d)
		}
	})
}

// valueOf makes an attribute of any type.
func valueOf(kind byte, text string) types.AttributeValue {
	switch kind % 10 {
	case 0:
		return &types.AttributeValueMemberS{Value: text}
	case 1:
		return &types.AttributeValueMemberN{Value: text}
	case 2:
		return &types.AttributeValueMemberBOOL{Value: text != ""}
	case 3:
		return &types.AttributeValueMemberNULL{Value: true}
	case 4:
		return &types.AttributeValueMemberB{Value: []byte(text)}
	case 5:
		return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{text: &types.AttributeValueMemberS{Value: text}, "since": &types.AttributeValueMemberS{Value: text}}}
	case 6:
		return &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: text}}}
	case 7:
		return &types.AttributeValueMemberSS{Value: []string{text}}
	case 8:
		return &types.AttributeValueMemberNS{Value: []string{text}}
	}
	return nil
}

// FuzzItems edits one attribute of each kind of item by hand: what is read then is
// an error, or makes sense.
func FuzzItems(f *testing.F) {
	for _, attr := range []string{
		attrSK, attrFormat, attrLedgerID, attrOwner, attrToken, attrRVN, attrLeaseMs, attrReleased, attrSeq, attrSum, attrHash, attrHolder,
		"state", "started", "op", "unknown", "ord", "stage", "target", "tx", "strategy", "try", "at", attrChangeID, "body",
	} {
		for kind := range byte(10) {
			f.Add(attr, kind, "1")
		}
		f.Add(attr, byte(1), "-1")
		f.Add(attr, byte(1), "99999999999999999999999999999999999999")
		f.Add(attr, byte(1), "9223372036854775807")
		f.Add(attr, byte(0), "")
		f.Add(attr, byte(0), `{"ledger":"l","seq":1,"metadata":{"a":null}}`)
	}
	f.Fuzz(func(t *testing.T, attr string, kind byte, text string) {
		for _, item := range validItems(t) {
			if v := valueOf(kind, text); v == nil {
				delete(item, attr)
			} else {
				item[attr] = v
			}
			if h, err := decodeHead("l", item); err == nil && (h.LedgerID == "" || h.RVN == 0 || h.Token == 0 || h.Lease < 0 || h.Token+1 == 0 || h.Seq+1 == 0) {
				t.Errorf("head %+v", h)
			}
			if r, err := decodeRecord("l", "c", item); err == nil && (r.Seq == 0 || !r.State.Known()) {
				t.Errorf("record %+v", r)
			}
			if e, err := decodeEntry("l", item); err == nil && e.Ledger != "l" {
				t.Errorf("entry %+v", e)
			}
			snap := core.Snapshot{Records: map[string]core.Record{}}
			if err := addTo(&snap, "l", item); err == nil {
				_ = tear(snap) // for panics only
			}
		}
	})
}

func validItems(t *testing.T) []map[string]types.AttributeValue {
	t.Helper()
	head, err := attributevalue.MarshalMap(headItem{Format: 1, LedgerID: "id", Owner: "o", Token: 1, RVN: 1, LeaseMs: 1000, Seq: 1, Sum: 1, Hash: "h"})
	if err != nil {
		t.Fatal(err)
	}
	head[attrSK] = &types.AttributeValueMemberS{Value: headKey}
	record, err := encodeRecord("l", core.Record{ChangeID: "c", State: core.StateApplied, Seq: 1, Attempt: 1, At: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	entries := []core.Entry{{ChangeID: "c", State: core.StateApplied, Operation: core.OpApply}}
	core.Seal("l", 0, "", entries)
	entry, err := encodeEntry(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	return []map[string]types.AttributeValue{head, record, entry}
}
