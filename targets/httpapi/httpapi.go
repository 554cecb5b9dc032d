package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"

	"github.com/flamingock/flamingock-go/core"
)

// TypeName is the target type's name in the configuration.
const TypeName = "http"

// Option adds to the target type.
type Option func(*targetType)

type targetType struct{ sigV4 SignerSource }

// WithSigV4 makes auth.sigv4 possible: targets/httpapi/sigv4 has the source. It is an
// option so that who needs none gets no AWS SDK.
func WithSigV4(s SignerSource) Option { return func(t *targetType) { t.sigV4 = s } }

// Type returns the target type. Settings: baseUrl, headers, auth, tls, proxy, timeout,
// maxResponse, allowHosts, ping, idempotencyKey and insecureHttp. All texts may hold
// references.
func Type(options ...Option) core.TargetType {
	var t targetType
	for _, set := range options {
		set(&t)
	}
	return core.TargetType{Name: TypeName, New: t.fromSettings, Templates: []core.Template{requestTemplate()}}
}

// Target is one API.
type Target struct {
	id      string
	connect func(ctx context.Context) (*connection, error)

	mu   sync.Mutex
	conn *connection
	// idle are the steps of changes that found done what they were to do, in this process:
	// their rollbacks have nothing to take back.
	idle map[stepID]bool
	// places are where changes have sent requests to, in this process, and what was there
	// afterwards; nil: not known.
	places map[placeID]*kept
}

// stepID names one step of one change.
type stepID struct {
	change string
	step   int
}

// New makes a target of the API at baseURL over the transport of a client that the
// caller made, with whatever credentials that adds, and its Timeout. One of another type
// than *http.Transport must not send requests again by itself. Nil stands for the client
// that the configuration makes by default.
func New(id, baseURL string, client *http.Client) *Target {
	t := &Target{id: id, idle: map[stepID]bool{}, places: map[placeID]*kept{}}
	t.connect = func(ctx context.Context) (*connection, error) {
		c := settings{BaseURL: baseURL}
		if client != nil {
			c.Timeout = client.Timeout
		}
		conn, err := c.connection(ctx, t, plainSettings{}, nil)
		if err == nil && client != nil && client.Transport != nil {
			conn.transport = client.Transport
			if kept, ok := client.Transport.(*http.Transport); ok {
				single := kept.Clone()
				single.DisableKeepAlives = true // see roundTripper
				conn.transport = single
			}
		}
		return conn, err
	}
	return t
}

// ID returns the id in the configuration.
func (t *Target) ID() string { return t.id }

// Type returns the target type's name.
func (t *Target) Type() string { return TypeName }

// Handles returns *Client.
func (t *Target) Handles() core.Handles { return core.Handles{Direct: reflect.TypeFor[*Client]()} }

// Open returns a *Client, with credentials to send. It does not contact the API itself.
func (t *Target) Open(ctx context.Context) (any, func() error, error) {
	conn, err := t.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := conn.auth.prepare(ctx); err != nil {
		return nil, nil, err
	}
	return &Client{conn: conn}, func() error { return nil }, nil
}

// Close forgets the settings. No connection outlives its request.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conn = nil
	return nil
}

// Ping finds out whether the API is there: with the request that ping describes, which
// must be answered as it says; or else with HEAD baseUrl, which any answer of the API's
// own satisfies.
func (t *Target) Ping(ctx context.Context) error {
	conn, err := t.open(ctx)
	if err != nil {
		return err
	}
	c := &Client{conn: conn}
	if p := conn.ping; p != nil {
		resp, err := c.Send(ctx, Request{Method: http.MethodGet, Path: p.path})
		if err != nil {
			return certain(err)
		}
		return t.pinged(resp, p.status)
	}
	resp, err := c.Send(ctx, Request{Method: http.MethodHead})
	if err != nil {
		return certain(err)
	}
	switch resp.Status {
	case http.StatusProxyAuthRequired:
		return &core.PermissionError{System: t.system(), Right: "credentials that the proxy accepts", Err: resp.statusError(nil)}
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &core.UnavailableError{System: t.system(), Err: resp.statusError(nil)}
	}
	return nil
}

// pinged judges the answer to the request of ping.
func (t *Target) pinged(resp *Response, want statuses) error {
	err := certain(resp.expect(want))
	switch {
	case err == nil || core.CodeOf(err) == core.CodePermissionDenied:
		return err
	case resp.Status >= http.StatusInternalServerError || resp.Status == http.StatusTooManyRequests:
		return &core.UnavailableError{System: t.system(), Err: err}
	}
	return &core.ConfigError{
		Key: "targetSystems." + t.id + ".ping", Reason: "is not answered as it should be", Next: "mend ping.path, ping.status or baseUrl", Err: err,
	}
}

// open returns the connection's settings, made on first use.
func (t *Target) open(ctx context.Context) (*connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		return t.conn, nil
	}
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	t.conn = conn
	return conn, nil
}

// didNothing remembers, or forgets, that the request of a step did nothing.
func (t *Target) didNothing(s *core.Session, nothing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id := (stepID{s.ChangeID, s.Step}); nothing && id.change != "" {
		t.idle[id] = true
	} else {
		delete(t.idle, id)
	}
}

// nothingDone reports whether the request of the step, in this process, did nothing.
func (t *Target) nothingDone(s *core.Session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.idle[stepID{s.ChangeID, s.Step}]
}

func (t *Target) system() string { return fmt.Sprintf("target system %s (%s)", t.id, TypeName) }

// Step makes a step of a Go function. An error that leaves the outcome open is to be
// marked with core.Unknown; those of [Client.Send] and [Response.Expect] are.
func Step(f func(ctx context.Context, c *Client) error) core.Step {
	step := core.StepFor(f)
	if f == nil {
		return step
	}
	step.Do = func(ctx context.Context, s *core.Session) error {
		c, err := clientOf(s)
		if err != nil {
			return err
		}
		return f(ctx, c)
	}
	return step
}

// clientOf returns the session's client, bound to the session.
func clientOf(s *core.Session) (*Client, error) {
	c, ok := s.Handle.(*Client)
	if !ok || c == nil {
		return nil, &core.HandleError{Want: reflect.TypeFor[*Client](), Got: reflect.TypeOf(s.Handle)}
	}
	return &Client{conn: c.conn, key: s.IdempotencyKey}, nil
}
