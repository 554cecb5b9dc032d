package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// fake is an S3 that gives one answer.
func fake(t *testing.T, answer http.HandlerFunc) Options {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return Options{Load: func(context.Context, awsclient.Settings) (aws.Config, error) {
		cfg := awstest.Config(s.URL)
		cfg.RetryMaxAttempts = 1
		return cfg, nil
	}}
}

func refusal(status int, code, message string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
}

func s3Spec(change func(*config.S3Source)) *config.Source {
	s := &config.S3Source{Bucket: "bucket", Key: "a/changes.zip", MaxSize: 1 << 20}
	if change != nil {
		change(s)
	}
	return &config.Source{S3: s, Where: "flamingock.yaml:1:9"}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func TestS3(t *testing.T) {
	data := makeZip(t, entry{name: "deploy/" + change, text: "id: a\n"})
	o := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "AWS4-HMAC-SHA256 ") {
			t.Errorf("not signed with SigV4: %q", got)
		}
		w.Header().Set("ETag", `"e1"`)
		w.Header().Set("X-Amz-Version-Id", "v 1")
		_, _ = w.Write(data)
	})
	got, err := Open(t.Context(), s3Spec(func(s *config.S3Source) { s.Path, s.SHA256 = "deploy", sum(data) }), o)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(got.FS, change); err != nil || string(text) != "id: a\n" {
		t.Errorf("got %q, %v", text, err)
	}
	want := map[string]string{"source": "s3://bucket/a/changes.zip?versionId=v+1", "sourceVersion": "v 1", "sourceSha256": sum(data)}
	if d := cmp.Diff(want, got.Metadata()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestS3Faults(t *testing.T) {
	big := strings.Repeat("x", 1<<20+1)
	for name, c := range map[string]struct {
		answer     http.HandlerFunc
		spec       func(*config.S3Source)
		code       core.Code
		want, hint string
	}{
		"no key":     {refusal(404, "NoSuchKey", "x"), nil, core.CodeConfigInvalid, "flamingock.yaml:1:9: source.s3.key: s3://bucket/a/changes.zip does not exist", "upload the zip"},
		"no bucket":  {refusal(404, "NoSuchBucket", "x"), nil, core.CodeConfigInvalid, "flamingock.yaml:1:9: source.s3.bucket: the bucket bucket does not exist", "correct the bucket"},
		"no version": {refusal(404, "NoSuchVersion", "x"), func(s *config.S3Source) { s.VersionID = "v9" }, core.CodeConfigInvalid, "source.s3.versionId: s3://bucket/a/changes.zip?versionId=v9 does not exist", "list-object-versions"},
		"no such id": {refusal(400, "InvalidArgument", "Invalid version id specified"), func(s *config.S3Source) { s.VersionID = "v9" }, core.CodeConfigInvalid, "S3 does not accept the version id", "list-object-versions"},
		"deleted":    {refusal(405, "MethodNotAllowed", "x"), func(s *config.S3Source) { s.VersionID = "v9" }, core.CodeConfigInvalid, "is a delete marker", "version id"},
		"denied":     {refusal(403, "AccessDenied", "Access Denied"), nil, core.CodePermissionDenied, "s3://bucket/a/changes.zip: permission denied: missing s3:GetObject on arn:aws:s3:::bucket/a/changes.zip", "kms:Decrypt"},
		"denied version": {
			refusal(403, "AccessDenied", "Access Denied"), func(s *config.S3Source) { s.VersionID = "v9" }, core.CodePermissionDenied,
			"missing s3:GetObjectVersion on", "s3:ListBucket",
		},
		"redirect":      {refusal(301, "PermanentRedirect", "x", "X-Amz-Bucket-Region", "eu-west-1"), nil, core.CodeConfigInvalid, "the bucket bucket is in eu-west-1", "set source.s3.region: eu-west-1"},
		"wrong region":  {refusal(400, "AuthorizationHeaderMalformed", "x", "X-Amz-Bucket-Region", "eu-west-1"), nil, core.CodeConfigInvalid, "the bucket bucket is in eu-west-1", "set source.s3.region: eu-west-1"},
		"archived":      {refusal(403, "InvalidObjectState", "x"), nil, core.CodeConfigInvalid, "is archived", "restore"},
		"key disabled":  {refusal(400, "KMS.DisabledException", "the key is disabled"), nil, core.CodeConfigInvalid, "cannot be decrypted", "kms:Decrypt"},
		"throttled":     {refusal(503, "SlowDown", "x"), nil, core.CodeUnavailable, "s3://bucket/a/changes.zip is not available", "run again"},
		"5xx":           {refusal(500, "InternalError", "x"), nil, core.CodeUnavailable, "is not available", "run again"},
		"too big":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(big)) }, nil, core.CodeChangeSetInvalid, "has more than 1048576 bytes", "source.s3.maxSize"},
		"other content": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }, func(s *config.S3Source) { s.SHA256 = strings.Repeat("0", 64) }, core.CodeConfigInvalid, "source.s3.sha256: the SHA-256 of s3://bucket/a/changes.zip is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, not the configured one", "who wrote"},
		"no zip":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }, nil, core.CodeChangeSetInvalid, "the zip s3://bucket/a/changes.zip is no zip", "zip -r"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		}, nil, core.CodeUnavailable, "is not available", "run again"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), s3Spec(c.spec), fake(t, c.answer))
			if err == nil || core.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) || !strings.Contains(core.HintOf(err), c.hint) {
				t.Errorf("got %v (%s), hint %q", err, core.CodeOf(err), core.HintOf(err))
			}
		})
	}
}

