package sqs

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

const fifoSuffix = ".fifo"

func isFIFO(name string) bool { return strings.HasSuffix(name, fifoSuffix) }

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)

func isQueueName(name string) bool { return len(name) <= 80 && queueName.MatchString(name) }

func isQueueARN(text string) bool {
	a, err := arn.Parse(text)
	return err == nil && a.Service == "sqs" && isQueueName(a.Resource)
}

// checkQueue finds what is wrong with the name of a queue. An ARN is good for a queue
// that is there, of another account too.
func checkQueue(f *awstarget.Faults, queue core.Text, what string, arns bool, at core.Position) {
	switch {
	case awstarget.Blank(queue):
		f.At(awstarget.First(queue.Start, at), "%s is missing", what)
	case awstarget.HasReference(queue.Value), isQueueName(queue.Value), arns && isQueueARN(queue.Value):
	case arns:
		f.At(queue.Start, "%s must be a queue's name, of 1 to 80 letters, digits, _ and -, with .fifo behind it for a FIFO queue, or its ARN", what)
	default:
		f.At(queue.Start, "%s must be a name, of 1 to 80 letters, digits, _ and -, with .fifo behind it for a FIFO queue", what)
	}
}

// place is where a queue is.
type place struct{ name, account string } // account "": the client's own

// placeOf finds a queue by its name or ARN. One of another region is out of reach.
func (c *Client) placeOf(queue string) (place, error) {
	a, err := arn.Parse(queue)
	if err != nil {
		return place{name: queue}, nil //nolint:nilerr // a name
	}
	if own := c.Options().Region; a.Region != own {
		return place{}, &core.ConfigError{
			Key: "targetSystems." + c.target.id + ".region", Reason: "queue " + queue + " is in " + a.Region + ", and target system " + c.target.id + " in " + own,
			Next: "mend the ARN, or name a target system with region: " + a.Region,
		}
	}
	return place{a.Resource, a.AccountID}, nil
}
