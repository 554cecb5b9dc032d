package sns

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// subscriptionWork is one payload at work, with its references resolved.
type subscriptionWork struct {
	payload            *subscriptionPayload
	topic              arn.ARN
	protocol, endpoint string
	what               string // for people
	c                  *Client
	s                  *core.Session
}

func newSubscriptionWork(ctx context.Context, s *core.Session, p *subscriptionPayload) (*subscriptionWork, error) {
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
	id := full.identity()
	w := &subscriptionWork{payload: full, protocol: id.Protocol.Value, endpoint: id.Endpoint.Value, c: c, s: s}
	if w.topic, err = c.topicARN(ctx, id.Topic.Value); err != nil {
		return nil, err
	}
	if w.protocol == "sqs" {
		w.endpoint = queueARN(w.endpoint, w.topic)
	}
	w.what = "subscription of topic " + w.topic.Resource + " to " + w.protocol + " " + w.endpoint
	return w, nil
}

func (w *subscriptionWork) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: w.what + ": " + fmt.Sprintf(format, args...)})
}

func (w *subscriptionWork) fault(err error) error { return w.c.fault(w.what, err) }

// wanted is what the payload declares of the subscription.
func (w *subscriptionWork) wanted() awstarget.Wanted {
	attributes := w.payload.options().attributes(func(queue string) string { return queueARN(queue, w.topic) })
	if u := w.payload.Update; u != nil {
		for _, r := range u.Remove {
			attributes[subscriptionRemovable[r.Value]] = ""
		}
	}
	return awstarget.Wanted{Attributes: attributes}
}

// found is a subscription as SNS shows it.
type found struct {
	arn     string // "" while it is not confirmed: SNS does not tell it
	pending bool
	state   awstarget.State
}

// look finds the subscription. A topic that is not there is an error, but for a deletion:
// its subscriptions went with it.
func (w *subscriptionWork) look(ctx context.Context) (found, error) {
	out := found{state: awstarget.State{Name: w.what}}
	in := &sdk.ListSubscriptionsByTopicInput{TopicArn: aws.String(w.topic.String())}
	for !out.state.Exists {
		page, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.ListSubscriptionsByTopicOutput, error) {
			return w.c.ListSubscriptionsByTopic(ctx, in, ours)
		})
		switch {
		case isMissing(err) && w.payload.Delete != nil:
			return out, nil
		case isMissing(err):
			return out, missing("topic " + w.topic.Resource)
		case err != nil:
			return out, w.fault(err)
		}
		for _, s := range page.Subscriptions {
			if aws.ToString(s.Protocol) == w.protocol && aws.ToString(s.Endpoint) == w.endpoint && aws.ToString(s.SubscriptionArn) != "Deleted" {
				out.state.Exists, out.arn = true, aws.ToString(s.SubscriptionArn)
			}
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	switch {
	case !out.state.Exists:
		return out, nil
	case !arn.IsARN(out.arn):
		out.arn, out.pending = "", true
		return out, nil
	}
	got, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.GetSubscriptionAttributesOutput, error) {
		return w.c.GetSubscriptionAttributes(ctx, &sdk.GetSubscriptionAttributesInput{SubscriptionArn: &out.arn}, ours)
	})
	switch {
	case isMissing(err): // it ended since
		return found{state: awstarget.State{Name: w.what}}, nil
	case err != nil:
		return out, w.fault(err)
	}
	out.state.Attributes = got.Attributes
	out.pending = got.Attributes["PendingConfirmation"] == "true"
	return out, nil
}

func (w *subscriptionWork) create(ctx context.Context) error {
	wanted := w.wanted()
	at, err := w.look(ctx)
	if err != nil {
		return err
	}
	if at.state.Exists {
		w.say("is there already")
	} else if err := w.subscribe(ctx, wanted.Attributes); err != nil {
		return err
	} else if at, err = w.seen(ctx); err != nil {
		return err
	}
	if at.pending {
		return w.confirmed(ctx, wanted)
	}
	return differs(w.what, wanted.Differences(at.state, sameAttribute))
}

func (w *subscriptionWork) subscribe(ctx context.Context, attributes map[string]string) error {
	err := change(ctx, func(ctx context.Context) error {
		_, err := w.c.Subscribe(ctx, &sdk.SubscribeInput{
			TopicArn: aws.String(w.topic.String()), Protocol: &w.protocol, Endpoint: &w.endpoint, Attributes: attributes, ReturnSubscriptionArn: true,
		}, ours)
		return err
	})
	if taken(err) { // somebody was faster, or an answer got lost: what it is decides
		if at, other := w.look(ctx); other == nil && at.state.Exists {
			return nil
		}
	}
	return w.fault(err)
}

// seen waits until the subscription that was made can be seen.
func (w *subscriptionWork) seen(ctx context.Context) (at found, err error) {
	late := core.Unknown(&Error{What: w.what, Reason: "was made, and cannot be seen", Next: "look whether somebody deletes it"})
	err = until(ctx, late, func(ctx context.Context) (bool, error) {
		at, err = w.look(ctx)
		if err != nil {
			err = core.Unknown(err) // it was accepted
		}
		return at.state.Exists, err
	})
	return at, err
}

