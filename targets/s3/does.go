package s3

import (
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// does says for people what the payload does, without its values.
func (p *bucketPayload) does() string {
	what := "bucket " + p.bucket().Value
	o, remove, removeTags := p.options()
	declared := o.declared()
	switch {
	case p.Create != nil && len(declared) > 0:
		return "creates " + what + " with " + awstarget.Listed(declared)
	case p.Create != nil:
		return "creates " + what
	case p.Update != nil:
		return awstarget.Updates(what, declared, remove, removeTags)
	}
	return "deletes " + what + " if it is empty"
}

// maxKey bounds what is told of a key.
const maxKey = 80

// does says for people what the payload does, without the content.
func (p *objectPayload) does() string {
	bucket, key := p.place()
	what, in := "object "+core.Cap(key.Value, maxKey), "bucket "+bucket.Value
	switch {
	case p.Put == nil && !awstarget.Blank(p.Delete.IfMatch):
		return "deletes " + what + " from " + in + " if it has the given ETag"
	case p.Put == nil:
		return "deletes " + what + " from " + in
	}
	text := "puts " + what + " (" + p.Put.about() + ") into " + in
	switch {
	case p.Put.Replace:
		return text + ", replacing what is there"
	case p.Put.replaces():
		return text + ", replacing what has the given ETag"
	}
	return text + " if it is not there"
}

// about is the size of the content or the file that has it, and its type.
func (p *putObject) about() string {
	text := "content from references"
	switch {
	case p.File != nil:
		text = "file " + core.Cap(p.File.Value, maxKey)
	case p.Base64 != nil && !awstarget.HasReference(p.Base64.Value):
		if data, err := decode64(p.Base64.Value); err == nil {
			text = sizeOf(len(data))
		}
	case p.Content != nil && !awstarget.HasReference(p.Content.Value):
		text = sizeOf(len(p.Content.Value))
	}
	if !awstarget.Blank(p.ContentType) {
		text += ", " + core.Cap(p.ContentType.Value, maxKey)
	}
	return text
}

// sizeOf is a number of bytes for people.
func sizeOf(n int) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1000) // a change file holds 1 MiB at most
}
