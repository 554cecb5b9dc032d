package sqs

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

const jsonType = "application/x-amz-json-1.0"

// A queue gets everything that is declared, and the probe sees it.
func TestCreate(t *testing.T) {
	client, _ := clientFor(t)
	target := New("queues", client)
	dead, name := queueFor(t, client, fifoSuffix), queueFor(t, client, fifoSuffix)
	r := awstargettest.NewRunner(t, Type(), target, `
template: sqs-queue
steps:
  - apply: { create: { queue: `+dead+` } }
    rollback: auto
  - apply:
      create:
        queue: `+name+`
        delaySeconds: 5
        messageRetentionPeriod: 86400
        visibilityTimeout: 0
        contentBasedDeduplication: true
        deduplicationScope: messageGroup
        fifoThroughputLimit: perMessageGroupId
        redrivePolicy: { deadLetterQueue: `+dead+`, maxReceiveCount: 4 }
        policy:
          Version: "2012-10-17"
          Statement: [{ Sid: a, Effect: Allow, Principal: { AWS: "000000000000" }, Action: ["sqs:SendMessage"], Resource: "*" }]
        tags: { team: "${env:orders}" }
    rollback: auto
`)
	probe := func(want core.ProbeResult) {
		t.Helper()
		if got, err := r.Probe(t.Context()); got != want && (err == nil || want != core.ProbeUnknown) {
			t.Errorf("probe: %s (%v), want %s", got, err, want)
		}
	}
	probe(core.ProbeNotApplied) // nor is the dead-letter queue that it names
	for range 2 {               // the second time all is there already
		if err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		probe(core.ProbeApplied)
	}
	attributes, tags := attributesOf(t, client, name)
	for k, want := range map[string]string{
		"DelaySeconds": "5", "MessageRetentionPeriod": "86400", "VisibilityTimeout": "0", "FifoQueue": "true", "ContentBasedDeduplication": "true",
		"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
	} {
		if attributes[k] != want {
			t.Errorf("%s is %q, want %q", k, attributes[k], want)
		}
	}
	if !strings.Contains(attributes["RedrivePolicy"], ":"+dead) || !strings.Contains(attributes["Policy"], "sqs:SendMessage") || tags["team"] != "orders" {
		t.Errorf("got %v, tags %v", attributes, tags)
	}
	// The second run found them: it leaves them alone.
	if err := r.Rollback(t.Context()); err != nil || !exists(t, client, name) || !exists(t, client, dead) {
		t.Errorf("rollback of what was there before: %v", err)
	}
}

// What create made goes again, and nothing else does.
func TestCreateRestored(t *testing.T) {
	client, _ := clientFor(t)
	name := queueFor(t, client)
	r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { create: { queue: "+name+" } }\nrollback: auto")
	for range 2 {
		if err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.Rollback(t.Context()); err != nil || exists(t, client, name) {
			t.Fatalf("rollback: %v, there is one: %t", err, exists(t, client, name))
		}
	}
	unknown := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { create: { queue: "+newQueue(t, client)+" } }\nrollback: auto")
	var lost *awstarget.NotCapturedError
	if err := unknown.Rollback(t.Context()); !errors.As(err, &lost) { // nothing was captured
		t.Errorf("got %v, want *awstarget.NotCapturedError", err)
	}
}

// The same name proves nothing.
func TestCreateOverAnother(t *testing.T) {
	client, wire := clientFor(t)
	for about, tt := range map[string]struct{ declared, says string }{
		"a number": {"visibilityTimeout: 60", "VisibilityTimeout is 45, not 60"},
		"a policy": {`policy: '{"Version":"2012-10-17"}'`, `Policy is not set, not {"Version":"2012-10-17"}`},
		"a tag":    {"tags: { team: a }", "tag team is not set, not a"},
	} {
		t.Run(about, func(t *testing.T) {
			name := newQueue(t, client, "VisibilityTimeout", "45")
			r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { create: { queue: "+name+", "+tt.declared+" } }\nrollback: { delete: { queue: "+name+" } }")
			before, _ := attributesOf(t, client, name)
			made := wire.Count("CreateQueue")
			var fault *QueueError
			if err := r.Apply(t.Context()); !errors.As(err, &fault) || !strings.Contains(err.Error(), tt.says) || fault.Hint() == "" || core.IsUnknown(err) {
				t.Errorf("got %v, want %s", err, tt.says)
			}
			if got, err := r.Probe(t.Context()); got != core.ProbeConflict || err != nil {
				t.Errorf("probe: %s (%v), want CONFLICT", got, err)
			}
			after, _ := attributesOf(t, client, name)
			if diff := cmp.Diff(before, after); diff != "" || wire.Count("CreateQueue") != made {
				t.Errorf("it was changed: %s", diff)
			}
			if err := r.Rollback(t.Context()); err != nil || !exists(t, client, name) {
				t.Errorf("the rollback took another's queue away (%v)", err)
			}
		})
	}
}

