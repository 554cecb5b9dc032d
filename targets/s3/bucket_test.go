package s3

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// everything declares one of each part, with a queue for notifications.
const everything = `
    versioning: enabled
    encryption: { algorithm: "aws:kms", key: alias/shop, bucketKey: true }
    publicAccessBlock: { blockPublicAcls: true, ignorePublicAcls: true, blockPublicPolicy: false, restrictPublicBuckets: false }
    policy:
      Version: "2012-10-17"
      Statement:
        - { Sid: read, Effect: Allow, Principal: { AWS: "arn:aws:iam::000000000000:root" }, Action: ["s3:GetObject"], Resource: "arn:aws:s3:::BUCKET/*" }
    lifecycle:
      - { id: logs, prefix: logs/, expireAfterDays: 30, transitions: [{ afterDays: 7, storageClass: GLACIER_IR }] }
      - { id: old, noncurrent: { expireAfterDays: 90, keep: 3 } }
      - { id: big, tags: { kind: tmp, a: b }, largerThan: 1000, expireOn: 2040-01-31 }
      - { id: parts, abortUploadsAfterDays: 3, disabled: true }
    cors:
      - { origins: ["https://shop.example"], methods: [GET, PUT], headers: ["*"], expose: [ETag], maxAge: 600 }
    notifications:
      eventBridge: true
      send:
        - { id: new, queue: QUEUE, events: ["s3:ObjectCreated:*"], prefix: in/, suffix: .json }
    tags: { team: "${env:shop}", cost: "1" }
`

func newQueue(t testing.TB, name string) (arn string) {
	t.Helper()
	c := sqs.NewFromConfig(awstest.LocalStack(t))
	out, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl}); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return "arn:aws:sqs:" + awstest.Region + ":000000000000:" + name
}

func all(bucket, queue string) string {
	return strings.NewReplacer("BUCKET", bucket, "QUEUE", queue).Replace(everything)
}

// configuration returns every part of a bucket that there is.
func configuration(t testing.TB, target *Target, bucket string) map[string]string {
	t.Helper()
	client, err := target.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &bucketWork{name: bucket, c: &Client{client, target}}
	out := map[string]string{}
	for _, p := range parts() {
		document, err := w.read(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		if p.plain != nil {
			document = p.plain(document)
		}
		if document != "" {
			out[p.name] = document
		}
	}
	return out
}

func TestBucketIsMadeWithEverything(t *testing.T) {
	client, w := clientFor(t)
	name := bucketFor(t, client)
	target := New("shop", client)
	body := "template: s3-bucket\napply:\n  create:\n    bucket: " + name + all(name, newQueue(t, name)) + "rollback: auto\n"
	c := mustLoad(t, target, body)
	if got := probed(t, target, c); got != core.ProbeNotApplied {
		t.Errorf("before: %s", got)
	}
	l := newLedger(t, target)
	if err := l.apply(c); err != nil {
		t.Fatal(err)
	}
	got := configuration(t, target, name)
	if len(got) != len(parts()) || !strings.Contains(got[partTags], `"Value":"shop"`) || !strings.Contains(got[partLifecycle], `"NewerNoncurrentVersions":3`) {
		t.Errorf("made with %v", got)
	}
	if got := probed(t, target, c); got != core.ProbeApplied {
		t.Errorf("after: %s", got)
	}
	// Again, under another ledger: as declared, it counts as made, and nothing is written.
	w.set(func(w *wire) { w.calls = nil })
	other := newLedger(t, target)
	if err := other.apply(c); err != nil {
		t.Error(err)
	}
	if n := w.count("PUT"); n != 0 {
		t.Errorf("written %d times", n)
	}
	// Whose rollback leaves it alone: that change did not make it.
	if err := newLedger(t, target).apply(failing(c)); err == nil {
		t.Error("no error")
	}
	if got := probed(t, target, c); got != core.ProbeApplied {
		t.Errorf("after the rollback of a change that did not make it: %s", got)
	}
	// One that differs is not touched.
	differs := mustLoad(t, target, strings.Replace(body, "maxAge: 600", "maxAge: 601", 1))
	if got := probed(t, target, differs); got != core.ProbeNotApplied {
		t.Errorf("a bucket of ours that differs: %s", got) // it has our tag: an unfinished one looks the same
	}
	l = newLedger(t, target)
	if err := l.apply(differs); core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), "differs in cors") {
		t.Errorf("got %v", err)
	}
	l.is("a", core.StateRolledBack)
}

