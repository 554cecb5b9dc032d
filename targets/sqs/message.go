package sqs

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// MessageTemplate is the name of the template for a message that is sent once.
const MessageTemplate = "sqs-message"

// messageTemplate sends one message for each apply and each rollback. It is always NON_TX.
//
// Of its operation:
//
//   - To a standard queue it is sent again only after an answer that says that nothing was
//     done. Without an answer its outcome is unknown: a second message would be another
//     one.
//   - On a FIFO queue its deduplication id is the step's idempotency key. So it is sent
//     again without an answer, and so does a next attempt that comes within five minutes of
//     the first. After that SQS has forgotten the id: a late or repeated message is a second
//     one, and is not declared harmless.
//   - rollback is a message of its own: one that was sent cannot be taken back.
//   - There is no probe: SQS cannot say which messages there were. After a process that
//     died a person is asked, or ALWAYS_RETRY says that a second message does no harm.
func messageTemplate() core.Template {
	return core.Template{Name: MessageTemplate, Compile: compileMessage}
}

type messagePayload struct {
	Queue        core.Text                   `yaml:"queue"`
	Body         core.Text                   `yaml:"body"`
	JSON         *awstarget.Document         `yaml:"json"` // in place of body
	Attributes   map[string]messageAttribute `yaml:"attributes"`
	GroupID      core.Text                   `yaml:"messageGroupId"`
	DelaySeconds *int32                      `yaml:"delaySeconds"`
}

// messageAttribute has a value of type String (if absent), Number or Binary (in base64),
// with or without a label as in Number.int.
type messageAttribute struct {
	Type  core.Text `yaml:"type"`
	Value core.Text `yaml:"value"`
}

// mostBytes is what SQS takes of a message: its body, and names, types and values of its
// attributes.
const mostBytes = 1 << 20

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\.[^\s]+)?$`)
	groupID       = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\\[\\\\\\]^_`{|}~-]{1,128}$")
)

func (m *messagePayload) check(f *awstarget.Faults) {
	at := m.Queue.Start
	checkQueue(f, m.Queue, "queue", true, at)
	switch {
	case m.JSON != nil && m.Body.Value != "":
		f.At(m.Body.Start, "give body or json, and not both")
	case m.JSON == nil && m.Body.Value == "":
		f.At(at, "the message needs body, a text, or json")
	case !sendable(m.Body.Value):
		f.At(m.Body.Start, "the body has a character that SQS does not take: XML's are allowed")
	}
	m.checkAttributes(f, at)
	if m.size() > mostBytes {
		f.At(at, "the message has %d bytes, and SQS takes %d", m.size(), mostBytes)
	}
	if m.DelaySeconds != nil && (*m.DelaySeconds < 1 || *m.DelaySeconds > 900) {
		f.At(at, "delaySeconds must be from 1 to 900; absent, the queue's own counts")
	}
	m.JSON.Check(f, at, "json")
	if !awstarget.Blank(m.GroupID) && !awstarget.HasReference(m.GroupID.Value) && !groupID.MatchString(m.GroupID.Value) {
		f.At(m.GroupID.Start, "messageGroupId must be 1 to 128 letters, digits and punctuation marks")
	}
	if awstarget.HasReference(m.Queue.Value) || !isFIFO(m.Queue.Value) {
		return
	}
	if awstarget.Blank(m.GroupID) {
		f.At(at, "a message on a FIFO queue needs messageGroupId")
	}
	if m.DelaySeconds != nil {
		f.At(at, "a message on a FIFO queue takes no delaySeconds: the queue has one for all")
	}
}

func (m *messagePayload) checkAttributes(f *awstarget.Faults, at core.Position) {
	if len(m.Attributes) > 10 {
		f.At(at, "a message can have 10 attributes")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		a := m.Attributes[name]
		place := awstarget.First(a.Type.Start, a.Value.Start, at)
		lower := strings.ToLower(name)
		switch {
		case !attributeName.MatchString(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") ||
			strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, ".."):
			f.At(place, "an attribute's name must be 1 to 256 letters, digits, _ - and single dots inside, and not begin with AWS. or Amazon.")
		case !awstarget.Blank(a.Type) && !awstarget.HasReference(a.Type.Value) && !attributeType.MatchString(a.Type.Value):
			f.At(place, "the type of attribute %s must be String, Number or Binary, with or without a label as in Number.int", name)
		case a.Value.Value == "":
			f.At(place, "attribute %s needs a value", name)
		case a.isBinary() && !awstarget.HasReference(a.Value.Value):
			if _, err := base64.StdEncoding.DecodeString(a.Value.Value); err != nil {
				f.At(a.Value.Start, "the value of attribute %s must be in base64", name)
			}
		case !sendable(a.Value.Value):
			f.At(a.Value.Start, "attribute %s has a character that SQS does not take: XML's are allowed", name)
		}
	}
}

