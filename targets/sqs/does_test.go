package sqs

import (
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestDoes(t *testing.T) {
	const queue, message = "template: sqs-queue\napply: ", "template: sqs-message\napply: "
	long := strings.Repeat("q", 75)
	awstargettest.Does(t, Type(), New("queues", nil), map[string]string{
		queue + "{ create: { queue: orders } }": "creates queue orders",
		queue + "{ create: { queue: orders.fifo, visibilityTimeout: 30, redrivePolicy: { deadLetterQueue: orders-dlq.fifo, maxReceiveCount: 5 } } }": "creates FIFO queue orders.fifo with redrive to orders-dlq.fifo after 5 receives and visibilityTimeout",
		queue + "{ create: { queue: '${env:QUEUE}', tags: { a: canary }, kmsMasterKeyId: canary, policy: { Version: canary } } }":                    "creates queue ${env:QUEUE} with policy, kmsMasterKeyId and tags",
		queue + "{ update: { queue: orders, delaySeconds: 0, remove: [policy, kmsMasterKeyId], removeTags: [team] } }":                               "updates queue orders: sets delaySeconds, removes policy and kmsMasterKeyId, removes tags team",
		queue + "{ delete: { queue: orders } }":                                              "deletes queue orders and its messages",
		queue + "{ update: { queue: " + long + ", removeTags: [" + long + "] } }":            "updates queue " + long + ": removes tags " + long,
		message + "{ queue: orders, body: canary, attributes: { a: { value: canary } } }":    "sends a message to queue orders",
		message + "{ queue: orders.fifo, messageGroupId: canary, json: { secret: canary } }": "sends a message to FIFO queue orders.fifo, with the idempotency key as its deduplication id",
	})
}
