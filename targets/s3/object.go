package s3

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// ObjectTemplate is the name of the template for objects.
const ObjectTemplate = "s3-object"

// objectTemplate writes and deletes objects: put or delete.
//
// Of its operations:
//
//   - put makes an object with If-None-Match: *, so that one that is there already is
//     never replaced. replace: true replaces it, with If-Match and the ETag that was read
//     before; ifMatch, with that ETag. An object that is as declared counts as written:
//     the same content, by its SHA-256, and the same of everything that is declared.
//     Probe: APPLIED if it is so; NOT_APPLIED if there is none, or one that the change is
//     to replace; CONFLICT otherwise.
//   - delete deletes an object with If-Match: the ETag that was read before, or that of
//     ifMatch. In a rollback a missing one counts as deleted, and one that was there before
//     the change and is unchanged is left alone. Probe: APPLIED if there is none.
//   - rollback: auto deletes what put made, and puts back what was replaced or deleted:
//     from the audit entry, or from the version before where the bucket keeps versions.
//     What somebody else has written since is left alone, and is an error.
//
// What gets no answer is sent again, and then looked for: the condition keeps a second
// one from replacing anything. None is declared safe against a late effect: one that
// comes after a rollback would find the condition met again.
func objectTemplate() core.Template {
	return core.Template{Name: ObjectTemplate, Compile: compileObject, Restore: restoreObject, Probe: objectProbe}
}

type objectPayload struct {
	Put    *putObject    `yaml:"put"`
	Delete *deleteObject `yaml:"delete"`
}

type putObject struct {
	Bucket core.Text `yaml:"bucket"`
	Key    core.Text `yaml:"key"`
	// The content: one of these. A file is one of the target's directory, and what it
	// must have is said here, so that a changed file is a changed change.
	Content *core.Text `yaml:"content"`
	Base64  *core.Text `yaml:"base64"`
	File    *core.Text `yaml:"file"`
	SHA256  core.Text  `yaml:"sha256"` // of the content, in hexadecimal

	Replace bool      `yaml:"replace"`
	IfMatch core.Text `yaml:"ifMatch"`
	// Keep is whether what is replaced is kept; absent: it must be.
	Keep *bool `yaml:"keep"`

	ContentType        core.Text            `yaml:"contentType"`
	CacheControl       core.Text            `yaml:"cacheControl"`
	ContentDisposition core.Text            `yaml:"contentDisposition"`
	ContentEncoding    core.Text            `yaml:"contentEncoding"`
	ContentLanguage    core.Text            `yaml:"contentLanguage"`
	Redirect           core.Text            `yaml:"redirect"`
	Metadata           map[string]core.Text `yaml:"metadata"`
	Tags               map[string]core.Text `yaml:"tags"`
	StorageClass       core.Text            `yaml:"storageClass"`
	Encryption         *encryption          `yaml:"encryption"`
}

type deleteObject struct {
	Bucket  core.Text `yaml:"bucket"`
	Key     core.Text `yaml:"key"`
	IfMatch core.Text `yaml:"ifMatch"`
	Keep    *bool     `yaml:"keep"`
}

func (p *objectPayload) place() (bucket, key core.Text) {
	switch {
	case p.Put != nil:
		return p.Put.Bucket, p.Put.Key
	case p.Delete != nil:
		return p.Delete.Bucket, p.Delete.Key
	}
	return core.Text{}, core.Text{}
}

// keeps reports whether what is there must be kept, so that it can be put back.
func (p *objectPayload) keeps() bool {
	switch {
	case p.Put != nil:
		return p.Put.replaces() && (p.Put.Keep == nil || *p.Put.Keep)
	case p.Delete != nil:
		return p.Delete.Keep == nil || *p.Delete.Keep
	}
	return false
}

func (p *putObject) replaces() bool { return p.Replace || !awstarget.Blank(p.IfMatch) }

var (
	hexSum       = regexp.MustCompile(`^[0-9a-f]{64}$`)
	metadataName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
)

// mostMetadata is how many bytes of metadata S3 takes, names and values.
const mostMetadata = 2048

// check finds what is wrong with a payload. What holds references is checked once
// more when they are resolved.
func (p *objectPayload) check(f *awstarget.Faults) {
	bucket, key := p.place()
	if (p.Put == nil) == (p.Delete == nil) {
		f.At(bucket.Start, "this must be one of put and delete")
		return
	}
	checkBucketName(f, bucket)
	switch {
	case key.Value == "":
		f.At(bucket.Start, "key is missing")
	case len(key.Value) > 1024:
		f.At(key.Start, "a key can have 1024 bytes")
	}
	if p.Put != nil {
		p.Put.check(f)
	}
}

