package s3

import (
	"context"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// BucketTemplate is the name of the template for buckets.
const BucketTemplate = "s3-bucket"

// bucketTemplate makes, changes and deletes buckets: create, update or delete.
//
// Of its operations:
//
//   - create makes the bucket and then gives it what is declared. The bucket is made with
//     a tag, flamingock:made-by, whose value was recorded with STARTED: one that is there
//     already and has this tag is ours, from an attempt before, and is finished. One that
//     was just made is waited for until S3 shows the tag, half a minute at most. Another
//     one counts as made if it is as declared; if it differs, nothing is changed. Probe:
//     APPLIED if all that is declared is so; NOT_APPLIED if there is no bucket, or one with
//     such a tag that lacks something; CONFLICT otherwise.
//   - update writes each part of the configuration that is not so already, as a whole
//     document. A part that is neither as it was read nor as declared was changed by
//     somebody else in between: the change fails. Probe: APPLIED if all is so, otherwise
//     NOT_APPLIED; UNKNOWN without a bucket.
//   - delete deletes an empty bucket. In a rollback a missing one counts as deleted; one
//     that was there before the change's create is left alone. Probe: APPLIED if there is
//     no bucket.
//   - rollback: auto deletes what create made, if it is empty, and puts back the
//     configuration that update changed. A deleted bucket is not made again: its name may
//     be somebody else's by then.
//
// All requests have the same effect twice as once, and are sent again when they get no
// answer. None is declared safe against a late effect: a late copy of a document would
// replace what was written after it.
//
// S3 may take minutes until all of it knows a new configuration. An answer of success is
// believed, and not looked for.
func bucketTemplate() core.Template {
	return core.Template{Name: BucketTemplate, Compile: compileBucket, Restore: restoreBucket, Probe: bucketProbe}
}

type bucketPayload struct {
	Create *createBucket `yaml:"create"`
	Update *updateBucket `yaml:"update"`
	Delete *deleteBucket `yaml:"delete"`
}

type createBucket struct {
	Bucket  core.Text     `yaml:"bucket"`
	Options bucketOptions `yaml:",inline"`
}

type updateBucket struct {
	Bucket  core.Text     `yaml:"bucket"`
	Options bucketOptions `yaml:",inline"`
	// Remove names parts of the configuration that are to be taken away.
	Remove     []core.Text `yaml:"remove"`
	RemoveTags []core.Text `yaml:"removeTags"`
}

type deleteBucket struct {
	Bucket core.Text `yaml:"bucket"`
}

// bucketOptions are the parts of a bucket's configuration. What is not declared is
// neither looked at nor changed. Each is a whole: a rule that is not in it is removed.
type bucketOptions struct {
	Versioning        core.Text            `yaml:"versioning"` // enabled or suspended
	Encryption        *encryption          `yaml:"encryption"`
	PublicAccessBlock *publicAccessBlock   `yaml:"publicAccessBlock"`
	Policy            *awstarget.Document  `yaml:"policy"`
	Lifecycle         []lifecycleRule      `yaml:"lifecycle"`
	CORS              []corsRule           `yaml:"cors"`
	Notifications     *notifications       `yaml:"notifications"`
	Tags              map[string]core.Text `yaml:"tags"` // beside those that are there
}

func (p *bucketPayload) bucket() core.Text {
	switch {
	case p.Create != nil:
		return p.Create.Bucket
	case p.Update != nil:
		return p.Update.Bucket
	case p.Delete != nil:
		return p.Delete.Bucket
	}
	return core.Text{}
}

// options returns what is declared of the configuration, and what is to be taken away.
func (p *bucketPayload) options() (o *bucketOptions, remove, removeTags []core.Text) {
	switch {
	case p.Create != nil:
		return &p.Create.Options, nil, nil
	case p.Update != nil:
		return &p.Update.Options, p.Update.Remove, p.Update.RemoveTags
	}
	return &bucketOptions{}, nil, nil
}

func compileBucket(p core.Payload) (core.Step, error) {
	payload, err := decode[bucketPayload](p)
	if err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	step := bucketStep(payload, func(ctx context.Context, w *bucketWork) error {
		switch {
		case w.payload.Create != nil:
			return w.create(ctx, rollback)
		case w.payload.Update != nil:
			return w.update(ctx, rollback)
		default:
			return w.delete(ctx, rollback)
		}
	})
	step.Does = payload.does()
	if !rollback {
		step.Capture = func(ctx context.Context, s *core.Session) (string, error) {
			w, err := newBucketWork(ctx, s, payload)
			if err != nil {
				return "", err
			}
			return w.capture(ctx)
		}
	}
	return step, nil
}

func restoreBucket(p core.Payload) (core.Step, error) {
	payload, err := decode[bucketPayload](p)
	if err != nil {
		return core.Step{}, err
	}
	if payload.Delete != nil {
		return core.Step{}, p.Fault(0, 0, "a deleted bucket cannot be put back by itself, since its name may be somebody else's by then: write out a rollback that creates it, or none")
	}
	step := bucketStep(payload, func(ctx context.Context, w *bucketWork) error { return w.restore(ctx) })
	step.Name = "restore " + BucketTemplate
	return step, nil
}

func bucketStep(payload *bucketPayload, do func(context.Context, *bucketWork) error) core.Step {
	return core.Step{
		Name: BucketTemplate, NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newBucketWork(ctx, s, payload)
			if err != nil {
				return err
			}
			return do(ctx, w)
		},
	}
}

// bucketProbe asks for every payload's effect.
func bucketProbe(ps []core.Payload) (core.Probe, error) {
	var all []*bucketPayload
	for _, p := range ps {
		payload, err := decode[bucketPayload](p)
		if err != nil {
			return nil, err
		}
		all = append(all, payload)
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		return core.ProbeEach(all, func(p *bucketPayload) (core.ProbeResult, error) {
			w, err := newBucketWork(ctx, s, p)
			if err != nil {
				return core.ProbeUnknown, err
			}
			return w.probe(ctx)
		})
	}, nil
}
