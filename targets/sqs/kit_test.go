package sqs

import (
	"context"
	"errors"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

type attribute = types.QueueAttributeName

func clientFor(t testing.TB) (*sdk.Client, *awstargettest.Wire) {
	t.Helper()
	cfg, wire := awstargettest.LocalStack(t)
	return sdk.NewFromConfig(cfg), wire
}

func queues(t testing.TB, client *sdk.Client, prefix string) []string {
	t.Helper()
	out, err := client.ListQueues(context.Background(), &sdk.ListQueuesInput{QueueNamePrefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrls
}

// queueFor returns the name of a queue that is not there, and is deleted in the end.
func queueFor(t testing.TB, client *sdk.Client, suffix ...string) string {
	t.Helper()
	name := awstargettest.Name("queue")
	for _, s := range suffix {
		name += s
	}
	t.Cleanup(func() {
		out, err := client.GetQueueUrl(context.Background(), &sdk.GetQueueUrlInput{QueueName: &name})
		var missing *types.QueueDoesNotExist
		if errors.As(err, &missing) {
			return
		}
		if err == nil {
			_, err = client.DeleteQueue(context.Background(), &sdk.DeleteQueueInput{QueueUrl: out.QueueUrl})
		}
		if err != nil {
			t.Error(err)
		}
	})
	return name
}

// newQueue makes a queue, with attributes in pairs.
func newQueue(t testing.TB, client *sdk.Client, attributes ...string) string {
	t.Helper()
	name := queueFor(t, client)
	in := &sdk.CreateQueueInput{QueueName: &name, Attributes: map[string]string{}}
	for i := 0; i+1 < len(attributes); i += 2 {
		in.Attributes[attributes[i]] = attributes[i+1]
	}
	if _, err := client.CreateQueue(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return name
}

func exists(t testing.TB, client *sdk.Client, name string) bool {
	t.Helper()
	_, err := client.GetQueueUrl(context.Background(), &sdk.GetQueueUrlInput{QueueName: &name})
	var missing *types.QueueDoesNotExist
	if err != nil && !errors.As(err, &missing) {
		t.Error(err)
	}
	return err == nil
}

// attributesOf are a queue's attributes and tags.
func attributesOf(t testing.TB, client *sdk.Client, name string) (attributes, tags map[string]string) {
	t.Helper()
	url, err := client.GetQueueUrl(t.Context(), &sdk.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.GetQueueAttributes(t.Context(), &sdk.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []attribute{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := client.ListQueueTags(t.Context(), &sdk.ListQueueTagsInput{QueueUrl: url.QueueUrl})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes, listed.Tags
}

// received takes all messages out of a queue.
func received(t testing.TB, client *sdk.Client, name string) []types.Message {
	t.Helper()
	url, err := client.GetQueueUrl(t.Context(), &sdk.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	var all []types.Message
	for {
		out, err := client.ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{
			QueueUrl: url.QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			all = append(all, m)
			if _, err := client.DeleteMessage(t.Context(), &sdk.DeleteMessageInput{QueueUrl: url.QueueUrl, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
