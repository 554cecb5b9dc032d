package source

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// TestLocalStack reads versions of an object from a bucket that keeps them.
func TestLocalStack(t *testing.T) {
	cfg := awstest.LocalStack(t)
	ctx := t.Context()
	c := newClient(cfg)
	bucket := fmt.Sprintf("flamingock-source-%d", time.Now().UnixNano())
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: aws.String(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	put := func(text string) (string, string) {
		data := makeZip(t, entry{name: change, text: text})
		out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("changes.zip"), Body: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.VersionId), sum(data)
	}
	v1, sum1 := put("id: a\n")
	v2, sum2 := put("id: b\n")
	o := Options{Load: func(context.Context, awsclient.Settings) (aws.Config, error) { return cfg, nil }}
	open := func(key, version, sha string) (Source, error) {
		return Open(ctx, &config.Source{S3: &config.S3Source{Bucket: bucket, Key: key, VersionID: version, SHA256: sha, MaxSize: 1 << 20}}, o)
	}
	for _, w := range []struct{ ask, sum, version string }{{"", sum2, v2}, {v1, sum1, v1}, {v2, sum2, v2}} {
		got, err := open("changes.zip", w.ask, w.sum)
		if err != nil {
			t.Fatal(err)
		}
		if want := "s3://" + bucket + "/changes.zip?versionId=" + w.version; got.Name != want || got.Version != w.version || got.SHA256 != w.sum {
			t.Errorf("asked for %q: %+v", w.ask, got.Metadata())
		}
	}
	if _, err := open("changes.zip", v1, sum2); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "not the configured one") {
		t.Errorf("got %v", err)
	}
	for _, f := range []struct{ key, version string }{{"other.zip", ""}, {"changes.zip", strings.Repeat("a", 32)}} {
		if _, err := open(f.key, f.version, ""); core.CodeOf(err) != core.CodeConfigInvalid || core.HintOf(err) == "" {
			t.Errorf("%v: got %v", f, err)
		}
	}
	bucket += "-none"
	if _, err := open("changes.zip", "", ""); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "the bucket "+bucket+" does not exist") {
		t.Errorf("got %v", err)
	}
}
