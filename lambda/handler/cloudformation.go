package handler

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
)

const maxStackAnswer = 4096

// stackAnswer is what CloudFormation takes.
type stackAnswer struct {
	Status             string
	Reason             string `json:",omitempty"`
	PhysicalResourceID string `json:"PhysicalResourceId"`
	StackID            string `json:"StackId"`
	RequestID          string `json:"RequestId"`
	LogicalResourceID  string `json:"LogicalResourceId"`

	Data map[string]string `json:",omitempty"`
}

// cloudFormation applies on Create and Update. Delete does nothing and succeeds:
// changes are not taken back by deleting a stack, and it must be possible to.
func (in *invocation) cloudFormation(ctx context.Context, c *events.CloudFormation, trigger core.Trigger) error {
	if c.RequestType == events.RequestDelete {
		in.log.InfoContext(ctx, "a stack lets go of the resource: nothing is done")
		return in.answerStack(ctx, c, &outcome{})
	}
	return in.answerStack(ctx, c, in.do(ctx, applyAll(), trigger, 0))
}

// physicalID stays the same for as long as the resource is there: another one would
// make CloudFormation delete what it takes for the old resource.
func (in *invocation) physicalID(c *events.CloudFormation, ledger string) string {
	return cmp.Or(c.PhysicalID, "flamingock/"+cmp.Or(ledger, "unknown")+"/"+c.LogicalID)
}

// answerStack puts the answer where CloudFormation reads it.
func (in *invocation) answerStack(ctx context.Context, c *events.CloudFormation, out *outcome) error {
	a := stackAnswer{Status: "SUCCESS", PhysicalResourceID: in.physicalID(c, out.ledger), StackID: c.StackID, RequestID: c.RequestID, LogicalResourceID: c.LogicalID}
	if code := out.code(); code != "" {
		a.Status, a.Reason = "FAILED", string(code)+": "+out.text()
	} else if out.apply != nil {
		a.Data = out.variables(in.id)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body := a.encode()
	err := in.insist(ctx, func(ctx context.Context) (bool, error) { return in.put(ctx, c.ResponseURL, body) })
	if err == nil {
		return nil
	}
	return in.undelivered(ctx, callBack{to: "CloudFormation", hide: []events.Secret{c.ResponseURL}}, err, out)
}

// encode fits the answer into what CloudFormation takes.
func (a stackAnswer) encode() []byte {
	body := a.json()
	if len(body) > maxStackAnswer {
		a.Data = nil
		body = a.json()
	}
	for len(body) > maxStackAnswer && len(a.Reason) > 20 {
		a.Reason = core.Cap(a.Reason, max(20, len(a.Reason)-(len(body)-maxStackAnswer)/2-1))
		body = a.json()
	}
	return body
}

func (a stackAnswer) json() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(a) //nolint:errcheck // texts only
	return bytes.TrimSpace(b.Bytes())
}

// put sends the answer. The URL is its own authority, and in none of the errors.
func (in *invocation) put(ctx context.Context, to events.Secret, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.Reveal(), bytes.NewReader(body))
	if err != nil {
		return false, &core.ConfigError{Key: "ResponseURL", Reason: "it is not a URL"}
	}
	// No Content-Type: it is not part of what was signed.
	resp, err := in.h.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return true, &core.UnavailableError{System: "CloudFormation's address for answers", Err: err}
	}
	defer resp.Body.Close()                                       //nolint:errcheck // nothing is lost
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) //nolint:errcheck // read so that the connection can be used again
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil
	case code >= 500 || code == http.StatusTooManyRequests:
		return true, &core.UnavailableError{System: "CloudFormation's address for answers", Err: fmt.Errorf("it answers %d", code)}
	default:
		return false, &core.PermissionError{System: "CloudFormation's address for answers", Err: fmt.Errorf("it answers %d: its signature may have expired", code)}
	}
}

// newPutter makes the client for these answers: with limits of its own, and nowhere
// but to the address that was given.
func newPutter(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: attemptTime}).DialContext,
			TLSHandshakeTimeout: attemptTime, DisableKeepAlives: true, // one answer, and nothing of it stays behind
		}
	}
	return &http.Client{
		Transport: transport, Timeout: 2 * attemptTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
