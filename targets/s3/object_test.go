package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
)

func put(bucket, what, rollback string) string {
	return "template: s3-object\napply:\n  put: { bucket: " + bucket + ", " + what + " }\n" + rollback
}

func versioned(t testing.TB, client *sdk.Client, bucket string) {
	t.Helper()
	if _, err := client.PutBucketVersioning(t.Context(), &sdk.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}}); err != nil {
		t.Fatal(err)
	}
}

func TestObjectIsMade(t *testing.T) {
	client, w := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, put(bucket, `key: "conf/a b+c.json", content: '{"to":"${env:shop}"}', contentType: application/json, cacheControl: no-cache, metadata: { team: shop }, tags: { a: "b c" }, encryption: { algorithm: AES256 }`, "rollback: auto"))
	if got := probed(t, target, c); got != core.ProbeNotApplied {
		t.Errorf("before: %s", got)
	}
	l := newLedger(t, target)
	if err := l.apply(c); err != nil {
		t.Fatal(err)
	}
	if got := read(t, client, bucket, "conf/a b+c.json"); got != `{"to":"shop"}` {
		t.Errorf("it is %s", got)
	}
	out, err := client.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: &bucket, Key: aws.String("conf/a b+c.json")})
	if err != nil || aws.ToString(out.ContentType) != "application/json" || aws.ToString(out.CacheControl) != "no-cache" || !maps.Equal(out.Metadata, map[string]string{"team": "shop"}) || aws.ToInt32(out.TagCount) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if got := probed(t, target, c); got != core.ProbeApplied {
		t.Errorf("after: %s", got)
	}
	// As declared, it counts as made; and a change that did not make it does not take it back.
	w.set(func(w *wire) { w.calls = nil })
	if err := newLedger(t, target).apply(failing(c)); err == nil || !strings.Contains(err.Error(), "of purpose") || w.count("PUT")+w.count("DELETE") != 0 {
		t.Errorf("%v; calls %v", err, w.calls)
	}
	// Another content, or other headers, are another thing.
	for _, what := range []string{`content: x`, `content: '{"to":"shop"}', contentType: text/plain`, `content: '{"to":"shop"}', metadata: { team: other }`, `content: '{"to":"shop"}', tags: {a: x}`} {
		other := mustLoad(t, target, put(bucket, `key: "conf/a b+c.json", `+what, "rollback: auto"))
		if got := probed(t, target, other); got != core.ProbeConflict {
			t.Errorf("%s: %s", what, got)
		}
		l := newLedger(t, target)
		if err := l.apply(other); err == nil || !strings.Contains(core.HintOf(err), "replace: true") {
			t.Errorf("%s: %v", what, err)
		}
		l.is("a", core.StateRolledBack)
	}
	if got := read(t, client, bucket, "conf/a b+c.json"); got != `{"to":"shop"}` {
		t.Errorf("it is %s", got)
	}
}

func TestMadeObjectIsTakenBack(t *testing.T) {
	client, _ := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, put(bucket, "key: k, base64: AP8A", "rollback: auto"))
	l := newLedger(t, target)
	if err := l.apply(failing(c)); err == nil {
		t.Error("no error")
	}
	l.is("a", core.StateRolledBack)
	if got := read(t, client, bucket, "k"); got != "(none)" {
		t.Errorf("left: %q", got)
	}
	// What somebody else wrote over it is left alone.
	f := failing(c)
	f.Steps[1].Apply = ClientStep(func(context.Context, *Client) error {
		write(t, client, bucket, "k", "theirs")
		return errors.New("of purpose")
	})
	l = newLedger(t, target)
	if err := l.apply(f); err == nil || !strings.Contains(err.Error(), "somebody else changed it") {
		t.Errorf("got %v", err)
	}
	l.is("a", core.StateRollbackFailed)
	if got := read(t, client, bucket, "k"); got != "theirs" {
		t.Errorf("it is %q", got)
	}
}

