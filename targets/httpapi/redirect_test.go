package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// Redirects are followed on the API's own host and on those allowed, where what is sent
// stays the same; credentials and the headers of the configuration stay at home.
func TestRedirects(t *testing.T) {
	for name, tt := range map[string]struct {
		method  string
		status  int
		to      string // OWN and OTHER stand for the servers
		allow   bool
		arrives string // the request that got there; "": none did
		refused bool
		answer  int
	}{
		"GET on the same host":          {method: "GET", status: 302, to: "OWN/v1/plans", arrives: "GET /v1/plans", answer: 200},
		"GET by a path":                 {method: "GET", status: 301, to: "/v1/plans", arrives: "GET /v1/plans", answer: 200},
		"POST, 307":                     {method: "POST", status: 307, to: "OWN/v1/plans", arrives: "POST /v1/plans", answer: 201},
		"POST, 308":                     {method: "POST", status: 308, to: "OWN/v1/plans", arrives: "POST /v1/plans", answer: 201},
		"POST, 302":                     {method: "POST", status: 302, to: "OWN/v1/plans", answer: 302},
		"POST, 303":                     {method: "POST", status: 303, to: "OWN/v1/plans", answer: 303},
		"without a place":               {method: "GET", status: 302, answer: 302},
		"another host":                  {method: "GET", status: 302, to: "OTHER/v1/plans", refused: true},
		"another host, POST":            {method: "POST", status: 307, to: "OTHER/v1/plans", refused: true},
		"another host, allowed":         {method: "GET", status: 302, to: "OTHER/v1/plans", allow: true, arrives: "GET /v1/plans", answer: 200},
		"another host, POST, allowed":   {method: "POST", status: 307, to: "OTHER/v1/plans", allow: true, arrives: "POST /v1/plans", answer: 201},
		"another scheme":                {method: "GET", status: 302, to: "ftp://files.example.com/x", refused: true},
		"with a user":                   {method: "GET", status: 302, to: "http://me:secret@127.0.0.1/x", refused: true},
		"round and round":               {method: "GET", status: 302, to: "OWN/v1/round", refused: true},
		"the metadata of the machine":   {method: "GET", status: 302, to: "http://169.254.169.254/latest/meta-data", refused: true},
		"a name of the same, elsewhere": {method: "GET", status: 302, to: "http://localhost:1/x", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own, other := newAPI(t), newAPI(t)
			e := entry{
				settings: settings{BaseURL: own.url(), Headers: map[string]string{"X-Api-Key": "${env:KEY}"}, Auth: authSettings{Bearer: "${env:TOKEN}"}},
				values:   map[string]string{"KEY": "canary-key", "TOKEN": "canary-token"},
			}
			otherHost := strings.TrimPrefix(other.server.URL, "http://")
			if tt.allow {
				e.settings.AllowHosts = []string{otherHost}
			}
			location := strings.NewReplacer("OWN", own.server.URL, "OTHER", other.server.URL).Replace(tt.to)
			own.fault = func(w http.ResponseWriter, r *http.Request, _ func()) bool {
				if r.URL.Path != "/v1/round" {
					return false
				}
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(tt.status)
				return true
			}
			c := clientFor(t, targetOf(t, e))
			resp, err := c.Send(t.Context(), Request{Method: tt.method, Path: "/round", Body: bodyFor(tt.method), Header: http.Header{"X-Change": {"canary-change"}, "Content-Type": {"application/json"}}})
			var re *RedirectError
			switch {
			case tt.refused && (!errors.As(err, &re) || re.Next == "" || core.IsUnknown(err) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v, %v, want a refusal", resp, err)
			case !tt.refused && (err != nil || resp.Status != tt.answer):
				t.Errorf("got %v, %v, want %d", resp, err, tt.answer)
			}
			at := own
			if strings.HasPrefix(tt.to, "OTHER") {
				at = other
			}
			if tt.arrives == "" {
				if other.requests() > 0 || own.count(tt.method+" /v1/plans") > 0 {
					t.Errorf("it was followed: %v, %v", own.calls, other.calls)
				}
				return
			}
			if at.count(tt.arrives) != 1 {
				t.Fatalf("want %s once: %v", tt.arrives, at.calls)
			}
			h := at.last().Header
			for name, want := range map[string]string{"Authorization": "Bearer canary-token", "X-Api-Key": "canary-key", "X-Change": "canary-change"} {
				if at == other {
					want = ""
				}
				if got := h.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if h.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func bodyFor(method string) []byte {
	if method == "POST" {
		return []byte(`{"name":"gold"}`)
	}
	return nil
}

// A URL of an allowed host gets the change's own headers, and nothing of the API's.
func TestAllowedHost(t *testing.T) {
	own, other := newAPI(t), newAPI(t)
	target := targetOf(t, entry{
		settings: settings{BaseURL: own.url(), Auth: authSettings{Basic: &basicSettings{User: "me", Password: "canary"}}, AllowHosts: []string{strings.TrimPrefix(other.server.URL, "http://")}, IdempotencyKey: keySettings{Trusted: true}},
	})
	c := mustLoad(t, target, "apply: { method: PUT, url: '"+other.server.URL+"/v1/plans/gold', headers: { X-Change: a }, json: {} }")
	if _, err := newLedger().apply(t, target, c); err != nil {
		t.Fatal(err)
	}
	if h := other.last().Header; h.Get("Authorization") != "" || h.Get("X-Change") != "a" {
		t.Errorf("headers %v", h)
	}
	if own.requests() != 1 { // of Ping
		t.Errorf("the API was asked: %v", own.calls)
	}
	// What the API promises about keys is no promise of the other host's.
	other.failing(1, "POST", func(_ http.ResponseWriter, _ func()) { hangUp() })
	if _, err := clientFor(t, target).Send(t.Context(), Request{Method: "POST", URL: other.server.URL + "/v1/plans", Header: http.Header{"Idempotency-Key": {"k"}}}); !core.IsUnknown(err) || other.count("POST /v1/plans") != 1 {
		t.Errorf("%v, %v", err, other.calls)
	}
}
