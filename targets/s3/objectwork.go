package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// put writes the object on its condition.
func (w *objectWork) put(ctx context.Context, rollback bool) error {
	c, err := w.content()
	if err != nil {
		return err
	}
	is, err := w.look(ctx)
	if err != nil {
		return err
	}
	if b := w.before(); rollback && !is.Existed && b != nil && !b.Existed {
		w.say("was not there before, and is not made")
		return nil
	}
	if same, err := w.isDeclared(ctx, is, c); err != nil || same {
		if same {
			w.say("is there already")
		}
		return err
	}
	condition, err := w.condition(is, rollback)
	if err != nil {
		w.refuse()
		return err
	}
	in := w.payload.Put.state().input(w.bucket, w.key)
	if e := w.payload.Put.Encryption; e != nil && e.BucketKey {
		in.BucketKeyEnabled = aws.Bool(true)
	}
	err = w.send(ctx, in, c, condition)
	if !preconditionFailed(err) {
		return w.fault(err)
	}
	if !core.IsUnknown(err) {
		w.refuse()
		return w.wrong("was changed by somebody else since it was looked at", "see what is there now, then run again")
	}
	// The request before got no answer: what is there now may be what it wrote.
	is, lookErr := w.look(ctx)
	if lookErr != nil {
		return core.Unknown(lookErr)
	}
	if same, err := w.isDeclared(ctx, is, c); err != nil || same {
		return core.Unknown(err)
	}
	return core.Unknown(w.wrong("is neither what was there before nor what the change declares", "see what is there now, and who wrote it"))
}

// condition is what the object must be like: the ETag that it must have, "" that there
// must be none.
func (w *objectWork) condition(is *objectState, rollback bool) (etag string, err error) {
	p := w.payload.Put
	before := w.before()
	if rollback {
		before = nil // what was there before the change is not what is there now
	}
	switch {
	case !awstarget.Blank(p.IfMatch):
		if want := quoted(p.IfMatch.Value); want != is.ETag {
			return "", w.wrong(fmt.Sprintf("has not the ETag %s of ifMatch, but %s", want, orNone(is.ETag)), "see what is there now: when it is right to replace it, correct ifMatch")
		}
		return is.ETag, nil
	case !p.Replace && is.Existed:
		return "", w.wrong("is there already, and is not what the change declares", "when it is to be replaced, say so: replace: true; otherwise choose another key")
	case before != nil && !before.unchanged(is):
		return "", w.wrong("is not as it was when the change began: somebody else changed it", "see what is there now, then run again")
	}
	return is.ETag, nil
}

func orNone(etag string) string {
	if etag == "" {
		return "does not exist"
	}
	return etag
}

