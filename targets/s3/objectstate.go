package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// mostKept is how many bytes of an object are kept in the audit entry.
const mostKept = 16 << 10

// objectState is an object as it was found, and is what is kept before it is changed.
type objectState struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Existed bool   `json:"existed"`

	ETag      string `json:"etag,omitempty"`
	VersionID string `json:"versionId,omitempty"` // of a bucket that keeps versions
	Size      int64  `json:"size,omitempty"`
	SHA256    string `json:"sha256,omitempty"` // in hexadecimal; "" when S3 does not know it

	ContentType        string            `json:"contentType,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	Expires            string            `json:"expires,omitempty"`
	Redirect           string            `json:"redirect,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	Tags               map[string]string `json:"tags,omitempty"`
	StorageClass       string            `json:"storageClass,omitempty"` // "": STANDARD
	Encryption         string            `json:"encryption,omitempty"`
	EncryptionKey      string            `json:"encryptionKey,omitempty"`

	// What was kept of the content: a text, or base64 of what is none. Neither: the
	// version has it, or nothing has.
	Content *string `json:"content,omitempty"`
	Base64  *string `json:"base64,omitempty"`
}

// before is what was kept of this object; nil when that is not known.
func (w *objectWork) before() *objectState {
	b := new(objectState)
	if w.s.Captured == "" || json.Unmarshal([]byte(w.s.Captured), b) != nil || b.Bucket != w.bucket || b.Key != w.key {
		return nil
	}
	return b
}

// unchanged reports whether other is the same object with the same headers. That it
// was written anew does not count.
func (o *objectState) unchanged(other *objectState) bool {
	return o.Existed == other.Existed && o.ETag == other.ETag && o.Size == other.Size && o.ContentType == other.ContentType && o.CacheControl == other.CacheControl &&
		o.ContentDisposition == other.ContentDisposition && o.ContentEncoding == other.ContentEncoding && o.ContentLanguage == other.ContentLanguage &&
		o.Expires == other.Expires && o.Redirect == other.Redirect && o.StorageClass == other.StorageClass && o.Encryption == other.Encryption &&
		o.EncryptionKey == other.EncryptionKey && maps.Equal(o.Metadata, other.Metadata) && maps.Equal(o.Tags, other.Tags)
}

// look returns the object as it is now, without its content.
func (w *objectWork) look(ctx context.Context) (*objectState, error) {
	out, err := get(ctx, func(ctx context.Context) (*sdk.HeadObjectOutput, error) {
		return w.c.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &w.bucket, Key: &w.key, ChecksumMode: types.ChecksumModeEnabled}, ours)
	})
	state := &objectState{Bucket: w.bucket, Key: w.key}
	if absent(err, "NotFound", "NoSuchKey") {
		return state, w.haveBucket(ctx)
	}
	if err != nil {
		return nil, w.fault(err)
	}
	state.Existed = true
	state.ETag, state.Size = aws.ToString(out.ETag), aws.ToInt64(out.ContentLength)
	if v := aws.ToString(out.VersionId); v != "null" { // written before the bucket kept versions: the next write replaces it
		state.VersionID = v
	}
	if sum, err := base64.StdEncoding.DecodeString(aws.ToString(out.ChecksumSHA256)); err == nil && len(sum) == sha256.Size { // not that of parts
		state.SHA256 = hex.EncodeToString(sum)
	}
	state.ContentType, state.CacheControl, state.ContentDisposition = aws.ToString(out.ContentType), aws.ToString(out.CacheControl), aws.ToString(out.ContentDisposition)
	state.ContentEncoding, state.ContentLanguage = aws.ToString(out.ContentEncoding), aws.ToString(out.ContentLanguage)
	state.Expires, state.Redirect = aws.ToString(out.ExpiresString), aws.ToString(out.WebsiteRedirectLocation)
	if len(out.Metadata) > 0 {
		state.Metadata = out.Metadata
	}
	if out.StorageClass != types.StorageClassStandard {
		state.StorageClass = string(out.StorageClass)
	}
	state.Encryption, state.EncryptionKey = string(out.ServerSideEncryption), aws.ToString(out.SSEKMSKeyId)
	if aws.ToInt32(out.TagCount) > 0 || w.payload.Put != nil && len(w.payload.Put.Tags) > 0 {
		if state.Tags, err = w.tags(ctx); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// haveBucket tells a missing object from a missing bucket, which HEAD does not.
func (w *objectWork) haveBucket(ctx context.Context) error {
	_, err := get(ctx, func(ctx context.Context) (*sdk.HeadBucketOutput, error) {
		return w.c.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: &w.bucket}, ours)
	})
	if absent(err, "NotFound", "NoSuchBucket") {
		return missingBucket(w.bucket)
	}
	return w.fault(err)
}