func TestBucketOfSomebodyElse(t *testing.T) {
	client, _ := clientFor(t)
	name := newBucket(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: "+name+", versioning: enabled } }\nrollback: auto")
	if got := probed(t, target, c); got != core.ProbeConflict {
		t.Errorf("probe: %s", got)
	}
	l := newLedger(t, target)
	if err := l.apply(c); err == nil || !strings.Contains(core.HintOf(err), "change it with update") {
		t.Errorf("got %v", err)
	}
	l.is("a", core.StateRolledBack)
	if got := configuration(t, target, name); got[partVersioning] != "" {
		t.Errorf("changed: %v", got)
	}
	same := mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: "+name+" } }\nrollback: auto")
	if got := probed(t, target, same); got != core.ProbeApplied {
		t.Errorf("as declared: %s", got)
	}
}

// A failed change takes back the bucket that it made, unless somebody put something in.
func TestMadeBucketIsTakenBack(t *testing.T) {
	client, w := clientFor(t)
	name := bucketFor(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: "+name+", tags: { a: b } } }\nrollback: auto")
	l := newLedger(t, target)
	if err := l.apply(failing(c)); err == nil {
		t.Error("no error")
	}
	l.is("a", core.StateRolledBack)
	if got := probed(t, target, c); got != core.ProbeNotApplied {
		t.Errorf("still there: %s", got)
	}
	full := failing(c)
	full.Steps[1].Apply = ClientStep(func(context.Context, *Client) error {
		write(t, client, name, "k", "x")
		return http.ErrBodyNotAllowed
	})
	l = newLedger(t, target)
	err := l.apply(full)
	if err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
	l.is("a", core.StateRollbackFailed)
	if read(t, client, name, "k") != "x" {
		t.Error("the object is gone")
	}
	if w.count("DELETE /"+name) != 2 {
		t.Errorf("calls %v", w.calls)
	}
}

// The process ends after the bucket was made and before it is as declared. The next run
// knows it by its tag, and finishes it.
func TestBucketMadeInPart(t *testing.T) {
	client, w := clientFor(t)
	name := bucketFor(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, "template: s3-bucket\nrecovery: { strategy: ALWAYS_RETRY }\napply: { create: { bucket: "+name+", versioning: enabled, tags: { a: b } } }\nrollback: auto")
	l := newLedger(t, target)
	w.set(func(w *wire) {
		w.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			if r.Method == http.MethodPut && r.URL.Query().Has("versioning") {
				return nil, http.ErrHandlerTimeout
			}
			return nil, nil
		}
	})
	if err := l.apply(c); !core.IsUnknown(err) {
		t.Fatalf("got %v", err)
	}
	first, state := l.entry("a")
	if state != core.StateFailed || !strings.Contains(first.Captured[0], `"token"`) {
		t.Errorf("%s, kept %q", state, first.Captured)
	}
	if got := probed(t, target, c); got != core.ProbeNotApplied {
		t.Errorf("made in part: %s", got)
	}
	w.set(func(w *wire) { w.fault = nil })
	if err := New("shop", client).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := l.apply(c); err != nil {
		t.Fatal(err)
	}
	l.is("a", core.StateApplied)
	if got := configuration(t, target, name); got[partVersioning] == "" || w.count("PUT /"+name+" ") > 0 {
		t.Errorf("made with %v", got)
	}
}

