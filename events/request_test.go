package events

import (
	"slices"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

func TestRequestFaults(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct{ rest, want string }{
		{`"operation":"aply"`, `operation "aply" is not known; did you mean "apply"?`},
		{`"operation":"audit-list"`, `did you mean "audit list"?`},
		{`"operation":"APPLY"`, `did you mean "apply"?`},
		{`"operation":"drop"`, "there is apply, plan, status"},
		{`"operation":""`, "operation must be a text"},
		{`"operation":null`, "operation must be a text"},
		{`"operation":["apply"]`, "operation must be a text"},
		{`"Operation":"apply"`, "operation must be a text"},
		{`"operation":"apply","stage":["a"]`, `"stage" is not known; did you mean "stages"?`},
		{`"operation":"apply","Ledger":"a"`, `"Ledger" is not known; did you mean "ledger"?`},
		{`"operation":"audit list","change":"a"`, `did you mean "changeId"?`},
		{`"operation":"apply","something":1`, "there is ledger, stages, to, profiles, labels, allowOutOfOrder"},
		{`"operation":"apply","changeId":"a"`, `"changeId" does not go with apply`},
		{`"operation":"status","stages":["a"]`, `"stages" does not go with status`},
		{`"operation":"plan","force":true`, `"force" does not go with plan`},
		{`"operation":"apply","ledger":""`, "ledger must be"},
		{`"operation":"apply","ledger":null`, "ledger must be"},
		{`"operation":"apply","ledger":"a b"`, "ledger must be"},
		{`"operation":"apply","ledger":"` + long + `"`, "ledger must be"},
		{`"operation":"apply","stages":"a"`, "stages must be a list"},
		{`"operation":"apply","stages":null`, "stages must be a list"},
		{`"operation":"apply","stages":[null]`, "stages must hold texts"},
		{`"operation":"apply","stages":[""]`, "stages must hold texts"},
		{`"operation":"apply","stages":[1]`, "stages must be a list"},
		{`"operation":"apply","stages":["a","a"]`, "each once"},
		{`"operation":"apply","stages":["a\n"]`, "printable"},
		{`"operation":"apply","stages":["` + long + `"]`, "stages must hold texts"},
		{`"operation":"apply","stages":[` + strings.Repeat(`"a",`, 100) + `"b"]`, "stages must be a list of at most 100"},
		{`"operation":"apply","profiles":["a,b"]`, "without ,"},
		{`"operation":"apply","to":" a"`, "to must be printable"},
		{`"operation":"apply","allowOutOfOrder":"true"`, "allowOutOfOrder must be true or false"},
		{`"operation":"apply","allowOutOfOrder":1`, "allowOutOfOrder must be true or false"},
		{`"operation":"issue get"`, `issue get needs "changeId"`},
		{`"operation":"issue get","changeId":""`, "changeId must be a text"},
		{`"operation":"issue resolve","changeId":"a","reason":"b"`, `needs "as"`},
		{`"operation":"issue resolve","changeId":"a","as":"applied"`, `needs "reason"`},
		{`"operation":"issue resolve","changeId":"a","as":"applied","reason":"  "`, "reason must be printable"},
		{`"operation":"issue resolve","changeId":"a","as":"Applied","reason":"b"`, `as must be "applied" or "rolled-back"`},
		{`"operation":"issue resolve","changeId":"a","as":"applied","reason":"b","seq":0`, "seq must be a whole number"},
		{`"operation":"issue resolve","changeId":"a","as":"applied","reason":"b","seq":1.5`, "seq must be a whole number"},
		{`"operation":"issue resolve","changeId":"a","as":"applied","reason":"b","seq":-1`, "seq must be a whole number"},
		{`"operation":"issue resolve","changeId":"a","as":"applied","reason":"b","seq":1e400`, "seq must be a whole number"},
		{`"operation":"issue resolve","changeId":"a","as":"applied","reason":"b","seq":null`, "seq must be a whole number"},
		{`"operation":"audit list","limit":5`, `after and limit go with "history": true`},
		{`"operation":"audit list","history":true,"limit":0`, "limit must be a whole number"},
		{`"operation":"audit list","history":true,"limit":10001`, "limit must be a whole number"},
		{`"operation":"audit list","state":"applied"`, "state must be one of STARTED"},
		{`"operation":"audit list","since":"yesterday"`, "since must be a time"},
		{`"operation":"apply","detail":"` + strings.Repeat("x", maxRequest) + `"`, `"detail" is not known`},
	} {
		if e := refused(t, `{"flamingock":"v1",`+tt.rest+"}"); !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%.80s: got %q, want %q", tt.rest, e, tt.want)
		}
	}
}

