package notify

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Options say what Send works with.
type Options struct {
	// Resolver resolves the references in URLs and headers of webhooks.
	Resolver core.Resolver
	// Redact removes secrets from texts; nil: there are none.
	Redact func(string) string
	// Load makes the configuration of an AWS client; nil: awsclient.Load.
	Load func(context.Context, awsclient.Settings) (aws.Config, error)
	// Transport is what webhooks are called through; nil: a new one.
	Transport http.RoundTripper
	// Now is the clock of the document; nil: time.Now.
	Now func() time.Time
}

// Error says that one notification was not sent. It holds no secret.
type Error struct {
	Name string // of the notification: notify[0].sns
	Err  error
}

func (e *Error) Error() string { return e.Name + ": nobody was told: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Send tells whoever wants to know of n, all at once, and waits for it no longer than
// Timeout. The errors are warnings, in the order of the list.
func Send(ctx context.Context, list []config.Notification, n Notice, o Options) []error {
	occasions := n.Occasions()
	if len(occasions) == 0 || len(list) == 0 {
		return nil
	}
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	if o.Load == nil {
		o.Load = awsclient.Load
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	doc := n.document(o.Now(), o.Redact)
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i := range list {
		if !wanted(list[i].On, occasions) {
			continue
		}
		wg.Go(func() {
			if err := o.one(ctx, &list[i], doc); err != nil {
				errs[i] = &Error{list[i].Name, err}
			}
		})
	}
	wg.Wait()
	var out []error
	for _, err := range errs {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// one sends to one place. A panic in a client must not cost the result of the run.
func (o *Options) one(ctx context.Context, to *config.Notification, doc Document) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a client panicked: %T", p)
		}
	}()
	most := maxAWS
	if to.Webhook != nil {
		most = maxWebhook
	}
	body, err := doc.encode(most)
	if err != nil {
		return err
	}
	switch {
	case to.SNS != nil:
		return o.sns(ctx, to.SNS, doc, body)
	case to.EventBridge != nil:
		return o.eventBridge(ctx, to.EventBridge, body)
	case to.Webhook != nil:
		return o.webhook(ctx, to.Webhook, doc, body)
	}
	return nil
}
