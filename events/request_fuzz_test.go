package events

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var aName = rapid.SampledFrom([]string{"a", "orders", "x y", "日本", `say "so"`, `\`, "<&>", "'", "é"})

func drawRequest(t *rapid.T, operations ...Operation) Request {
	r := Request{Operation: rapid.SampledFrom(operations).Draw(t, "operation")}
	maybe := func(name string) bool { return rapid.Bool().Draw(t, name) }
	names := func(name string) []string {
		out := rapid.SliceOfNDistinct(aName, 0, 3, rapid.ID[string]).Draw(t, name)
		if len(out) == 0 {
			return nil
		}
		return out
	}
	if maybe("ledger") {
		r.Ledger = rapid.StringMatching(`[A-Za-z0-9._/-]{1,20}`).Draw(t, "name")
	}
	switch r.Operation {
	case OpApply, OpPlan:
		r.Stages, r.Profiles, r.Labels, r.AllowOutOfOrder = names("stages"), names("profiles"), names("labels"), maybe("out of order")
		if maybe("to") {
			r.To = aName.Draw(t, "up to")
		}
	case OpValidate:
		r.Applied = maybe("applied")
	case OpIssueGet:
		r.ChangeID = aName.Draw(t, "change")
	case OpIssueResolve:
		r.ChangeID, r.As, r.Reason = aName.Draw(t, "change"), rapid.SampledFrom([]Resolution{AsApplied, AsRolledBack}).Draw(t, "as"), aName.Draw(t, "reason")
		r.Force = maybe("force")
		if maybe("seq") {
			r.Seq = rapid.Uint64Range(1, 1<<63).Draw(t, "entry")
		}
	case OpAuditList:
		r.History = maybe("history")
		if maybe("change") {
			r.ChangeID = aName.Draw(t, "id")
		}
		if maybe("state") {
			r.State = rapid.SampledFrom(states()).Draw(t, "is")
		}
		if maybe("since") {
			r.Since = time.Unix(rapid.Int64Range(1, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		}
		if r.History {
			r.After, r.Limit = rapid.Uint64Max(1<<63).Draw(t, "after"), rapid.IntRange(1, maxLimit).Draw(t, "limit")
		}
	case OpStatus, OpIssueList:
	}
	return r
}

// document writes a request as its sender would: what is not said is left out, or
// not, and the keys come in any order.
func (r *Request) document(t *rapid.T) map[string]any {
	d := map[string]any{marker: version, "operation": string(r.Operation)}
	add := func(key string, v any, zero bool) {
		if !zero {
			d[key] = v
		}
	}
	add("ledger", r.Ledger, r.Ledger == "")
	add("stages", r.Stages, r.Stages == nil)
	add("to", r.To, r.To == "")
	add("profiles", r.Profiles, r.Profiles == nil)
	add("labels", r.Labels, r.Labels == nil)
	add("allowOutOfOrder", true, !r.AllowOutOfOrder)
	add("applied", true, !r.Applied)
	add("changeId", r.ChangeID, r.ChangeID == "")
	add("as", string(r.As), r.As == "")
	add("reason", r.Reason, r.Reason == "")
	add("seq", r.Seq, r.Seq == 0)
	add("force", true, !r.Force)
	add("history", true, !r.History)
	add("since", r.Since.In(time.FixedZone("", 60*rapid.IntRange(-720, 840).Draw(t, "zone"))).Format(time.RFC3339Nano), r.Since.IsZero())
	add("state", r.State, r.State == "")
	add("after", r.After, r.After == 0)
	add("limit", r.Limit, r.Limit == 0)
	if runs := r.Operation == OpApply || r.Operation == OpPlan; runs && rapid.Bool().Draw(t, "said") {
		for key, v := range map[string]any{"stages": []string{}, "profiles": []string{}, "labels": []string{}, "allowOutOfOrder": false} {
			if _, there := d[key]; !there {
				d[key] = v
			}
		}
	}
	return d
}

// What a request document says is what arrives, directly and as text in something
// else; with a key that nobody knows, or in another operation's words, it is refused.
func requestDocuments(t *rapid.T) {
	r := drawRequest(t, Operations()...)
	doc := r.document(t)
	raw := mustJSON(t, doc)
	got, err := Decode(raw)
	if err != nil || got.Direct == nil {
		t.Fatalf("%s: %v, %v", raw, got, err)
	}
	if d := cmp.Diff(r, got.Direct.Request); d != "" {
		t.Fatalf("%s (-sent +arrived)\n%s", raw, d)
	}
	inner, refusal := requestIn("a message", string(raw))
	switch {
	case r.Operation == OpApply && (refusal != nil || cmp.Diff(r, *inner) != ""):
		t.Fatalf("%s in a message: %v, %v", raw, inner, refusal)
	case r.Operation != OpApply && refusal == nil:
		t.Fatalf("%s is taken from a message", raw)
	}
	doc["unheardOf"] = 1
	if _, err := Decode(mustJSON(t, doc)); err == nil {
		t.Fatalf("%s with a key more is taken", raw)
	}
	delete(doc, "unheardOf")
	delete(doc, "operation")
	if _, err := Decode(mustJSON(t, doc)); err == nil {
		t.Fatalf("%s without its operation is taken", raw)
	}
}

func mustJSON(t *rapid.T, v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRequestDocuments(t *testing.T) { rapid.Check(t, requestDocuments) }

// FuzzRequest takes its choices from the bytes; its seeds have enough for all.
func FuzzRequest(f *testing.F) {
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 1))
		b := make([]byte, 16<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(rapid.MakeFuzz(requestDocuments))
}