// An update keeps what was there, sets, and puts back.
func TestUpdate(t *testing.T) {
	client, _ := clientFor(t)
	target := New("queues", client)
	name := newQueue(t, client, "VisibilityTimeout", "45", "Policy", `{"Version":"2012-10-17","Id":"old"}`)
	tag := awstargettest.NewRunner(t, Type(), target, "template: sqs-queue\napply: { update: { queue: "+name+", tags: { a: '1', b: '2' } } }")
	if err := tag.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	beforeAttributes, beforeTags := attributesOf(t, client, name)
	r := awstargettest.NewRunner(t, Type(), target, `
template: sqs-queue
apply:
  update:
    queue: arn:aws:sqs:us-east-1:000000000000:`+name+`
    visibilityTimeout: 90
    redriveAllowPolicy: { redrivePermission: denyAll }
    remove: [policy]
    tags: { a: "9", c: "3" }
    removeTags: [b]
rollback: auto
`)
	if got, err := r.Probe(t.Context()); got != core.ProbeNotApplied || err != nil {
		t.Errorf("probe: %s (%v), want NOT_APPLIED", got, err)
	}
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Probe(t.Context()); got != core.ProbeApplied || err != nil {
		t.Errorf("probe: %s (%v), want APPLIED", got, err)
	}
	attributes, tags := attributesOf(t, client, name)
	if attributes["VisibilityTimeout"] != "90" || attributes["Policy"] != "" || !strings.Contains(attributes["RedriveAllowPolicy"], "denyAll") {
		t.Errorf("got %v", attributes)
	}
	if diff := cmp.Diff(map[string]string{"a": "9", "c": "3"}, tags); diff != "" {
		t.Error(diff)
	}
	if err := r.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	attributes, tags = attributesOf(t, client, name)
	for _, m := range []map[string]string{beforeAttributes, attributes} {
		maps.DeleteFunc(m, func(name, value string) bool { return value == "" || name == "LastModifiedTimestamp" })
	}
	if diff := cmp.Diff(beforeAttributes, attributes); diff != "" {
		t.Errorf("it is not as before: %s", diff)
	}
	if diff := cmp.Diff(beforeTags, tags); diff != "" {
		t.Errorf("its tags are not as before: %s", diff)
	}
}

// What somebody else has set since is not overwritten with what was there before.
func TestUpdateTouchedSince(t *testing.T) {
	client, _ := clientFor(t)
	target := New("queues", client)
	name := newQueue(t, client, "VisibilityTimeout", "45")
	r := awstargettest.NewRunner(t, Type(), target, "template: sqs-queue\napply: { update: { queue: "+name+", visibilityTimeout: 90 } }\nrollback: auto")
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := awstargettest.NewRunner(t, Type(), target, "template: sqs-queue\napply: { update: { queue: "+name+", visibilityTimeout: 77 } }")
	if err := other.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Rollback(t.Context()); err == nil || !strings.Contains(err.Error(), "VisibilityTimeout is 77, not 90") {
		t.Errorf("got %v", err)
	}
	if attributes, _ := attributesOf(t, client, name); attributes["VisibilityTimeout"] != "77" {
		t.Errorf("got %s", attributes["VisibilityTimeout"])
	}
}

func TestMissing(t *testing.T) {
	client, _ := clientFor(t)
	for _, body := range []string{
		"template: sqs-queue\napply: { update: { queue: flamingock-none, visibilityTimeout: 1 } }",
		"template: sqs-queue\napply: { delete: { queue: flamingock-none } }",
		"template: sqs-queue\napply: { create: { queue: " + queueFor(t, client) + ", redrivePolicy: { deadLetterQueue: flamingock-none, maxReceiveCount: 1 } } }",
		"template: sqs-message\napply: { queue: flamingock-none, body: a }",
	} {
		err := awstargettest.NewRunner(t, Type(), New("queues", client), body).Apply(t.Context())
		var fault *QueueError
		if !errors.As(err, &fault) || err.Error() != "queue flamingock-none does not exist" || core.IsUnknown(err) {
			t.Errorf("%s: got %v", body, err)
		}
	}
	err := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { delete: { queue: 'arn:aws:sqs:eu-west-9:000000000000:a' } }").Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is in eu-west-9, and target system queues in us-east-1") {
		t.Errorf("another region: got %v", err)
	}
}