// S3 shows a new bucket a little later than it says that it was made, which the
// simulator does not.
func TestBucketThatAppearsLater(t *testing.T) {
	client, w := clientFor(t)
	name := bucketFor(t, client)
	target := New("shop", client)
	left := map[string]int{"tagging": 2, "versioning": 1}
	w.set(func(w *wire) {
		w.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			for part := range left {
				if r.URL.Query().Has(part) && left[part] > 0 && (r.Method == http.MethodPut) == (part == "versioning") {
					left[part]--
					return answer(http.StatusNotFound, nil, "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>"), nil
				}
			}
			return nil, nil
		}
	})
	c := mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: "+name+", versioning: enabled, tags: { a: b } } }\nrollback: auto")
	l := newLedger(t, target)
	if err := l.apply(c); err != nil || left["tagging"]+left["versioning"] != 0 {
		t.Fatalf("%v; left %v", err, left)
	}
	w.set(func(w *wire) { w.fault = nil })
	if got := configuration(t, target, name); got[partVersioning] == "" || !strings.Contains(got[partTags], madeBy) {
		t.Errorf("made with %v", got)
	}
}

// Somebody else makes the bucket at the same moment, and S3 calls ours a success.
func TestBucketMadeBySomebodyElseMeanwhile(t *testing.T) {
	client, w := clientFor(t)
	name := bucketFor(t, client)
	target := New("shop", client)
	other, _ := clientFor(t)
	w.set(func(w *wire) {
		w.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			if r.Method != http.MethodPut || r.URL.RawQuery != "" {
				return nil, nil
			}
			theirs := &types.CreateBucketConfiguration{Tags: []types.Tag{{Key: aws.String(madeBy), Value: aws.String("them")}}}
			_, err := other.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: theirs})
			return nil, err
		}
	})
	l := newLedger(t, target)
	err := l.apply(mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: "+name+", versioning: enabled } }\nrollback: auto"))
	if err == nil || !strings.Contains(err.Error(), "differs in versioning") {
		t.Errorf("got %v", err)
	}
	l.is("a", core.StateRolledBack)
	if got := configuration(t, target, name); !strings.Contains(got[partTags], "them") || got[partVersioning] != "" {
		t.Errorf("the other's bucket has %v", got)
	}
}

func TestBucketIsChangedAndPutBack(t *testing.T) {
	client, _ := clientFor(t)
	name := newBucket(t, client)
	queue := newQueue(t, name)
	target := New("shop", client)
	load := func(what string) core.Change {
		return mustLoad(t, target, "template: s3-bucket\napply:\n  update:\n    bucket: "+name+what+"rollback: auto\n")
	}
	changed := []string{
		all(name, queue),
		"\n    lifecycle: [{ id: logs, expireDeleteMarkers: true }]\n    cors: [{ origins: [\"*\"], methods: [GET] }]\n    tags: { team: orders }\n    removeTags: [cost]\n",
		"\n    remove: [policy, lifecycle, cors, notifications, encryption, publicAccessBlock]\n    versioning: suspended\n",
		"\n    policy: '{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::" + name + "/x\"}}'\n",
	}
	for i, what := range changed {
		before := configuration(t, target, name)
		c := load(what)
		if got := probed(t, target, c); got != core.ProbeNotApplied {
			t.Errorf("change %d: before: %s", i, got)
		}
		l := newLedger(t, target)
		if err := l.apply(failing(c)); core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), "of purpose") {
			t.Fatalf("change %d: %v", i, err)
		}
		l.is("a", core.StateRolledBack)
		after := configuration(t, target, name)
		if len(after) != len(before) {
			t.Errorf("change %d: put back\n%v\nwas\n%v", i, after, before)
		}
		for part := range before {
			if before[part] != after[part] {
				t.Errorf("change %d: %s put back as\n%s\nwas\n%s", i, part, after[part], before[part])
			}
		}
		l = newLedger(t, target)
		if err := l.apply(c); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		if got := probed(t, target, c); got != core.ProbeApplied {
			t.Errorf("change %d: after: %s", i, got)
		}
		if started, _ := l.entry("a"); i == 1 && !strings.Contains(started.Captured[0], `"AllowedOrigins":["https://shop.example"]`) {
			t.Errorf("kept %s", started.Captured[0])
		}
	}
	gone := mustLoad(t, target, "template: s3-bucket\napply: { update: { bucket: flamingock-none-there, versioning: enabled } }\nrollback: auto")
	l := newLedger(t, target)
	if err := l.apply(gone); err == nil || !strings.Contains(err.Error(), "bucket flamingock-none-there does not exist") {
		t.Errorf("no bucket: %v", err)
	}
	l.is("a", core.StateRolledBack)
}

