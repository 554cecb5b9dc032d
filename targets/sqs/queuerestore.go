package sqs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// capture reads what the payload is about to change. Other queues that it names need not
// be there yet: a step before this one may make them.
func (w *queueWork) capture(ctx context.Context) (string, error) {
	wanted, err := w.wantedOf(func(queue string) (string, error) { return queue, nil })
	if err != nil {
		return "", err
	}
	all := w.payload.Delete != nil
	_, state, err := w.c.look(ctx, w.at, all || len(wanted.Tags) > 0)
	if err != nil {
		return "", err
	}
	switch {
	case !all:
		state = withEncryption(wanted).Before(state)
	case state.Exists:
		maps.DeleteFunc(state.Attributes, func(name, _ string) bool { // it is about the queue's content
			return strings.HasPrefix(name, "Approximate")
		})
	}
	return state.Kept()
}

// withEncryption adds the other kind of encryption to one: setting one ends the other.
func withEncryption(w awstarget.Wanted) awstarget.Wanted {
	_, key := w.Attributes[attributeKey]
	_, managed := w.Attributes[attributeManagedKey]
	if key == managed {
		return w
	}
	w.Attributes = maps.Clone(w.Attributes)
	w.Attributes[attributeKey], w.Attributes[attributeManagedKey] = "", ""
	return w
}

// restore puts back what was captured.
func (w *queueWork) restore(ctx context.Context) error {
	kept, err := awstarget.Captured(w.s)
	switch {
	case err != nil:
		return err
	case kept == nil:
		return &awstarget.NotCapturedError{Name: "queue " + w.name}
	case w.payload.Create != nil:
		return w.delete(ctx, true)
	case !kept.Exists:
		return nil // the change found no queue, and changed nothing
	}
	wanted, err := w.wantedOf(func(queue string) (string, error) {
		arn, err := w.arnOf(ctx, queue)
		var gone *QueueError
		if errors.As(err, &gone) { // then the change has not set it
			return queue, nil
		}
		return arn, err
	})
	if err != nil {
		return err
	}
	url, state, err := w.c.look(ctx, w.at, len(wanted.Tags) > 0)
	if err != nil {
		return err
	}
	if !state.Exists {
		return missing(w.name)
	}
	before := awstarget.Wanted{Attributes: kept.Attributes, Tags: kept.Tags}
	if before.Attributes == nil {
		before.Attributes = map[string]string{}
	}
	if err := w.touched(state, wanted, before); err != nil {
		return err
	}
	maps.DeleteFunc(before.Attributes, func(name, value string) bool {
		// Others cannot be taken away, and came with what is.
		return value == "" && !slices.Contains(slices.Collect(maps.Values(removable)), name)
	})
	w.say("putting back what was there before")
	return w.set(ctx, url, before)
}

// touched finds what is neither as the change set it nor as it was before: somebody else
// has changed it since.
func (w *queueWork) touched(state awstarget.State, wanted, before awstarget.Wanted) error {
	was := map[string]bool{}
	for _, d := range before.Differences(state, sameAttribute) {
		was[d.What] = true
	}
	var others []string
	for _, d := range wanted.Differences(state, sameAttribute) {
		if was[d.What] {
			others = append(others, d.String())
		}
	}
	if others == nil {
		return nil
	}
	return &QueueError{
		Queue: w.name, Reason: "was changed by somebody else since, and is left as it is: " + strings.Join(others, "; "),
		Next: "put back by hand what has to be, then: flamingock issue resolve",
	}
}
