package sns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestConformance(t *testing.T) {
	client, _ := clientFor(t)
	topic, made := newTopic(t, client), topicFor(t, client)
	queue := "protocol: sqs, endpoint: " + awstargettest.Name("queue")
	targettest.Run(t, targettest.Harness{Type: Type(), New: system, Templates: []targettest.Template{
		{
			Name: TopicTemplate,
			Valid: "apply:\n  create: { topic: " + made + ", displayName: Orders }\n" +
				"rollback:\n  delete: { topic: " + made + " }",
			Invalid: map[string]string{
				"two in one":          "apply: { create: { topic: a }, delete: { topic: a } }",
				"a name":              "apply: { create: { topic: a b } }",
				"an update of naught": "apply: { update: { topic: a } }",
			},
		},
		{
			Name: SubscriptionTemplate,
			Valid: "apply:\n  create: { topic: " + topic + ", " + queue + ", rawMessageDelivery: true }\n" +
				"rollback:\n  delete: { topic: " + topic + ", " + queue + " }",
			Invalid: map[string]string{
				"a protocol":      "apply: { create: { topic: a, protocol: fax, endpoint: b } }",
				"a URL":           "apply: { create: { topic: a, protocol: https, endpoint: example.com } }",
				"raw on a lambda": "apply: { create: { topic: a, protocol: lambda, endpoint: 'arn:aws:lambda:us-east-1:000000000000:function:f', rawMessageDelivery: true } }",
			},
		},
	}})
}

func system(t testing.TB) targettest.System {
	client, wire := clientFor(t)
	prefix := awstargettest.Name("s")
	full := func(name string) string { return prefix + "-" + name }
	topics := func() []string {
		var all []string
		for p := sdk.NewListTopicsPaginator(client, &sdk.ListTopicsInput{}); p.HasMorePages(); {
			page, err := p.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range page.Topics {
				if name := strings.TrimPrefix(*topic.TopicArn, account); strings.HasPrefix(name, prefix) {
					all = append(all, name)
				}
			}
		}
		slices.Sort(all)
		return all
	}
	remove := func(ctx context.Context, name string) error {
		_, err := client.DeleteTopic(ctx, &sdk.DeleteTopicInput{TopicArn: aws.String(account + name)})
		return err
	}
	t.Cleanup(func() {
		for _, name := range topics() {
			if err := remove(context.Background(), name); err != nil {
				t.Error(err)
			}
		}
	})
	create := func(name string) core.Step {
		return Step(func(ctx context.Context, c *Client) error {
			_, err := c.CreateTopic(ctx, &sdk.CreateTopicInput{Name: aws.String(full(name))})
			return err
		})
	}
	return targettest.System{
		Open: func() core.Target { return New("topics", client) },
		Create: func(name string) core.StepPair {
			return core.StepPair{Apply: create(name), Rollback: Step(func(ctx context.Context, _ *Client) error { return remove(ctx, full(name)) })}
		},
		Ensure: create,
		Effect: func(t testing.TB, name string) bool { return exists(t, client, full(name)) },
		Probe: func(name string) core.Probe {
			return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
				w, err := newTopicWork(ctx, s, &topicPayload{Create: &createTopic{Topic: core.Text{Value: full(name)}}})
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
			_, err := c.CreateTopic(ctx, &sdk.CreateTopicInput{Name: aws.String("no topic's name")})
			return err
		}),
		Down: wire.Down,
		State: func(t testing.TB) string {
			var lines []string
			for _, name := range topics() {
				attributes, _ := attributesOf(t, client, name)
				lines = append(lines, name)
				for _, k := range slices.Sorted(maps.Keys(attributes)) {
					lines = append(lines, fmt.Sprintf("  %s=%s", k, attributes[k]))
				}
			}
			return strings.Join(lines, "\n")
		},
	}
}