// What was there is put back with all that belongs to it, from the audit entry or, if it
// is large, from the version before.
func TestObjectIsReplacedAndPutBack(t *testing.T) {
	client, _ := clientFor(t)
	target := New("shop", client)
	large := strings.Repeat("0123456789abcdef", 2<<10)
	for name, tt := range map[string]struct {
		text     string
		versions bool
		keep     string // words of the entry
	}{
		"small":            {"old", false, `"content":"old"`},
		"binary":           {"\xff\x00\x01", false, `"base64":"/wAB"`},
		"empty":            {"", false, `"content":""`},
		"small, versioned": {"old", true, `"content":"old"`},
		"large, versioned": {large, true, `"versionId":"`},
	} {
		t.Run(name, func(t *testing.T) {
			bucket, key := newBucket(t, client), "dir/k ü?.txt"
			if tt.versions {
				versioned(t, client, bucket)
			}
			if _, err := client.PutObject(t.Context(), &sdk.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: strings.NewReader(tt.text), ContentType: aws.String("text/old"), ContentLanguage: aws.String("en"), Metadata: map[string]string{"m": "1"}, Tagging: aws.String("t=1%202"),
			}); err != nil {
				t.Fatal(err)
			}
			w, err := newObjectWork(t.Context(), sessionOf(&Client{client, target}), &objectPayload{Delete: &deleteObject{Bucket: core.Text{Value: bucket}, Key: core.Text{Value: key}}})
			if err != nil {
				t.Fatal(err)
			}
			before, err := w.look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{
				put(bucket, "key: \""+key+"\", content: new, replace: true, metadata: { x: y }", "rollback: auto"),
				put(bucket, "key: \""+key+"\", content: new, ifMatch: "+strings.Trim(before.ETag, `"`), "rollback: auto"),
				"template: s3-object\napply: { delete: { bucket: " + bucket + ", key: \"" + key + "\" } }\nrollback: auto",
			} {
				c := mustLoad(t, target, body)
				l := newLedger(t, target)
				if got := probed(t, target, c); got != core.ProbeNotApplied {
					t.Errorf("before: %s", got)
				}
				seen := ""
				f := failing(c)
				f.Steps[1].Apply = ClientStep(func(context.Context, *Client) error {
					seen = read(t, client, bucket, key)
					return errors.New("of purpose")
				})
				if err := l.apply(f); err == nil || !strings.Contains(err.Error(), "of purpose") {
					t.Fatal(err)
				}
				l.is("a", core.StateRolledBack)
				if seen != "new" && seen != "(none)" {
					t.Errorf("while it was applied: %q", seen)
				}
				started, _ := l.entry("a")
				if !strings.Contains(started.Captured[0], tt.keep) {
					t.Errorf("kept %.500s", started.Captured[0])
				}
				after, err := w.look(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, client, bucket, key); got != tt.text || !after.unchanged(before) {
					t.Errorf("put back as %+v\nwas %+v", after, before)
				}
			}
			// Applied, it stays.
			c := mustLoad(t, target, put(bucket, "key: \""+key+"\", content: new, replace: true", "rollback: auto"))
			if err := newLedger(t, target).apply(c); err != nil {
				t.Fatal(err)
			}
			if got := read(t, client, bucket, key); got != "new" || probed(t, target, c) != core.ProbeApplied {
				t.Errorf("it is %q", got)
			}
		})
	}
}

// What could not be put back is not changed, unless the change says that it may be lost.
func TestLargeObjectIsNotReplaced(t *testing.T) {
	client, _ := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	write(t, client, bucket, "k", strings.Repeat("x", mostKept+1))
	for _, what := range []string{put(bucket, "key: k, content: new, replace: true", ""), "template: s3-object\napply: { delete: { bucket: " + bucket + ", key: k } }\n"} {
		l := newLedger(t, target)
		err := l.apply(mustLoad(t, target, what))
		if err == nil || !strings.Contains(err.Error(), "did not begin") || !strings.Contains(core.HintOf(err), "keep: false") || core.CodeOf(err) != core.CodeChangeFailed {
			t.Errorf("got %v; %s", err, core.HintOf(err))
		}
		l.is("a", core.StateNone)
	}
	if err := newLedger(t, target).apply(mustLoad(t, target, put(bucket, "key: k, content: new, replace: true, keep: false", ""))); err != nil {
		t.Error(err)
	}
	if got := read(t, client, bucket, "k"); got != "new" {
		t.Errorf("it is %q", got)
	}
}

