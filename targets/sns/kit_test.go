package sns

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func clientFor(t testing.TB) (*sdk.Client, *awstargettest.Wire) {
	t.Helper()
	cfg, wire := awstargettest.LocalStack(t)
	return sdk.NewFromConfig(cfg), wire
}

// account is LocalStack's.
const account = "arn:aws:sns:us-east-1:000000000000:"

// topicFor returns the name of a topic that is not there, and is deleted in the end.
func topicFor(t testing.TB, client *sdk.Client, suffix ...string) string {
	t.Helper()
	name := awstargettest.Name("topic") + strings.Join(suffix, "")
	t.Cleanup(func() {
		if _, err := client.DeleteTopic(context.Background(), &sdk.DeleteTopicInput{TopicArn: aws.String(account + name)}); err != nil && !isMissing(err) {
			t.Error(err)
		}
	})
	return name
}

func newTopic(t testing.TB, client *sdk.Client, attributes ...string) string {
	t.Helper()
	name := topicFor(t, client)
	in := &sdk.CreateTopicInput{Name: &name, Attributes: map[string]string{}}
	for i := 0; i+1 < len(attributes); i += 2 {
		in.Attributes[attributes[i]] = attributes[i+1]
	}
	if _, err := client.CreateTopic(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return name
}

func exists(t testing.TB, client *sdk.Client, name string) bool {
	t.Helper()
	_, err := client.GetTopicAttributes(context.Background(), &sdk.GetTopicAttributesInput{TopicArn: aws.String(account + name)})
	var missing *types.NotFoundException
	if err != nil && !errors.As(err, &missing) {
		t.Error(err)
	}
	return err == nil
}

// attributesOf are a topic's attributes and tags.
func attributesOf(t testing.TB, client *sdk.Client, name string) (attributes, tags map[string]string) {
	t.Helper()
	out, err := client.GetTopicAttributes(t.Context(), &sdk.GetTopicAttributesInput{TopicArn: aws.String(account + name)})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := client.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: aws.String(account + name)})
	if err != nil {
		t.Fatal(err)
	}
	tags = map[string]string{}
	for _, tag := range listed.Tags {
		tags[*tag.Key] = *tag.Value
	}
	return out.Attributes, tags
}

// subscriptions are the attributes of a topic's, by endpoint.
func subscriptions(t testing.TB, client *sdk.Client, topic string) map[string]map[string]string {
	t.Helper()
	out, err := client.ListSubscriptionsByTopic(context.Background(), &sdk.ListSubscriptionsByTopicInput{TopicArn: aws.String(account + topic)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, s := range out.Subscriptions {
		got, err := client.GetSubscriptionAttributes(context.Background(), &sdk.GetSubscriptionAttributesInput{SubscriptionArn: s.SubscriptionArn})
		if err != nil {
			t.Fatal(err)
		}
		all[*s.Endpoint] = got.Attributes
	}
	return all
}
