package dynamo

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
)

// An entry's item gives back the entry, also of texts that JSON has to escape; an
// item under another key, or of another change, is refused; any flipped bit of what
// was written is refused or changes the hash.
func entryItems(t *rapid.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "x", "<&>\u2028", `"\`, "\x00\x1f"}), rapid.String())
	e := []core.Entry{{
		ExecutionID: text.Draw(t, "execution"), ChangeID: text.Draw(t, "change"), Stage: text.Draw(t, "stage"), State: rapid.SampledFrom(core.States()).Draw(t, "state"),
		Operation: core.OpApply, TxType: rapid.SampledFrom(core.TxTypes()).Draw(t, "tx"), Attempt: rapid.Int().Draw(t, "attempt"),
		StartedAt: time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(), Reason: text.Draw(t, "reason"),
		Unknown: rapid.Bool().Draw(t, "unknown"), Metadata: rapid.MapOfN(rapid.StringN(1, 8, -1), text, 1, 3).Draw(t, "metadata"),
		Error: &core.EntryError{Type: text.Draw(t, "type"), Message: text.Draw(t, "message")}, Token: rapid.Uint64().Draw(t, "token"),
	}}
	core.Seal("l", rapid.Uint64Max(1<<62).Draw(t, "seq"), "v1:before", e)
	item, err := encodeEntry(e[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeEntry("l", item)
	if d := cmp.Diff(e[0], got); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
	if _, err := decodeEntry("other", item); err == nil {
		t.Fatal("it is read as another ledger's")
	}
	item[attrSK] = &types.AttributeValueMemberS{Value: entryKeyOf(e[0].Seq + 1)}
	if _, err := decodeEntry("l", item); err == nil {
		t.Fatal("it is read as another entry")
	}
	item[attrSK] = &types.AttributeValueMemberS{Value: entryKeyOf(e[0].Seq)}
	body := e[0].Canonical()
	body[rapid.IntRange(0, len(body)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	item["body"] = &types.AttributeValueMemberS{Value: string(body)}
	bad, err := decodeEntry("l", item)
	if err == nil && core.VerifyChain(e[0].Seq-1, e[0].PrevHash, []core.Entry{bad}) == nil && cmp.Diff(e[0], bad) != "" {
		t.Fatalf("a flipped bit is not seen:\n%s\n%s", e[0].Canonical(), body)
	}
}

func TestEntryItems(t *testing.T) { rapid.Check(t, entryItems) }

// FuzzEntryItems takes its choices from the bytes; its seeds have enough for all.
func FuzzEntryItems(f *testing.F) {
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 1))
		b := make([]byte, 16<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(rapid.MakeFuzz(entryItems))
}
