package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
)

const (
	maxRedirects = 3
	// pause before the only second attempt.
	pause = 300 * time.Millisecond
	// attemptTimeout leaves time for a second one.
	attemptTimeout = 2 * time.Second
)

func (o *Options) webhook(ctx context.Context, to *config.Webhook, doc Document, body []byte) error {
	address, err := o.expand(ctx, to.URL)
	if err != nil {
		return err
	}
	address = strings.TrimSpace(address)
	if reason := config.CheckWebhookURL(address); reason != "" {
		return errors.New("url " + reason)
	}
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"flamingock-go"}, "Flamingock-Notification": {doc.ID}}
	for name, value := range to.Headers {
		text, err := o.expand(ctx, value)
		if err != nil {
			return err
		}
		if text = strings.TrimSpace(text); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return errors.New("the value of the header " + name + " must be one line")
		}
		header.Set(name, text)
	}
	c := &http.Client{Transport: o.Transport, CheckRedirect: redirect}
	if c.Transport == nil {
		t := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
		defer t.CloseIdleConnections()
		c.Transport = t
	}
	again, err := post(ctx, c, address, header, body)
	if !again {
		return err
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return err
	case <-timer.C:
	}
	_, err = post(ctx, c, address, header, body)
	return err
}

func (o *Options) expand(ctx context.Context, s core.Secret) (string, error) {
	if o.Resolver == nil {
		return s.Reveal(), nil
	}
	return core.Expand(ctx, o.Resolver, s.Reveal())
}

// redirect follows only what stays with the same host and is still our POST: the
// headers may be secrets of that host's.
func redirect(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || r.Method != http.MethodPost || r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// post sends once; again says that a second attempt may help. The errors are made
// here: those of net/http quote the URL.
func post(ctx context.Context, c *http.Client, address string, header http.Header, body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("url must be a URL such as https://hooks.example.com/changes")
	}
	req.Header = header.Clone()
	resp, err := c.Do(req)
	if err != nil {
		return true, errors.New(why(err))
	}
	defer resp.Body.Close()                                      //nolint:errcheck // nothing is lost
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) //nolint:errcheck // what it says is not looked at
	switch status := resp.StatusCode; {
	case status >= http.StatusOK && status < http.StatusMultipleChoices:
		return false, nil
	case status >= http.StatusInternalServerError:
		return true, fmt.Errorf("the webhook answers with status %d", status)
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return false, fmt.Errorf("the webhook answers with status %d: redirects are followed on the same host only; configure the URL that it leads to", status)
	default:
		return false, fmt.Errorf("the webhook answers with status %d: look at its url and headers", status)
	}
}

// why says what went wrong in words that hold nothing of the URL.
func why(err error) string {
	var (
		named       *url.Error
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		number      syscall.Errno
		network     net.Error
	)
	if errors.As(err, &named) {
		err = named.Err
	}
	switch {
	case errors.As(err, &dns):
		return "the webhook's host name cannot be resolved"
	case errors.As(err, &certificate):
		return "the webhook's certificate is not trusted"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout():
		return "the webhook does not answer in time"
	case errors.Is(err, context.Canceled):
		return "the run was stopped before the webhook answered"
	case errors.As(err, &number):
		return "the webhook cannot be reached: " + number.Error()
	}
	return "the webhook cannot be reached"
}
