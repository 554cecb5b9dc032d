package sqs

import (
	"context"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// QueueTemplate is the name of the template for queues.
const QueueTemplate = "sqs-queue"

// queueTemplate makes, changes and deletes queues: create, update or delete. It is always
// NON_TX. A name that ends with .fifo is a FIFO queue's.
//
// Of its operations:
//
//   - create makes the queue, with all that is declared in one request. After a queue of
//     the name was deleted, SQS wants a minute to pass: that is waited for. A queue that
//     is there counts as made if what is declared is so; if it differs, nothing is
//     changed. Probe: APPLIED if it is so, NOT_APPLIED without a queue, CONFLICT if it
//     differs. A late copy makes the same queue, or does nothing, and SQS refuses it for a
//     minute after a rollback: it is declared harmless.
//   - update sets all that it declares in one request, then tags, also what seems to be so:
//     SQS may show for a minute what was before. Probe: APPLIED if all is so, NOT_APPLIED
//     otherwise, an error without a queue. A late copy would set old values over new ones:
//     it is not harmless.
//   - delete deletes the queue with its messages, and waits until it is gone. Without a
//     queue it fails; in a rollback that counts as done, and a queue that was there before
//     the change is left alone. Probe: APPLIED without a queue. A late copy could delete a
//     queue that was made since.
//
// What is about to be changed is kept. With rollback: auto, a queue is deleted that create
// made, and attributes and tags get the values they had, unless somebody has changed them
// since; a deleted queue cannot be put back. SQS has no versions for that to be checked
// on: somebody may come between the look and the write.
//
// What gets no answer is sent again: each request does the same when it is repeated.
func queueTemplate() core.Template {
	return core.Template{Name: QueueTemplate, Compile: compileQueue, Restore: restoreQueue, Probe: queueProbe}
}

type queuePayload struct {
	Create *createQueue `yaml:"create"`
	Update *updateQueue `yaml:"update"`
	Delete *deleteQueue `yaml:"delete"`
}

type createQueue struct {
	Queue   core.Text    `yaml:"queue"`
	Options queueOptions `yaml:",inline"`
}

type updateQueue struct {
	Queue core.Text `yaml:"queue"`
	// Remove are attributes that the queue shall not have any more.
	Remove     []core.Text  `yaml:"remove"`
	RemoveTags []core.Text  `yaml:"removeTags"`
	Options    queueOptions `yaml:",inline"`
}

type deleteQueue struct {
	Queue core.Text `yaml:"queue"`
}

// queueOptions are the attributes of the API, under its names, in its units.
type queueOptions struct {
	DelaySeconds                  *int64               `yaml:"delaySeconds"`
	MaximumMessageSize            *int64               `yaml:"maximumMessageSize"`     // bytes
	MessageRetentionPeriod        *int64               `yaml:"messageRetentionPeriod"` // seconds
	ReceiveMessageWaitTimeSeconds *int64               `yaml:"receiveMessageWaitTimeSeconds"`
	VisibilityTimeout             *int64               `yaml:"visibilityTimeout"` // seconds
	Policy                        *awstarget.Document  `yaml:"policy"`
	RedrivePolicy                 *redrivePolicy       `yaml:"redrivePolicy"`
	RedriveAllowPolicy            *redriveAllowPolicy  `yaml:"redriveAllowPolicy"`
	KMSMasterKeyID                core.Text            `yaml:"kmsMasterKeyId"`
	KMSDataKeyReusePeriodSeconds  *int64               `yaml:"kmsDataKeyReusePeriodSeconds"`
	SQSManagedSSEEnabled          *bool                `yaml:"sqsManagedSseEnabled"`
	ContentBasedDeduplication     *bool                `yaml:"contentBasedDeduplication"`
	DeduplicationScope            core.Text            `yaml:"deduplicationScope"`
	FIFOThroughputLimit           core.Text            `yaml:"fifoThroughputLimit"`
	Tags                          map[string]core.Text `yaml:"tags"`
}

type redrivePolicy struct {
	// DeadLetterQueue names a queue, or gives its ARN.
	DeadLetterQueue core.Text `yaml:"deadLetterQueue"`
	MaxReceiveCount int64     `yaml:"maxReceiveCount"`
}

type redriveAllowPolicy struct {
	RedrivePermission core.Text `yaml:"redrivePermission"`
	// SourceQueues are names or ARNs.
	SourceQueues []core.Text `yaml:"sourceQueues"`
}

func (p *queuePayload) queue() core.Text {
	switch {
	case p.Create != nil:
		return p.Create.Queue
	case p.Update != nil:
		return p.Update.Queue
	case p.Delete != nil:
		return p.Delete.Queue
	}
	return core.Text{}
}

func (p *queuePayload) operation() string {
	switch {
	case p.Create != nil:
		return "create"
	case p.Update != nil:
		return "update"
	}
	return "delete"
}

func decodeQueue(p core.Payload) (*queuePayload, error) {
	q := new(queuePayload)
	if err := awstarget.Decode(p, q); err != nil {
		return nil, err
	}
	f := &awstarget.Faults{Payload: p}
	q.check(f)
	return q, f.Err()
}

func compileQueue(p core.Payload) (core.Step, error) {
	q, err := decodeQueue(p)
	if err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	return core.Step{
		Name: QueueTemplate + " " + q.operation() + " " + q.queue().Value, Does: q.does(), NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		LateSafe: q.Create != nil,
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newQueueWork(ctx, s, q)
			if err != nil {
				return err
			}
			switch {
			case w.payload.Create != nil:
				return w.create(ctx)
			case w.payload.Update != nil:
				return w.update(ctx)
			default:
				return w.delete(ctx, rollback)
			}
		},
		Capture: func(ctx context.Context, s *core.Session) (string, error) {
			w, err := newQueueWork(ctx, s, q)
			if err != nil {
				return "", err
			}
			return w.capture(ctx)
		},
	}, nil
}

func restoreQueue(p core.Payload) (core.Step, error) {
	q, err := decodeQueue(p)
	if err != nil {
		return core.Step{}, err
	}
	if q.Delete != nil {
		return core.Step{}, p.Fault(0, 0, "a deleted queue cannot be put back: write out the rollback, or leave it away")
	}
	return core.Step{
		Name: QueueTemplate + " restore " + q.queue().Value, NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newQueueWork(ctx, s, q)
			if err != nil {
				return err
			}
			return w.restore(ctx)
		},
	}, nil
}

// queueProbe asks for every payload's effect.
func queueProbe(ps []core.Payload) (core.Probe, error) {
	var all []*queuePayload
	for _, p := range ps {
		q, err := decodeQueue(p)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		return core.ProbeEach(all, func(q *queuePayload) (core.ProbeResult, error) {
			w, err := newQueueWork(ctx, s, q)
			if err != nil {
				return core.ProbeUnknown, err
			}
			return w.probe(ctx)
		})
	}, nil
}
