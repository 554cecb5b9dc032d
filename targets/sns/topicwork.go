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
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// topicWork is one payload at work, with its references resolved.
type topicWork struct {
	payload *topicPayload
	arn     arn.ARN
	what    string // for people
	c       *Client
	s       *core.Session
}

func newTopicWork(ctx context.Context, s *core.Session, p *topicPayload) (*topicWork, error) {
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
	at, err := c.topicARN(ctx, full.topic().Value)
	return &topicWork{full, at, "topic " + at.Resource, c, s}, err
}

func (w *topicWork) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: w.what + ": " + fmt.Sprintf(format, args...)})
}

func (w *topicWork) fault(err error) error { return w.c.fault(w.what, err) }

// look returns the topic's attributes, and tags if they are asked for.
func (w *topicWork) look(ctx context.Context, tags bool) (awstarget.State, error) {
	state := awstarget.State{Name: w.arn.Resource}
	out, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.GetTopicAttributesOutput, error) {
		return w.c.GetTopicAttributes(ctx, &sdk.GetTopicAttributesInput{TopicArn: aws.String(w.arn.String())}, ours)
	})
	if isMissing(err) {
		return state, nil
	}
	if err != nil {
		return state, w.fault(err)
	}
	state.Exists, state.Attributes = true, out.Attributes
	if !tags {
		return state, nil
	}
	listed, err := awstarget.Get(ctx, func(ctx context.Context) (*sdk.ListTagsForResourceOutput, error) {
		return w.c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String(w.arn.String())}, ours)
	})
	if isMissing(err) {
		return awstarget.State{Name: w.arn.Resource}, nil
	}
	if err != nil {
		return state, w.fault(err)
	}
	state.Tags = map[string]*string{}
	for _, t := range listed.Tags {
		state.Tags[aws.ToString(t.Key)] = t.Value
	}
	return state, nil
}

func (w *topicWork) create(ctx context.Context) error {
	wanted := w.payload.wanted()
	state, err := w.look(ctx, len(wanted.Tags) > 0)
	if err != nil {
		return err
	}
	if state.Exists {
		w.say("is there already")
		return differs(w.what, wanted.Differences(state, sameAttribute))
	}
	in := &sdk.CreateTopicInput{Name: &w.arn.Resource, Attributes: maps.Clone(wanted.Attributes), Tags: tagsOf(wanted)}
	if isFIFO(w.arn.Resource) {
		in.Attributes["FifoTopic"] = "true"
	}
	made := change(ctx, func(ctx context.Context) error {
		_, err := w.c.CreateTopic(ctx, in, ours)
		return err
	})
	if made != nil && !taken(made) {
		return w.fault(made)
	}
	// What is there now may be somebody else's, who was faster.
	late := core.Unknown(&Error{What: w.what, Reason: "was made, and cannot be seen", Next: "look whether somebody deletes it"})
	if taken(made) {
		late = w.fault(made)
	}
	err = until(ctx, late, func(ctx context.Context) (bool, error) {
		state, err = w.look(ctx, len(wanted.Tags) > 0)
		return state.Exists || taken(made), err
	})
	switch {
	case err != nil:
		return err
	case !state.Exists: // nor had anybody else made it: the refusal was about the declaration
		return w.fault(made)
	}
	return differs(w.what, wanted.Differences(state, sameAttribute))
}

// taken reports whether an answer may say that there is a topic of the name already: its
// code is that of every wrong parameter.
func taken(err error) bool {
	return err != nil && slices.Contains([]string{"InvalidParameter", "ParameterValueInvalid"}, awstarget.CodeOf(err)) && strings.Contains(err.Error(), "already exists")
}

func tagsOf(wanted awstarget.Wanted) []types.Tag {
	var out []types.Tag
	tags := wanted.SetTags()
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	return out
}

func (w *topicWork) update(ctx context.Context) error {
	state, err := w.look(ctx, false)
	if err != nil {
		return err
	}
	if !state.Exists {
		return missing(w.what)
	}
	return w.set(ctx, w.payload.wanted())
}