// Somebody else changes a part between its reading and its writing.
func TestBucketChangedMeanwhile(t *testing.T) {
	client, w := clientFor(t)
	name := newBucket(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, "template: s3-bucket\napply: { update: { bucket: "+name+", cors: [{ origins: [\"*\"], methods: [GET] }] } }")
	reads := 0
	other, _ := clientFor(t)
	w.set(func(w *wire) {
		w.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			if r.Method == http.MethodGet && r.URL.Query().Has("cors") {
				if reads++; reads == 2 {
					_, err := other.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: &name, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{AllowedMethods: []string{"PUT"}, AllowedOrigins: []string{"*"}}}}})
					return nil, err
				}
			}
			return nil, nil
		}
	})
	l := newLedger(t, target)
	if err := l.apply(c); core.IsUnknown(err) || err == nil || !strings.Contains(err.Error(), "another cors than when the change began") {
		t.Errorf("got %v", err)
	}
	if got := configuration(t, target, name)[partCORS]; !strings.Contains(got, "PUT") {
		t.Errorf("replaced by %s", got)
	}
}

func TestBucketIsDeleted(t *testing.T) {
	client, _ := clientFor(t)
	name := newBucket(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, "template: s3-bucket\napply: { delete: { bucket: "+name+" } }\nrollback: { create: { bucket: "+name+" } }")
	write(t, client, name, "k", "x")
	l := newLedger(t, target)
	if err := l.apply(c); err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(core.HintOf(err), "all versions") {
		t.Errorf("full: %v", err)
	}
	l.is("a", core.StateRolledBack)
	if got := probed(t, target, c); got != core.ProbeNotApplied {
		t.Errorf("before: %s", got)
	}
	if _, err := client.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: &name, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	l = newLedger(t, target)
	if err := l.apply(c); err != nil {
		t.Fatal(err)
	}
	if started, _ := l.entry("a"); !strings.Contains(started.Captured[0], `"encryption":{`) {
		t.Errorf("kept %s", started.Captured[0])
	}
	if got := probed(t, target, c); got != core.ProbeApplied {
		t.Errorf("after: %s", got)
	}
	l = newLedger(t, target)
	if err := l.apply(c); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("none: %v", err)
	}
	l.is("a", core.StateRolledBack)
	if got := probed(t, target, c); got != core.ProbeApplied {
		t.Errorf("the rollback made a bucket that was not there: %s", got)
	}
	l = newLedger(t, target) // one that was, it makes again
	if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	if err := l.apply(failing(c)); err == nil || !strings.Contains(err.Error(), "of purpose") {
		t.Errorf("got %v", err)
	}
	if got := probed(t, target, c); got != core.ProbeNotApplied {
		t.Errorf("after the rollback: %s", got)
	}
}

// Answers that get lost: what was asked for is asked for again, and its answer believed.
func TestLostAnswersAboutBuckets(t *testing.T) {
	client, w := clientFor(t)
	west := New("west", sdk.New(client.Options(), func(o *sdk.Options) { o.Region = "eu-west-1" }))
	for _, target := range []*Target{New("shop", client), west} { // the second is told that it has the bucket already
		name := bucketFor(t, client)
		c := mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: "+name+", versioning: enabled } }\nrollback: auto")
		w.loses(2, func(r *http.Request) bool { return r.Method == http.MethodPut })
		if err := newLedger(t, target).apply(c); err != nil {
			t.Errorf("%s: %v", target.ID(), err)
		}
		w.set(func(w *wire) { w.fault = nil })
		if got := probed(t, target, c); got != core.ProbeApplied {
			t.Errorf("%s: %s", target.ID(), got)
		}
		l := newLedger(t, target)
		w.loses(100, func(r *http.Request) bool { return r.Method == http.MethodPut })
		err := l.apply(mustLoad(t, target, "template: s3-bucket\napply: { update: { bucket: "+name+", tags: { a: b } } }\nrollback: auto"))
		if !core.IsUnknown(err) || core.CodeOf(err) != core.CodeChangeFailed {
			t.Errorf("never an answer: %v", err)
		}
		w.set(func(w *wire) { w.fault = nil })
		l.is("a", core.StateFailed) // and not rolled back: nobody knows
	}
}
