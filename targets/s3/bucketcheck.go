package s3

import (
	"regexp"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkBucketName(f *awstarget.Faults, name core.Text) {
	switch {
	case awstarget.Blank(name):
		f.At(name.Start, "bucket is missing")
	case !awstarget.HasReference(name.Value) && (!bucketName.MatchString(name.Value) || strings.Contains(name.Value, "..")):
		f.At(name.Start, "the bucket's name must be 3 to 63 small letters, digits, dots and hyphens, and begin and end with a letter or digit")
	}
}

// check finds what is wrong with a payload. What holds references is checked once
// more when they are resolved.
func (p *bucketPayload) check(f *awstarget.Faults) {
	n := 0
	for _, there := range []bool{p.Create != nil, p.Update != nil, p.Delete != nil} {
		if there {
			n++
		}
	}
	at := p.bucket().Start
	if n != 1 {
		f.At(at, "this must be one of create, update and delete")
		return
	}
	checkBucketName(f, p.bucket())
	o, remove, removeTags := p.options()
	o.check(f, at)
	for _, r := range remove {
		switch {
		case !awstarget.OneOf(r, removable...) || awstarget.Blank(r):
			f.At(r.Start, "remove takes %s", strings.Join(removable, ", "))
		case slices.Contains(o.declared(), r.Value):
			f.At(r.Start, "%s is both declared and removed", r.Value)
		}
	}
	for _, r := range removeTags {
		if _, both := o.Tags[r.Value]; both {
			f.At(r.Start, "tag %s is both set and removed", r.Value)
		}
	}
	if p.Update != nil && len(o.declared()) == 0 && len(remove) == 0 && len(removeTags) == 0 {
		f.At(at, "update changes nothing")
	}
}

// removable are the parts of a configuration that can be taken away.
var removable = []string{partPolicy, partLifecycle, partCORS, partNotifications, partEncryption, partPublicAccess}

// declared names the parts that are there.
func (o *bucketOptions) declared() []string {
	var all []string
	for name, there := range map[string]bool{
		partVersioning: !awstarget.Blank(o.Versioning), partEncryption: o.Encryption != nil, partPublicAccess: o.PublicAccessBlock != nil, partPolicy: o.Policy != nil,
		partLifecycle: len(o.Lifecycle) > 0, partCORS: len(o.CORS) > 0, partNotifications: o.Notifications != nil, partTags: len(o.Tags) > 0,
	} {
		if there {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func (o *bucketOptions) check(f *awstarget.Faults, at core.Position) {
	if !awstarget.OneOf(o.Versioning, "enabled", "suspended") {
		f.At(o.Versioning.Start, "versioning must be enabled or suspended: it cannot be taken away again")
	}
	if o.Encryption != nil {
		o.Encryption.check(f, at)
	}
	if o.PublicAccessBlock != nil {
		o.PublicAccessBlock.check(f, at)
	}
	o.Policy.Check(f, at, "policy")
	ids := map[string]bool{}
	for i := range o.Lifecycle {
		o.Lifecycle[i].check(f, at, ids)
	}
	for i := range o.CORS {
		o.CORS[i].check(f, at)
	}
	if o.Notifications != nil {
		o.Notifications.check(f, at)
	}
	checkTags(f, o.Tags, 50)
}

func checkTags(f *awstarget.Faults, tags map[string]core.Text, most int) {
	for _, key := range sortedKeys(tags) {
		switch v := tags[key]; {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			f.At(v.Start, "tags that begin with aws: are AWS's own")
		case key == madeBy:
			f.At(v.Start, "the tag %s is Flamingock's own", madeBy)
		case key == "" || len([]rune(key)) > 128 || len([]rune(v.Value)) > 256:
			f.At(v.Start, "a tag has a key of 1 to 128 characters and a value of at most 256")
		}
	}
	if len(tags) > most {
		f.At(tags[sortedKeys(tags)[0]].Start, "there can be %d tags", most)
	}
}