func (p *putObject) check(f *awstarget.Faults) {
	at := awstarget.First(p.Bucket.Start, p.Key.Start)
	n := 0
	for _, c := range []*core.Text{p.Content, p.Base64, p.File} {
		if c != nil {
			n++
		}
	}
	switch {
	case n != 1:
		f.At(at, "give one of content, base64 and file")
	case p.Base64 != nil && !awstarget.HasReference(p.Base64.Value):
		if _, err := decode64(p.Base64.Value); err != nil {
			f.At(p.Base64.Start, "base64: %v", err)
		}
	case p.File != nil && awstarget.Blank(*p.File):
		f.At(awstarget.First(p.File.Start, at), "file has no name")
	case p.File != nil && awstarget.Blank(p.SHA256):
		f.At(p.File.Start, "file needs sha256, the SHA-256 of its content, so that another content is another change")
	}
	if !awstarget.Blank(p.SHA256) && !awstarget.HasReference(p.SHA256.Value) && !hexSum.MatchString(p.SHA256.Value) {
		f.At(p.SHA256.Start, "sha256 must be 64 hexadecimal digits, in small letters")
	}
	if p.Replace && !awstarget.Blank(p.IfMatch) {
		f.At(p.IfMatch.Start, "replace and ifMatch exclude each other")
	}
	if p.Keep != nil && !p.replaces() {
		f.At(at, "keep is about what is replaced, and nothing is: give replace or ifMatch")
	}
	size := 0
	for _, name := range sortedKeys(p.Metadata) {
		v := p.Metadata[name]
		size += len(name) + len(v.Value)
		if !metadataName.MatchString(name) {
			f.At(v.Start, "metadata's names are small letters, digits, dots, hyphens and underscores: %q", name)
		}
		if strings.ContainsFunc(v.Value, func(r rune) bool { return r < ' ' || r > '~' }) {
			f.At(v.Start, "metadata's values are of printable ASCII")
		}
	}
	if size > mostMetadata {
		f.At(p.Metadata[sortedKeys(p.Metadata)[0]].Start, "there can be %d bytes of metadata, and this is %d", mostMetadata, size)
	}
	checkTags(f, p.Tags, 10)
	classes := []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"}
	if !awstarget.OneOf(p.StorageClass, classes...) {
		f.At(p.StorageClass.Start, "storageClass must be one of %s", strings.Join(classes, ", "))
	}
	if p.Encryption != nil {
		p.Encryption.check(f, at)
	}
	for _, h := range []core.Text{p.ContentType, p.CacheControl, p.ContentDisposition, p.ContentEncoding, p.ContentLanguage, p.Redirect} {
		if strings.ContainsAny(h.Value, "\r\n") {
			f.At(h.Start, "this must be one line")
		}
	}
	if !awstarget.Blank(p.ContentEncoding) && slices.Contains(strings.Split(p.ContentEncoding.Value, ","), "aws-chunked") {
		f.At(p.ContentEncoding.Start, "aws-chunked is S3's own")
	}
}

func compileObject(p core.Payload) (core.Step, error) {
	payload, err := decode[objectPayload](p)
	if err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	step := objectStep(payload, func(ctx context.Context, w *objectWork) error {
		if w.payload.Put != nil {
			return w.put(ctx, rollback)
		}
		return w.delete(ctx, rollback)
	})
	step.Does = payload.does()
	if !rollback {
		step.Capture = func(ctx context.Context, s *core.Session) (string, error) {
			w, err := newObjectWork(ctx, s, payload)
			if err != nil {
				return "", err
			}
			return w.capture(ctx)
		}
	}
	return step, nil
}

func restoreObject(p core.Payload) (core.Step, error) {
	payload, err := decode[objectPayload](p)
	if err != nil {
		return core.Step{}, err
	}
	if !payload.keeps() && (payload.Delete != nil || payload.Put.replaces()) {
		return core.Step{}, p.Fault(0, 0, "keep: false keeps nothing that could be put back: take it away, or write out what takes the change back")
	}
	step := objectStep(payload, func(ctx context.Context, w *objectWork) error { return w.restore(ctx) })
	step.Name = "restore " + ObjectTemplate
	return step, nil
}

func objectStep(payload *objectPayload, do func(context.Context, *objectWork) error) core.Step {
	return core.Step{
		Name: ObjectTemplate, NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newObjectWork(ctx, s, payload)
			if err != nil {
				return err
			}
			return do(ctx, w)
		},
	}
}

// objectProbe asks for every payload's effect.
func objectProbe(ps []core.Payload) (core.Probe, error) {
	var all []*objectPayload
	for _, p := range ps {
		payload, err := decode[objectPayload](p)
		if err != nil {
			return nil, err
		}
		all = append(all, payload)
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		return core.ProbeEach(all, func(p *objectPayload) (core.ProbeResult, error) {
			w, err := newObjectWork(ctx, s, p)
			if err != nil {
				return core.ProbeUnknown, err
			}
			return w.probe(ctx)
		})
	}, nil
}

// objectWork is one payload at work, with its references resolved.
type objectWork struct {
	payload     *objectPayload
	bucket, key string
	c           *Client
	s           *core.Session
}

func newObjectWork(ctx context.Context, s *core.Session, p *objectPayload) (*objectWork, error) {
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
	bucket, key := full.place()
	return &objectWork{full, bucket.Value, key.Value, c, s}, f.Err()
}

func (w *objectWork) say(format string, args ...any) {
	w.s.Progress(core.Progress{Text: fmt.Sprintf("object s3://%s/%s: ", w.bucket, w.key) + fmt.Sprintf(format, args...)})
}

// fault explains an error about the object.
func (w *objectWork) fault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object s3://%s/%s: %w", w.bucket, w.key, w.c.target.about(w.bucket, err))
}

func (w *objectWork) wrong(reason, next string) error {
	return &ObjectError{Bucket: w.bucket, Key: w.key, Reason: reason, Next: next}
}
