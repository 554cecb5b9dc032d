package sns

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

// A subscription gets everything that is declared, keeps what an update changes, and comes
// back after a deletion.
func TestSubscription(t *testing.T) {
	client, _ := clientFor(t)
	target := New("topics", client)
	topic, queue := newTopic(t, client), awstargettest.Name("queue")
	endpoint := strings.Replace(account, ":sns:", ":sqs:", 1) + queue
	id := "topic: " + topic + ", protocol: sqs, endpoint: " + queue
	change := func(apply string) *awstargettest.Runner {
		t.Helper()
		return awstargettest.NewRunner(t, Type(), target, "template: sns-subscription\napply: { "+apply+" }\nrollback: auto")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func() map[string]string {
		t.Helper()
		got := subscriptions(t, client, topic)[endpoint]
		out := map[string]string{}
		for _, name := range kept {
			if value := got[name]; value != "" {
				out[name] = value
			}
		}
		return out
	}

	create := change("create: { " + id + ", rawMessageDelivery: true, filterPolicy: { kind: [a, b] }, redrivePolicy: { deadLetterQueue: dead } }")
	expect(t, create, core.ProbeNotApplied)
	must(create.Apply(t.Context()))
	expect(t, create, core.ProbeApplied)
	must(create.Apply(t.Context())) // it is there already
	must(create.Rollback(t.Context()))
	first := state()
	if first["RawMessageDelivery"] != "true" || !strings.Contains(first["RedrivePolicy"], ":sqs:us-east-1:000000000000:dead") {
		t.Errorf("got %v", first)
	}
	expect(t, change("create: { "+id+", filterPolicy: { kind: [c] } }"), core.ProbeConflict)
	if err := change("create: { " + id + ", filterPolicy: { kind: [c] } }").Apply(t.Context()); err == nil || !strings.Contains(err.Error(), `FilterPolicy is {`) {
		t.Errorf("another filter: got %v", err)
	}

	update := change("update: { " + id + ", rawMessageDelivery: false, filterPolicyScope: MessageBody, filterPolicy: { order: { kind: [a] } }, redrivePolicy: { deadLetterQueue: other } }")
	expect(t, update, core.ProbeNotApplied)
	must(update.Apply(t.Context()))
	expect(t, update, core.ProbeApplied)
	if got := state(); got["RawMessageDelivery"] != "false" || got["FilterPolicyScope"] != "MessageBody" || !strings.Contains(got["RedrivePolicy"], ":other") {
		t.Errorf("got %v", got)
	}
	must(update.Rollback(t.Context()))
	if diff := cmp.Diff(first, state()); diff != "" {
		t.Errorf("it is not as before: %s", diff)
	}

	without := change("update: { " + id + ", remove: [filterPolicy] }")
	must(without.Apply(t.Context()))
	expect(t, without, core.ProbeApplied)
	must(without.Rollback(t.Context()))
	if diff := cmp.Diff(first, state()); diff != "" {
		t.Errorf("it is not as before: %s", diff)
	}

	end := change("delete: { " + id + " }")
	expect(t, end, core.ProbeNotApplied)
	must(end.Apply(t.Context()))
	expect(t, end, core.ProbeApplied)
	if err := end.Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a deletion of nothing: %v", err)
	}
	again := change("create: { " + id + " }")
	must(again.Apply(t.Context()))
	must(again.Rollback(t.Context()))
	if got := subscriptions(t, client, topic); len(got) != 0 {
		t.Errorf("the rollback left %v", got)
	}
}

func TestSubscriptionDeletedRestored(t *testing.T) {
	client, _ := clientFor(t)
	topic, queue := newTopic(t, client), awstargettest.Name("queue")
	id := "topic: " + topic + ", protocol: sqs, endpoint: " + queue
	made := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-subscription\napply: { create: { "+id+", rawMessageDelivery: true, filterPolicy: { kind: [a] } } }")
	if err := made.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-subscription\napply: { delete: { "+id+" } }\nrollback: auto")
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, made, core.ProbeApplied)
}

// A topic that a step before makes is not there yet when its subscription is asked for.
func TestCapturedBeforeTheTopic(t *testing.T) {
	client, _ := clientFor(t)
	topic, queue := topicFor(t, client), awstargettest.Name("queue")
	r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-subscription\napply: { create: { topic: "+topic+", protocol: sqs, endpoint: "+queue+" } }\nrollback: auto")
	kept, err := r.Capture(t.Context())
	if err != nil || !strings.Contains(kept[0], `"exists":false`) {
		t.Errorf("captured %s (%v)", kept, err)
	}
}

// Somebody else is faster: what is there decides.
func TestSubscribeRace(t *testing.T) {
	client, wire := clientFor(t)
	for theirs, want := range map[string]string{"true": "", "false": "RawMessageDelivery is false, not true"} {
		topic, queue := newTopic(t, client), awstargettest.Name("queue")
		subscribe := func(raw string) *awstargettest.Runner {
			return awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-subscription\napply: { create: { topic: "+topic+", protocol: sqs, endpoint: "+queue+", rawMessageDelivery: "+raw+" } }")
		}
		first := true
		wire.Set(func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
			if op == "Subscribe" && first {
				first = false
				if err := subscribe(theirs).Apply(t.Context()); err != nil {
					t.Error(err)
				}
			}
			return nil, nil
		})
		err := subscribe("true").Apply(t.Context())
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("theirs is raw: %s: got %v", theirs, err)
		}
		wire.Set(nil)
	}
}

// One that is not confirmed shows no ARN on AWS, where LocalStack shows it.
func TestNotConfirmed(t *testing.T) {
	client, wire := clientFor(t)
	topic := newTopic(t, client)
	id := "topic: " + topic + ", protocol: https, endpoint: https://example.invalid/orders"
	change := func(apply string) *awstargettest.Runner {
		t.Helper()
		return awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-subscription\napply: { "+apply+" }")
	}
	create := change("create: { " + id + " }")
	if err := create.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(create.Said, func(s string) bool { return strings.Contains(s, "is not confirmed") }) {
		t.Errorf("it said %q", create.Said)
	}
	expect(t, create, core.ProbeApplied)
	expect(t, change("create: { "+id+", waitForConfirmation: true }"), core.ProbeUnknown)

	wire.Set(awstargettest.Answer("ListSubscriptionsByTopic", 100, 200, xmlType, `<ListSubscriptionsByTopicResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListSubscriptionsByTopicResult><Subscriptions><member>`+
		`<TopicArn>`+account+topic+`</TopicArn><Protocol>https</Protocol><SubscriptionArn>PendingConfirmation</SubscriptionArn><Owner>1</Owner><Endpoint>https://example.invalid/orders</Endpoint>`+
		`</member></Subscriptions></ListSubscriptionsByTopicResult><ResponseMetadata><RequestId>REQUEST1</RequestId></ResponseMetadata></ListSubscriptionsByTopicResponse>`))
	expect(t, create, core.ProbeApplied)
	expect(t, change("create: { "+id+", rawMessageDelivery: true }"), core.ProbeUnknown)
	for _, apply := range []string{"delete: { " + id + " }", "update: { " + id + ", rawMessageDelivery: true }"} {
		if err := change(apply).Apply(t.Context()); err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "is not confirmed by its endpoint") {
			t.Errorf("%s: got %v", apply, err)
		}
	}
}
