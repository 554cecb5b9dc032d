package s3

import (
	"context"
	"errors"
	"sort"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
)

func TestConformance(t *testing.T) {
	client, _ := clientFor(t)
	bucket, other := newBucket(t, client), bucketFor(t, client)
	targettest.Run(t, targettest.Harness{Type: Type(), Templates: payloads(bucket, other), New: system})
}

func payloads(bucket, other string) []targettest.Template {
	return []targettest.Template{
		{
			Name:  BucketTemplate,
			Valid: "apply:\n  create: { bucket: " + other + ", versioning: enabled, tags: { team: shop } }\nrollback:\n  delete: { bucket: " + other + " }",
			Invalid: map[string]string{
				"two in one":    "apply: { create: { bucket: abc }, delete: { bucket: abc } }",
				"a name":        "apply: { create: { bucket: A_B } }",
				"auto, deleted": "apply: { delete: { bucket: abc } }\nrollback: auto",
			},
		},
		{
			Name:  ObjectTemplate,
			Valid: "apply:\n  put: { bucket: " + bucket + ", key: a.txt, content: hello, metadata: { team: shop } }\nrollback:\n  delete: { bucket: " + bucket + ", key: a.txt }",
			Invalid: map[string]string{
				"two in one":    "apply: { put: { bucket: abc, key: a, content: x, base64: eA== } }",
				"no content":    "apply: { put: { bucket: abc, key: a } }",
				"two modes":     "apply: { put: { bucket: abc, key: a, content: x, replace: true, ifMatch: y } }",
				"nothing kept":  "apply: { delete: { bucket: abc, key: a, keep: false } }\nrollback: auto",
				"a file alone":  "apply: { put: { bucket: abc, key: a, file: x } }",
				"a wrong class": "apply: { put: { bucket: abc, key: a, content: x, storageClass: COLD } }",
			},
		},
	}
}

func system(t testing.TB) targettest.System {
	client, w := clientFor(t)
	bucket := newBucket(t, client)
	there := func(ctx context.Context, name string) (bool, error) {
		_, err := client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &bucket, Key: &name})
		if absent(err, "NotFound") {
			return false, nil
		}
		return err == nil, err
	}
	step := func(f func(ctx context.Context, c *Client) error) core.Step { return ClientStep(f) }
	put := func(name, match string) core.Step {
		return step(func(ctx context.Context, c *Client) error {
			_, err := c.PutObject(ctx, &sdk.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader(name), IfNoneMatch: optional(match)})
			return err
		})
	}
	return targettest.System{
		Open: func() core.Target { return New("shop", client) },
		Create: func(name string) core.StepPair {
			return core.StepPair{Apply: put(name, "*"), Rollback: step(func(ctx context.Context, c *Client) error {
				_, err := c.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &bucket, Key: &name})
				return err
			})}
		},
		Ensure: func(name string) core.Step { return put(name, "") },
		Effect: func(t testing.TB, name string) bool {
			yes, err := there(context.Background(), name)
			if err != nil {
				t.Error(err)
			}
			return yes
		},
		Probe: func(name string) core.Probe {
			return func(ctx context.Context, _ *core.Session) (core.ProbeResult, error) {
				yes, err := there(ctx, name)
				if yes {
					return core.ProbeApplied, err
				}
				return core.ProbeNotApplied, err
			}
		},
		Slow: core.Step{Do: func(ctx context.Context, s *core.Session) error {
			if _, ok := s.Handle.(*Client); !ok {
				return errors.New("another system's")
			}
			<-ctx.Done()
			return ctx.Err()
		}},
		Refused: step(func(ctx context.Context, c *Client) error {
			none := "flamingock-no-such-bucket"
			_, err := c.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &none})
			return err
		}),
		Down: func(testing.TB) func() {
			w.set(func(w *wire) { w.down = true })
			return func() { w.set(func(w *wire) { w.down = false }) }
		},
		State: func(t testing.TB) string {
			out, err := client.ListObjectsV2(context.Background(), &sdk.ListObjectsV2Input{Bucket: &bucket})
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, o := range out.Contents {
				all = append(all, *o.Key+" "+*o.ETag)
			}
			sort.Strings(all)
			return strings.Join(all, "\n")
		},
	}
}