func TestRequestVersion(t *testing.T) {
	for version, want := range map[string]string{
		`"v2"`: "needs a newer version", `"v10"`: "needs a newer version", `"v0"`: `must be "v1"`, `"1"`: `must be "v1"`, `"V1"`: `must be "v1"`,
		`"v1 "`: `must be "v1"`, `1`: "flamingock must be a text", `null`: "flamingock must be a text", `true`: "flamingock must be a text", `""`: "flamingock must be a text",
	} {
		if e := refused(t, `{"flamingock":`+version+`,"operation":"apply"}`); !strings.Contains(e.Reason, want) || e.Kind != KindDirect {
			t.Errorf("%s: got %q, want %q", version, e, want)
		}
	}
}

// TestOnlyApplyFromAfar: what anybody may put into a queue can only apply.
func TestOnlyApplyFromAfar(t *testing.T) {
	for _, op := range Operations() {
		text := `{"flamingock":"v1","operation":"` + string(op) + `","changeId":"a","as":"applied","reason":"b"}`
		if op == OpApply {
			text = `{"flamingock":"v1","operation":"apply"}`
		}
		_, err := requestIn("here", text)
		if (err == nil) != (op == OpApply) {
			t.Errorf("%s: %v", op, err)
		}
		if err != nil && !strings.Contains(err.Reason, "is not taken from here") {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := requestIn("here", strings.Repeat(" ", maxRequest+1)); err == nil || !strings.Contains(err.Reason, "more than") {
		t.Errorf("got %v", err)
	}
}

// TestWordsOfCore: this package may not import core, and says the same.
func TestWordsOfCore(t *testing.T) {
	if want := names(core.States()); !slices.Equal(states(), want) {
		t.Errorf("states: got %v, want %v", states(), want)
	}
	for _, ledger := range []string{"orders/prod", "a", "A.b_c-9", strings.Repeat("x", 255), strings.Repeat("x", 256), "a b", "ä", "a\n", "a:b"} {
		_, err := Decode([]byte(`{"flamingock":"v1","operation":"apply","ledger":` + encode(t, ledger) + `}`))
		if (err == nil) != (core.CheckLedger(ledger) == nil) {
			t.Errorf("%q: %v here, %v in core", ledger, err, core.CheckLedger(ledger))
		}
	}
}

// TestPoisonMessage: each message has its own error.
func TestPoisonMessage(t *testing.T) {
	for _, body := range []string{
		"", "hello", "{}", "null", `{"flamingock":"v2","operation":"apply"}`, `{"flamingock":"v1","operation":"plan"}`,
		`{"Type":"Notification","MessageId":"a","TopicArn":"arn:x","Message":"hello"}`,
		`{"Type":"Notification","MessageId":"a","TopicArn":"arn:x","Message":{"flamingock":"v1","operation":"apply"}}`,
		`{"Type":"Notification","MessageId":"a","TopicArn":"arn:x","Message":"x","flamingock":"v1","operation":"apply"}`,
		`{"Type":"Notification","MessageId":"a","TopicArn":"arn:x","Message":"{\"Type\":\"Notification\",\"MessageId\":\"a\",\"TopicArn\":\"arn:x\",\"Message\":\"{\\\"flamingock\\\":\\\"v1\\\",\\\"operation\\\":\\\"apply\\\"}\"}"}`,
		sample(t, "eventbridge"), sample(t, "sqs"), strings.Repeat("[", 100_000), "\x00",
	} {
		raw := strings.Replace(sample(t, "sqs-batch-with-poison"), `"hello"`, encode(t, body), 1)
		q := decoded(t, raw).SQS
		if len(q.Messages) != 3 || q.Messages[0].Err != nil || q.Messages[2].Err != nil || q.Messages[2].Request.Ledger != "billing/prod" {
			t.Fatalf("%.40q spoils the others: %v", body, q)
		}
		if m := q.Messages[1]; m.Err == nil || m.Request != nil || m.ID == "" || m.ReceiveCount != 4 {
			t.Errorf("%.40q: %v, %v", body, m.Err, m.Request)
		}
	}
}

func TestFIFO(t *testing.T) {
	q := decoded(t, sample(t, "sqs")).SQS
	if !q.FIFO || q.Messages[0].GroupID != "orders/prod" || q.Messages[0].ReceiveCount != 1 {
		t.Errorf("got %+v", q)
	}
	if q = decoded(t, sample(t, "sqs-batch-with-poison")).SQS; q.FIFO {
		t.Errorf("got %+v", q)
	}
}
