package s3

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/core"
)

// madeBy is the tag of a bucket that a change made.
const madeBy = "flamingock:made-by"

// bucketBefore is what is kept of a bucket before it is changed.
type bucketBefore struct {
	Bucket  string `json:"bucket"`
	Existed bool   `json:"existed"`
	// Token is the value of the tag of a bucket that is to be made.
	Token string `json:"token,omitempty"`
	// Configuration has the documents of the parts that are about to change. Null: there
	// was none.
	Configuration map[string]json.RawMessage `json:"configuration,omitempty"`
}

// before is what was kept of this bucket; nil when that is not known.
func (w *bucketWork) before() *bucketBefore {
	b := new(bucketBefore)
	if w.s.Captured == "" || json.Unmarshal([]byte(w.s.Captured), b) != nil || b.Bucket != w.name {
		return nil
	}
	return b
}

// document is what was kept of a part; ok is false when it was not looked at.
func (b *bucketBefore) document(name string) (document string, ok bool) {
	if b == nil {
		return "", false
	}
	raw, ok := b.Configuration[name]
	if string(raw) == "null" {
		return "", ok
	}
	return string(raw), ok
}

// capture reads what the payload is about to change: of a bucket that is to be deleted,
// everything that this package knows of.
func (w *bucketWork) capture(ctx context.Context) (string, error) {
	b := &bucketBefore{Bucket: w.name}
	var err error
	if b.Existed, err = w.exists(ctx); err != nil {
		return "", err
	}
	if w.payload.Create != nil {
		if !b.Existed {
			b.Token = w.c.target.token()
		}
		return encode(b) // one that is there is not changed, unless it is ours
	}
	if b.Existed {
		b.Configuration = map[string]json.RawMessage{}
		for _, p := range parts() {
			if _, declared, err := w.payload.wanted(p.name, ""); err != nil || !declared && w.payload.Delete == nil {
				if err != nil {
					return "", err
				}
				continue
			}
			document, err := w.read(ctx, &p)
			if err != nil {
				return "", err
			}
			if document == "" {
				document = "null"
			}
			b.Configuration[p.name] = json.RawMessage(document)
		}
	}
	return encode(b)
}

// exists asks whether there is a bucket of the name, and that we may use it.
func (w *bucketWork) exists(ctx context.Context) (bool, error) {
	_, err := get(ctx, func(ctx context.Context) (*sdk.HeadBucketOutput, error) {
		return w.c.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: &w.name}, ours)
	})
	if absent(err, "NotFound", "NoSuchBucket") {
		return false, nil
	}
	return err == nil, w.fault(err)
}

// read returns the document of a part.
func (w *bucketWork) read(ctx context.Context, p *part) (string, error) {
	out, err := get(ctx, func(ctx context.Context) (string, error) { return p.read(ctx, w.c.Client, &w.name) })
	if absent(err, p.none...) {
		return "", nil
	}
	return out, w.fault(err)
}

// token is the value of the bucket's tag madeBy; "" without one.
func (w *bucketWork) token(ctx context.Context) (string, error) {
	out, err := get(ctx, func(ctx context.Context) (*sdk.GetBucketTaggingOutput, error) {
		return w.c.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: &w.name}, ours)
	})
	switch {
	case absent(err, "NoSuchTagSet"):
		return "", nil
	case err != nil:
		return "", w.fault(err)
	}
	for _, t := range out.TagSet {
		if aws.ToString(t.Key) == madeBy {
			return aws.ToString(t.Value), nil
		}
	}
	return "", nil
}

// difference is a part that is not as declared.
type difference struct {
	part   part
	is     string
	wanted string
}

// differences lists the parts that are not as declared.
func (w *bucketWork) differences(ctx context.Context) ([]difference, error) {
	var all []difference
	for _, p := range parts() {
		if _, declared, err := w.payload.wanted(p.name, ""); err != nil || !declared {
			if err != nil {
				return nil, err
			}
			continue
		}
		is, err := w.read(ctx, &p)
		if err != nil {
			return nil, err
		}
		want, _, err := w.payload.wanted(p.name, is)
		if err != nil {
			return nil, err
		}
		if !p.same(is, want) {
			all = append(all, difference{p, is, want})
		}
	}
	return all, nil
}

func names(all []difference) string {
	var out []string
	for i := range all {
		out = append(out, all[i].part.name)
	}
	return strings.Join(out, ", ")
}

// probe asks whether the payload's effect is there.
func (w *bucketWork) probe(ctx context.Context) (core.ProbeResult, error) {
	there, err := w.exists(ctx)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case w.payload.Delete != nil && there:
		return core.ProbeNotApplied, nil
	case w.payload.Delete != nil:
		return core.ProbeApplied, nil
	case !there && w.payload.Update != nil:
		return core.ProbeUnknown, missingBucket(w.name)
	case !there:
		return core.ProbeNotApplied, nil
	}
	left, err := w.differences(ctx)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case len(left) == 0:
		return core.ProbeApplied, nil
	case w.payload.Update != nil:
		return core.ProbeNotApplied, nil
	}
	token, err := w.token(ctx)
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case token != "": // made by a change that did not come to its end
		return core.ProbeNotApplied, nil
	}
	return core.ProbeConflict, nil
}
