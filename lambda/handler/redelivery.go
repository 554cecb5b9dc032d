package handler

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// A failed message comes again when the queue's visibility timeout is over, which has
// to be six times the function's own: hours, for the whole batch alike. Where something
// better is known the queue is told so.
const (
	// goOn is for a run that is out of time: nothing is in the way of the next one.
	goOn = 5 * time.Second
	// firstWait is for what somebody else has to end, and is five times as long each
	// time: what comes again too soon is soon in the dead-letter queue.
	firstWait  = time.Minute
	waitFactor = 5
	waits      = 3 // after that the queue's own time
	// scheduleTime bounds the telling. The answer is more important.
	scheduleTime = 2 * time.Second
	// inOneRequest is SQS's limit.
	inOneRequest = 10
)

// delivery is a message that failed, and when it should come again.
type delivery struct {
	message *events.Message
	after   time.Duration
	known   bool // false: when the queue says
	stops   bool // those behind it are not done
}

// behind is the delivery of a message that was not done because of d.
func (d delivery) behind(m *events.Message) delivery {
	d.message = m
	return d
}

// nextDelivery says when a message that failed with a code should come again. known
// is false for what a person has to mend, and when the process is about to end.
func nextDelivery(m *events.Message, code core.Code) (after time.Duration, known bool) {
	switch {
	case m.Err != nil: // no request, now and for ever: off to the dead-letter queue
		return 0, true
	case code == core.CodeDeadlineNear:
		return goOn, true
	case code == core.CodeInterrupted || !code.Retryable() || m.ReceiveCount > waits:
		return 0, false
	}
	after = firstWait
	for range m.ReceiveCount - 1 {
		after *= waitFactor
	}
	return after, true
}

// schedule tells the queue when failed messages should come again. What fails about
// it is logged, and changes nothing else: then they come when the queue says.
func (in *invocation) schedule(ctx context.Context, queue string, failed []delivery) {
	ctx, cancel := context.WithTimeout(ctx, scheduleTime)
	defer cancel()
	failed = slices.DeleteFunc(failed, func(d delivery) bool { return !d.known || d.message.Receipt.IsZero() })
	for some := range slices.Chunk(failed, inOneRequest) {
		if err := in.h.changeVisibility(ctx, queue, some); err != nil {
			text := awsclient.Explain("SQS", err).Error()
			for _, d := range some {
				text = hide(text, []events.Secret{d.message.Receipt})
			}
			in.log.WarnContext(ctx, "failed messages come again only after the queue's visibility timeout", "error", core.Cap(text, 4000))
			return
		}
	}
}

// changeVisibility is one request for at most inOneRequest messages.
func (h *Handler) changeVisibility(ctx context.Context, queue string, some []delivery) error {
	cfg, err := h.clients.load(ctx)
	if err != nil {
		return err
	}
	c := sqs.NewFromConfig(cfg)
	url, err := h.clients.queue(ctx, c, queue)
	if err != nil {
		return err
	}
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url}
	for i, d := range some {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(d.message.Receipt.Reveal()), VisibilityTimeout: int32(d.after / time.Second),
		})
	}
	out, err := c.ChangeMessageVisibilityBatch(ctx, in)
	if err == nil && len(out.Failed) > 0 {
		err = errors.New(aws.ToString(out.Failed[0].Code) + ": " + aws.ToString(out.Failed[0].Message))
	}
	return err
}

// queue returns the URL of a queue, which SQS is asked for once.
func (c *clients) queue(ctx context.Context, client *sqs.Client, queueARN string) (string, error) {
	c.mu.Lock()
	url, ok := c.queues[queueARN]
	c.mu.Unlock()
	if ok {
		return url, nil
	}
	a, err := arn.Parse(queueARN)
	if err != nil {
		return "", err
	}
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &a.Resource, QueueOwnerAWSAccountId: &a.AccountID})
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues == nil {
		c.queues = map[string]string{}
	}
	c.queues[queueARN] = aws.ToString(out.QueueUrl)
	return c.queues[queueARN], nil
}