func TestObjectChangedMeanwhile(t *testing.T) {
	client, w := clientFor(t)
	other, _ := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	for what, before := range map[string]string{"content: mine": "", "content: mine, replace: true": "old"} {
		key := "k" + before
		if before != "" {
			write(t, client, bucket, key, before)
		}
		written := false
		w.set(func(w *wire) {
			w.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
				if r.Method == http.MethodPut && !written { // between the look and the write
					written = true
					write(t, other, bucket, key, "theirs")
				}
				return nil, nil
			}
		})
		l := newLedger(t, target)
		err := l.apply(mustLoad(t, target, put(bucket, "key: "+key+", "+what, "rollback: auto")))
		if err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "changed by somebody else") {
			t.Errorf("%s: %v", what, err)
		}
		l.is("a", core.StateRolledBack) // nothing of it was written
		if got := read(t, client, bucket, key); got != "theirs" {
			t.Errorf("%s: it is %q", what, got)
		}
	}
	w.set(func(w *wire) { w.fault = nil })
	wrong := mustLoad(t, target, put(bucket, `key: k, content: mine, ifMatch: '"123"'`, "rollback: auto"))
	if got := probed(t, target, wrong); got != core.ProbeConflict {
		t.Errorf("another ETag: %s", got)
	}
	l := newLedger(t, target)
	if err := l.apply(wrong); err == nil || !strings.Contains(err.Error(), `has not the ETag "123"`) {
		t.Errorf("another ETag: %v", err)
	}
	l.is("a", core.StateRolledBack)
}

func TestObjectIsDeleted(t *testing.T) {
	client, _ := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	etag := aws.ToString(write(t, client, bucket, "k", "x").ETag)
	load := func(what string) core.Change {
		return mustLoad(t, target, "template: s3-object\napply: { delete: { bucket: "+bucket+", "+what+" } }\nrollback: auto")
	}
	if err := newLedger(t, target).apply(load("key: k, ifMatch: abc")); err == nil || !strings.Contains(err.Error(), "has not the ETag") {
		t.Errorf("another ETag: %v", err)
	}
	c := load("key: k, ifMatch: '" + etag + "'")
	if err := newLedger(t, target).apply(c); err != nil {
		t.Error(err)
	}
	if got := read(t, client, bucket, "k"); got != "(none)" || probed(t, target, c) != core.ProbeApplied {
		t.Errorf("it is %q", got)
	}
	l := newLedger(t, target)
	if err := l.apply(load("key: k")); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("none: %v", err)
	}
	l.is("a", core.StateRolledBack)
	none := mustLoad(t, target, "template: s3-object\napply: { delete: { bucket: "+bucket+", key: k } }\nrollback: { put: { bucket: "+bucket+", key: k, content: x } }")
	if err := newLedger(t, target).apply(none); err == nil || read(t, client, bucket, "k") != "(none)" {
		t.Errorf("the rollback made an object that was not there: %v", err)
	}
	write(t, client, bucket, "k", "x")
	if err := newLedger(t, target).apply(failing(none)); err == nil || read(t, client, bucket, "k") != "x" {
		t.Errorf("the rollback did not make it again: %v", err)
	}
	// A rollback that is written out leaves alone what the change did not write.
	write(t, client, bucket, "old", "x")
	same := mustLoad(t, target, put(bucket, "key: old, content: x", "rollback: { delete: { bucket: "+bucket+", key: old } }"))
	if err := newLedger(t, target).apply(failing(same)); err == nil || read(t, client, bucket, "old") != "x" {
		t.Errorf("deleted what was there before: %v", err)
	}
}

