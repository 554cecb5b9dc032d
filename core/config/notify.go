package config

import (
	"fmt"
	"net/netip"
	"net/textproto"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// Notification says who is told of what. Exactly one of SNS, EventBridge and Webhook
// is set.
type Notification struct {
	On          []Occasion // never empty
	SNS         *SNSTopic
	EventBridge *EventBus
	Webhook     *Webhook
	// Name is the place in the list, for warnings: notify[0].sns.
	Name   string
	Source core.Position
}

// Occasion is something to tell.
type Occasion string

// The occasions. docs/notify.md says exactly what they are.
const (
	OnFailed  Occasion = "failed"
	OnIssue   Occasion = "issue"
	OnApplied Occasion = "applied"
)

// SNSTopic is a topic; its ARN has the region.
type SNSTopic struct{ TopicARN string }

// EventBus is an event bus, by name or ARN, and the source of the events.
type EventBus struct{ Bus, Source, Region string }

// Webhook is a URL that takes a POST of JSON. URL and values of headers may be or
// hold references, which are not resolved here.
type Webhook struct {
	URL     core.Secret
	Headers map[string]core.Secret
}

// Defaults of eventBridge.
const (
	DefaultEventBus    = "default"
	DefaultEventSource = "flamingock"
)

const (
	maxNotifications = 10
	maxHeaders       = 20

	topicPattern  = `^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`
	busPattern    = `^(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[A-Za-z0-9._/-]{1,256}$`
	eventPattern  = `^[A-Za-z0-9._/-]{1,256}$`
	headerPattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
)

// notifyFile is one item of the file's list.
type notifyFile struct {
	On  []string `yaml:"on"`
	SNS *struct {
		TopicARN string `yaml:"topicArn"`
	} `yaml:"sns"`
	EventBridge *struct {
		Bus    string `yaml:"bus"`
		Source string `yaml:"source"`
		Region string `yaml:"region"`
	} `yaml:"eventBridge"`
	Webhook *struct {
		URL     core.Secret            `yaml:"url"`
		Headers map[string]core.Secret `yaml:"headers"`
	} `yaml:"webhook"`
}

// notify decodes the list. It contacts nobody.
func (l *loader) notify(n *strictyaml.Node) {
	if n == nil || n.Kind == strictyaml.Null {
		return
	}
	if n.Kind != strictyaml.List {
		l.faults.Add(n.Pos, "notify must be a list, not "+n.Kind.String())
		return
	}
	if len(n.Items) > maxNotifications {
		l.faults.Add(n.Pos, fmt.Sprintf("notify must have at most %d items", maxNotifications))
		return
	}
	for i, item := range n.Items {
		at := fmt.Sprintf("notify[%d]", i)
		if item.Kind != strictyaml.Map {
			l.faults.Add(item.Pos, at+" must be a mapping with sns, eventBridge or webhook, not "+item.Kind.String())
			continue
		}
		var f notifyFile
		if faults := strictyaml.DecodeAt(item, &f, at); len(faults) > 0 {
			l.faults.List = append(l.faults.List, faults...)
			continue
		}
		if out, wrong := f.notification(at); wrong != "" {
			l.faults.Add(item.Pos, wrong)
		} else {
			out.Source = item.Pos
			l.c.Notify = append(l.c.Notify, out)
		}
	}
}

// notification checks an item; wrong is a sentence that quotes no value.
func (f *notifyFile) notification(at string) (out Notification, wrong string) {
	ways := 0
	if f.SNS != nil {
		ways++
		out.Name, out.SNS = at+".sns", &SNSTopic{f.SNS.TopicARN}
		wrong = matches(topicPattern, out.Name+".topicArn must be the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:changes")(f.SNS.TopicARN)
	}
	if e := f.EventBridge; e != nil {
		ways++
		out.Name, out.EventBridge = at+".eventBridge", &EventBus{orElse(e.Bus, DefaultEventBus), orElse(e.Source, DefaultEventSource), e.Region}
		wrong = out.EventBridge.wrong(out.Name)
	}
	if f.Webhook != nil {
		ways++
		out.Name, out.Webhook = at+".webhook", &Webhook{f.Webhook.URL, f.Webhook.Headers}
		wrong = out.Webhook.wrong(out.Name)
	}
	switch {
	case ways != 1:
		return out, at + " must have exactly one of sns, eventBridge and webhook"
	case wrong != "":
		return out, wrong
	}
	for _, o := range f.On {
		if !slices.Contains(occasions(), o) {
			return out, at + ".on may have failed, issue and applied"
		}
		if !slices.Contains(out.On, Occasion(o)) {
			out.On = append(out.On, Occasion(o))
		}
	}
	if len(out.On) == 0 {
		out.On = []Occasion{OnFailed, OnIssue}
	}
	return out, ""
}

func occasions() []string { return []string{string(OnFailed), string(OnIssue), string(OnApplied)} }

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func (e *EventBus) wrong(at string) string {
	switch {
	case matches(busPattern, "x")(e.Bus) != "":
		return at + ".bus must be the name or the ARN of an event bus"
	case matches(eventPattern, "x")(e.Source) != "":
		return at + ".source must be letters, digits, and . - _ /"
	case strings.HasPrefix(e.Source, "aws."):
		return at + ".source must not begin with aws., which EventBridge keeps for itself"
	case matches(regionPattern, "x")(e.Region) != "":
		return at + ".region must be the name of an AWS region, such as eu-west-1"
	}
	return ""
}

func (w *Webhook) wrong(at string) string {
	text := w.URL.Reveal()
	if text == "" {
		return at + ".url is missing"
	}
	if len(core.References(text)) == 0 {
		if reason := CheckWebhookURL(text); reason != "" {
			return at + ".url " + reason
		}
	}
	if len(w.Headers) > maxHeaders {
		return fmt.Sprintf("%s.headers must be at most %d", at, maxHeaders)
	}
	for name, value := range w.Headers {
		switch {
		case matches(headerPattern, "x")(name) != "":
			return at + ".headers has a name that HTTP does not allow"
		case slices.Contains([]string{"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "User-Agent"}, textproto.CanonicalMIMEHeaderKey(name)):
			return at + ".headers." + name + " is set by Flamingock: take it away"
		case strings.ContainsAny(value.Reveal(), "\r\n\x00"):
			return at + ".headers." + name + " must be one line"
		}
	}
	return ""
}

// CheckWebhookURL says what is wrong with a URL, references resolved: a sentence that
// quotes nothing of it, or "". Plain http is for this machine only.
func CheckWebhookURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "must be a URL such as https://hooks.example.com/changes"
	case u.User != nil:
		return "must not have a user and password: use a header, with ${env:NAME} as its value"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "must be https: what is sent tells about your systems"
	}
	return ""
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// notifyValues shows the list. URLs of webhooks are secrets, whatever they look like.
func notifyValues(n *strictyaml.Node) []Value {
	if n == nil {
		return nil
	}
	out := flatten("notify", "notify", n)
	for i := range out {
		if v := &out[i]; secretNotify.MatchString(v.Key) && !isReference(v.Value) {
			v.Value = redacted
		}
	}
	return out
}

var secretNotify = regexp.MustCompile(`^notify\[\d+\]\.webhook\.(url$|headers\.)`)

func notifySchema() schema {
	s := strictyaml.SchemaOf(reflect.TypeFor[notifyFile]()).NotNull()
	p, _ := s["properties"].(schema) //nolint:errcheck // a struct's schema has them
	text := strictyaml.TextSchema()
	p["on"] = schema{"type": []string{"array", "null"}, "items": schema{"enum": []any{OnFailed, OnIssue, OnApplied}}, "description": "What to tell; absent: failed and issue."}
	within(p["sns"], "topicArn", text.NotNull().With(schema{"pattern": topicPattern, "description": "Required."}), "topicArn")
	within(p["eventBridge"], "bus", text.With(schema{"pattern": busPattern + "|^$", "description": "Name or ARN; absent: default."}))
	within(p["eventBridge"], "source", text.With(schema{"pattern": eventPattern + "|^$", "not": schema{"type": "string", "pattern": `^aws\.`}, "description": "Of the events; absent: flamingock."}))
	within(p["eventBridge"], "region", text.With(schema{"pattern": regionPattern, "description": "The bus's; absent: the environment's."}))
	within(p["webhook"], "url", text.NotNull().With(schema{"minLength": 1, "description": "https; best as ${env:NAME}."}), "url")
	within(p["webhook"], "headers", schema{
		"type": []string{"object", "null"}, "maxProperties": maxHeaders, "propertyNames": schema{"pattern": headerPattern},
		"additionalProperties": text.NotNull(), "description": "Values may be ${env:NAME}.",
	})
	only := func(key string) schema {
		return schema{"required": []string{key}, "properties": schema{key: schema{}.NotNull()}}
	}
	s = s.With(schema{"oneOf": []schema{only("sns"), only("eventBridge"), only("webhook")}})
	return schema{"type": []string{"array", "null"}, "maxItems": maxNotifications, "items": s}
}

// within replaces a property of a schema, and says which ones are required.
func within(of any, property string, with schema, required ...string) {
	s, _ := of.(schema)              //nolint:errcheck // a struct's schema
	p, _ := s["properties"].(schema) //nolint:errcheck // likewise
	p[property] = with
	if len(required) > 0 {
		s["required"] = required
	}
}
