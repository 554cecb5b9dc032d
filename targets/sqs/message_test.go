package sqs

import (
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestMessage(t *testing.T) {
	client, _ := clientFor(t)
	name := newQueue(t, client)
	r := awstargettest.NewRunner(t, Type(), New("queues", client), `
template: sqs-message
apply:
  queue: `+name+`
  json: { kind: "${env:refill}", count: 3, at: 1.50, lines: [a, true, null] }
  messageGroupId: tenant-1
  attributes:
    kind: { value: refill }
    count: { type: Number.int, value: "3" }
    seal: { type: Binary, value: aGVsbG8= }
rollback: { queue: `+name+`, body: sorry }
`)
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := received(t, client, name)
	if len(all) != 1 || *all[0].Body != `{"at":1.50,"count":3,"kind":"refill","lines":["a",true,null]}` {
		t.Fatalf("got %v", all)
	}
	a := all[0].MessageAttributes
	if *a["kind"].StringValue != "refill" || *a["count"].DataType != "Number.int" || string(a["seal"].BinaryValue) != "hello" {
		t.Errorf("got attributes %v", a)
	}
	if err := r.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := received(t, client, name); len(all) != 1 || *all[0].Body != "sorry" {
		t.Errorf("the rollback sent %v", all)
	}
}

// A FIFO queue takes the same message once, whoever sends it again; a standard queue
// cannot, and is not asked to.
func TestMessageWithoutAnswer(t *testing.T) {
	for about, tt := range map[string]struct {
		suffix, group string
		requests      int
		unknown       bool
	}{
		"fifo":     {fifoSuffix, ", messageGroupId: g", 3, false},
		"standard": {"", "", 1, true},
	} {
		t.Run(about, func(t *testing.T) {
			client, wire := clientFor(t)
			name := queueFor(t, client, tt.suffix)
			made := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { create: { queue: "+name+" } }")
			if err := made.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-message\napply: { queue: "+name+", body: once"+tt.group+" }")
			if r.Change.LateSafe() {
				t.Error("a late message is called harmless")
			}
			wire.Set(awstargettest.LoseAnswers("SendMessage", 2))
			err := r.Apply(t.Context())
			if core.IsUnknown(err) != tt.unknown || !tt.unknown && err != nil {
				t.Errorf("got %v", err)
			}
			if got := wire.Count("SendMessage"); got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
			wire.Set(nil)
			if !tt.unknown { // another attempt has the same key
				if err := r.Apply(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			all := received(t, client, name)
			if len(all) != 1 {
				t.Fatalf("got %d messages, want 1", len(all))
			}
			if id := all[0].Attributes["MessageDeduplicationId"]; !tt.unknown && id != r.Key {
				t.Errorf("the deduplication id is %q, want %q", id, r.Key)
			}
		})
	}
}

// A message that SQS has certainly not taken may be sent again, also to a standard queue.
func TestMessageThrottled(t *testing.T) {
	client, wire := clientFor(t)
	name := newQueue(t, client)
	r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-message\napply: { queue: "+name+", body: once }")
	wire.Set(awstargettest.Answer("SendMessage", 2, 403, jsonType, `{"__type":"RequestThrottled","message":"slow down"}`))
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, all := wire.Count("SendMessage"), received(t, client, name); got != 3 || len(all) != 1 {
		t.Errorf("%d requests, %d messages", got, len(all))
	}
}

// What is too large may come out of a reference.
func TestMessageTooLarge(t *testing.T) {
	for size, want := range map[int]string{mostBytes: "", mostBytes + 1: "and SQS takes 1048576"} {
		f := &awstarget.Faults{}
		(&messagePayload{Queue: core.Text{Value: "a"}, Body: core.Text{Value: strings.Repeat("x", size)}}).check(f)
		if err := f.Err(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
}