// sendable reports whether SQS takes all characters of a text.
func sendable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}

func (a messageAttribute) typeName() string {
	if awstarget.Blank(a.Type) {
		return "String"
	}
	return a.Type.Value
}

func (a messageAttribute) isBinary() bool { return strings.HasPrefix(a.typeName(), "Binary") }

// size is what SQS counts; before references are resolved, about that.
func (m *messagePayload) size() int {
	n := len(m.Body.Value) + len(m.JSON.JSON())
	for name, a := range m.Attributes {
		n += len(name) + len(a.typeName()) + len(a.Value.Value)
	}
	return n
}

func compileMessage(p core.Payload) (core.Step, error) {
	m := new(messagePayload)
	if err := awstarget.Decode(p, m); err != nil {
		return core.Step{}, err
	}
	f := &awstarget.Faults{Payload: p}
	m.check(f)
	if err := f.Err(); err != nil {
		return core.Step{}, err
	}
	return core.Step{
		Name: MessageTemplate + " " + m.Queue.Value, Does: m.does(), NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error { return sendMessage(ctx, s, m) },
	}, nil
}

func sendMessage(ctx context.Context, s *core.Session, m *messagePayload) error {
	c, err := clientOf(s)
	if err != nil {
		return err
	}
	m, err = awstarget.Expanded(ctx, s.Resolve, m)
	if err != nil {
		return err
	}
	f := &awstarget.Faults{}
	m.check(f)
	if err := f.Err(); err != nil {
		return err
	}
	at, err := c.placeOf(m.Queue.Value)
	if err != nil {
		return err
	}
	url, state, err := c.look(ctx, at, false)
	switch {
	case err != nil:
		return err
	case !state.Exists:
		return missing(m.Queue.Value)
	}
	in, err := m.input(url)
	if err != nil {
		return err
	}
	if isFIFO(at.name) {
		if in.MessageDeduplicationId, err = deduplicationID(ctx, s); err != nil {
			return err
		}
	}
	return c.fault(at.name, awstarget.Call{
		Resend: isFIFO(at.name), // four times ten seconds are well within the five minutes
		Later:  later,
		Send: func(ctx context.Context) error {
			_, err := c.SendMessage(ctx, in, ours)
			return err
		},
	}.Change(ctx))
}

func deduplicationID(ctx context.Context, s *core.Session) (*string, error) {
	if s.IdempotencyKey == nil {
		return nil, errors.New("a message on a FIFO queue is sent in a run only: outside of one there is no idempotency key for its deduplication id")
	}
	key, err := s.IdempotencyKey(ctx)
	return &key, err
}

func (m *messagePayload) input(url string) (*sdk.SendMessageInput, error) {
	body := m.Body.Value
	if m.JSON != nil {
		body = m.JSON.JSON()
	}
	in := &sdk.SendMessageInput{QueueUrl: &url, MessageBody: &body}
	if m.DelaySeconds != nil {
		in.DelaySeconds = *m.DelaySeconds
	}
	if !awstarget.Blank(m.GroupID) {
		in.MessageGroupId = &m.GroupID.Value
	}
	for name, a := range m.Attributes {
		typ := a.typeName()
		v := types.MessageAttributeValue{DataType: &typ}
		if a.isBinary() {
			b, err := base64.StdEncoding.DecodeString(a.Value.Value)
			if err != nil {
				return nil, &core.FaultError{Message: "the value of attribute " + name + " must be in base64"}
			}
			v.BinaryValue = b
		} else {
			v.StringValue = &a.Value.Value
		}
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]types.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = v
	}
	return in, nil
}