func (w *objectWork) tags(ctx context.Context) (map[string]string, error) {
	out, err := get(ctx, func(ctx context.Context) (*sdk.GetObjectTaggingOutput, error) {
		return w.c.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: &w.bucket, Key: &w.key}, ours)
	})
	if err != nil {
		return nil, w.fault(err)
	}
	if len(out.TagSet) == 0 {
		return nil, nil
	}
	tags := map[string]string{}
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// read hands over the content of the object as it was looked at.
func (w *objectWork) read(ctx context.Context, o *objectState, to io.Writer) error {
	err := call(o.Size, func(ctx context.Context) error {
		out, err := w.c.GetObject(ctx, &sdk.GetObjectInput{Bucket: &w.bucket, Key: &w.key, IfMatch: aws.String(o.ETag)}, ours)
		if err != nil {
			return err
		}
		defer out.Body.Close() //nolint:errcheck // it was read, or is given up
		_, err = io.Copy(to, out.Body)
		return err
	}).Once(ctx)
	if absent(err, "PreconditionFailed", "NoSuchKey") {
		return w.wrong("is being changed by somebody else at this moment", "run again")
	}
	return w.fault(err)
}

// capture reads what the payload is about to change. What must be kept and cannot be
// is an error.
func (w *objectWork) capture(ctx context.Context) (string, error) {
	o, err := w.look(ctx)
	if err != nil {
		return "", err
	}
	if o.Existed && w.payload.keeps() {
		switch {
		case o.Size <= mostKept:
			var b strings.Builder
			if err := w.read(ctx, o, &b); err != nil {
				return "", err
			}
			if text := b.String(); utf8.ValidString(text) {
				o.Content = &text
			} else {
				o.Base64 = aws.String(base64.StdEncoding.EncodeToString([]byte(text)))
			}
		case o.VersionID == "":
			return "", w.wrong(fmt.Sprintf("has %d bytes, more than the %d that are kept in the audit entry, and the bucket keeps no versions: it could not be put back", o.Size, mostKept),
				"enable versioning of the bucket in a change before this one, or say that it need not be kept: keep: false")
		}
	}
	return encode(o)
}

// isDeclared reports whether the object is what a put declares.
func (w *objectWork) isDeclared(ctx context.Context, o *objectState, c *content) (bool, error) {
	p := w.payload.Put
	if !o.Existed || o.Size != c.size {
		return false, nil
	}
	for _, h := range []struct {
		want core.Text
		is   string
	}{
		{p.ContentType, o.ContentType},
		{p.CacheControl, o.CacheControl},
		{p.ContentDisposition, o.ContentDisposition},
		{p.ContentEncoding, o.ContentEncoding},
		{p.ContentLanguage, o.ContentLanguage},
		{p.Redirect, o.Redirect},
	} {
		if !awstarget.Blank(h.want) && h.want.Value != h.is {
			return false, nil
		}
	}
	if class := p.StorageClass.Value; class != "" && class != o.StorageClass && (class != "STANDARD" || o.StorageClass != "") {
		return false, nil
	}
	if e := p.Encryption; e != nil && e.Algorithm.Value != o.Encryption {
		return false, nil
	}
	if p.Metadata != nil && !maps.Equal(plain(p.Metadata), o.Metadata) || p.Tags != nil && !maps.Equal(plain(p.Tags), o.Tags) {
		return false, nil
	}
	if o.SHA256 != "" {
		return o.SHA256 == hex.EncodeToString(c.sum[:]), nil
	}
	h := sha256.New()
	if err := w.read(ctx, o, h); err != nil {
		return false, err
	}
	return [sha256.Size]byte(h.Sum(nil)) == c.sum, nil
}

// state is what a put declares, as a state.
func (p *putObject) state() *objectState {
	o := &objectState{
		ContentType: p.ContentType.Value, CacheControl: p.CacheControl.Value, ContentDisposition: p.ContentDisposition.Value, ContentEncoding: p.ContentEncoding.Value,
		ContentLanguage: p.ContentLanguage.Value, Redirect: p.Redirect.Value, Metadata: plain(p.Metadata), Tags: plain(p.Tags), StorageClass: p.StorageClass.Value,
	}
	if p.Encryption != nil {
		o.Encryption, o.EncryptionKey = p.Encryption.Algorithm.Value, p.Encryption.Key.Value
	}
	return o
}

// input is a request that writes an object with these headers.
func (o *objectState) input(bucket, key string) *sdk.PutObjectInput {
	in := &sdk.PutObjectInput{
		Bucket: &bucket, Key: &key, ContentType: optional(o.ContentType), CacheControl: optional(o.CacheControl), ContentDisposition: optional(o.ContentDisposition),
		ContentEncoding: optional(o.ContentEncoding), ContentLanguage: optional(o.ContentLanguage), WebsiteRedirectLocation: optional(o.Redirect), Metadata: o.Metadata,
		StorageClass: types.StorageClass(o.StorageClass), ServerSideEncryption: types.ServerSideEncryption(o.Encryption), SSEKMSKeyId: optional(o.EncryptionKey), Tagging: optional(o.tagging()),
	}
	if at, err := http.ParseTime(o.Expires); err == nil {
		in.Expires = &at
	}
	return in
}

func (o *objectState) tagging() string {
	tags := url.Values{}
	for k, v := range o.Tags {
		tags.Set(k, v)
	}
	return tags.Encode()
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