// confirmed waits for the endpoint's confirmation, if the change wants that. What was
// declared can be read when it is there.
func (w *subscriptionWork) confirmed(ctx context.Context, wanted awstarget.Wanted) error {
	w.say("is not confirmed: SNS has asked the endpoint to, and delivers nothing before")
	if !w.payload.Create.WaitForConfirmation {
		return nil
	}
	for p := awsclient.NewPause(firstLook, longestLook); ; {
		at, err := w.look(ctx)
		switch {
		case err != nil:
			return core.Unknown(err)
		case !at.state.Exists:
			return core.Unknown(&Error{What: w.what, Reason: "was not confirmed, and is there no more", Next: "look whether somebody deleted it, or whether the two days have passed that SNS gives"})
		case !at.pending:
			return differs(w.what, wanted.Differences(at.state, sameAttribute))
		}
		if err := p.Wait(ctx); err != nil {
			return fmt.Errorf("%s is still not confirmed: %w", w.what, err)
		}
	}
}

func (w *subscriptionWork) update(ctx context.Context) error {
	at, err := w.look(ctx)
	switch {
	case err != nil:
		return err
	case !at.state.Exists:
		return missing(w.what)
	case at.arn == "":
		return w.unconfirmed("cannot be changed before that", "confirm it, and run again")
	}
	return w.set(ctx, at.arn, w.wanted().Attributes)
}

func (w *subscriptionWork) unconfirmed(why, next string) error {
	return &Error{What: w.what, Reason: "is not confirmed by its endpoint, and " + why, Next: next}
}

// set brings everything about that is wanted, also what seems to be so.
func (w *subscriptionWork) set(ctx context.Context, at string, attributes map[string]string) error {
	attributes = settable(attributes)
	for _, name := range inOrder(attributes) {
		if err := change(ctx, func(ctx context.Context) error {
			_, err := w.c.SetSubscriptionAttributes(ctx, &sdk.SetSubscriptionAttributesInput{
				SubscriptionArn: &at, AttributeName: &name, AttributeValue: aws.String(attributes[name]),
			}, ours)
			return err
		}); err != nil {
			return fmt.Errorf("%s: %w", name, w.fault(err))
		}
	}
	return nil
}

// inOrder are the names by the alphabet, but for a filter whose scope gets wider: only the
// body's scope takes a nested policy.
func inOrder(attributes map[string]string) []string {
	names := slices.Sorted(maps.Keys(attributes))
	if strings.EqualFold(attributes["FilterPolicyScope"], "MessageBody") {
		i := slices.Index(names, attributeFilterPolicy)
		if j := slices.Index(names, "FilterPolicyScope"); i >= 0 && j > i {
			names[i], names[j] = names[j], names[i]
		}
	}
	return names
}

func (w *subscriptionWork) delete(ctx context.Context, rollback bool) error {
	if rollback {
		kept, err := awstarget.Captured(w.s)
		if err != nil {
			return err
		}
		if kept != nil && kept.Exists && kept.Name == w.what {
			w.say("was there before this change, which did not make it: it is left alone")
			return nil
		}
	}
	at, err := w.look(ctx)
	switch {
	case err != nil:
		return err
	case !at.state.Exists && rollback:
		return nil
	case !at.state.Exists:
		return missing(w.what)
	case at.arn == "":
		return w.unconfirmed("cannot be deleted before that", "wait two days: SNS forgets it by itself, if nobody confirms it")
	}
	if err := change(ctx, func(ctx context.Context) error {
		_, err := w.c.Unsubscribe(ctx, &sdk.UnsubscribeInput{SubscriptionArn: &at.arn}, ours)
		return err
	}); err != nil && !isMissing(err) {
		return w.fault(err)
	}
	late := core.Unknown(&Error{What: w.what, Reason: "was deleted, and is still to be seen", Next: "look whether somebody makes it anew"})
	return until(ctx, late, func(ctx context.Context) (bool, error) {
		now, err := w.look(ctx)
		if err != nil {
			err = core.Unknown(err) // it was accepted
		}
		return !now.state.Exists || now.arn != at.arn, err
	})
}

// probe asks whether the payload's effect is there.
func (w *subscriptionWork) probe(ctx context.Context) (core.ProbeResult, error) {
	at, err := w.look(ctx)
	if err != nil {
		return core.ProbeUnknown, err
	}
	wanted := w.wanted()
	switch p := w.payload; {
	case p.Delete != nil && at.state.Exists, p.Create != nil && !at.state.Exists:
		return core.ProbeNotApplied, nil
	case p.Delete != nil:
		return core.ProbeApplied, nil
	case !at.state.Exists:
		return core.ProbeUnknown, missing(w.what)
	case at.pending && (p.Update != nil || p.Create.WaitForConfirmation || at.arn == "" && len(wanted.Attributes) > 0):
		return core.ProbeUnknown, nil
	case at.arn == "" || len(wanted.Differences(at.state, sameAttribute)) == 0:
		return core.ProbeApplied, nil
	case p.Create != nil:
		return core.ProbeConflict, nil
	}
	return core.ProbeNotApplied, nil
}