// A size that is not declared is held all the same, and a body that breaks off once
// is read again.
func TestS3Body(t *testing.T) {
	n := 0
	data := makeZip(t, entry{name: change})
	_, err := Open(t.Context(), s3Spec(nil), fake(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		if n == 1 {
			w.Header().Set("Content-Length", "1000")
		}
		_, _ = w.Write(data)
	}))
	if err != nil || n != 2 {
		t.Errorf("got %v after %d requests", err, n)
	}
	_, err = Open(t.Context(), s3Spec(nil), fake(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 40 {
			_, _ = w.Write(make([]byte, 64<<10))
			w.(http.Flusher).Flush()
		}
	}))
	if err == nil || !strings.Contains(err.Error(), "has more than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

func job() *Job {
	return &Job{
		Inputs:      []Artifact{{"Build", "r1", "bucket", "p/Build/x"}, {"Other", "", "bucket", "p/Other/y"}},
		AccessKeyID: core.NewSecret("AKIDJOB"), SecretAccessKey: core.NewSecret("job-secret"), SessionToken: core.NewSecret("job-token"),
		Expires: time.Unix(2000, 0), EncryptionKeyID: "arn:aws:kms:us-east-1:1:key/k",
	}
}

func artifactSpec(name string) *config.Source {
	return &config.Source{Artifact: &config.ArtifactSource{Name: name, MaxSize: 1 << 20}, Where: "f.yaml:1:1"}
}

func TestArtifact(t *testing.T) {
	data := makeZip(t, entry{name: change, text: "id: a\n"})
	o := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bucket/p/Build/x" || !strings.Contains(r.Header.Get("Authorization"), "AKIDJOB") || r.Header.Get("X-Amz-Security-Token") != "job-token" {
			t.Errorf("%s %v", r.URL.Path, r.Header)
		}
		_, _ = w.Write(data)
	})
	o.Job, o.Now = job(), func() time.Time { return time.Unix(1999, 0) }
	got, err := Open(t.Context(), artifactSpec("Build"), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"source": "artifact:Build", "sourceVersion": "r1", "sourceSha256": sum(data)}
	if d := cmp.Diff(want, got.Metadata()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	o.Job.Inputs = o.Job.Inputs[:1]
	if _, err := Open(t.Context(), artifactSpec(""), o); err != nil {
		t.Errorf("the only artifact: %v", err)
	}
}

func TestArtifactFaults(t *testing.T) {
	var expired *ExpiredError
	o := fake(t, refusal(400, "ExpiredToken", "The provided token has expired."))
	o.Job, o.Now = job(), func() time.Time { return time.Unix(1000, 0) }
	for name, at := range map[string]int64{"S3 says so": 1000, "by the clock": 2000} {
		o.Now = func() time.Time { return time.Unix(at, 0) }
		_, err := Open(t.Context(), artifactSpec("Build"), o)
		if !errors.As(err, &expired) || core.CodeOf(err) != core.CodePermissionDenied || !strings.Contains(core.HintOf(err), "retry the pipeline's action") {
			t.Errorf("%s: got %v, hint %q", name, err, core.HintOf(err))
		}
		if strings.Contains(fmt.Sprintf("%+v", err), "job-") {
			t.Errorf("%s: a credential is shown: %+v", name, err)
		}
	}
	denied := fake(t, refusal(403, "AccessDenied", "Access Denied"))
	denied.Job, denied.Now = job(), func() time.Time { return time.Unix(1000, 0) }
	_, err := Open(t.Context(), artifactSpec("Build"), denied)
	if core.CodeOf(err) != core.CodePermissionDenied || !strings.Contains(core.HintOf(err), "kms:Decrypt on the key arn:aws:kms:us-east-1:1:key/k") || !strings.Contains(core.HintOf(err), "pipeline's role") {
		t.Errorf("got %v, hint %q", err, core.HintOf(err))
	}
	keyless := job()
	keyless.AccessKeyID = core.Secret{}
	for name, c := range map[string]struct {
		job            *Job
		artifact, want string
	}{
		"no job":         {nil, "Build", "there is no CodePipeline job here"},
		"no such":        {job(), "Biuld", `the action has no input artifact Biuld; did you mean "Build"?`},
		"several":        {job(), "", "the action has several input artifacts: Build, Other"},
		"none":           {&Job{}, "", "the action has no input artifact"},
		"no credentials": {keyless, "Build", "the job has no credentials"},
	} {
		o.Job = c.job
		_, err := Open(t.Context(), artifactSpec(c.artifact), o)
		if core.CodeOf(err) != core.CodeConfigInvalid || !strings.HasPrefix(err.Error(), "f.yaml:1:1: source.artifact: "+c.want) || core.HintOf(err) == "" {
			t.Errorf("%s: got %v, hint %q", name, err, core.HintOf(err))
		}
	}
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Open(t.Context(), &config.Source{Dir: dir}, Options{DirVersion: "7"})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(got.FS, "a.yaml"); err != nil || string(text) != "x" {
		t.Errorf("got %q, %v", text, err)
	}
	if d := cmp.Diff(map[string]string{"source": dir, "sourceVersion": "7"}, got.Metadata()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for path, want := range map[string]string{file: "is a file, not a directory", filepath.Join(dir, "b"): "cannot be read"} {
		if _, err := Open(t.Context(), &config.Source{Dir: path, Where: "f.yaml:1:1"}, Options{}); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
	if got, err := Open(t.Context(), nil, Options{}); err != nil || got.FS != nil || len(got.Metadata()) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}
