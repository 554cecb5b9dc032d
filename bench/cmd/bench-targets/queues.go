package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

func sqsMessage(tb server) *system {
	cfg, queue := awstest.LocalStack(tb), ours()
	admin := sqs.NewFromConfig(cfg)
	made, err := admin.CreateQueue(tb.Context(), &sqs.CreateQueueInput{QueueName: &queue})
	must(tb, err)
	tb.Cleanup(func() {
		_, err := admin.DeleteQueue(later(tb), &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl})
		must(tb, err)
	})
	return &system{
		name: "sqs", operation: "`sqs-message`, a message", addr: hostOf(tb, cfg), speaks: overHTTP, extra: "GetQueueUrl and GetQueueAttributes before it: is the queue there?",
		config: awsConfig(tb, "sqs", ""),
		change: func(n int) string {
			return fmt.Sprintf("template: sqs-message\napply: { queue: %s, json: { customer: c-%d, total: 12.50 }, attributes: { kind: { value: test } } }\n", queue, n)
		},
		client: func(_ context.Context, addr string) (bare, error) {
			client := sqs.NewFromConfig(awstest.Config("http://" + addr))
			send := func(ctx context.Context, url *string, n int) error {
				_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
					QueueUrl: url, MessageBody: aws.String(fmt.Sprintf(`{"customer":"c-%d","total":12.50}`, n)),
					MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("test")}},
				})
				return err
			}
			same := func(ctx context.Context, n int) error {
				found, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
				if err != nil {
					return err
				}
				_, err = client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: found.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
				if err != nil {
					return err
				}
				return send(ctx, found.QueueUrl, n)
			}
			return bareAWS{same, func(ctx context.Context, n int) error { return send(ctx, made.QueueUrl, n) }}, nil
		},
	}
}

func snsTopic(tb server) *system {
	cfg, prefix := awstest.LocalStack(tb), ours()
	admin := sns.NewFromConfig(cfg)
	first, err := admin.CreateTopic(tb.Context(), &sns.CreateTopicInput{Name: &prefix})
	must(tb, err)
	tb.Cleanup(func() { deleteTopics(tb, admin, *first.TopicArn) })
	return &system{
		name: "sns", operation: "`sns-topic`, a topic", addr: hostOf(tb, cfg), speaks: overHTTP, keeps: true,
		extra:  "GetTopicAttributes three times: what is kept for rollback, whether it is still so, whether the topic is as declared",
		config: awsConfig(tb, "sns", ""),
		change: func(n int) string {
			return fmt.Sprintf("template: sns-topic\napply: { create: { topic: %s-%d, displayName: Orders } }\nrollback: auto\n", prefix, n)
		},
		client: func(_ context.Context, addr string) (bare, error) {
			client := sns.NewFromConfig(awstest.Config("http://" + addr))
			create := func(ctx context.Context, n int) error {
				_, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(fmt.Sprintf("%s-%d", prefix, n)), Attributes: map[string]string{"DisplayName": "Orders"}})
				return err
			}
			look := func(ctx context.Context, n int, there bool) func() error {
				return func() error {
					_, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(fmt.Sprintf("%s-%d", *first.TopicArn, n))})
					return expected(err, there, fmt.Sprintf("topic %d", n))
				}
			}
			return bareAWS{func(ctx context.Context, n int) error {
				return inTurn(look(ctx, n, false), look(ctx, n, false), func() error { return create(ctx, n) }, look(ctx, n, true))
			}, create}, nil
		},
	}
}

// expected makes an error of one that is there and should not be.
func expected(err error, there bool, what string) error {
	if there {
		return err
	}
	if err == nil {
		return errors.New(what + " is there already")
	}
	return nil
}

// deleteTopics deletes the topic that the others are named after, and those.
func deleteTopics(tb server, admin *sns.Client, first string) {
	pages := sns.NewListTopicsPaginator(admin, &sns.ListTopicsInput{})
	var all []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(later(tb))
		must(tb, err)
		for _, t := range page.Topics {
			all = append(all, aws.ToString(t.TopicArn))
		}
	}
	for _, arn := range all {
		if arn == first || len(arn) > len(first) && arn[:len(first)+1] == first+"-" {
			_, err := admin.DeleteTopic(later(tb), &sns.DeleteTopicInput{TopicArn: &arn})
			must(tb, err)
		}
	}
}
