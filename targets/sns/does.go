package sns

import (
	"net/url"

	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// does says for people what the payload does, without its values.
func (p *topicPayload) does() string {
	what := "topic " + p.topic().Value
	if isFIFO(p.topic().Value) {
		what = "FIFO " + what
	}
	switch {
	case p.Create != nil:
		return "creates " + what + withDeclared(&p.Create.Options)
	case p.Update != nil:
		return awstarget.Updates(what, awstarget.Declared(&p.Update.Options), p.Update.Remove, p.Update.RemoveTags)
	}
	return "deletes " + what + " and its subscriptions"
}

// does says for people what the payload does, without its values.
func (p *subscriptionPayload) does() string {
	id := p.identity()
	to := id.does() + " to topic " + id.Topic.Value
	switch {
	case p.Create != nil:
		text := "subscribes " + to + withDeclared(&p.Create.Options)
		if p.Create.WaitForConfirmation {
			text += ", and waits for its confirmation"
		}
		return text
	case p.Update != nil:
		return awstarget.Updates("the subscription of "+to, awstarget.Declared(&p.Update.Options), p.Update.Remove, nil)
	}
	return "unsubscribes " + id.does() + " from topic " + id.Topic.Value
}

// does names the endpoint, where that is no person's address, and without what may be
// secret in a URL.
func (i *identity) does() string {
	switch i.Protocol.Value {
	case "application", "firehose", "lambda", "sqs":
		return i.Protocol.Value + " " + i.Endpoint.Value
	case "http", "https":
		if u, err := url.Parse(i.Endpoint.Value); err == nil && u.Host != "" {
			return "an endpoint at " + u.Scheme + "://" + u.Host
		}
	}
	return "an endpoint by " + i.Protocol.Value
}

func withDeclared(options any) string {
	if declared := awstarget.Declared(options); len(declared) > 0 {
		return " with " + awstarget.Listed(declared)
	}
	return ""
}
