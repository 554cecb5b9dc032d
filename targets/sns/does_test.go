package sns

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestDoes(t *testing.T) {
	const topic, subscription = "template: sns-topic\napply: ", "template: sns-subscription\napply: "
	const dead = "arn:aws:sqs:eu-west-1:123456789012:dead"
	awstargettest.Does(t, Type(), New("topics", sdk.New(sdk.Options{})), map[string]string{
		topic + "{ create: { topic: orders } }": "creates topic orders",
		topic + "{ create: { topic: orders.fifo, contentBasedDeduplication: true, displayName: canary, policy: { Version: canary } } }": "creates FIFO topic orders.fifo with displayName, policy and contentBasedDeduplication",
		topic + "{ update: { topic: orders, tags: { a: canary }, remove: [displayName], removeTags: [b, c] } }":                         "updates topic orders: sets tags, removes displayName, removes tags b and c",
		topic + "{ delete: { topic: orders } }": "deletes topic orders and its subscriptions",

		subscription + "{ create: { topic: orders, protocol: sqs, endpoint: warehouse, rawMessageDelivery: true, filterPolicy: { a: [canary] } } }":                                                                      "subscribes sqs warehouse to topic orders with rawMessageDelivery and filterPolicy",
		subscription + "{ create: { topic: orders, protocol: https, endpoint: 'https://canary:canary@shop.example/canary?key=canary', waitForConfirmation: true, redrivePolicy: { deadLetterQueue: '" + dead + "' } } }": "subscribes an endpoint at https://shop.example to topic orders with redrivePolicy, and waits for its confirmation",
		subscription + "{ create: { topic: orders, protocol: https, endpoint: '${ssm:/hook}' } }":                                                                                                                        "subscribes an endpoint by https to topic orders",
		subscription + "{ create: { topic: orders, protocol: email, endpoint: canary@shop.example } }":                                                                                                                   "subscribes an endpoint by email to topic orders",
		subscription + "{ create: { topic: orders, protocol: '${env:P}', endpoint: canary } }":                                                                                                                           "subscribes an endpoint by ${env:P} to topic orders",
		subscription + "{ update: { topic: orders, protocol: sqs, endpoint: warehouse, remove: [filterPolicy] } }":                                                                                                       "updates the subscription of sqs warehouse to topic orders: removes filterPolicy",
		subscription + "{ delete: { topic: orders, protocol: sqs, endpoint: warehouse } }":                                                                                                                               "unsubscribes sqs warehouse from topic orders",
	})
}
