package core

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// reflected is, of an entry, the specification of the canonical encoding, version 1.
func reflected(t testing.TB, e any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// texts are strings that encoding/json treats in different ways.
var texts = []string{
	"", "plain", "with \"quotes\" and \\", "<b>&amp;</b>", "tab\tline\nreturn\r\b\f\x00\x1f\x7f", "Grüße, 日本, 🙂",
	"\u2028\u2029\ufffd", "not UTF-8: \xff\xc3", "~ !",
}

func fill(v reflect.Value, r *rand.Rand, zero bool) {
	if zero && r.IntN(2) == 0 {
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		zone := time.UTC
		if r.IntN(4) == 0 {
			zone = time.FixedZone("", 3600*(r.IntN(20)-10)+60*r.IntN(60))
		}
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<35), r.Int64N(3)*r.Int64N(1e9)).In(zone)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[1+r.IntN(len(texts)-1)])
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + r.Int64()>>r.IntN(60))
		if r.IntN(4) == 0 {
			v.SetInt(-v.Int())
		}
	case reflect.Uint64:
		v.SetUint(1 + r.Uint64()>>1>>r.IntN(60))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r, zero)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r, zero)
	case reflect.Map:
		m := map[string]string{}
		for range r.IntN(5) + 1 {
			m[texts[r.IntN(len(texts))]] = texts[r.IntN(len(texts))]
		}
		v.Set(reflect.ValueOf(m))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Int {
			v.Set(reflect.ValueOf([]int{r.IntN(9), r.IntN(1000)}))
			return
		}
		v.Set(reflect.ValueOf(append([]string{}, texts[r.IntN(len(texts)):]...)))
	default:
		panic("fill: unknown kind " + v.Kind().String())
	}
}

// A field that is added to Entry or Record and not to their encodings fails here:
// the first of each has no zero field.
func TestEncodingIsThatOfTheStruct(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		var e Entry
		for v, f := reflect.ValueOf(&e).Elem(), 0; f < v.NumField(); f++ {
			fill(v.Field(f), r, i > 0)
		}
		if got, want := string(e.Encode()), reflected(t, e); got != want {
			t.Fatalf("entry %d is encoded as\n%s\nand not as\n%s", i, got, want)
		}
		hashless := e
		hashless.Hash = ""
		if got, want := string(e.Canonical()), reflected(t, hashless); got != want {
			t.Fatalf("entry %d is hashed as\n%s\nand not as\n%s", i, got, want)
		}
	}
	if got, want := string(Entry{}.Encode()), reflected(t, Entry{}); got != want {
		t.Errorf("the zero entry is %s, not %s", got, want)
	}
}

func TestRecordsEncodingIsThatOfTheStruct(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 5_000 {
		var rec Record
		for v, f := reflect.ValueOf(&rec).Elem(), 0; f < v.NumField(); f++ {
			fill(v.Field(f), rnd, i > 0)
		}
		if got, want := string(rec.Encode()), reflected(t, rec); got != want {
			t.Fatalf("record %d is encoded as\n%s\nand not as\n%s", i, got, want)
		}
	}
}

func FuzzEncodedText(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Entry{Reason: s, Metadata: map[string]string{s: s}, Error: &EntryError{Message: s, Causes: []string{s}}}
		if got, want := string(e.Encode()), reflected(t, e); got != want {
			t.Errorf("%q is encoded as %s, not as %s", s, got, want)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := Entry{
		Ledger: "orders/prod", Seq: 1000, ExecutionID: "e9400c767bca39dbec024c7e3abccf1b", ChangeID: "c0500", PrevSeq: 999, StartedSeq: 999, Stage: "main",
		Order: "0500", Author: "team", TargetSystem: "db", State: StateApplied, TxType: TxSeparateMarker, Strategy: ManualIntervention, Operation: OpApply,
		Definition: "sql", SourceFile: "changes/_0500__c0500.yaml", Checksum: "v1:55d42d84f9f848d99c405874877b909f92dab1e489b0be6780c3789cf5410819",
		Attempt: 1, StartedAt: time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC), EndedAt: time.Date(2026, 11, 22, 10, 0, 1, 123456789, time.UTC),
		Host: "vm", Version: "1.0.0", Trigger: Trigger{Kind: "cli"}, Principal: "root", Token: 1,
		PrevHash: "v1:8f505d785c3e9aa944c6416402d2dcb6af04e1e2dde2413c8e0c36c677e5c4f1",
	}
	for b.Loop() {
		e.Encode()
	}
}
