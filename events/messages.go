package events

import (
	"strconv"
	"strings"
)

// maxRecords is the largest batch of a standard queue, and maxReceipt more than SQS
// needs for a receipt handle.
const (
	maxRecords = 10_000
	maxReceipt = 4096
)

const (
	sourceSQS = "aws:sqs"
	sourceSNS = "aws:sns"
)

// decodeRecords tells queues from topics, and both from what only looks like them.
func decodeRecords(o object) (Trigger, *Error) {
	records := o.objects("Records", maxRecords)
	if err := o.failed(); err != nil {
		return Trigger{}, err
	}
	if len(records) == 0 {
		return Trigger{}, refuse(nextUnknown, "Records is empty")
	}
	source := ""
	for i, r := range records {
		s, err := recordSource(r)
		switch {
		case err != nil:
			return Trigger{}, err
		case i > 0 && s != source:
			return Trigger{}, refuse("send records of one source, as AWS does", "Records holds records of different sources")
		}
		source = s
	}
	decode, kind := decodeSQS, KindSQS
	if source == sourceSNS {
		decode, kind = decodeSNS, KindSNS
	}
	t, err := decode(records)
	if err != nil {
		err.Kind = kind
	}
	return t, err
}

// recordSource returns aws:sqs or aws:sns. What is in the record must agree.
func recordSource(r object) (string, *Error) {
	const next = "connect the function to an SQS queue or an SNS topic"
	key, want, foreign := "eventSource", sourceSQS, "Sns"
	if r.hasAll([]string{"EventSource"}) {
		key, want, foreign = "EventSource", sourceSNS, "eventSource"
	}
	source := r.text(key, 64)
	if err := r.failed(); err != nil {
		err.Next = next
		return "", err
	}
	if source != want {
		return "", refuse(next, "%s%s is %s, and only records of SQS and SNS are taken", r.at, key, showWord(source))
	}
	for _, k := range []string{"s3", "kinesis", "dynamodb", "ses", "codecommit", "cf", foreign} {
		if r.hasAll([]string{k}) {
			return "", refuse(next, "%s%s is %s, but the record also has %q", r.at, key, source, k)
		}
	}
	return source, nil
}

func decodeSQS(records []object) (Trigger, *Error) {
	q := &SQS{QueueARN: records[0].arn("eventSourceARN")}
	for _, r := range records {
		if arn := r.arn("eventSourceARN"); arn != q.QueueARN || !strings.Contains(arn, ":sqs:") {
			r.fail("eventSourceARN", "must be that of one SQS queue")
		}
		attributes := r.optional("attributes")
		m := Message{ID: r.id("messageId", 255), GroupID: attributes.any("MessageGroupId", 255)}
		if n := attributes.any("ApproximateReceiveCount", 32); n != "" {
			count, err := strconv.Atoi(n)
			if err != nil || count < 0 {
				attributes.fail("ApproximateReceiveCount", "must be a number")
			}
			m.ReceiveCount = count
		}
		m.Receipt = secret(r.any("receiptHandle", maxReceipt))
		body := r.any("body", maxEvent)
		if !r.has("body") {
			r.fail("body", "must be a text")
		}
		if err := r.failed(); err != nil {
			return Trigger{}, err
		}
		if err := m.read(body); err != nil {
			m.Err = err
		}
		q.Messages = append(q.Messages, m)
	}
	q.FIFO = strings.HasSuffix(q.QueueARN, ".fifo")
	return Trigger{Kind: KindSQS, ID: q.Messages[0].ID, SQS: q}, nil
}

// read takes the body of a queue's message: a request, or the envelope of a topic
// that the queue is subscribed to.
func (m *Message) read(body string) *Error {
	const where = "the message's body"
	if err := check([]byte(body), maxRequest); err == nil {
		if o, ok := parse([]byte(body)); ok && o.hasAll([]string{"Type", "TopicArn", "Message"}) {
			if o.hasAll([]string{marker}) {
				return asKind(KindSQS, refuse(nextRequest, "%s looks like a request and like an SNS envelope at once", where))
			}
			return asKind(KindSQS, m.notification(o))
		}
	}
	r, err := requestIn(where, body)
	if err != nil {
		return asKind(KindSQS, err)
	}
	m.Request = r
	return nil
}

func decodeSNS(records []object) (Trigger, *Error) {
	s := &SNS{}
	for _, r := range records {
		var m Message
		if err := m.notification(r.object("Sns")); err != nil {
			// A topic redelivers all or nothing: one bad message refuses the event.
			return Trigger{}, err
		}
		s.Messages = append(s.Messages, m)
	}
	return Trigger{Kind: KindSNS, ID: s.Messages[0].ID, SNS: s}, nil
}

// notification reads an SNS envelope. The id of a message in a queue stays the
// queue's: that one is reported back.
func (m *Message) notification(o object) *Error {
	id := o.id("MessageId", 255)
	if m.ID == "" {
		m.ID = id
	}
	m.TopicARN = o.arn("TopicArn")
	if kind := o.any("Type", 64); kind != "" && kind != "Notification" {
		o.fail("Type", "must be Notification; it is %s", showWord(kind))
	}
	text := o.text("Message", maxEvent)
	if err := o.failed(); err != nil {
		return err
	}
	r, err := requestIn("the notification's Message", text)
	if err != nil {
		return err
	}
	m.Request = r
	return nil
}

func asKind(k Kind, err *Error) *Error {
	if err != nil {
		err.Kind = k
	}
	return err
}
