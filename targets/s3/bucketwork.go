package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// bucketWork is one payload at work, with its references resolved.
type bucketWork struct {
	payload *bucketPayload
	name    string
	c       *Client
	s       *core.Session
	fresh   bool // we have just made the bucket, and not all of S3 may know it yet
}

func newBucketWork(ctx context.Context, s *core.Session, p *bucketPayload) (*bucketWork, error) {
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
	return &bucketWork{payload: full, name: full.bucket().Value, c: c, s: s}, f.Err()
}

func (w *bucketWork) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: fmt.Sprintf("bucket %s: ", w.name) + fmt.Sprintf(format, args...)})
}

// fault explains an error about the bucket.
func (w *bucketWork) fault(err error) error { return w.c.target.about(w.name, err) }

// change sends a request that changes something. An error that leaves the outcome
// open is marked as such.
func change(ctx context.Context, size int64, send func(context.Context) error) error {
	return call(size, send).Change(ctx)
}

// create makes the bucket, or finishes one that an attempt before made.
func (w *bucketWork) create(ctx context.Context, rollback bool) error {
	there, err := w.exists(ctx)
	if err != nil {
		return err
	}
	token, before := "", w.before()
	switch {
	case rollback && !there && before != nil && !before.Existed:
		w.say("was not there before, and is not made")
		return nil
	case !rollback && before != nil:
		token = before.Token
	}
	if !there {
		if there, err = w.make(ctx, token); err != nil {
			return err
		}
	}
	left, err := w.differences(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	if there { // before we made it, or asked to
		w.say("is there already")
		has, err := w.token(ctx)
		if err != nil {
			return err
		}
		if token == "" || has != token {
			return &BucketError{
				Bucket: w.name, Reason: "is there, and is not what the change declares: it differs in " + names(left),
				Next: "if the bucket is the right one, change it with update; if it is not, choose another name",
			}
		}
	}
	return w.write(ctx, left)
}

// make sends the request. There is true when somebody else was faster; a bucket that
// is there then may still be ours, of a request that got no answer.
func (w *bucketWork) make(ctx context.Context, token string) (there bool, err error) {
	in := &sdk.CreateBucketInput{Bucket: &w.name}
	c := &types.CreateBucketConfiguration{}
	if region := w.c.Options().Region; region != "us-east-1" { // which has no name here
		c.LocationConstraint = types.BucketLocationConstraint(region)
	}
	if token != "" {
		c.Tags = []types.Tag{{Key: aws.String(madeBy), Value: &token}}
	}
	if c.LocationConstraint != "" || c.Tags != nil {
		in.CreateBucketConfiguration = c
	}
	err = change(ctx, 0, func(ctx context.Context) error {
		_, err := w.c.CreateBucket(ctx, in, ours)
		return err
	})
	switch {
	case awstarget.CodeOf(err) == "BucketAlreadyOwnedByYou":
		return true, nil
	case err == nil && token != "":
		return w.appeared(ctx, token)
	}
	return false, w.fault(err)
}

// appeared waits until S3 shows the bucket that it says was made. There is true for one
// without our tag: in us-east-1 it is a success too when the bucket was there.
func (w *bucketWork) appeared(ctx context.Context, token string) (there bool, err error) {
	patient, cancel := context.WithTimeout(ctx, awstarget.Patience)
	defer cancel()
	p := awsclient.NewPause(50*time.Millisecond, 2*time.Second)
	for {
		has, err := w.token(ctx)
		var missing *BucketError
		switch {
		case err != nil && !errors.As(err, &missing):
			return false, core.Unknown(err)
		case has == token:
			w.fresh = true
			return false, nil
		case has != "":
			return true, nil
		}
		if p.Wait(patient) != nil {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			return true, err
		}
	}
}

// update writes what is not as declared. What is neither so nor as it was read was
// changed by somebody else.
func (w *bucketWork) update(ctx context.Context, rollback bool) error {
	there, err := w.exists(ctx)
	if err != nil {
		return err
	}
	if !there {
		return missingBucket(w.name)
	}
	left, err := w.differences(ctx)
	if err != nil {
		return err
	}
	if !rollback {
		before := w.before()
		for i := range left {
			p := &left[i].part
			if was, known := before.document(p.name); known && !p.same(was, left[i].is) {
				return &BucketError{Bucket: w.name, Reason: "has another " + p.name + " than when the change began: somebody else changed it", Next: "find out who, then run again"}
			}
		}
	}
	return w.write(ctx, left)
}

// write brings the parts about, one after the other.
func (w *bucketWork) write(ctx context.Context, all []difference) error {
	for i := range all {
		d := &all[i]
		w.say("%s", d.part.name)
		c := call(0, func(ctx context.Context) error {
			if d.wanted == "" {
				return d.part.remove(ctx, w.c.Client, &w.name)
			}
			return d.part.write(ctx, w.c.Client, &w.name, d.wanted)
		})
		c.Later = func(err error) bool { return collided(err) || w.fresh && awstarget.CodeOf(err) == "NoSuchBucket" }
		if err := c.Change(ctx); err != nil {
			return fmt.Errorf("%s: %w", d.part.name, w.fault(err))
		}
	}
	return nil
}

// delete deletes the bucket if it is empty.
func (w *bucketWork) delete(ctx context.Context, rollback bool) error {
	there, err := w.exists(ctx)
	if err != nil {
		return err
	}
	before := w.before()
	switch {
	case !there && !rollback && (before == nil || !before.Existed):
		return missingBucket(w.name)
	case !there:
		return nil
	case rollback && before != nil && before.Existed:
		w.say("was there before, and is left alone")
		return nil
	case rollback && before != nil && before.Token != "":
		if ours, err := w.isOurs(ctx, before.Token); err != nil || !ours {
			return err
		}
	}
	return w.drop(ctx)
}

// isOurs asks whether the bucket is the one that the change made.
func (w *bucketWork) isOurs(ctx context.Context, token string) (bool, error) {
	has, err := w.token(ctx)
	if err == nil && has != token {
		w.say("is not the one that the change made, and is left alone")
	}
	return err == nil && has == token, err
}

func (w *bucketWork) drop(ctx context.Context) error {
	err := change(ctx, 0, func(ctx context.Context) error {
		_, err := w.c.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &w.name}, ours)
		return err
	})
	if absent(err, "NoSuchBucket", "NotFound") {
		return nil // also when the request before got no answer
	}
	return w.fault(err)
}

// restore takes back what create made, or puts back what update changed.
func (w *bucketWork) restore(ctx context.Context) error {
	before := w.before()
	if before == nil {
		return &BucketError{Bucket: w.name, Reason: "cannot be put back: what was there before is not known, or held a secret", Next: "put it back by hand, then say so with: flamingock issue resolve"}
	}
	if w.payload.Create != nil {
		return w.delete(ctx, true)
	}
	there, err := w.exists(ctx)
	switch {
	case err != nil:
		return err
	case !there && !before.Existed:
		return nil // the change found none either
	case !there:
		return missingBucket(w.name)
	}
	var left []difference
	for _, p := range slices.Backward(parts()) {
		was, known := before.document(p.name)
		if !known {
			continue
		}
		is, err := w.read(ctx, &p)
		if err != nil {
			return err
		}
		if !p.same(is, was) {
			left = append(left, difference{p, is, was})
		}
	}
	return w.write(ctx, left)
}
