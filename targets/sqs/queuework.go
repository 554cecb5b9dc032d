package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

const (
	// How often a queue is looked at that SQS is at work on.
	firstLook   = 200 * time.Millisecond
	longestLook = 5 * time.Second
	// atWork bounds how long SQS is waited for: it promises a minute, for a name that
	// is free again after a deletion as for a deletion itself.
	atWork = 3 * time.Minute
)

// queueWork is one payload at work, with its references resolved.
type queueWork struct {
	payload *queuePayload
	name    string
	at      place
	c       *Client
	s       *core.Session
}

func newQueueWork(ctx context.Context, s *core.Session, p *queuePayload) (*queueWork, error) {
	c, err := clientOf(s)
	if err != nil {
		return nil, err
	}
	full, err := awstarget.Expanded(ctx, s.Resolve, p)
	if err != nil {
		return nil, err
	}
	f := &awstarget.Faults{}
	full.check(f)
	if err := f.Err(); err != nil {
		return nil, err
	}
	name := full.queue().Value
	at, err := c.placeOf(name)
	return &queueWork{full, name, at, c, s}, err
}

func (w *queueWork) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: fmt.Sprintf("queue %s: ", w.name) + fmt.Sprintf(format, args...)})
}

func missing(queue string) error {
	return &QueueError{Queue: queue, Reason: "does not exist", Next: "create it in a change before this one, or mend the name"}
}

// fault explains an error about the queue.
func (w *queueWork) fault(err error) error { return w.c.fault(w.name, err) }

func (c *Client) fault(queue string, err error) error {
	if err == nil {
		return nil
	}
	switch code := awstarget.CodeOf(err); {
	case core.IsUnknown(err):
	case isCode(code, "InvalidAttributeValue", "InvalidAttributeName", "InvalidParameterValue", "UnsupportedOperation", "InvalidMessageContents"), strings.HasPrefix(strings.ToUpper(code), "KMS"):
		return &QueueError{Queue: queue, Reason: "is refused as declared: " + c.target.explain(err).Error(), Next: "mend the change"}
	case isMissing(err):
		return missing(queue)
	}
	return fmt.Errorf("queue %s: %w", queue, c.target.explain(err))
}

// isCode finds codes with and without the prefix of the older protocol.
func isCode(code string, codes ...string) bool {
	return slices.Contains(codes, strings.TrimPrefix(code, "AWS.SimpleQueueService."))
}

func isMissing(err error) bool {
	var missing *types.QueueDoesNotExist
	return errors.As(err, &missing) || isCode(awstarget.CodeOf(err), "NonExistentQueue", "QueueDoesNotExist")
}

// later are refusals for load that the SDK has no common name for.
func later(err error) bool {
	return isCode(awstarget.CodeOf(err), "KmsThrottled", "KMS.ThrottlingException", "OverLimit")
}

// change sends a request that does the same when it is repeated.
func (w *queueWork) change(ctx context.Context, send func(context.Context) error) error {
	return awstarget.Call{Resend: true, Later: later, Send: send}.Change(ctx)
}

// look returns the queue's URL and its attributes, and tags if they are asked for.
func (c *Client) look(ctx context.Context, at place, tags bool) (string, awstarget.State, error) {
	state := awstarget.State{Name: at.name}
	in := &sdk.GetQueueUrlInput{QueueName: &at.name}
	if at.account != "" {
		in.QueueOwnerAWSAccountId = &at.account
	}
	found, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.GetQueueUrlOutput, error) { return c.GetQueueUrl(ctx, in, ours) })
	if isMissing(err) {
		return "", state, nil
	}
	if err != nil {
		return "", state, c.fault(at.name, err)
	}
	out, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.GetQueueAttributesOutput, error) {
		return c.GetQueueAttributes(ctx, &sdk.GetQueueAttributesInput{QueueUrl: found.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}}, ours)
	})
	if isMissing(err) { // it is being deleted
		return "", state, nil
	}
	if err != nil {
		return "", state, c.fault(at.name, err)
	}
	state.Exists, state.Attributes = true, out.Attributes
	if !tags {
		return *found.QueueUrl, state, nil
	}
	listed, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.ListQueueTagsOutput, error) {
		return c.ListQueueTags(ctx, &sdk.ListQueueTagsInput{QueueUrl: found.QueueUrl}, ours)
	})
	if err != nil {
		return "", state, c.fault(at.name, err)
	}
	state.Tags = map[string]*string{}
	for key, value := range listed.Tags {
		state.Tags[key] = &value
	}
	return *found.QueueUrl, state, nil
}

// differs says in what a queue is something else than what was declared.
func (w *queueWork) differs(all []awstarget.Difference) error {
	if len(all) == 0 {
		return nil
	}
	details := make([]string, len(all))
	for i, d := range all {
		details[i] = d.String()
	}
	return &QueueError{
		Queue: w.name, Reason: "is there, and is not what the change declares: " + strings.Join(details, "; "),
		Next: "mend the change if the queue is right; choose another name, or change or delete the queue first, if it is not",
	}
}

// probe asks whether the payload's effect is there.
func (w *queueWork) probe(ctx context.Context) (core.ProbeResult, error) {
	if w.payload.Delete != nil {
		_, state, err := w.c.look(ctx, w.at, false)
		switch {
		case err != nil:
			return core.ProbeUnknown, err
		case state.Exists:
			return core.ProbeNotApplied, nil
		}
		return core.ProbeApplied, nil
	}
	// Other queues that it names are looked at only when they matter.
	named, err := w.wantedOf(func(queue string) (string, error) { return queue, nil })
	if err != nil {
		return core.ProbeUnknown, err
	}
	_, state, err := w.c.look(ctx, w.at, len(named.Tags) > 0)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case w.payload.Create != nil && !state.Exists: // nor need its dead-letter queue be there
		return core.ProbeNotApplied, nil
	case !state.Exists:
		return core.ProbeUnknown, missing(w.name)
	}
	wanted, err := w.wanted(ctx)
	if err != nil {
		return core.ProbeUnknown, err
	}
	switch {
	case len(wanted.Differences(state, sameAttribute)) == 0:
		return core.ProbeApplied, nil
	case w.payload.Create != nil:
		return core.ProbeConflict, nil
	}
	return core.ProbeNotApplied, nil
}
