package core_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
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

func drawEntry(t *rapid.T) core.Entry {
	valid := rapid.OneOf(rapid.Just(""), rapid.SampledFrom([]string{"x", "<&>", "a\"b\\", "tab\tline\n", "Grüße 日本", "\u2028\ufffd"}), rapid.StringN(0, 12, -1))
	text := rapid.OneOf(valid, rapid.Just("bad \xff utf-8")) // where people and systems put what they like
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(time.FixedZone("", 60*rapid.IntRange(-720, 840).Draw(t, "zone")))
	})
	e := core.Entry{
		ExecutionID: text.Draw(t, "execution"), ChangeID: rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "change"), Stage: text.Draw(t, "stage"),
		Order: text.Draw(t, "order"), Author: text.Draw(t, "author"), TargetSystem: text.Draw(t, "target"), State: rapid.SampledFrom(core.States()).Draw(t, "state"),
		TxType: rapid.SampledFrom(core.TxTypes()).Draw(t, "tx"), Strategy: core.Strategy(valid.Draw(t, "strategy")), Operation: core.Operation(valid.Draw(t, "operation")),
		Definition: text.Draw(t, "definition"), SourceFile: text.Draw(t, "file"), Checksum: text.Draw(t, "sum"), Attempt: rapid.IntRange(0, 1<<40).Draw(t, "attempt"),
		StartedAt: at.Draw(t, "started"), DurationMs: rapid.Int64().Draw(t, "took"), Host: text.Draw(t, "host"), Version: text.Draw(t, "version"),
		Trigger: core.Trigger{Kind: text.Draw(t, "kind"), ID: text.Draw(t, "id")}, Principal: text.Draw(t, "principal"), Reason: text.Draw(t, "reason"),
		Reconciled: rapid.Bool().Draw(t, "reconciled"), Unknown: rapid.Bool().Draw(t, "unknown"),
		Metadata: rapid.MapOfN(rapid.StringN(0, 6, -1), text, 0, 3).Draw(t, "metadata"), Token: rapid.Uint64().Draw(t, "token"),
	}
	if rapid.Bool().Draw(t, "ended") {
		e.EndedAt = at.Draw(t, "end")
	}
	if rapid.Bool().Draw(t, "failed") {
		e.Error = &core.EntryError{Type: valid.Draw(t, "type"), Message: valid.Draw(t, "message"), Causes: rapid.SliceOfN(valid, 0, 2).Draw(t, "causes")}
	}
	return e
}

// An entry that was encoded and decoded is the entry: it has the same hash and is
// encoded alike, whatever was in it.
func entryRoundTrip(t *rapid.T) {
	entries := []core.Entry{drawEntry(t)}
	core.Seal("orders/prod", rapid.Uint64Max(1<<62).Draw(t, "seq"), "v1:before", entries)
	e := entries[0]
	got, err := core.DecodeEntry(e.Encode())
	if err != nil {
		t.Fatalf("%s: %v", e.Encode(), err)
	}
	if string(got.Encode()) != string(e.Encode()) || got.ComputeHash() != e.Hash || got.Hash != e.Hash {
		t.Fatalf("%s\nbecame\n%s", e.Encode(), got.Encode())
	}
	again, err := core.DecodeEntry(got.Encode())
	if d := cmp.Diff(got, again); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
}

func TestEntryRoundTrip(t *testing.T) { rapid.Check(t, entryRoundTrip) }

func FuzzEntryRoundTrip(f *testing.F) {
	bytesFor(f)
	f.Fuzz(rapid.MakeFuzz(entryRoundTrip))
}