// quoted is an ETag as HTTP has it; people often leave out the quotes.
func quoted(etag string) string {
	if strings.HasPrefix(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

// send writes content on the condition that the object has the ETag, or is not there.
func (w *objectWork) send(ctx context.Context, in *sdk.PutObjectInput, c *content, etag string) error {
	if in.IfMatch, in.IfNoneMatch = optional(etag), nil; etag == "" {
		in.IfNoneMatch = aws.String("*")
	}
	in.ChecksumSHA256, in.ContentLength = aws.String(base64.StdEncoding.EncodeToString(c.sum[:])), aws.Int64(c.size)
	body, err := c.open()
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, or is given up
	in.Body = body
	return change(ctx, c.size, func(ctx context.Context) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := w.c.PutObject(ctx, in, ours)
		return err
	})
}

// preconditionFailed also takes the answer to If-Match where there is no object.
func preconditionFailed(err error) bool { return absent(err, "PreconditionFailed", "NoSuchKey") }

// attempt names one step's work on one object, in this process.
type attempt struct {
	changeID, bucket, key string
	step                  int
}

// refuse notes that the step did not write over what somebody else wrote: its rollback
// has nothing to take back there.
func (w *objectWork) refuse() {
	w.c.target.refused.Store(attempt{w.s.ChangeID, w.bucket, w.key, w.s.Step}, true)
}

func (w *objectWork) wasRefused() bool {
	_, was := w.c.target.refused.LoadAndDelete(attempt{w.s.ChangeID, w.bucket, w.key, w.s.Step})
	return was
}

// delete deletes the object as it was read.
func (w *objectWork) delete(ctx context.Context, rollback bool) error {
	is, err := w.look(ctx)
	if err != nil {
		var noBucket *BucketError
		if rollback && errors.As(err, &noBucket) && noBucket.Err == nil {
			return nil // nor can there be an object
		}
		return err
	}
	before := w.before()
	switch want := w.payload.Delete.IfMatch.Value; {
	case rollback && w.wasRefused():
		w.say("was not written by the change, and is left alone")
		return nil
	case !is.Existed && (rollback || before != nil && before.Existed):
		return nil
	case !is.Existed:
		return w.wrong("does not exist", "mend bucket and key, or take the change away")
	case rollback && before != nil && before.unchanged(is):
		w.say("was there before, and is left alone")
		return nil
	case want != "" && quoted(want) != is.ETag:
		w.refuse()
		return w.wrong(fmt.Sprintf("has not the ETag %s of ifMatch, but %s", quoted(want), is.ETag), "see what is there now: when it is right to delete it, correct ifMatch")
	case !rollback && before != nil && !before.unchanged(is):
		w.refuse()
		return w.wrong("is not as it was when the change began: somebody else changed it", "see what is there now, then run again")
	}
	return w.drop(ctx, is)
}

// drop deletes the object that was looked at.
func (w *objectWork) drop(ctx context.Context, is *objectState) error {
	in := &sdk.DeleteObjectInput{Bucket: &w.bucket, Key: &w.key, IfMatch: optional(is.ETag)}
	send := func(ctx context.Context) error {
		_, err := w.c.DeleteObject(ctx, in, ours)
		return err
	}
	err := change(ctx, 0, send)
	if status(err) == http.StatusNotImplemented { // not every store knows the condition
		in.IfMatch = nil
		err = change(ctx, 0, send)
	}
	switch {
	case absent(err, "NoSuchKey", "NotFound"):
		return nil
	case preconditionFailed(err):
		return w.wrong("was changed by somebody else since it was looked at, and is left alone", "see what is there now, then run again")
	}
	return w.fault(err)
}

// probe asks whether the payload's effect is there.
func (w *objectWork) probe(ctx context.Context) (core.ProbeResult, error) {
	is, err := w.look(ctx)
	if err != nil {
		return core.ProbeUnknown, err
	}
	if w.payload.Delete != nil {
		if is.Existed {
			return core.ProbeNotApplied, nil
		}
		return core.ProbeApplied, nil
	}
	c, err := w.content()
	if err != nil {
		return core.ProbeUnknown, err
	}
	same, err := w.isDeclared(ctx, is, c)
	p := w.payload.Put
	switch {
	case err != nil:
		return core.ProbeUnknown, err
	case same:
		return core.ProbeApplied, nil
	case !is.Existed && awstarget.Blank(p.IfMatch), is.Existed && p.Replace, is.Existed && !awstarget.Blank(p.IfMatch) && quoted(p.IfMatch.Value) == is.ETag:
		return core.ProbeNotApplied, nil
	}
	return core.ProbeConflict, nil
}

// restore takes back what put made, and puts back what was there before.
func (w *objectWork) restore(ctx context.Context) error {
	before := w.before()
	if before == nil {
		return w.wrong("cannot be put back: what was there before is not known, or held a secret", "put it back by hand, then say so with: flamingock issue resolve")
	}
	is, err := w.look(ctx)
	if err != nil {
		return err
	}
	if is.unchanged(before) {
		return nil
	}
	if is.Existed {
		written := false // by this change
		if w.payload.Put != nil {
			c, err := w.content()
			if err != nil {
				return err
			}
			if written, err = w.isDeclared(ctx, is, c); err != nil {
				return err
			}
		}
		switch {
		case !written && w.wasRefused():
			w.say("was not written by the change, and is left alone")
			return nil
		case !written:
			return w.wrong("is neither what the change wrote nor what was there before: somebody else changed it, and it is left alone", "see what is there now, and put back what is right by hand")
		case !before.Existed:
			return w.drop(ctx, is)
		}
	}
	err = w.putBack(ctx, before, is.ETag)
	if preconditionFailed(err) && !core.IsUnknown(err) {
		return w.wrong("was changed by somebody else since it was looked at, and is left alone", "see what is there now, and put back what is right by hand")
	}
	return w.fault(err)
}

// putBack writes what was there before over the object with the ETag, or none.
func (w *objectWork) putBack(ctx context.Context, before *objectState, etag string) error {
	in := before.input(w.bucket, w.key)
	switch {
	case before.Content != nil:
		return w.send(ctx, in, contentOf(*before.Content), etag)
	case before.Base64 != nil:
		data, err := decode64(*before.Base64)
		if err != nil {
			return err
		}
		return w.send(ctx, in, contentOf(string(data)), etag)
	case before.VersionID != "":
		return w.copyBack(ctx, before, in, etag)
	}
	return w.wrong("cannot be put back: its content was not kept", "put it back by hand, then say so with: flamingock issue resolve")
}

// copyBack makes the version before the current one again. All headers go with it, since
// not every store copies an object to itself as it is.
func (w *objectWork) copyBack(ctx context.Context, before *objectState, in *sdk.PutObjectInput, etag string) error {
	source := url.PathEscape(w.bucket) + "/" + strings.ReplaceAll(url.PathEscape(w.key), "%2F", "/") + "?versionId=" + url.QueryEscape(before.VersionID)
	again := &sdk.CopyObjectInput{
		Bucket: in.Bucket, Key: in.Key, CopySource: &source, MetadataDirective: types.MetadataDirectiveReplace, TaggingDirective: types.TaggingDirectiveReplace,
		ContentType: in.ContentType, CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
		ContentLanguage: in.ContentLanguage, Expires: in.Expires, WebsiteRedirectLocation: in.WebsiteRedirectLocation, Metadata: in.Metadata,
		StorageClass: in.StorageClass, ServerSideEncryption: in.ServerSideEncryption, SSEKMSKeyId: in.SSEKMSKeyId, Tagging: in.Tagging,
		IfMatch: optional(etag),
	}
	if etag == "" {
		again.IfNoneMatch = aws.String("*")
	}
	return change(ctx, before.Size, func(ctx context.Context) error {
		_, err := w.c.CopyObject(ctx, again, ours)
		return err
	})
}
