package sqs

import (
	"fmt"
	"slices"

	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// does says for people what the payload does, without its values.
func (p *queuePayload) does() string {
	what := "queue " + p.queue().Value
	if isFIFO(p.queue().Value) {
		what = "FIFO " + what
	}
	switch {
	case p.Create != nil:
		if declared := p.Create.Options.does(); len(declared) > 0 {
			return "creates " + what + " with " + awstarget.Listed(declared)
		}
		return "creates " + what
	case p.Update != nil:
		return awstarget.Updates(what, p.Update.Options.does(), p.Update.Remove, p.Update.RemoveTags)
	}
	return "deletes " + what + " and its messages"
}

// does lists what is declared. Where messages go that cannot be processed comes first.
func (o *queueOptions) does() []string {
	declared := awstarget.Declared(o)
	if i := slices.Index(declared, "redrivePolicy"); i >= 0 {
		redrive := fmt.Sprintf("redrive to %s after %d receives", o.RedrivePolicy.DeadLetterQueue.Value, o.RedrivePolicy.MaxReceiveCount)
		declared = slices.Insert(slices.Delete(declared, i, i+1), 0, redrive)
	}
	return declared
}

// does says for people what the payload does, without what the message holds.
func (m *messagePayload) does() string {
	to := "queue " + m.Queue.Value
	if isFIFO(m.Queue.Value) {
		return "sends a message to FIFO " + to + ", with the idempotency key as its deduplication id"
	}
	return "sends a message to " + to
}