// set brings everything about that is wanted, also what seems to be so.
func (w *topicWork) set(ctx context.Context, wanted awstarget.Wanted) error {
	at := aws.String(w.arn.String())
	for _, name := range slices.Sorted(maps.Keys(wanted.Attributes)) {
		if err := change(ctx, func(ctx context.Context) error {
			_, err := w.c.SetTopicAttributes(ctx, &sdk.SetTopicAttributesInput{TopicArn: at, AttributeName: &name, AttributeValue: aws.String(wanted.Attributes[name])}, ours)
			return err
		}); err != nil {
			return fmt.Errorf("%s: %w", name, w.fault(err))
		}
	}
	if tags := tagsOf(wanted); len(tags) > 0 {
		if err := change(ctx, func(ctx context.Context) error {
			_, err := w.c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: at, Tags: tags}, ours)
			return err
		}); err != nil {
			return w.fault(err)
		}
	}
	if keys := wanted.RemovedTags(); len(keys) > 0 {
		if err := change(ctx, func(ctx context.Context) error {
			_, err := w.c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: at, TagKeys: keys}, ours)
			return err
		}); err != nil {
			return w.fault(err)
		}
	}
	return nil
}

func (w *topicWork) delete(ctx context.Context, rollback bool) error {
	if rollback {
		kept, err := awstarget.Captured(w.s)
		if err != nil {
			return err
		}
		if kept != nil && kept.Exists && kept.Name == w.arn.Resource {
			w.say("was there before this change, which did not make it: it is left alone")
			return nil
		}
	}
	state, err := w.look(ctx, false)
	switch {
	case err != nil:
		return err
	case !state.Exists && rollback:
		return nil
	case !state.Exists:
		return missing(w.what)
	}
	if err := change(ctx, func(ctx context.Context) error {
		_, err := w.c.DeleteTopic(ctx, &sdk.DeleteTopicInput{TopicArn: aws.String(w.arn.String())}, ours)
		return err
	}); err != nil && !isMissing(err) {
		return w.fault(err)
	}
	late := core.Unknown(&Error{What: w.what, Reason: "was deleted, and is still to be seen", Next: "look whether somebody makes it anew"})
	return until(ctx, late, func(ctx context.Context) (bool, error) {
		state, err := w.look(ctx, false)
		if err != nil {
			err = core.Unknown(err) // it was accepted
		}
		return !state.Exists, err
	})
}

// probe asks whether the payload's effect is there.
func (w *topicWork) probe(ctx context.Context) (core.ProbeResult, error) {
	wanted := w.payload.wanted()
	state, err := w.look(ctx, len(wanted.Tags) > 0)
	if err != nil {
		return core.ProbeUnknown, err
	}
	switch p := w.payload; {
	case p.Delete != nil && state.Exists, p.Create != nil && !state.Exists:
		return core.ProbeNotApplied, nil
	case p.Delete != nil:
		return core.ProbeApplied, nil
	case !state.Exists:
		return core.ProbeUnknown, missing(w.what)
	case len(wanted.Differences(state, sameAttribute)) == 0:
		return core.ProbeApplied, nil
	case p.Create != nil:
		return core.ProbeConflict, nil
	}
	return core.ProbeNotApplied, nil
}

// capture reads what the payload is about to change.
func (w *topicWork) capture(ctx context.Context) (string, error) {
	wanted := w.payload.wanted()
	all := w.payload.Delete != nil
	state, err := w.look(ctx, all || len(wanted.Tags) > 0)
	if err != nil {
		return "", err
	}
	if all {
		maps.DeleteFunc(state.Attributes, func(name, _ string) bool { return strings.HasPrefix(name, "Subscriptions") })
	} else {
		state = wanted.Before(state)
	}
	return state.Kept()
}

// restore puts back what was captured.
func (w *topicWork) restore(ctx context.Context) error {
	kept, err := awstarget.Captured(w.s)
	switch {
	case err != nil:
		return err
	case kept == nil:
		return &awstarget.NotCapturedError{Name: w.what}
	case w.payload.Create != nil:
		return w.delete(ctx, true)
	case !kept.Exists:
		return nil // the change found no topic, and changed nothing
	}
	wanted := w.payload.wanted()
	state, err := w.look(ctx, len(wanted.Tags) > 0)
	if err != nil {
		return err
	}
	if !state.Exists {
		return missing(w.what)
	}
	before := awstarget.Wanted{Attributes: kept.Attributes, Tags: kept.Tags}
	if err := touched(w.what, state, wanted, before); err != nil {
		return err
	}
	before.Attributes = settable(before.Attributes)
	w.say("putting back what was there before")
	return w.set(ctx, before)
}
