package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// What is wrong with a configuration is found when the target is made, or, where a
// reference is at fault, when it is first used.
func TestSettings(t *testing.T) {
	values := map[string]string{"BAD": "canary not a url", "USER": "https://me:canary@api.example.com"}
	base := "https://api.example.com/v1"
	for _, tt := range []struct {
		s    settings
		key  string
		late bool
	}{
		{s: settings{}, key: "baseUrl"},
		{s: settings{BaseURL: "api.example.com"}, key: "baseUrl"},
		{s: settings{BaseURL: "ftp://api.example.com"}, key: "baseUrl"},
		{s: settings{BaseURL: "https://me:canary@api.example.com"}, key: "baseUrl"},
		{s: settings{BaseURL: base + "?token=canary"}, key: "baseUrl"},
		{s: settings{BaseURL: "${env:BAD}"}, key: "baseUrl", late: true},
		{s: settings{BaseURL: "${env:USER}"}, key: "baseUrl", late: true},
		{s: settings{BaseURL: "http://api.example.com", Auth: authSettings{Bearer: "canary"}}, key: "baseUrl"},
		{s: settings{BaseURL: base, Auth: authSettings{Bearer: "canary", Basic: &basicSettings{User: "a"}}}, key: "auth"},
		{s: settings{BaseURL: base, Auth: authSettings{Basic: &basicSettings{}}}, key: "auth.basic.user"},
		{s: settings{BaseURL: base, Auth: authSettings{OAuth2: &oauth2Settings{TokenURL: base, ClientID: "a"}}}, key: "auth.oauth2.clientSecret"},
		{s: settings{BaseURL: base, Auth: authSettings{OAuth2: &oauth2Settings{TokenURL: "http://login.example.com", ClientID: "a", ClientSecret: "canary"}}}, key: "auth.oauth2.tokenUrl"},
		{s: settings{BaseURL: base, Auth: authSettings{OAuth2: &oauth2Settings{TokenURL: "${env:BAD}", ClientID: "a", ClientSecret: "canary"}}}, key: "auth.oauth2.tokenUrl", late: true},
		{s: settings{BaseURL: base, Auth: authSettings{OAuth2: &oauth2Settings{TokenURL: base, ClientID: "a", ClientSecret: "canary", Parameters: map[string]string{"scope": "a"}}}}, key: "auth.oauth2.parameters"},
		{s: settings{BaseURL: base, Auth: authSettings{SigV4: &sigV4Settings{}}}, key: "auth.sigv4.service"},
		{s: settings{BaseURL: base, Auth: authSettings{SigV4: &sigV4Settings{Service: "execute-api"}}}, key: "auth.sigv4"},
		{s: settings{BaseURL: base, Headers: map[string]string{"authorization": "Bearer canary"}}, key: "headers"},
		{s: settings{BaseURL: base, Headers: map[string]string{"a b": "canary"}}, key: "headers"},
		{s: settings{BaseURL: base, Headers: map[string]string{"X-A": "canary\n"}}, key: "headers.X-A", late: true},
		{s: settings{BaseURL: base, TLS: tlsSettings{CA: "a", CAFile: "b"}}, key: "tls.caFile"},
		{s: settings{BaseURL: base, TLS: tlsSettings{CertFile: "a"}}, key: "tls"},
		{s: settings{BaseURL: base, AllowHosts: []string{"https://files.example.com"}}, key: "allowHosts"},
		{s: settings{BaseURL: base, Timeout: -1}, key: "timeout"},
		{s: settings{BaseURL: base, MaxResponse: 1 << 40}, key: "maxResponse"},
		{s: settings{BaseURL: base, IdempotencyKey: keySettings{Header: "a b"}}, key: "idempotencyKey.header"},
		{s: settings{BaseURL: base, Ping: &pingSettings{Path: "health"}}, key: "ping.path"},
		{s: settings{BaseURL: base, Proxy: "proxy:3128"}, key: "proxy", late: true},
	} {
		target, err := Type().New("billing", entry{settings: tt.s, values: values})
		if tt.late && err == nil {
			err = target.Ping(t.Context())
		}
		var ce *core.ConfigError
		if !errors.As(err, &ce) || ce.Key != "targetSystems.billing."+tt.key || ce.Next == "" || strings.Contains(err.Error()+ce.Next, "canary") {
			t.Errorf("%+v: got %v, want a fault at %s", tt.s, err, tt.key)
		}
	}
	for name, s := range map[string]settings{
		"the least":                   {BaseURL: base},
		"in clear text, to itself":    {BaseURL: "http://127.0.0.1:8080", Auth: authSettings{Bearer: "canary"}},
		"in clear text, on purpose":   {BaseURL: "http://api.internal", Auth: authSettings{Bearer: "canary"}, InsecureHTTP: true},
		"all that goes together":      {BaseURL: base, Timeout: time.Second, MaxResponse: 1, AllowHosts: []string{"a.example.com", "b.example.com:8443"}, Ping: &pingSettings{Path: "/health"}},
		"nothing is contacted for it": {BaseURL: "https://nobody.invalid"},
	} {
		if _, err := Type().New("billing", entry{settings: s}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPing(t *testing.T) {
	health := &pingSettings{Path: "/health"}
	for name, tt := range map[string]struct {
		ping  *pingSettings
		fault func(http.ResponseWriter, func())
		code  core.Code
		call  string
	}{
		"there":                       {call: "HEAD /v1"},
		"no resource, but there":      {fault: status(404), call: "HEAD /v1"},
		"no method, but there":        {fault: status(405), call: "HEAD /v1"},
		"a gateway without anything":  {fault: status(502), code: core.CodeUnavailable, call: "HEAD /v1"},
		"hangs up":                    {fault: func(_ http.ResponseWriter, _ func()) { hangUp() }, code: core.CodeUnavailable, call: "HEAD /v1"},
		"healthy":                     {ping: health, call: "GET /v1/health"},
		"as the configuration has it": {ping: &pingSettings{Path: "/health", Status: statuses{"418"}}, fault: status(418), call: "GET /v1/health"},
		"wrong credentials":           {ping: health, fault: status(401), code: core.CodePermissionDenied, call: "GET /v1/health"},
		"a missing right":             {ping: health, fault: status(403), code: core.CodePermissionDenied, call: "GET /v1/health"},
		"not healthy":                 {ping: health, fault: status(500), code: core.CodeUnavailable, call: "GET /v1/health"},
		"busy":                        {ping: health, fault: status(429, "Retry-After", "9999"), code: core.CodeUnavailable, call: "GET /v1/health"},
		"the wrong place":             {ping: health, fault: status(404), code: core.CodeConfigInvalid, call: "GET /v1/health"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			if tt.fault != nil {
				a.failing(99, "", tt.fault)
			}
			target := targetOf(t, entry{settings: settings{BaseURL: a.url(), Ping: tt.ping}})
			l := newLedger()
			_, err := l.apply(t, target, mustLoad(t, target, "apply: { method: PUT, path: /plans/gold, json: {} }"))
			if tt.code != "" && (core.CodeOf(err) != tt.code || core.IsUnknown(err) || core.HintOf(err) == "" || l.states(t) != "") {
				t.Errorf("got %v, want %q; recorded %s", err, tt.code, l.states(t))
			}
			if got := target.Ping(t.Context()); core.CodeOf(got) != tt.code {
				t.Errorf("got %v, want %q", got, tt.code)
			}
			if a.count(tt.call) == 0 {
				t.Errorf("asked %v, want %s", a.calls, tt.call)
			}
		})
	}
}

// signer is a SignerSource that notes what it is asked for.
type signer struct {
	to  Signing
	err error
}

func (s *signer) Signer(_ context.Context, _, _ string, to Signing) (Signer, error) {
	s.to = to
	return s, nil
}
func (s *signer) Credentials(context.Context) error { return s.err }
func (s *signer) Sign(_ context.Context, r *http.Request, body []byte) ([]string, error) {
	r.Header.Set("Authorization", fmt.Sprintf("signed %d", len(body)))
	return []string{"canary-session"}, nil
}

func TestSigner(t *testing.T) {
	a := newAPI(t)
	s := &signer{}
	e := entry{
		settings: settings{BaseURL: a.url(), Auth: authSettings{SigV4: &sigV4Settings{Service: "execute-api", Region: "${env:R}", Profile: "p", RoleARN: "r"}}}, values: map[string]string{"R": "eu-west-1"},
	}
	target := targetOf(t, e, WithSigV4(s))
	c := clientFor(t, target)
	resp, err := c.Send(t.Context(), Request{Method: "PUT", Path: "/plans/gold", Body: []byte("{}")})
	if err != nil || a.last().Header.Get("Authorization") != "signed 2" || s.to != (Signing{"execute-api", "eu-west-1", "p", "r"}) {
		t.Errorf("%v, %v; signed for %+v", resp, err, s.to)
	}
	if got := c.conn.secrets.redact("canary-session"); got != "[secret]" {
		t.Errorf("got %q", got)
	}
	s.err = &core.PermissionError{System: "AWS"}
	if _, _, err := target.Open(t.Context()); core.CodeOf(err) != core.CodePermissionDenied {
		t.Errorf("got %v", err)
	}
}

// A service of one's own brings its client.
func TestNew(t *testing.T) {
	a := newTLSAPI(t)
	target := New("billing", a.url(), a.server.Client())
	defer target.Close()
	if _, err := newLedger().apply(t, target, mustLoad(t, target, "apply: { "+post+" }")); err != nil || len(a.names()) != 1 {
		t.Errorf("%v, %v", err, a.names())
	}
	if err := New("billing", "not a url", nil).Ping(t.Context()); core.CodeOf(err) != core.CodeConfigInvalid {
		t.Errorf("got %v", err)
	}
	if err := New("billing", newAPI(t).url(), nil).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// The transport of a client keeps connections, and net/http sends again by itself what
// was written to one that is dead, if it has a key. A POST is not ours to repeat.
func TestKeptConnections(t *testing.T) {
	a := newAPI(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	c := clientFor(t, New("billing", a.url(), client))
	c.key = func(context.Context) (string, error) { return "key-1", nil }
	for _, body := range [][]byte{nil, []byte("{}")} {
		if _, err := c.Send(t.Context(), Request{Path: "/plans"}); err != nil {
			t.Fatal(err)
		}
		before := a.count("POST /v1/plans")
		a.failing(9, "POST", func(http.ResponseWriter, func()) { hangUp() })
		if _, err := c.Send(t.Context(), Request{Method: "POST", Path: "/plans", Body: body}); !core.IsUnknown(err) || a.count("POST /v1/plans") != before+1 {
			t.Errorf("%q: %v, sent %d times", body, err, a.count("POST /v1/plans")-before)
		}
		if got := a.last(); got.ContentLength != int64(len(body)) || got.Header.Get("Idempotency-Key") == "" {
			t.Errorf("%q: %d bytes, headers %v", body, got.ContentLength, got.Header)
		}
		a.failing(0, "", nil)
	}
}
