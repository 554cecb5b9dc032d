package handler

import (
	"context"
	"encoding/json"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
)

// batchAnswer tells SQS which messages are to come again; in the end they go to the
// dead-letter queue.
type batchAnswer struct {
	Failures []batchFailure `json:"batchItemFailures"`
}

type batchFailure struct {
	ID string `json:"itemIdentifier"`
}

// sqs does the messages of a batch one after the other. In a FIFO queue those behind
// a failed one must not overtake it: they come again with it.
func (in *invocation) sqs(ctx context.Context, q *events.SQS) ([]byte, error) {
	a := batchAnswer{Failures: []batchFailure{}}
	log := in.log
	var failed []delivery
	for i := range q.Messages {
		m := &q.Messages[i]
		if n := len(failed); n > 0 && failed[n-1].stops {
			failed = append(failed, failed[n-1].behind(m))
			continue
		}
		in.log = log.With("messageId", m.ID, "receiveCount", m.ReceiveCount)
		out := in.message(ctx, m, core.Trigger{Kind: string(events.KindSQS), ID: m.ID})
		if code := out.code(); code != "" {
			d := delivery{message: m}
			d.after, d.known = nextDelivery(m, code)
			// Out of time now is out of time for all that follow.
			d.stops = q.FIFO || code == core.CodeDeadlineNear || code == core.CodeInterrupted
			failed = append(failed, d)
		}
	}
	in.log = log
	for _, d := range failed {
		a.Failures = append(a.Failures, batchFailure{d.message.ID})
	}
	in.schedule(ctx, q.QueueARN, failed)
	out, err := json.Marshal(a)
	if err != nil {
		return nil, failure(core.CodeInternal, "the queue's answer cannot be encoded")
	}
	return out, nil
}

// message does what one message asks for.
func (in *invocation) message(ctx context.Context, m *events.Message, trigger core.Trigger) *outcome {
	if m.Err != nil {
		out := in.failed(m.Err)
		in.report(ctx, out)
		return out
	}
	return in.do(ctx, m.Request, trigger, 0)
}

// sns does what a notification asks for.
func (in *invocation) sns(ctx context.Context, s *events.SNS) error {
	for i := range s.Messages {
		m := &s.Messages[i]
		if err := in.forgotten(in.message(ctx, m, core.Trigger{Kind: string(events.KindSNS), ID: m.ID})); err != nil {
			return err
		}
	}
	return nil
}

// eventBridge applies for the events that are configured.
func (in *invocation) eventBridge(ctx context.Context, e *events.EventBridge, trigger core.Trigger) error {
	cfg, err := in.config()
	if err == nil && !cfg.Events.Allows(e.Source, e.DetailType) {
		err = &core.ConfigError{
			Where: cfg.Path, Key: "events.allow", Reason: "it does not list the source and detail-type of this event, so nothing was applied",
			Next: "add them there, or remove the rule that sends such events here",
		}
	}
	if err != nil {
		out := in.failed(err)
		in.report(ctx, out)
		return out.asError()
	}
	return in.forgotten(in.do(ctx, applyAll(), trigger, 0))
}

// forgotten answers a trigger that waits for nothing. An error makes Lambda try again,
// and in the end put the event where it can be sent again: good for what time or a
// person at the configuration mends, but not for what is wrong with a change.
func (in *invocation) forgotten(out *outcome) error {
	if c := out.code(); c.Retryable() || c == core.CodeConfigInvalid || c == core.CodePermissionDenied || c == core.CodeInternal {
		return out.asError()
	}
	return nil
}
