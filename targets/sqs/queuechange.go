package sqs

import (
	"context"
	"errors"
	"maps"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

func (w *queueWork) create(ctx context.Context) error {
	wanted, err := w.wanted(ctx)
	if err != nil {
		return err
	}
	_, state, err := w.c.look(ctx, w.at, len(wanted.Tags) > 0)
	if err != nil {
		return err
	}
	if state.Exists {
		w.say("is there already")
		return w.differs(wanted.Differences(state, sameAttribute))
	}
	if err := w.make(ctx, wanted); err != nil {
		return err
	}
	// What is there now may be somebody else's, who was faster.
	state, err = w.seen(ctx, len(wanted.Tags) > 0)
	if err != nil {
		return err
	}
	return w.differs(wanted.Differences(state, sameAttribute))
}

// make creates the queue. It waits for the name, when a queue of it was just deleted.
func (w *queueWork) make(ctx context.Context, wanted awstarget.Wanted) error {
	in := &sdk.CreateQueueInput{QueueName: &w.at.name, Attributes: maps.Clone(wanted.Attributes), Tags: wanted.SetTags()}
	if isFIFO(w.at.name) {
		in.Attributes[string(types.QueueAttributeNameFifoQueue)] = "true"
	}
	limited, cancel := context.WithTimeout(ctx, atWork)
	defer cancel()
	p := awsclient.NewPause(firstLook, longestLook)
	for said := false; ; {
		err := w.change(ctx, func(ctx context.Context) error {
			_, err := w.c.CreateQueue(ctx, in, ours)
			return err
		})
		var recently *types.QueueDeletedRecently
		var taken *types.QueueNameExists
		switch {
		case err == nil:
			return nil
		case errors.As(err, &taken), isCode(awstarget.CodeOf(err), "QueueAlreadyExists"):
			return nil // by us, by an answer that got lost, or by somebody else: what it is decides
		case !errors.As(err, &recently) && !isCode(awstarget.CodeOf(err), "QueueDeletedRecently"):
			return w.fault(err)
		}
		if !said {
			w.say("a queue of this name was deleted less than a minute ago: waiting until SQS gives the name free")
			said = true
		}
		if p.Wait(limited) != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return &QueueError{Queue: w.name, Reason: "was deleted recently, and SQS has not given its name free for " + atWork.String(), Next: "run again a minute after the last deletion"}
		}
	}
}

// seen waits until the queue that was made can be seen.
func (w *queueWork) seen(ctx context.Context, tags bool) (awstarget.State, error) {
	limited, cancel := context.WithTimeout(ctx, atWork)
	defer cancel()
	p := awsclient.NewPause(firstLook, longestLook)
	for {
		_, state, err := w.c.look(ctx, w.at, tags)
		if err != nil || state.Exists {
			return state, err
		}
		if p.Wait(limited) != nil {
			if ctx.Err() != nil {
				return state, context.Cause(ctx)
			}
			return state, core.Unknown(&QueueError{Queue: w.name, Reason: "was made, and cannot be seen", Next: "look whether somebody deletes it"})
		}
	}
}

func (w *queueWork) update(ctx context.Context) error {
	wanted, err := w.wanted(ctx)
	if err != nil {
		return err
	}
	url, state, err := w.c.look(ctx, w.at, false)
	if err != nil {
		return err
	}
	if !state.Exists {
		return missing(w.name)
	}
	return w.set(ctx, url, wanted)
}

// set brings everything about that is wanted, also what seems to be so.
func (w *queueWork) set(ctx context.Context, url string, wanted awstarget.Wanted) error {
	if len(wanted.Attributes) > 0 {
		if err := w.change(ctx, func(ctx context.Context) error {
			_, err := w.c.SetQueueAttributes(ctx, &sdk.SetQueueAttributesInput{QueueUrl: &url, Attributes: wanted.Attributes}, ours)
			return err
		}); err != nil {
			return w.fault(err)
		}
	}
	if tags := wanted.SetTags(); len(tags) > 0 {
		if err := w.change(ctx, func(ctx context.Context) error {
			_, err := w.c.TagQueue(ctx, &sdk.TagQueueInput{QueueUrl: &url, Tags: tags}, ours)
			return err
		}); err != nil {
			return w.fault(err)
		}
	}
	if keys := wanted.RemovedTags(); len(keys) > 0 {
		if err := w.change(ctx, func(ctx context.Context) error {
			_, err := w.c.UntagQueue(ctx, &sdk.UntagQueueInput{QueueUrl: &url, TagKeys: keys}, ours)
			return err
		}); err != nil {
			return w.fault(err)
		}
	}
	return nil
}

func (w *queueWork) delete(ctx context.Context, rollback bool) error {
	if rollback {
		kept, err := awstarget.Captured(w.s)
		if err != nil {
			return err
		}
		if kept != nil && kept.Exists && kept.Name == w.at.name {
			w.say("was there before this change, which did not make it: it is left alone")
			return nil
		}
	}
	url, state, err := w.c.look(ctx, w.at, false)
	switch {
	case err != nil:
		return err
	case !state.Exists && rollback:
		return nil
	case !state.Exists:
		return missing(w.name)
	}
	return w.drop(ctx, url)
}

// drop deletes the queue and waits until it cannot be seen any more.
func (w *queueWork) drop(ctx context.Context, url string) error {
	err := w.change(ctx, func(ctx context.Context) error {
		_, err := w.c.DeleteQueue(ctx, &sdk.DeleteQueueInput{QueueUrl: &url}, ours)
		return err
	})
	if err != nil && !isMissing(err) {
		return w.fault(err)
	}
	limited, cancel := context.WithTimeout(ctx, atWork)
	defer cancel()
	p := awsclient.NewPause(firstLook, longestLook)
	for said := false; ; said = true {
		_, state, err := w.c.look(ctx, w.at, false)
		if err != nil {
			return core.Unknown(err) // it was accepted
		}
		if !state.Exists {
			return nil
		}
		if !said {
			w.say("is being deleted")
		}
		if p.Wait(limited) != nil {
			return core.Unknown(&QueueError{Queue: w.name, Reason: "was deleted, and is still to be seen", Next: "look whether somebody makes it anew"})
		}
	}
}
