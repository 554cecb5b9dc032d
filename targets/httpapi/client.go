package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flamingock/flamingock-go/core"
)

// Client is what steps get: it sends requests to one API. It is not for several
// goroutines at a time.
type Client struct {
	conn *connection
	key  func(ctx context.Context) (string, error) // nil outside of a run
	keys int                                       // how many were asked for
}

// Request is one request. Its Body is bounded by memory only.
type Request struct {
	// Method is in capitals. "" means GET.
	Method string
	// Path is appended to baseUrl, and may have a query. Or URL is the whole: on another
	// host than baseUrl's only where allowHosts has it, and then without credentials.
	Path, URL string
	// Query is added to that of the path.
	Query  url.Values
	Header http.Header
	Body   []byte
	// Timeout bounds one attempt. Zero means the configuration's.
	Timeout time.Duration
	// Attempts bounds how often the request is sent, where that is safe. Zero means 4.
	Attempts int

	label       string // for errors, in place of the path
	conditional bool   // If-Match is ours
}

// Response is the API's answer, of whatever status.
type Response struct {
	Status int
	Header http.Header
	// Body is cut where Truncated: at maxResponse.
	Body      []byte
	Truncated bool
	// Unanswered says that an earlier attempt got no answer, so that a refusal does not
	// say what that one did.
	Unanswered bool

	client *connection
	what   string
}

const (
	defaultAttempts = 4
	firstPause      = 200 * time.Millisecond
	longestPause    = 5 * time.Second
	// longestAsked is the longest pause that an API may ask for.
	longestAsked = 30 * time.Second
)

// what names a request for people, without its query, which may hold secrets.
func (r *Request) what() string {
	where := r.label
	if where == "" {
		where, _, _ = strings.Cut(r.Path+r.URL, "?")
	}
	if where == "" {
		where = "baseUrl"
	}
	return r.Method + " " + where
}

// idempotent reports whether the method is one that may be repeated (RFC 9110, 9.2.2).
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// Send sends a request and returns the answer, whatever its status: see
// [Response.Expect]. POST and PATCH get an idempotency key, if they have none. What may
// be sent again is, with pauses: see the package's comment. Without an answer the error
// is marked with core.Unknown if the request may have arrived.
func (c *Client) Send(ctx context.Context, r Request) (*Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	at, err := c.conn.address(&r)
	if err != nil {
		return nil, err
	}
	if r.Header, err = c.header(ctx, &r); err != nil {
		return nil, err
	}
	attempts := r.Attempts
	if attempts <= 0 {
		attempts = defaultAttempts
	}
	// What is said of keys is said of this API, and of no other host.
	repeatable := idempotent(r.Method) || c.conn.keyTrusted && c.conn.own(at) && r.Header.Get(c.conn.keyHeader) != ""
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.RandomizationFactor = firstPause, longestPause, 0.5
	lost, renewed := false, false
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return nil, unknownIf(lost, context.Cause(ctx))
		}
		o := c.conn.once(ctx, &r, at)
		if o.resp != nil && c.conn.auth.answered(o.resp.Status) && !renewed {
			renewed = true
			n-- // it was refused for the token's sake
			continue
		}
		wait, again := c.again(&o, repeatable, lost)
		lost = lost || o.lost
		if !again || n >= attempts {
			return c.end(&o, lost)
		}
		lost = lost || o.resp != nil && o.resp.Status >= http.StatusInternalServerError
		if wait == 0 {
			wait = pauses.NextBackOff()
		}
		if sleep(ctx, wait) != nil {
			return c.end(&o, lost)
		}
	}
}

func (c *Client) end(o *outcome, lost bool) (*Response, error) {
	if o.resp == nil {
		return nil, unknownIf(lost, o.err)
	}
	o.resp.Unanswered = lost
	return o.resp, nil
}

func unknownIf(lost bool, err error) error {
	if lost {
		return core.Unknown(err)
	}
	return err
}

// certain is the error of a request that has no effect, of which nothing is unknown.
func certain(err error) error {
	if u, ok := err.(*core.UnknownError); ok { //nolint:errorlint // our own, not wrapped
		return u.Err
	}
	return err
}

// again says whether the request may be sent once more, and when, if the API says so.
func (c *Client) again(o *outcome, repeatable, lost bool) (wait time.Duration, again bool) {
	if o.resp == nil {
		return 0, !o.permanent && (!o.lost || repeatable)
	}
	switch o.resp.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		again = true // answers that say that nothing was done
	case http.StatusConflict:
		again = lost && repeatable // with a key: the first request is still at work
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = repeatable
	}
	wait = retryAfter(o.resp.Header)
	return wait, again && wait <= longestAsked
}

// retryAfter is the pause that the API asks for, in seconds. A date is not honoured: it
// would compare two clocks.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || seconds <= 0 || seconds > 1<<20 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// header returns the request's headers with the idempotency key.
func (c *Client) header(ctx context.Context, r *Request) (http.Header, error) {
	h := http.Header{}
	for name, values := range r.Header {
		if why := wrongHeader(name); why != "" {
			return nil, &RequestError{What: r.what(), Reason: why, Next: "take it away: credentials are the configuration's"}
		}
		h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPatch || h.Get(c.conn.keyHeader) != "" || c.key == nil {
		return h, nil
	}
	key, err := c.IdempotencyKey(ctx)
	if err != nil {
		return nil, err
	}
	h.Set(c.conn.keyHeader, key)
	return h, nil
}

// IdempotencyKey names the effect of the step's next POST or PATCH: see
// core.Session. The first is the step's own key; each further one is numbered, so that a
// step that is run again must ask in the same order. "" outside of a run.
func (c *Client) IdempotencyKey(ctx context.Context) (string, error) {
	if c.key == nil {
		return "", nil
	}
	key, err := c.key(ctx)
	if err != nil {
		return "", err
	}
	if c.keys++; c.keys > 1 {
		key += "-" + strconv.Itoa(c.keys)
	}
	return key, nil
}
