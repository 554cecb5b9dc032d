package sns

import (
	"context"
	"reflect"
	"strconv"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// TopicTemplate is the name of the template for topics.
const TopicTemplate = "sns-topic"

// topicTemplate makes, changes and deletes topics: create, update or delete. It is always
// NON_TX. A name that ends with .fifo is a FIFO topic's.
//
// Of its operations:
//
//   - create makes the topic, with all that is declared in one request. A topic that is
//     there counts as made if what is declared is so; if it differs, nothing is changed.
//     Probe: APPLIED if it is so, NOT_APPLIED without a topic, CONFLICT if it differs. A
//     late copy makes the same topic, without subscriptions, or does nothing: it is declared
//     harmless.
//   - update sets all that it declares, also what seems to be so, one request an attribute,
//     then tags. Probe: APPLIED if all is so, NOT_APPLIED otherwise, also when it is so in
//     part; an error without a topic. A late copy would set old values over new ones: it is
//     not harmless.
//   - delete deletes the topic with its subscriptions, and waits until it is gone. Without a
//     topic it fails; in a rollback that counts as done, and a topic that was there before
//     the change is left alone. Probe: APPLIED without a topic. A late copy could delete a
//     topic that was made since.
//
// What is about to be changed is kept. With rollback: auto, a topic is deleted that create
// made, and attributes and tags get the values they had, unless somebody has changed them
// since; a deleted topic cannot be put back.
func topicTemplate() core.Template {
	return core.Template{Name: TopicTemplate, Compile: compileTopic, Restore: restoreTopic, Probe: topicProbe}
}

type topicPayload struct {
	Create *createTopic `yaml:"create"`
	Update *updateTopic `yaml:"update"`
	Delete *deleteTopic `yaml:"delete"`
}

type createTopic struct {
	Topic   core.Text    `yaml:"topic"`
	Options topicOptions `yaml:",inline"`
}

type updateTopic struct {
	Topic core.Text `yaml:"topic"`
	// Remove are attributes that the topic shall not have any more.
	Remove     []core.Text  `yaml:"remove"`
	RemoveTags []core.Text  `yaml:"removeTags"`
	Options    topicOptions `yaml:",inline"`
}

type deleteTopic struct {
	Topic core.Text `yaml:"topic"`
}

// topicOptions are the attributes of the API, under its names.
type topicOptions struct {
	DisplayName               core.Text            `yaml:"displayName"`
	Policy                    *awstarget.Document  `yaml:"policy"`
	DeliveryPolicy            *awstarget.Document  `yaml:"deliveryPolicy"`
	KMSMasterKeyID            core.Text            `yaml:"kmsMasterKeyId"`
	TracingConfig             core.Text            `yaml:"tracingConfig"`
	SignatureVersion          *int64               `yaml:"signatureVersion"`
	ContentBasedDeduplication *bool                `yaml:"contentBasedDeduplication"`
	FIFOThroughputScope       core.Text            `yaml:"fifoThroughputScope"`
	ArchivePolicy             *awstarget.Document  `yaml:"archivePolicy"`
	Tags                      map[string]core.Text `yaml:"tags"`
}

// The names of the attributes that need more than a look.
const (
	attributePolicy         = "Policy"
	attributeDeliveryPolicy = "DeliveryPolicy"
	attributeArchivePolicy  = "ArchivePolicy"
	attributeFilterPolicy   = "FilterPolicy"
	attributeRedrivePolicy  = "RedrivePolicy"
)

// topicRemovable are the attributes that a topic can be without.
var topicRemovable = map[string]string{
	"displayName": "DisplayName", "deliveryPolicy": attributeDeliveryPolicy, "kmsMasterKeyId": "KmsMasterKeyId",
}

func (p *topicPayload) topic() core.Text {
	switch {
	case p.Create != nil:
		return p.Create.Topic
	case p.Update != nil:
		return p.Update.Topic
	case p.Delete != nil:
		return p.Delete.Topic
	}
	return core.Text{}
}

func (p *topicPayload) operation() string {
	switch {
	case p.Create != nil:
		return "create"
	case p.Update != nil:
		return "update"
	}
	return "delete"
}

func (p *topicPayload) check(f *awstarget.Faults) {
	at := p.topic().Start
	if !oneOfThree(f, at, p.Create != nil, p.Update != nil, p.Delete != nil) {
		return
	}
	checkTopic(f, p.topic(), p.Create == nil)
	switch {
	case p.Create != nil:
		p.Create.Options.check(f, p.Create.Topic, nil)
	case p.Update != nil:
		u := p.Update
		u.Options.check(f, u.Topic, u.RemoveTags)
		checkRemove(f, u.Remove, topicRemovable, "displayName, deliveryPolicy or kmsMasterKeyId", u.Options.attributes(), at)
		if w := p.wanted(); len(w.Attributes)+len(w.Tags) == 0 {
			f.At(at, "update changes nothing")
		}
	}
}

func oneOfThree(f *awstarget.Faults, at core.Position, which ...bool) bool {
	n := 0
	for _, there := range which {
		if there {
			n++
		}
	}
	if n != 1 {
		f.At(at, "this must be one of create, update and delete")
	}
	return n == 1
}

func checkRemove(f *awstarget.Faults, remove []core.Text, removable map[string]string, all string, set map[string]string, at core.Position) {
	for _, r := range remove {
		name := removable[r.Value]
		if name == "" {
			f.At(awstarget.First(r.Start, at), "it can be without %s, and not without %q", all, core.Cap(r.Value, 80))
			continue
		}
		if _, both := set[name]; both {
			f.At(r.Start, "%s is both set and removed", r.Value)
		}
	}
}

func (o *topicOptions) check(f *awstarget.Faults, topic core.Text, removeTags []core.Text) {
	at := topic.Start
	if len([]rune(o.DisplayName.Value)) > 100 {
		f.At(o.DisplayName.Start, "displayName can have 100 characters")
	}
	o.Policy.Check(f, at, "policy")
	o.DeliveryPolicy.Check(f, at, "deliveryPolicy")
	o.ArchivePolicy.Check(f, at, "archivePolicy")
	if !awstarget.OneOf(o.TracingConfig, "PassThrough", "Active") {
		f.At(o.TracingConfig.Start, "tracingConfig must be PassThrough or Active")
	}
	if v := o.SignatureVersion; v != nil && *v != 1 && *v != 2 {
		f.At(at, "signatureVersion must be 1 or 2")
	}
	if !awstarget.OneOf(o.FIFOThroughputScope, "Topic", "MessageGroup") {
		f.At(o.FIFOThroughputScope.Start, "fifoThroughputScope must be Topic or MessageGroup")
	}
	if !awstarget.HasReference(topic.Value) && !isFIFO(topic.Value) && (o.ContentBasedDeduplication != nil || !awstarget.Blank(o.FIFOThroughputScope) || o.ArchivePolicy != nil) {
		f.At(at, "contentBasedDeduplication, fifoThroughputScope and archivePolicy are for FIFO topics, whose names end with %s", fifoSuffix)
	}
	awstarget.CheckTags(f, o.Tags, removeTags, at)
}

// attributes are what is declared, under the names of the API.
func (o *topicOptions) attributes() map[string]string {
	out := map[string]string{}
	for name, v := range map[string]core.Text{
		"DisplayName": o.DisplayName, "KmsMasterKeyId": o.KMSMasterKeyID, "TracingConfig": o.TracingConfig, "FifoThroughputScope": o.FIFOThroughputScope,
	} {
		if v.Value != "" {
			out[name] = v.Value
		}
	}
	for name, v := range map[string]*awstarget.Document{attributePolicy: o.Policy, attributeDeliveryPolicy: o.DeliveryPolicy, attributeArchivePolicy: o.ArchivePolicy} {
		if v != nil {
			out[name] = v.JSON()
		}
	}
	if o.SignatureVersion != nil {
		out["SignatureVersion"] = strconv.FormatInt(*o.SignatureVersion, 10)
	}
	if o.ContentBasedDeduplication != nil {
		out["ContentBasedDeduplication"] = strconv.FormatBool(*o.ContentBasedDeduplication)
	}
	return out
}

// wanted is what the payload declares of the topic.
func (p *topicPayload) wanted() awstarget.Wanted {
	u := p.Update
	if p.Create != nil {
		u = &updateTopic{Options: p.Create.Options}
	}
	if u == nil {
		return awstarget.Wanted{}
	}
	w := awstarget.Wanted{Attributes: u.Options.attributes(), Tags: awstarget.WantedTags(u.Options.Tags, u.RemoveTags)}
	for _, r := range u.Remove {
		w.Attributes[topicRemovable[r.Value]] = ""
	}
	return w
}

func decodeTopic(p core.Payload) (*topicPayload, error) {
	t := new(topicPayload)
	if err := awstarget.Decode(p, t); err != nil {
		return nil, err
	}
	f := &awstarget.Faults{Payload: p}
	t.check(f)
	return t, f.Err()
}

func compileTopic(p core.Payload) (core.Step, error) {
	t, err := decodeTopic(p)
	if err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	return core.Step{
		Name: TopicTemplate + " " + t.operation() + " " + t.topic().Value, Does: t.does(), NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		LateSafe: t.Create != nil,
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newTopicWork(ctx, s, t)
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
			w, err := newTopicWork(ctx, s, t)
			if err != nil {
				return "", err
			}
			return w.capture(ctx)
		},
	}, nil
}

func restoreTopic(p core.Payload) (core.Step, error) {
	t, err := decodeTopic(p)
	if err != nil {
		return core.Step{}, err
	}
	if t.Delete != nil {
		return core.Step{}, p.Fault(0, 0, "a deleted topic cannot be put back: write out the rollback, or leave it away")
	}
	return core.Step{
		Name: TopicTemplate + " restore " + t.topic().Value, NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newTopicWork(ctx, s, t)
			if err != nil {
				return err
			}
			return w.restore(ctx)
		},
	}, nil
}

// topicProbe asks for every payload's effect.
func topicProbe(ps []core.Payload) (core.Probe, error) {
	var all []*topicPayload
	for _, p := range ps {
		t, err := decodeTopic(p)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		return core.ProbeEach(all, func(t *topicPayload) (core.ProbeResult, error) {
			w, err := newTopicWork(ctx, s, t)
			if err != nil {
				return core.ProbeUnknown, err
			}
			return w.probe(ctx)
		})
	}, nil
}
