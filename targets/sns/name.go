package sns

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

const fifoSuffix = ".fifo"

func isFIFO(name string) bool { return strings.HasSuffix(name, fifoSuffix) }

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)

func isTopicName(name string) bool { return len(name) <= 256 && topicName.MatchString(name) }

// isARN reports whether text is the ARN of something of a service.
func isARN(service, text string) bool {
	a, err := arn.Parse(text)
	return err == nil && a.Service == service
}

func isTopicARN(text string) bool {
	a, err := arn.Parse(text)
	return err == nil && a.Service == "sns" && isTopicName(a.Resource)
}

// checkTopic finds what is wrong with the name of a topic. An ARN is good for a topic that
// is there.
func checkTopic(f *awstarget.Faults, topic core.Text, arns bool) {
	switch {
	case awstarget.Blank(topic):
		f.At(topic.Start, "topic is missing")
	case awstarget.HasReference(topic.Value), isTopicName(topic.Value), arns && isTopicARN(topic.Value):
	case arns:
		f.At(topic.Start, "topic must be a name, of 1 to 256 letters, digits, _ and -, with .fifo behind it for a FIFO topic, or an ARN")
	default:
		f.At(topic.Start, "topic must be a name, of 1 to 256 letters, digits, _ and -, with .fifo behind it for a FIFO topic")
	}
}

// topicARN makes the ARN of a topic of a name or an ARN. One of another region is out of
// reach.
func (c *Client) topicARN(ctx context.Context, topic string) (arn.ARN, error) {
	a, err := arn.Parse(topic)
	if err != nil {
		a, err = c.target.whereabouts(ctx)
		a.Resource = topic
		return a, err
	}
	if own := c.Options().Region; a.Region != own {
		return a, &core.ConfigError{
			Key: "targetSystems." + c.target.id + ".region", Reason: "topic " + topic + " is in " + a.Region + ", and target system " + c.target.id + " in " + own,
			Next: "mend the ARN, or name a target system with region: " + a.Region,
		}
	}
	return a, nil
}

// queueARN makes the ARN of a queue that is named: it is where the topic is.
func queueARN(queue string, topic arn.ARN) string {
	if arn.IsARN(queue) {
		return queue
	}
	topic.Service, topic.Resource = "sqs", queue
	return topic.String()
}

// Error says that a topic or a subscription is not as a change needs it.
type Error struct {
	What, Reason, Next string
}

func (e *Error) Error() string { return e.What + " " + e.Reason }

// Hint says what to do.
func (e *Error) Hint() string { return e.Next }
