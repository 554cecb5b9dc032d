package sqs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestConformance(t *testing.T) {
	client, _ := clientFor(t)
	queue, made := newQueue(t, client), queueFor(t, client)
	targettest.Run(t, targettest.Harness{Type: Type(), New: system, Templates: []targettest.Template{
		{
			Name: QueueTemplate,
			Valid: "apply:\n  create: { queue: " + made + ", visibilityTimeout: 60 }\n" +
				"rollback:\n  delete: { queue: " + made + " }",
			Invalid: map[string]string{
				"two in one":          "apply: { create: { queue: a }, delete: { queue: a } }",
				"a name":              "apply: { create: { queue: a b } }",
				"two encryptions":     "apply: { create: { queue: a, kmsMasterKeyId: alias/a, sqsManagedSseEnabled: true } }",
				"an update of naught": "apply: { update: { queue: a } }",
			},
		},
		{
			Name:  MessageTemplate,
			Valid: "apply: { queue: " + queue + ", body: hello }",
			Invalid: map[string]string{
				"two bodies": "apply: { queue: a, body: b, json: { a: b } }",
				"no group":   "apply: { queue: a.fifo, body: b }",
			},
		},
	}})
}

func system(t testing.TB) targettest.System {
	client, wire := clientFor(t)
	prefix := awstargettest.Name("s")
	full := func(name string) *string { return aws.String(prefix + "-" + name) }
	t.Cleanup(func() {
		for _, url := range queues(t, client, prefix) {
			if _, err := client.DeleteQueue(context.Background(), &sdk.DeleteQueueInput{QueueUrl: &url}); err != nil {
				t.Error(err)
			}
		}
	})
	create := func(name string) core.Step {
		return Step(func(ctx context.Context, c *Client) error {
			_, err := c.CreateQueue(ctx, &sdk.CreateQueueInput{QueueName: full(name)})
			return err
		})
	}
	return targettest.System{
		Open: func() core.Target { return New("queues", client) },
		Create: func(name string) core.StepPair {
			return core.StepPair{Apply: create(name), Rollback: Step(func(ctx context.Context, c *Client) error {
				url, state, err := c.look(ctx, place{name: *full(name)}, false)
				if err != nil || !state.Exists {
					return err
				}
				_, err = c.DeleteQueue(ctx, &sdk.DeleteQueueInput{QueueUrl: &url})
				return err
			})}
		},
		Ensure: create,
		Effect: func(t testing.TB, name string) bool { return exists(t, client, *full(name)) },
		Probe: func(name string) core.Probe {
			return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
				w, err := newQueueWork(ctx, s, &queuePayload{Create: &createQueue{Queue: core.Text{Value: *full(name)}}})
				if err != nil {
					return core.ProbeUnknown, err
				}
				return w.probe(ctx)
			}
		},
		Slow: core.Step{Do: func(ctx context.Context, s *core.Session) error {
			if _, ok := s.Handle.(*Client); !ok {
				return errors.New("another system's")
			}
			<-ctx.Done()
			return ctx.Err()
		}},
		Refused: Step(func(ctx context.Context, c *Client) error {
			_, err := c.CreateQueue(ctx, &sdk.CreateQueueInput{QueueName: aws.String("no queue's name")})
			return err
		}),
		Down: wire.Down,
		State: func(t testing.TB) string {
			all := map[string]string{}
			for _, url := range queues(t, client, prefix) {
				out, err := client.GetQueueAttributes(context.Background(), &sdk.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []attribute{"All"}})
				if err != nil {
					t.Error(err)
					continue
				}
				var lines []string
				for _, k := range slices.Sorted(maps.Keys(out.Attributes)) {
					lines = append(lines, k+"="+out.Attributes[k])
				}
				all[url] = strings.Join(lines, " ")
			}
			var lines []string
			for _, url := range slices.Sorted(maps.Keys(all)) {
				lines = append(lines, url+" "+all[url])
			}
			return strings.Join(lines, "\n")
		},
	}
}