func TestFiles(t *testing.T) {
	client, _ := clientFor(t)
	bucket := newBucket(t, client)
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "logo.svg"), []byte("<svg/>"), 0o600), os.WriteFile(filepath.Join(t.TempDir(), "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("<svg/>"))
	right, wrong := hex.EncodeToString(sum[:]), strings.Repeat("0", 64)
	target, bare := New("shop", client, WithFiles(dir)), New("shop", client)
	for _, tt := range []struct {
		target     *Target
		file, sum  string
		says, hint string
	}{
		{bare, "logo.svg", right, "targetSystems.shop.files: is missing", "name the directory"},
		{target, "logo.svg", wrong, "has " + right, "correct sha256"},
		{target, "none.svg", right, "file none.svg cannot be read", "put it there"},
		{target, "../x", right, "cannot be read", "mend the name"},
		{target, "logo.svg", right, "", ""},
	} {
		l := newLedger(t, tt.target)
		err := l.apply(mustLoad(t, tt.target, put(bucket, "key: logo.svg, contentType: image/svg+xml, file: "+tt.file+", sha256: \""+tt.sum+"\"", "rollback: auto")))
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(core.HintOf(err), tt.hint)) {
			t.Errorf("%s: %v; %s", tt.file, err, core.HintOf(err))
		}
		if tt.says != "" {
			l.is("a", core.StateRolledBack)
		}
	}
	if got := read(t, client, bucket, "logo.svg"); got != "<svg/>" {
		t.Errorf("it is %q", got)
	}
}

// A put whose answer gets lost is sent again; that its condition is not met then is no
// conflict when what is there is what it wrote.
func TestLostAnswersAboutObjects(t *testing.T) {
	client, w := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	write(t, client, bucket, "old", "old")
	for what, key := range map[string]string{"key: new, content: x": "new", "key: old, content: x, replace: true": "old"} {
		c := mustLoad(t, target, put(bucket, what, "rollback: auto"))
		w.loses(1, func(r *http.Request) bool { return r.Method == http.MethodPut })
		if err := newLedger(t, target).apply(c); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		w.set(func(w *wire) { w.fault = nil })
		if got := read(t, client, bucket, key); got != "x" {
			t.Errorf("%s: it is %q", what, got)
		}
	}
	w.loses(1, func(r *http.Request) bool { return r.Method == http.MethodDelete })
	if err := newLedger(t, target).apply(mustLoad(t, target, "template: s3-object\napply: { delete: { bucket: "+bucket+", key: new } }")); err != nil {
		t.Error(err)
	}
	// Never an answer: nobody knows, nothing is rolled back, and the probe of the next run tells.
	c := mustLoad(t, target, put(bucket, "key: late, content: x", "rollback: auto"))
	l := newLedger(t, target)
	w.loses(100, func(r *http.Request) bool { return r.Method == http.MethodPut })
	if err := l.apply(c); !core.IsUnknown(err) {
		t.Errorf("got %v", err)
	}
	l.is("a", core.StateFailed)
	w.set(func(w *wire) { w.fault = nil })
	if err := l.apply(c); err != nil {
		t.Error(err)
	}
	l.is("a", core.StateApplied)
}

// A secret is not kept in the ledger, and put back by the process that read it.
func TestSecretContent(t *testing.T) {
	client, _ := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	write(t, client, bucket, "k", "password=OLD_PASSWORD")
	c := mustLoad(t, target, put(bucket, "key: k, content: \"password=new ${env:OLD_PASSWORD}\", replace: true", "rollback: auto"))
	l := newLedger(t, target)
	if err := l.apply(failing(c)); err == nil {
		t.Error("no error")
	}
	started, _ := l.entry("a")
	if strings.Contains(started.Captured[0], "OLD_PASSWORD") || !strings.Contains(started.Captured[0], core.RedactedMark) {
		t.Errorf("kept %s", started.Captured[0])
	}
	if got := read(t, client, bucket, "k"); got != "password=OLD_PASSWORD" {
		t.Errorf("it is %q", got)
	}
}

// Stores that check deletions on a condition, which the simulator does not.
func TestDeletionOnACondition(t *testing.T) {
	client, w := clientFor(t)
	bucket := newBucket(t, client)
	target := New("shop", client)
	write(t, client, bucket, "k", "x")
	w.set(func(w *wire) {
		w.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			if r.Method == http.MethodDelete && r.Header.Get("If-Match") != "" {
				return answer(http.StatusPreconditionFailed, nil, "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>"), nil
			}
			return nil, nil
		}
	})
	err := newLedger(t, target).apply(mustLoad(t, target, "template: s3-object\napply: { delete: { bucket: "+bucket+", key: k } }"))
	if err == nil || !strings.Contains(err.Error(), "is left alone") || read(t, client, bucket, "k") != "x" {
		t.Errorf("got %v", err)
	}
	w.set(func(w *wire) { w.fault = nil })
}