// FuzzDecodeEntry reads any bytes as an entry: what is read can be written, and
// says the same when it is read again.
func FuzzDecodeEntry(f *testing.F) {
	entries := []core.Entry{{ChangeID: "x", State: core.StateApplied, Operation: core.OpApply, StartedAt: time.Unix(1, 2), Error: &core.EntryError{Type: "T"}}}
	core.Seal("orders/prod", 0, "", entries)
	for _, s := range []string{
		string(entries[0].Encode()), "{}", "null", `{"startedAt":"0000-01-01T00:00:00+23:59","endedAt":"9999-12-31T23:59:59.999999999-23:59"}`,
		`{"metadata":{"a":null},"error":{"causes":[null]},"trigger":null}`, `{"seq":18446744073709551615,"durationMs":-9223372036854775808}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := core.DecodeEntry(b)
		if err != nil {
			return
		}
		again, err := core.DecodeEntry(e.Encode())
		if err != nil || again.ComputeHash() != e.ComputeHash() || string(again.Encode()) != string(e.Encode()) {
			t.Errorf("%q: %v\n%s\n%s", b, err, e.Encode(), again.Encode())
		}
	})
}

// rows are a history as a store has it: each entry's encoding, and what the head
// says of the last one.
type rows struct {
	entries [][]byte
	seq     uint64
	hash    string
}

// check is what a verification makes of rows.
func (r rows) check() ([]core.Entry, error) {
	var entries []core.Entry
	for _, b := range r.entries {
		e, err := core.DecodeEntry(b)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if err := core.VerifyChain(0, "", entries); err != nil {
		return nil, err
	}
	if n := len(entries); uint64(n) != r.seq || n > 0 && entries[n-1].Hash != r.hash {
		return nil, fmt.Errorf("the head says that entry %d with %s is the last one", r.seq, r.hash)
	}
	return entries, nil
}

// Whoever changes a history without changing all that follows, and the head, is
// found: a bit, a field, an entry that is gone, put in, copied or moved.
func tampering(t *rapid.T) {
	var entries []core.Entry
	for range rapid.IntRange(1, 8).Draw(t, "entries") {
		entries = append(entries, drawEntry(t))
	}
	core.Seal("orders/prod", 0, "", entries)
	whole := rows{seq: uint64(len(entries)), hash: entries[len(entries)-1].Hash}
	for i := range entries {
		whole.entries = append(whole.entries, entries[i].Encode())
	}
	want, err := whole.check()
	if err != nil {
		t.Fatalf("the history as it was written: %v", err)
	}
	bad := whole
	bad.entries = slices.Clone(whole.entries)
	i := rapid.IntRange(0, len(entries)-1).Draw(t, "at")
	j := rapid.IntRange(0, len(entries)-1).Draw(t, "other")
	how := rapid.SampledFrom([]string{"bit", "bit", "field", "field", "rehashed", "gone", "cut", "swap", "copy", "put in"}).Draw(t, "how")
	switch how {
	case "bit":
		b := slices.Clone(bad.entries[i])
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		bad.entries[i] = b
	case "field", "rehashed":
		e, err := core.DecodeEntry(bad.entries[i])
		if err != nil {
			t.Fatal(err)
		}
		field := changeField(t, &e)
		if how == "rehashed" {
			e.Hash = e.ComputeHash()
		}
		bad.entries[i] = e.Encode()
		how += " " + field
	case "gone":
		bad.entries = slices.Delete(bad.entries, i, i+1)
	case "cut":
		bad.entries = bad.entries[:i]
	case "swap":
		bad.entries[i], bad.entries[j] = bad.entries[j], bad.entries[i]
	case "copy":
		bad.entries[i] = bad.entries[j]
	case "put in":
		bad.entries = slices.Insert(bad.entries, i, bad.entries[j])
	}
	got, err := bad.check()
	if err != nil {
		return
	}
	// It may only pass when it says the same: a letter of a key in the other case, an
	// entry in its own place.
	for k := range want {
		if len(got) != len(want) || string(got[k].Encode()) != string(want[k].Encode()) {
			t.Fatalf("%s at %d and %d is not found", how, i, j)
		}
	}
}

// changeField gives one field of the entry, also one deeper in it, another value.
func changeField(t *rapid.T, e *core.Entry) string {
	v := reflect.ValueOf(e).Elem()
	n := rapid.IntRange(0, v.NumField()-1).Draw(t, "field")
	f := v.Field(n)
	switch x := f.Addr().Interface().(type) {
	case *core.Trigger:
		x.ID += "!"
	case **core.EntryError:
		if *x == nil {
			*x = &core.EntryError{Type: "T"}
		} else if rapid.Bool().Draw(t, "no error") {
			*x = nil
		} else {
			(*x).Causes = append((*x).Causes, "another")
		}
	case *map[string]string:
		m := map[string]string{"another": "value"}
		for k, v := range *x {
			m[k] = v + "!"
		}
		*x = m
	case *time.Time:
		*x = x.Add(time.Nanosecond)
	default:
		switch f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "!")
		case reflect.Int, reflect.Int64:
			f.SetInt(f.Int() ^ 1)
		case reflect.Uint64:
			f.SetUint(f.Uint() ^ 1)
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Slice:
			one := reflect.New(f.Type().Elem()).Elem()
			if one.Kind() == reflect.String {
				one.SetString("another")
			}
			f.Set(reflect.Append(f, one))
		default:
			t.Fatalf("a field of kind %s: say here how it can change", f.Kind())
		}
	}
	return v.Type().Field(n).Name
}

func TestTampering(t *testing.T) { rapid.Check(t, tampering) }

func FuzzChain(f *testing.F) {
	bytesFor(f)
	f.Fuzz(rapid.MakeFuzz(tampering))
}
