package sns

import (
	"context"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// SubscriptionTemplate is the name of the template for subscriptions of topics.
const SubscriptionTemplate = "sns-subscription"

// subscriptionTemplate makes, changes and deletes subscriptions: create, update or delete.
// It is always NON_TX. A subscription is found by its topic, protocol and endpoint: a topic
// has one of these at most, and SNS makes up its ARN.
//
// Of its operations:
//
//   - create subscribes the endpoint, with all that is declared in one request. A
//     subscription that is there counts as made if what is declared is so; if it differs,
//     nothing is changed. One that the endpoint has to confirm counts as made before it
//     did; with waitForConfirmation, when it did. Probe: APPLIED if it is so, NOT_APPLIED
//     without a subscription, CONFLICT if it differs, UNKNOWN while it is not confirmed and
//     something was declared that cannot be read before. A late copy would subscribe again
//     what a rollback took away: it is not harmless.
//   - update sets all that it declares, one request an attribute. Probe: APPLIED if all is
//     so, NOT_APPLIED otherwise, an error without a subscription. A late copy would set old
//     values over new ones: it is not harmless.
//   - delete ends the subscription. One that is not confirmed cannot be ended: SNS forgets
//     it after two days, and delete fails with that word. Without a subscription it fails; in
//     a rollback that counts as done, and one that was there before the change is left
//     alone. Probe: APPLIED without a subscription. A late copy goes by the ARN, and does not
//     end one that was made since; but it may end one that a rollback has left as it was:
//     it is not harmless.
//
// What is about to be changed is kept. With rollback: auto, a subscription ends that create
// made, attributes get the values they had, unless somebody has changed them since, and
// a deleted subscription is made again with what it had; what was published meanwhile it
// has not got, and an endpoint that has to confirm has to do so again.
func subscriptionTemplate() core.Template {
	return core.Template{Name: SubscriptionTemplate, Compile: compileSubscription, Restore: restoreSubscription, Probe: subscriptionProbe}
}

type subscriptionPayload struct {
	Create *createSubscription `yaml:"create"`
	Update *updateSubscription `yaml:"update"`
	Delete *deleteSubscription `yaml:"delete"`
}

// identity is what makes a subscription the one it is.
type identity struct {
	Topic    core.Text `yaml:"topic"`
	Protocol core.Text `yaml:"protocol"`
	Endpoint core.Text `yaml:"endpoint"`
}

type createSubscription struct {
	Identity            identity            `yaml:",inline"`
	WaitForConfirmation bool                `yaml:"waitForConfirmation"`
	Options             subscriptionOptions `yaml:",inline"`
}

type updateSubscription struct {
	Identity identity `yaml:",inline"`
	// Remove are attributes that the subscription shall not have any more.
	Remove  []core.Text         `yaml:"remove"`
	Options subscriptionOptions `yaml:",inline"`
}

type deleteSubscription struct {
	Identity identity `yaml:",inline"`
}

// subscriptionOptions are the attributes of the API, under its names.
type subscriptionOptions struct {
	RawMessageDelivery  *bool               `yaml:"rawMessageDelivery"`
	FilterPolicy        *awstarget.Document `yaml:"filterPolicy"`
	FilterPolicyScope   core.Text           `yaml:"filterPolicyScope"`
	DeliveryPolicy      *awstarget.Document `yaml:"deliveryPolicy"`
	RedrivePolicy       *redrivePolicy      `yaml:"redrivePolicy"`
	SubscriptionRoleARN core.Text           `yaml:"subscriptionRoleArn"`
}

type redrivePolicy struct {
	// DeadLetterQueue names a queue of the topic's account and region, or gives its ARN.
	DeadLetterQueue core.Text `yaml:"deadLetterQueue"`
}

// subscriptionRemovable are the attributes that a subscription can be without.
var subscriptionRemovable = map[string]string{
	"filterPolicy": attributeFilterPolicy, "deliveryPolicy": attributeDeliveryPolicy, "redrivePolicy": attributeRedrivePolicy,
}

func (p *subscriptionPayload) identity() *identity {
	switch {
	case p.Create != nil:
		return &p.Create.Identity
	case p.Update != nil:
		return &p.Update.Identity
	case p.Delete != nil:
		return &p.Delete.Identity
	}
	return &identity{}
}

func (p *subscriptionPayload) options() *subscriptionOptions {
	switch {
	case p.Create != nil:
		return &p.Create.Options
	case p.Update != nil:
		return &p.Update.Options
	}
	return &subscriptionOptions{}
}

func (p *subscriptionPayload) operation() string {
	switch {
	case p.Create != nil:
		return "create"
	case p.Update != nil:
		return "update"
	}
	return "delete"
}

func (p *subscriptionPayload) check(f *awstarget.Faults) {
	id := p.identity()
	at := id.Topic.Start
	if !oneOfThree(f, at, p.Create != nil, p.Update != nil, p.Delete != nil) {
		return
	}
	id.check(f)
	o := p.options()
	o.check(f, id)
	if p.Create != nil && id.Protocol.Value == "firehose" && awstarget.Blank(o.SubscriptionRoleARN) {
		f.At(id.Protocol.Start, "firehose needs subscriptionRoleArn")
	}
	u := p.Update
	if u == nil {
		return
	}
	set := map[string]string{}
	for name, has := range map[string]bool{attributeFilterPolicy: o.FilterPolicy != nil, attributeDeliveryPolicy: o.DeliveryPolicy != nil, attributeRedrivePolicy: o.RedrivePolicy != nil} {
		if has {
			set[name] = name
		}
	}
	checkRemove(f, u.Remove, subscriptionRemovable, "filterPolicy, deliveryPolicy or redrivePolicy", set, at)
	if len(set)+len(u.Remove) == 0 && o.RawMessageDelivery == nil && awstarget.Blank(o.FilterPolicyScope) && awstarget.Blank(o.SubscriptionRoleARN) {
		f.At(at, "update changes nothing")
	}
}

// protocols that SNS knows.
var protocols = []string{"application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"}

func (i *identity) check(f *awstarget.Faults) {
	checkTopic(f, i.Topic, true)
	at := i.Topic.Start
	switch {
	case awstarget.Blank(i.Protocol) || !awstarget.OneOf(i.Protocol, protocols...):
		f.At(awstarget.First(i.Protocol.Start, at), "protocol must be one of %s", strings.Join(protocols, ", "))
		return
	case awstarget.Blank(i.Endpoint):
		f.At(awstarget.First(i.Endpoint.Start, at), "endpoint is missing")
		return
	case awstarget.HasReference(i.Endpoint.Value), awstarget.HasReference(i.Protocol.Value):
		return
	}
	ok, want := true, ""
	switch e := i.Endpoint.Value; i.Protocol.Value {
	case "sqs":
		ok, want = isARN("sqs", e) || len(e) <= 80 && topicName.MatchString(e), "a queue's ARN, or the name of one that is where the topic is"
	case "lambda", "firehose":
		ok, want = isARN(i.Protocol.Value, e), "an ARN"
	case "application":
		ok, want = isARN("sns", e), "the ARN of a platform's endpoint"
	case "http", "https":
		u, err := url.Parse(e)
		ok, want = err == nil && u.Scheme == i.Protocol.Value && u.Host != "", "a URL that begins with "+i.Protocol.Value+"://"
	case "email", "email-json":
		ok, want = strings.Contains(e, "@"), "an address"
	}
	if !ok {
		f.At(i.Endpoint.Start, "the endpoint of protocol %s must be %s", i.Protocol.Value, want)
	}
}

func (o *subscriptionOptions) check(f *awstarget.Faults, id *identity) {
	at := id.Topic.Start
	protocol := id.Protocol.Value
	o.FilterPolicy.Check(f, at, "filterPolicy")
	o.DeliveryPolicy.Check(f, at, "deliveryPolicy")
	if !awstarget.OneOf(o.FilterPolicyScope, "MessageAttributes", "MessageBody") {
		f.At(o.FilterPolicyScope.Start, "filterPolicyScope must be MessageAttributes or MessageBody")
	}
	if r := o.RedrivePolicy; r != nil {
		q := r.DeadLetterQueue
		if !awstarget.HasReference(q.Value) && !isARN("sqs", q.Value) && (len(q.Value) > 80 || !topicName.MatchString(q.Value)) {
			f.At(awstarget.First(q.Start, at), "redrivePolicy.deadLetterQueue must be a queue's ARN, or the name of one that is where the topic is")
		}
	}
	if awstarget.HasReference(protocol) || awstarget.Blank(id.Protocol) {
		return
	}
	if o.RawMessageDelivery != nil && *o.RawMessageDelivery && !slices.Contains([]string{"sqs", "http", "https", "firehose"}, protocol) {
		f.At(id.Protocol.Start, "rawMessageDelivery is for sqs, http, https and firehose")
	}
	if o.DeliveryPolicy != nil && protocol != "http" && protocol != "https" {
		f.At(id.Protocol.Start, "deliveryPolicy is for http and https")
	}
	if protocol != "firehose" && !awstarget.Blank(o.SubscriptionRoleARN) {
		f.At(o.SubscriptionRoleARN.Start, "subscriptionRoleArn is for firehose")
	}
}

// attributes are what is declared, under the names of the API.
func (o *subscriptionOptions) attributes(queue func(string) string) map[string]string {
	out := map[string]string{}
	if o.RawMessageDelivery != nil {
		out["RawMessageDelivery"] = strconv.FormatBool(*o.RawMessageDelivery)
	}
	if o.FilterPolicy != nil {
		out[attributeFilterPolicy] = o.FilterPolicy.JSON()
	}
	if o.DeliveryPolicy != nil {
		out[attributeDeliveryPolicy] = o.DeliveryPolicy.JSON()
	}
	if o.RedrivePolicy != nil {
		out[attributeRedrivePolicy] = `{"deadLetterTargetArn":` + strconv.Quote(queue(o.RedrivePolicy.DeadLetterQueue.Value)) + `}`
	}
	for name, v := range map[string]string{"FilterPolicyScope": o.FilterPolicyScope.Value, "SubscriptionRoleArn": o.SubscriptionRoleARN.Value} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

func decodeSubscription(p core.Payload) (*subscriptionPayload, error) {
	t := new(subscriptionPayload)
	if err := awstarget.Decode(p, t); err != nil {
		return nil, err
	}
	f := &awstarget.Faults{Payload: p}
	t.check(f)
	return t, f.Err()
}

func compileSubscription(p core.Payload) (core.Step, error) {
	t, err := decodeSubscription(p)
	if err != nil {
		return core.Step{}, err
	}
	rollback := p.Rollback()
	id := t.identity()
	return core.Step{
		Name: SubscriptionTemplate + " " + t.operation() + " " + id.Topic.Value + " " + id.Protocol.Value, Does: t.does(),
		NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newSubscriptionWork(ctx, s, t)
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
			w, err := newSubscriptionWork(ctx, s, t)
			if err != nil {
				return "", err
			}
			return w.capture(ctx)
		},
	}, nil
}

func restoreSubscription(p core.Payload) (core.Step, error) {
	t, err := decodeSubscription(p)
	if err != nil {
		return core.Step{}, err
	}
	return core.Step{
		Name:             SubscriptionTemplate + " restore " + t.identity().Topic.Value,
		NotTransactional: notInTransaction, Handle: reflect.TypeFor[*Client](),
		Do: func(ctx context.Context, s *core.Session) error {
			w, err := newSubscriptionWork(ctx, s, t)
			if err != nil {
				return err
			}
			return w.restore(ctx)
		},
	}, nil
}

// subscriptionProbe asks for every payload's effect.
func subscriptionProbe(ps []core.Payload) (core.Probe, error) {
	var all []*subscriptionPayload
	for _, p := range ps {
		t, err := decodeSubscription(p)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return func(ctx context.Context, s *core.Session) (core.ProbeResult, error) {
		return core.ProbeEach(all, func(t *subscriptionPayload) (core.ProbeResult, error) {
			w, err := newSubscriptionWork(ctx, s, t)
			if err != nil {
				return core.ProbeUnknown, err
			}
			return w.probe(ctx)
		})
	}, nil
}
