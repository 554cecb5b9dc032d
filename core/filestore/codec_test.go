package filestore

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
)

// bytesFor are seeds for a fuzz target made with rapid, which takes its choices
// from the bytes: enough for all of them.
func bytesFor(f *testing.F) {
	f.Helper()
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 1))
		b := make([]byte, 24<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
}

var someTime = rapid.Custom(func(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "none") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
})

// What is encoded is decoded as it was; with one bit flipped it is refused.
func rowsRoundTrip(t *rapid.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "x", "<&>\u2028", `"\`, "\x00\x1f"}), rapid.String())
	h := core.Head{
		LedgerID: "id" + text.Draw(t, "ledger id"), Owner: text.Draw(t, "owner"), Token: rapid.Uint64().Draw(t, "token"), RVN: rapid.Uint64Min(1).Draw(t, "rvn"),
		Lease: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "lease")) * time.Millisecond, Released: rapid.Bool().Draw(t, "released"), Seq: rapid.Uint64().Draw(t, "seq"),
		Sum: rapid.Uint64().Draw(t, "sum"), Hash: text.Draw(t, "hash"),
		Holder: core.Holder{Execution: text.Draw(t, "execution"), Host: text.Draw(t, "host"), PID: rapid.Int().Draw(t, "pid"), Since: someTime.Draw(t, "since")},
	}
	body, crc, err := encodeHead(h)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeHead("l", body, crc)
	if d := cmp.Diff(h, got); err != nil || d != "" {
		t.Fatalf("head: %v\n%s", err, d)
	}
	if _, err := decodeHead("l", flipped(t, body), crc); err == nil {
		t.Fatal("a flipped bit of a head is not seen")
	}
	r := core.Record{
		ChangeID: "c" + text.Draw(t, "id"), State: rapid.SampledFrom(core.States()).Draw(t, "state"), Seq: rapid.Uint64().Draw(t, "seq"), StartedSeq: rapid.Uint64().Draw(t, "started"),
		Operation: core.Operation(text.Draw(t, "operation")), Unknown: rapid.Bool().Draw(t, "unknown"), Reconciled: rapid.Bool().Draw(t, "reconciled"), Checksum: text.Draw(t, "sum"), Order: text.Draw(t, "order"),
		Stage: text.Draw(t, "stage"), TargetSystem: text.Draw(t, "target"), TxType: core.TxType(text.Draw(t, "tx")), Strategy: core.Strategy(text.Draw(t, "strategy")),
		Attempt: rapid.Int().Draw(t, "attempt"), At: someTime.Draw(t, "at"),
	}
	body, crc = encodeRecord(r)
	rec, err := decodeRecord("l", r.ChangeID, r.Seq, body, crc)
	if d := cmp.Diff(r, rec); err != nil || d != "" {
		t.Fatalf("record: %v\n%s", err, d)
	}
	if _, err := decodeRecord("l", r.ChangeID, r.Seq, flipped(t, body), crc); err == nil {
		t.Fatal("a flipped bit of a record is not seen")
	}
}

func flipped(t *rapid.T, body string) string {
	b := []byte(body)
	b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	return string(b)
}

func TestRowsRoundTrip(t *testing.T) { rapid.Check(t, rowsRoundTrip) }

func FuzzRowsRoundTrip(f *testing.F) {
	bytesFor(f)
	f.Fuzz(rapid.MakeFuzz(rowsRoundTrip))
}

// FuzzRows reads any text as each kind of row, with a checksum that fits: what is
// read makes sense, and is encoded as something that is read alike.
func FuzzRows(f *testing.F) {
	for _, s := range []string{
		`{"ledgerId":"id","owner":"o","token":1,"rvn":1,"leaseMs":1000,"released":true,"seq":1,"sum":1,"hash":"h","holder":{"since":"2026-11-22T10:00:00Z"}}`,
		`{"changeId":"c","state":"APPLIED","seq":1,"operation":"apply"}`, `{"ledger":"l","seq":1,"operation":"apply","startedAt":"2026-11-22T10:00:00Z"}`,
		"null", "{}", "[]", "", `{"ledgerId":"id","rvn":1,"leaseMs":9223372036854775807}`, `{"changeId":"c","seq":1,"state":null,"at":"9999-12-31T23:59:59-23:59"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		crc := checksum([]byte(body))
		if h, err := decodeHead("l", body, crc); err == nil {
			if h.LedgerID == "" || h.RVN == 0 {
				t.Errorf("%q: head %+v", body, h)
			}
			again, crc, err := encodeHead(h)
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			got, err := decodeHead("l", again, crc)
			if err != nil || got.Lease != h.Lease || !got.Holder.Since.Equal(h.Holder.Since) {
				t.Errorf("%q: %+v and then %+v, %v", body, h, got, err)
			}
		}
		if r, err := decodeRecord("l", "c", 1, body, crc); err == nil {
			if r.ChangeID != "c" || r.Seq != 1 || !r.State.Known() {
				t.Errorf("%q: record %+v", body, r)
			}
			again, crc := encodeRecord(r)
			if got, err := decodeRecord("l", "c", 1, again, crc); err != nil || cmp.Diff(r, got) != "" {
				t.Errorf("%q: %+v and then %+v, %v", body, r, got, err)
			}
		}
		if e, err := decodeEntry("l", 1, body); err == nil && (e.Ledger != "l" || e.Seq != 1) {
			t.Errorf("%q: entry %+v", body, e)
		}
	})
}
