package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// connection is what requests of one target have in common.
type connection struct {
	target      *Target
	base        *url.URL
	header      http.Header // for the base's host only
	auth        authorizer
	transport   http.RoundTripper
	secrets     *secrets
	timeout     time.Duration
	maxResponse int64
	allowHosts  map[string]bool
	ping        *ping
	keyHeader   string
	keyTrusted  bool
}

type ping struct {
	path   string
	status statuses
}

const maxRedirects = 5

// address makes the URL of a request: path is appended to baseUrl, and another URL must
// lead to an allowed host.
func (n *connection) address(r *Request) (*url.URL, error) {
	refuse := func(reason, next string) error { return &RequestError{What: r.what(), Reason: reason, Next: next} }
	var u *url.URL
	var err error
	switch {
	case r.URL != "" && r.Path != "":
		return nil, refuse("has a path and a url", "keep one of them")
	case r.URL != "":
		if u, err = url.Parse(r.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
			return nil, refuse("its url must be one of http or https, without user and password", "write it such as https://api.example.com/v1/plans")
		}
		if !n.own(u) && !n.allowed(u) {
			return nil, refuse("its url leads to "+u.Host+", which is not the host of baseUrl", n.allowNext(u))
		}
	case r.Path != "" && !strings.HasPrefix(r.Path, "/"):
		return nil, refuse("its path must begin with /", "write it such as /plans: it is appended to baseUrl")
	default:
		if u, err = url.Parse(n.base.String() + r.Path); err != nil || u.Host != n.base.Host {
			return nil, refuse("its path is not valid in a URL", "write special characters as %XX")
		}
	}
	u.Fragment = ""
	if len(r.Query) > 0 {
		q := u.Query()
		for name, values := range r.Query {
			q[name] = append(q[name], values...)
		}
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// own reports whether u is on the host that the credentials are for.
func (n *connection) own(u *url.URL) bool {
	return u.Scheme == n.base.Scheme && hostPort(u) == hostPort(n.base)
}

func (n *connection) allowed(u *url.URL) bool {
	host := strings.ToLower(u.Host)
	return n.allowHosts[host] || n.allowHosts[hostPort(u)]
}

func (n *connection) allowNext(u *url.URL) string {
	return "if that is right, add " + u.Host + " to targetSystems." + n.target.id + ".allowHosts: credentials and headers of the configuration are not sent there"
}

func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// outcome is what became of one attempt.
type outcome struct {
	resp *Response
	// lost says that there was a connection, so that the request may have arrived, and no
	// answer.
	lost bool
	// permanent says that another attempt would end the same way.
	permanent bool
	err       error
}

// once sends a request and follows its redirects.
func (n *connection) once(ctx context.Context, r *Request, at *url.URL) (o outcome) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = n.timeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	start := at
	for hop := 0; ; hop++ {
		req, err := n.request(traced, r, at, start)
		if err != nil {
			return outcome{err: err, lost: connected.Load(), permanent: core.CodeOf(err) != core.CodeUnavailable}
		}
		resp, err := n.transport.RoundTrip(req)
		if err != nil {
			return n.failed(ctx, limited, timeout, connected.Load(), err)
		}
		next, err := n.redirect(r, resp, at, hop)
		if err != nil || next != nil {
			resp.Body.Close() //nolint:errcheck,gosec // what a redirect says besides is not looked at
		}
		if err != nil {
			return outcome{err: err, permanent: true}
		}
		if next != nil {
			at = next
			continue
		}
		body, truncated, err := n.read(resp)
		if err != nil {
			return n.failed(ctx, limited, timeout, true, err)
		}
		return outcome{resp: &Response{
			Status: resp.StatusCode, Header: resp.Header, Body: body, Truncated: truncated, client: n, what: r.what(),
		}}
	}
}

// request makes the request for one hop. Others than the API's own host get no
// credentials, and of the change's headers only what says what the body is.
func (n *connection) request(ctx context.Context, r *Request, at, start *url.URL) (*http.Request, error) {
	var body io.Reader
	if len(r.Body) > 0 {
		// Of a type that net/http does not know how to rewind: see roundTripper.
		body = io.NopCloser(bytes.NewReader(r.Body))
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, at.String(), body)
	if err != nil {
		return nil, &RequestError{What: r.what(), Reason: "its method is not valid", Next: "write it such as POST"}
	}
	req.ContentLength = int64(len(r.Body))
	req.Header.Set("User-Agent", "flamingock-go")
	if n.own(at) {
		for name, values := range n.header {
			req.Header[name] = values
		}
	}
	for name, values := range r.Header {
		if hostPort(at) == hostPort(start) || name == "Content-Type" || name == "Accept" || name == http.CanonicalHeaderKey(n.keyHeader) {
			req.Header[name] = values
		}
	}
	if !n.own(at) {
		return req, nil
	}
	return req, n.auth.authorize(ctx, req, r.Body)
}

// redirect says where to go on; nil for an answer that is to be judged as it is.
func (n *connection) redirect(r *Request, resp *http.Response, at *url.URL, hop int) (*url.URL, error) {
	location := resp.Header.Get("Location")
	switch resp.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return nil, nil // the next request would be another one
		}
	default:
		return nil, nil
	}
	if location == "" {
		return nil, nil
	}
	refuse := func(host, reason, next string) error {
		return &RedirectError{What: r.what(), Status: resp.StatusCode, Host: host, Reason: reason, Next: next}
	}
	u, err := at.Parse(location)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, refuse("", "to what is no URL of http or https", "look at the API: its answer makes no sense")
	case at.Scheme == "https" && u.Scheme != "https":
		return nil, refuse(u.Host, "from https to http", "name the URL that is meant in baseUrl")
	case hop == maxRedirects:
		return nil, refuse(u.Host, "the sixth in a row", "name the URL that they lead to")
	case hostPort(u) != hostPort(at) && !n.own(u) && !n.allowed(u):
		return nil, refuse(u.Host, "to another host", n.allowNext(u))
	}
	return u, nil
}

// read takes in an answer up to the limit.
func (n *connection) read(resp *http.Response) (body []byte, truncated bool, err error) {
	defer resp.Body.Close() //nolint:errcheck // nothing is lost
	body, err = io.ReadAll(io.LimitReader(resp.Body, n.maxResponse+1))
	if int64(len(body)) > n.maxResponse {
		return body[:n.maxResponse], true, nil
	}
	return body, false, err
}

// failed explains an attempt without an answer.
func (n *connection) failed(ctx, limited context.Context, timeout time.Duration, connected bool, err error) outcome {
	o := outcome{lost: connected && !refusedInTLS(err)}
	switch {
	case ctx.Err() != nil:
		o.err, o.permanent = context.Cause(ctx), true
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		o.err = &core.UnavailableError{System: n.target.system(), Err: errors.New("no answer within " + timeout.String())}
	default:
		o.err = n.unreachable(n.target.system(), "baseUrl", err)
		o.permanent = core.CodeOf(o.err) == core.CodeConfigInvalid
	}
	return o
}
