package sns

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

const xmlType = "text/xml"

// refusal is an answer of SNS's.
func refusal(code, message string) string {
	return fmt.Sprintf(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>REQUEST1</RequestId></ErrorResponse>`, code, message)
}

// expect asks the probe.
func expect(t *testing.T, r *awstargettest.Runner, want core.ProbeResult) {
	t.Helper()
	if got, err := r.Probe(t.Context()); got != want || err != nil {
		t.Errorf("probe: %s (%v), want %s", got, err, want)
	}
}

// A topic gets everything that is declared, and the probe sees it.
func TestCreate(t *testing.T) {
	client, _ := clientFor(t)
	name := topicFor(t, client, fifoSuffix)
	r := awstargettest.NewRunner(t, Type(), New("topics", client), `
template: sns-topic
apply:
  create:
    topic: `+name+`
    displayName: "${env:Orders}"
    contentBasedDeduplication: true
    policy:
      Version: "2012-10-17"
      Statement: { Sid: a, Effect: Allow, Principal: "*", Action: sns:Publish, Resource: "`+account+name+`" }
    tags: { team: orders }
rollback: auto
`)
	expect(t, r, core.ProbeNotApplied)
	for range 2 { // the second time it is there already
		if err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, r, core.ProbeApplied)
	}
	attributes, tags := attributesOf(t, client, name)
	if attributes["DisplayName"] != "Orders" || attributes["FifoTopic"] != "true" || attributes["ContentBasedDeduplication"] != "true" ||
		!strings.Contains(attributes["Policy"], "sns:Publish") || tags["team"] != "orders" {
		t.Errorf("got %v, tags %v", attributes, tags)
	}
	if err := r.Rollback(t.Context()); err != nil || !exists(t, client, name) {
		t.Errorf("rollback of what was there before: %v", err)
	}
}

// What create made goes again.
func TestCreateRestored(t *testing.T) {
	client, _ := clientFor(t)
	name := topicFor(t, client)
	r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { create: { topic: "+name+" } }\nrollback: auto")
	for range 2 {
		if err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.Rollback(t.Context()); err != nil || exists(t, client, name) {
			t.Fatalf("rollback: %v, there is one: %t", err, exists(t, client, name))
		}
	}
	unknown := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { create: { topic: "+newTopic(t, client)+" } }\nrollback: auto")
	var lost *awstarget.NotCapturedError
	if err := unknown.Rollback(t.Context()); !errors.As(err, &lost) { // nothing was captured
		t.Errorf("got %v, want *awstarget.NotCapturedError", err)
	}
}

// The same name proves nothing.
func TestCreateOverAnother(t *testing.T) {
	client, wire := clientFor(t)
	for about, tt := range map[string]struct{ declared, says string }{
		"a name":   {"displayName: New", "DisplayName is Old, not New"},
		"a policy": {`policy: '{"Version":"2012-10-17"}'`, `not {"Version":"2012-10-17"}`},
		"a tag":    {"tags: { team: a }", "tag team is not set, not a"},
	} {
		t.Run(about, func(t *testing.T) {
			name := newTopic(t, client, "DisplayName", "Old")
			r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { create: { topic: "+name+", "+tt.declared+" } }\nrollback: { delete: { topic: "+name+" } }")
			before, _ := attributesOf(t, client, name)
			made := wire.Count("CreateTopic")
			var fault *Error
			if err := r.Apply(t.Context()); !errors.As(err, &fault) || !strings.Contains(err.Error(), tt.says) || fault.Hint() == "" || core.IsUnknown(err) {
				t.Errorf("got %v, want %s", err, tt.says)
			}
			expect(t, r, core.ProbeConflict)
			after, _ := attributesOf(t, client, name)
			if diff := cmp.Diff(before, after); diff != "" || wire.Count("CreateTopic") != made {
				t.Errorf("it was changed: %s", diff)
			}
			if err := r.Rollback(t.Context()); err != nil || !exists(t, client, name) {
				t.Errorf("the rollback took another's topic away (%v)", err)
			}
		})
	}
}

// Somebody else is faster: what is there decides.
func TestCreateRace(t *testing.T) {
	client, wire := clientFor(t)
	for theirs, want := range map[string]string{"Orders": "", "Others": "DisplayName is Others, not Orders"} {
		name := topicFor(t, client)
		r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { create: { topic: "+name+", displayName: Orders } }")
		other := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { create: { topic: "+name+", displayName: "+theirs+" } }")
		first := true
		wire.Set(func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
			if op == "CreateTopic" && first {
				first = false
				if err := other.Apply(t.Context()); err != nil {
					t.Error(err)
				}
			}
			return nil, nil
		})
		err := r.Apply(t.Context())
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", theirs, err)
		}
		wire.Set(nil)
	}
}

// An update keeps what was there, sets, and puts back.
func TestUpdate(t *testing.T) {
	client, _ := clientFor(t)
	target := New("topics", client)
	name := newTopic(t, client, "DisplayName", "Old")
	tag := awstargettest.NewRunner(t, Type(), target, "template: sns-topic\napply: { update: { topic: "+name+", tags: { a: '1', b: '2' } } }")
	if err := tag.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	beforeAttributes, beforeTags := attributesOf(t, client, name)
	r := awstargettest.NewRunner(t, Type(), target, `
template: sns-topic
apply:
  update:
    topic: `+account+name+`
    policy: { Version: "2012-10-17", Id: new }
    tracingConfig: Active
    remove: [displayName]
    tags: { a: "9", c: "3" }
    removeTags: [b]
rollback: auto
`)
	expect(t, r, core.ProbeNotApplied)
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, r, core.ProbeApplied)
	attributes, tags := attributesOf(t, client, name)
	if attributes["DisplayName"] != "" || !strings.Contains(attributes["Policy"], "new") || attributes["TracingConfig"] != "Active" {
		t.Errorf("got %v", attributes)
	}
	if diff := cmp.Diff(map[string]string{"a": "9", "c": "3"}, tags); diff != "" {
		t.Error(diff)
	}
	if err := r.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	attributes, tags = attributesOf(t, client, name)
	maps.DeleteFunc(attributes, func(name, value string) bool { return name == "TracingConfig" && value == "PassThrough" }) // not set before
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
	target := New("topics", client)
	name := newTopic(t, client, "DisplayName", "Old")
	r := awstargettest.NewRunner(t, Type(), target, "template: sns-topic\napply: { update: { topic: "+name+", displayName: New } }\nrollback: auto")
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := awstargettest.NewRunner(t, Type(), target, "template: sns-topic\napply: { update: { topic: "+name+", displayName: Theirs } }")
	if err := other.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Rollback(t.Context()); err == nil || !strings.Contains(err.Error(), "DisplayName is Theirs, not New") {
		t.Errorf("got %v", err)
	}
	if attributes, _ := attributesOf(t, client, name); attributes["DisplayName"] != "Theirs" {
		t.Errorf("got %s", attributes["DisplayName"])
	}
}

func TestMissing(t *testing.T) {
	client, _ := clientFor(t)
	for _, body := range []string{
		"template: sns-topic\napply: { update: { topic: flamingock-none, displayName: a } }",
		"template: sns-topic\napply: { delete: { topic: flamingock-none } }",
		"template: sns-subscription\napply: { create: { topic: flamingock-none, protocol: sqs, endpoint: a } }",
		"template: sns-subscription\napply: { update: { topic: flamingock-none, protocol: sqs, endpoint: a, rawMessageDelivery: true } }",
	} {
		err := awstargettest.NewRunner(t, Type(), New("topics", client), body).Apply(t.Context())
		var fault *Error
		if !errors.As(err, &fault) || err.Error() != "topic flamingock-none does not exist" || core.IsUnknown(err) {
			t.Errorf("%s: got %v", body, err)
		}
	}
	err := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { delete: { topic: 'arn:aws:sns:eu-west-9:000000000000:a' } }").Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is in eu-west-9, and target system topics in us-east-1") {
		t.Errorf("another region: got %v", err)
	}
}

func TestDelete(t *testing.T) {
	client, _ := clientFor(t)
	name := newTopic(t, client, "DisplayName", "Old")
	r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { delete: { topic: "+name+" } }")
	kept, err := r.Capture(t.Context())
	if err != nil || !strings.Contains(kept[0], `"DisplayName":"Old"`) {
		t.Errorf("captured %s (%v)", kept, err)
	}
	expect(t, r, core.ProbeNotApplied)
	if err := r.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, r, core.ProbeApplied)
}

// An answer that gets lost is asked for again.
func TestLostAnswers(t *testing.T) {
	client, wire := clientFor(t)
	for _, op := range []string{"CreateTopic", "GetTopicAttributes", "ListTagsForResource", "GetCallerIdentity"} {
		name := topicFor(t, client)
		r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { create: { topic: "+name+", tags: { a: b } } }")
		wire.Set(awstargettest.LoseAnswers(op, 2))
		if err := r.Apply(t.Context()); err != nil || !exists(t, client, name) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// What SNS refuses is definite; what it does not answer at all is not.
func TestRefused(t *testing.T) {
	for about, tt := range map[string]struct {
		status  int
		body    string
		unknown bool
		code    core.Code
		says    string
	}{
		"a value":     {400, refusal("InvalidParameter", "Invalid parameter: DisplayName"), false, "", "DisplayName: topic "},
		"no right":    {403, refusal("AuthorizationError", "User: arn:aws:iam::1:user/ci is not authorized to perform: SNS:SetTopicAttributes on resource: arn:aws:sns:us-east-1:1:a"), false, core.CodePermissionDenied, "missing SNS:SetTopicAttributes on arn:aws:sns:us-east-1:1:a"},
		"credentials": {403, refusal("InvalidClientTokenId", "The security token included in the request is invalid."), false, core.CodePermissionDenied, "that AWS accepts"},
		"a breakdown": {500, refusal("InternalError", "oops"), true, core.CodeUnavailable, "oops"},
	} {
		t.Run(about, func(t *testing.T) {
			client, wire := clientFor(t)
			name := newTopic(t, client, "DisplayName", "Old")
			r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { update: { topic: "+name+", displayName: New } }\nrollback: auto")
			wire.Set(awstargettest.Answer("SetTopicAttributes", 100, tt.status, xmlType, tt.body))
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
	name := newTopic(t, client, "DisplayName", "Old")
	r := awstargettest.NewRunner(t, Type(), New("topics", client), "template: sns-topic\napply: { update: { topic: "+name+", displayName: New, tags: { a: b } } }\nrollback: auto")
	wire.Set(awstargettest.Answer("TagResource", 1, http.StatusForbidden, xmlType, refusal("AuthorizationError", "no")))
	if err := r.Apply(t.Context()); core.CodeOf(err) != core.CodePermissionDenied {
		t.Fatalf("got %v", err)
	}
	if err := r.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if attributes, tags := attributesOf(t, client, name); attributes["DisplayName"] != "Old" || len(tags) != 0 {
		t.Errorf("got %v, tags %v", attributes, tags)
	}
}
