package sns

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// kept are the attributes of a subscription that can be set.
var kept = []string{"RawMessageDelivery", attributeFilterPolicy, "FilterPolicyScope", attributeDeliveryPolicy, attributeRedrivePolicy, "SubscriptionRoleArn"}

// capture reads what the payload is about to change. Its topic need not be there yet: a
// step before this one may make it.
func (w *subscriptionWork) capture(ctx context.Context) (string, error) {
	at, err := w.look(ctx)
	var gone *Error
	if err != nil && !errors.As(err, &gone) {
		return "", err
	}
	state := at.state
	if w.payload.Delete != nil {
		maps.DeleteFunc(state.Attributes, func(name, _ string) bool { return !slices.Contains(kept, name) })
	} else {
		state = w.wanted().Before(state)
	}
	return state.Kept()
}

// restore puts back what was captured.
func (w *subscriptionWork) restore(ctx context.Context) error {
	before, err := awstarget.Captured(w.s)
	switch {
	case err != nil:
		return err
	case before == nil:
		return &awstarget.NotCapturedError{Name: w.what}
	case w.payload.Create != nil:
		return w.delete(ctx, true)
	case !before.Exists:
		return nil // the change found no subscription, and changed nothing
	}
	at, err := w.look(ctx)
	switch {
	case err != nil:
		return err
	case w.payload.Delete != nil && at.state.Exists:
		return nil // it never ended
	case w.payload.Delete != nil:
		w.say("subscribing again, with what was there before")
		attributes := maps.Clone(before.Attributes)
		maps.DeleteFunc(attributes, func(_, value string) bool { return value == "" })
		return w.resubscribe(ctx, attributes)
	case !at.state.Exists:
		return missing(w.what)
	case at.arn == "":
		return w.unconfirmed("cannot be changed before that", "confirm it, put back by hand what has to be, then: flamingock issue resolve")
	}
	was := awstarget.Wanted{Attributes: before.Attributes}
	if err := touched(w.what, at.state, w.wanted(), was); err != nil {
		return err
	}
	w.say("putting back what was there before")
	return w.set(ctx, at.arn, was.Attributes)
}

func (w *subscriptionWork) resubscribe(ctx context.Context, attributes map[string]string) error {
	if err := w.subscribe(ctx, attributes); err != nil {
		return err
	}
	at, err := w.seen(ctx)
	if err == nil && at.pending {
		w.say("is not confirmed: SNS has asked the endpoint to, and delivers nothing before")
	}
	return err
}
