package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// maxReceives is how often a message may be delivered before it is a dead letter.
const maxReceives = 3

// queue is one of LocalStack's, with its dead-letter queue.
type queue struct {
	t              testing.TB
	client         *sqs.Client
	url, arn, dead string
	fifo           bool
	sent           int
}

// newQueue makes a queue with this visibility timeout.
func newQueue(t testing.TB, fifo bool, hidden time.Duration) *queue {
	t.Helper()
	q := &queue{t: t, client: sqs.NewFromConfig(awstest.LocalStack(t)), fifo: fifo}
	name := fmt.Sprintf("flamingock-rie-%d-%d", os.Getpid(), time.Now().UnixNano())
	var deadARN string
	q.dead, deadARN = q.create(name+"-dead", nil)
	q.url, q.arn = q.create(name, map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(hidden.Seconds())),
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, deadARN, maxReceives),
	})
	return q
}

func (q *queue) create(name string, attributes map[string]string) (url, arn string) {
	q.t.Helper()
	if attributes == nil {
		attributes = map[string]string{}
	}
	if q.fifo {
		name += ".fifo"
		attributes["FifoQueue"] = "true"
	}
	out, err := q.client.CreateQueue(q.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		q.t.Fatal(err)
	}
	return *out.QueueUrl, q.attributes(*out.QueueUrl)["QueueArn"]
}

func (q *queue) attributes(url string) map[string]string {
	q.t.Helper()
	out, err := q.client.GetQueueAttributes(q.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		q.t.Fatal(err)
	}
	return out.Attributes
}

func (q *queue) send(bodies ...string) {
	q.t.Helper()
	for _, body := range bodies {
		q.sent++
		in := &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body}
		if q.fifo {
			in.MessageGroupId, in.MessageDeduplicationId = aws.String(shopLedger), aws.String(strconv.Itoa(q.sent))
		}
		if _, err := q.client.SendMessage(q.t.Context(), in); err != nil {
			q.t.Fatal(err)
		}
	}
}

// receive takes what there is, up to a batch.
func (q *queue) receive(url string, batch int32) []types.Message {
	q.t.Helper()
	out, err := q.client.ReceiveMessage(q.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: batch, WaitTimeSeconds: 1, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		q.t.Fatal(err)
	}
	return out.Messages
}

// event is the batch as Lambda hands it over.
func (q *queue) event(messages []types.Message) string {
	q.t.Helper()
	var e events.SQSEvent
	for i := range messages {
		m := &messages[i]
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Md5OfBody: *m.MD5OfBody, Attributes: m.Attributes,
			EventSourceARN: q.arn, EventSource: "aws:sqs", AWSRegion: awstest.Region,
		})
	}
	out, err := json.Marshal(e)
	if err != nil {
		q.t.Fatal(err)
	}
	return string(out)
}

// eventSource is what Lambda's poller does, with ReportBatchItemFailures.
type eventSource struct {
	q     *queue
	f     *emulated
	batch int32
	// times is how often each batch is handed over: Lambda promises once or more.
	times int
	// log has a line for each batch: what the messages ask for, and how many failed.
	log []string
}

// drain polls until the queue is empty.
func (s *eventSource) drain(within time.Duration) {
	s.q.t.Helper()
	for until := time.Now().Add(within); ; {
		if time.Now().After(until) {
			s.q.t.Fatalf("the queue is not empty after %s: %q", within, s.log)
		}
		if messages := s.q.receive(s.q.url, s.batch); len(messages) > 0 {
			s.hand(messages)
			continue
		}
		a := s.q.attributes(s.q.url)
		if a["ApproximateNumberOfMessages"] == "0" && a["ApproximateNumberOfMessagesNotVisible"] == "0" {
			return
		}
	}
}

// hand gives a batch to the function and deletes what did not fail.
func (s *eventSource) hand(messages []types.Message) {
	t := s.q.t
	t.Helper()
	var failed []string
	for range cmp.Or(s.times, 1) {
		failed = s.failures(messages, s.f.invoke(s.q.event(messages)))
	}
	line := ""
	for i := range messages {
		m := &messages[i]
		line += fmt.Sprintf("%s#%s ", word(*m.Body), m.Attributes["ApproximateReceiveCount"])
		if slices.Contains(failed, *m.MessageId) {
			continue
		}
		if _, err := s.q.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &s.q.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
	s.log = append(s.log, fmt.Sprintf("%s%d failed", line, len(failed)))
}

// failures reads the answer as Lambda does: what is no list of known ids fails the
// whole batch, which is a fault here.
func (s *eventSource) failures(messages []types.Message, body string) []string {
	t := s.q.t
	t.Helper()
	var answer struct {
		Type     string                        `json:"errorType"`
		Failures *[]events.SQSBatchItemFailure `json:"batchItemFailures"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Type != "" || answer.Failures == nil {
		t.Fatalf("the whole batch failed: %v %s", err, body)
	}
	var ids []string
	for _, f := range *answer.Failures {
		if !slices.ContainsFunc(messages, func(m types.Message) bool { return *m.MessageId == f.ItemIdentifier }) {
			t.Fatalf("no message of this batch: %s", body)
		}
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// request asks for one stage.
func request(stage string) string {
	return `{"flamingock":"v1","operation":"apply","stages":["` + stage + `"]}`
}

// word is what request was given, or poison.
func word(body string) string {
	_, stage, ok := strings.Cut(strings.TrimSuffix(body, `"]}`), `"stages":["`)
	if !ok {
		return "poison"
	}
	return stage
}

const poison = `{"delete":"everything"}`

// deadLetters are the bodies in the dead-letter queue, which stay there for a while.
func (q *queue) deadLetters() []string {
	q.t.Helper()
	var bodies []string
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		messages := q.receive(q.dead, 10)
		for _, m := range messages {
			bodies = append(bodies, *m.Body)
		}
		if len(bodies) > 0 && len(messages) == 0 {
			break
		}
	}
	return bodies
}
