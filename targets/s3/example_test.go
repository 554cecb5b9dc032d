package s3

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// The example is applied by the command line, once; and what may go wrong ends with the
// exit code and the words that it should.
func TestExample(t *testing.T) {
	client, _ := clientFor(t)
	bucket := bucketFor(t, client)
	fakeEnvironment(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/s3")); err != nil {
		t.Fatal(err)
	}
	expect := func(want int, says string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		env := map[string]string{"ASSETS_BUCKET": bucket}
		code := cli.Run(context.Background(), core.Program{Targets: []core.TargetType{Type()}}, cli.Process{
			Args: append([]string{"-c", filepath.Join(dir, "flamingock.yaml")}, args...), Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out,
			LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		})
		if code != want || !strings.Contains(out.String(), says) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, code, want, says, out.String())
		}
	}
	t.Setenv("AWS_REGION", awstest.Region)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	expect(0, "", "validate") // contacts nothing
	expect(0, "APPLY", "plan")
	expect(69, "is not available", "apply")
	t.Setenv("AWS_ENDPOINT_URL", *awstest.LocalStack(t).BaseEndpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	expect(78, "no AWS credentials were found", "apply")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")

	if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	expect(70, "it differs in tags, versioning", "apply") // somebody else's
	expect(0, "ROLLED_BACK", "audit", "list")
	if _, err := client.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	logo := filepath.Join(dir, "assets", "logo.svg")
	right, err := os.ReadFile(logo)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"<svg/>", string(right)} {
		if err := os.WriteFile(logo, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if content == "<svg/>" {
			expect(70, "is to have the SHA-256", "apply")
		}
	}
	expect(0, "SUCCESS", "apply", "-o", "json")
	expect(0, "NO_CHANGES", "apply", "-o", "json")
	out, err := client.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: &bucket, Key: aws.String("img/logo.svg")})
	if err != nil || aws.ToString(out.ContentType) != "image/svg+xml" || aws.ToInt64(out.ContentLength) != int64(len(right)) {
		t.Errorf("the logo is %+v, %v", out, err)
	}
	if got := configuration(t, New("assets", client), bucket); got[partPolicy] == "" || got[partLifecycle] == "" || got[partCORS] == "" {
		t.Errorf("the bucket has %v", got)
	}
}