func TestDelete(t *testing.T) {
	client, _ := clientFor(t)
	name := newQueue(t, client, "VisibilityTimeout", "45")
	r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { delete: { queue: "+name+" } }")
	kept, err := r.Capture(t.Context())
	if err != nil || !strings.Contains(kept[0], `"VisibilityTimeout":"45"`) || strings.Contains(kept[0], "Approximate") {
		t.Errorf("captured %s (%v)", kept, err)
	}
	for _, want := range []core.ProbeResult{core.ProbeNotApplied, core.ProbeApplied} {
		if got, err := r.Probe(t.Context()); got != want || err != nil {
			t.Errorf("probe: %s (%v), want %s", got, err, want)
		}
		if want == core.ProbeNotApplied {
			if err := r.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An answer that gets lost is asked for again, and the name of a queue that was deleted is
// waited for.
func TestFaultsOfCreate(t *testing.T) {
	deleted := `{"__type":"com.amazonaws.sqs#QueueDeletedRecently","message":"You must wait 60 seconds after deleting a queue before you can create another with the same name."}`
	for about, tt := range map[string]struct {
		fault awstargettest.Fault
		calls int
		says  string
	}{
		"lost answers":     {awstargettest.LoseAnswers("CreateQueue", 2), 3, ""},
		"deleted recently": {awstargettest.Answer("CreateQueue", 3, 400, jsonType, deleted), 4, "was deleted less than a minute ago"},
		"throttled":        {awstargettest.Answer("CreateQueue", 2, 403, jsonType, `{"__type":"RequestThrottled","message":"slow down"}`), 3, ""},
		"reads get lost":   {awstargettest.LoseAnswers("GetQueueAttributes", 2), 1, ""},
	} {
		t.Run(about, func(t *testing.T) {
			client, wire := clientFor(t)
			name := queueFor(t, client)
			r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { create: { queue: "+name+", visibilityTimeout: 60 } }\nrollback: auto")
			wire.Set(tt.fault)
			if err := r.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := wire.Count("CreateQueue"); got != tt.calls || !exists(t, client, name) || !strings.Contains(strings.Join(r.Said, "\n"), tt.says) {
				t.Errorf("%d requests, want %d; said %q", got, tt.calls, r.Said)
			}
		})
	}
}

// The wait for a name ends with the change's time, and nothing was made.
func TestDeletedRecentlyAndNoTime(t *testing.T) {
	client, wire := clientFor(t)
	name := queueFor(t, client)
	r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { create: { queue: "+name+" } }")
	wire.Set(awstargettest.Answer("CreateQueue", 1000, 400, jsonType, `{"__type":"com.amazonaws.sqs#QueueDeletedRecently","message":"You must wait 60 seconds."}`))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := r.Apply(ctx); !errors.Is(err, context.DeadlineExceeded) || exists(t, client, name) {
		t.Errorf("got %v", err)
	}
	if got, err := r.Probe(t.Context()); got != core.ProbeNotApplied || err != nil || !r.Change.LateSafe() {
		t.Errorf("probe: %s (%v), late safe: %t", got, err, r.Change.LateSafe())
	}
}

// What SQS refuses is definite; what it does not answer at all is not.
func TestRefused(t *testing.T) {
	for about, tt := range map[string]struct {
		status  int
		body    string
		unknown bool
		code    core.Code
		says    string
	}{
		"a value":     {400, `{"__type":"com.amazonaws.sqs#InvalidAttributeValue","message":"Invalid value for VisibilityTimeout."}`, false, "", "is refused as declared"},
		"no right":    {403, `{"__type":"AccessDeniedException","message":"User: arn:aws:iam::1:user/ci is not authorized to perform: sqs:setqueueattributes on resource: arn:aws:sqs:us-east-1:1:a"}`, false, core.CodePermissionDenied, "missing sqs:setqueueattributes on arn:aws:sqs:us-east-1:1:a"},
		"credentials": {403, `{"__type":"InvalidClientTokenId","message":"The security token included in the request is invalid."}`, false, core.CodePermissionDenied, "that AWS accepts"},
		"a breakdown": {500, `{"__type":"InternalFailure","message":"oops"}`, true, core.CodeUnavailable, "oops"},
	} {
		t.Run(about, func(t *testing.T) {
			client, wire := clientFor(t)
			name := newQueue(t, client, "VisibilityTimeout", "45")
			r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { update: { queue: "+name+", visibilityTimeout: 60 } }\nrollback: auto")
			wire.Set(awstargettest.Answer("SetQueueAttributes", 100, tt.status, jsonType, tt.body))
			err := r.Apply(t.Context())
			if err == nil || core.IsUnknown(err) != tt.unknown || !strings.Contains(err.Error(), tt.says) || tt.code != "" && core.CodeOf(err) != tt.code {
				t.Errorf("got %v (%s), want %s", err, core.CodeOf(err), tt.says)
			}
		})
	}
}

// An update that is refused half-way is put back.
func TestRefusedHalfway(t *testing.T) {
	client, wire := clientFor(t)
	name := newQueue(t, client, "VisibilityTimeout", "45")
	r := awstargettest.NewRunner(t, Type(), New("queues", client), "template: sqs-queue\napply: { update: { queue: "+name+", visibilityTimeout: 60, tags: { a: b } } }\nrollback: auto")
	wire.Set(awstargettest.Answer("TagQueue", 1, http.StatusForbidden, jsonType, `{"__type":"AccessDenied","message":"no"}`))
	if err := r.Apply(t.Context()); core.CodeOf(err) != core.CodePermissionDenied {
		t.Fatalf("got %v", err)
	}
	if err := r.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if attributes, tags := attributesOf(t, client, name); attributes["VisibilityTimeout"] != "45" || len(tags) != 0 {
		t.Errorf("got %v, tags %v", attributes, tags)
	}
}
