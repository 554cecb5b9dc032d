package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

func TestFixedCredentials(t *testing.T) {
	a := newAPI(t)
	for want, e := range map[string]entry{
		"":                           {settings: settings{}},
		"Bearer canary":              {settings: settings{Auth: authSettings{Bearer: "${env:T}"}}, values: map[string]string{"T": "canary"}},
		"Basic bWU6cGFzczp3b3JkIA==": {settings: settings{Auth: authSettings{Basic: &basicSettings{User: "me", Password: "${env:P}"}}}, values: map[string]string{"P": "pass:word "}},
	} {
		e.settings.BaseURL = a.url()
		if _, err := clientFor(t, targetOf(t, e)).Send(t.Context(), Request{Path: "/plans"}); err != nil {
			t.Fatal(err)
		}
		if got := a.last().Header.Get("Authorization"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// A line end is a common accident, and no header.
	target := targetOf(t, entry{settings: settings{BaseURL: a.url(), Auth: authSettings{Bearer: "${env:T}"}}, values: map[string]string{"T": "canary\n"}})
	if _, _, err := target.Open(t.Context()); core.CodeOf(err) != core.CodeConfigInvalid || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

// issuer gives tokens for client credentials, as RFC 6749 has it.
type issuer struct {
	server *httptest.Server
	mu     sync.Mutex
	n      int // tokens given
	form   url.Values
	basic  string
	fail   func(w http.ResponseWriter) bool
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{}
	i.server = httptest.NewServer(i)
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil && i.fail(w) {
		return
	}
	r.ParseForm()
	user, password, _ := r.BasicAuth()
	i.form, i.basic = r.PostForm, user+":"+password
	i.n++
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("access-token-%d", i.n), "token_type": "bearer", "expires_in": 3600})
}

func (i *issuer) entry(a *api, inBody bool) entry {
	return entry{
		settings: settings{BaseURL: a.url(), Auth: authSettings{OAuth2: &oauth2Settings{
			TokenURL: i.server.URL + "/token", ClientID: "client", ClientSecret: "${env:SECRET}", Scopes: []string{"plans:write", "plans:read"},
			Parameters: map[string]string{"audience": "billing"}, InBody: inBody,
		}}},
		values: map[string]string{"SECRET": "canary/secret+"},
	}
}

func TestOAuth2(t *testing.T) {
	for _, inBody := range []bool{false, true} {
		a, i := newAPI(t), newIssuer(t)
		accepted := "access-token-1"
		a.fault = func(w http.ResponseWriter, r *http.Request, _ func()) bool {
			wrong := r.Header.Get("Authorization") != "Bearer "+accepted
			if wrong {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return wrong
		}
		c := clientFor(t, targetOf(t, i.entry(a, inBody)))
		send := func() (*Response, error) {
			return c.Send(t.Context(), Request{Method: "POST", Path: "/plans", Body: []byte(`{"name":"gold"}`)})
		}
		for range 2 { // the second takes the token of the first
			if resp, err := send(); err != nil || resp.Status == http.StatusUnauthorized {
				t.Fatalf("%v, %v", resp, err)
			}
		}
		if i.n != 1 || i.form.Get("grant_type") != "client_credentials" || i.form.Get("scope") != "plans:write plans:read" || i.form.Get("audience") != "billing" {
			t.Errorf("%d tokens, form %v", i.n, i.form)
		}
		if inBody && i.form.Get("client_secret") != "canary/secret+" || !inBody && i.basic != "client:canary%2Fsecret%2B" {
			t.Errorf("form %v, basic %q", i.form, i.basic)
		}
		// The API takes it no more: another is asked for, once.
		accepted = "access-token-2"
		if resp, err := send(); err != nil || resp.Status == http.StatusUnauthorized || i.n != 2 {
			t.Errorf("%v, %v, %d tokens", resp, err, i.n)
		}
		accepted = "none"
		resp, err := send()
		if err != nil || resp.Status != http.StatusUnauthorized || i.n != 3 {
			t.Errorf("%v, %v, %d tokens", resp, err, i.n)
		}
		if err := resp.Expect(201); core.HintOf(err) == "" || core.IsUnknown(err) {
			t.Errorf("got %v", err)
		}
	}
}

// Without a token nothing is sent, and the change does not begin.
func TestNoToken(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func(w http.ResponseWriter) bool
		code core.Code
		says string
	}{
		"refused": {func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"canary/secret+ is wrong"}`)
			return true
		}, core.CodePermissionDenied, "invalid_client [secret] is wrong"},
		"not able":  {func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusServiceUnavailable); return true }, core.CodeUnavailable, "503 Service Unavailable"},
		"not there": {func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusNotFound); return true }, core.CodeConfigInvalid, "tokenUrl"},
		"a redirect": {func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "https://evil.example.com")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}, core.CodeConfigInvalid, "307"},
		"hangs up": {func(_ http.ResponseWriter) bool { hangUp(); return true }, core.CodeUnavailable, "closed"},
	} {
		a, i := newAPI(t), newIssuer(t)
		i.fail = tt.fail
		target := targetOf(t, i.entry(a, true))
		l := newLedger()
		said, err := l.apply(t, target, mustLoad(t, target, "apply: { method: PUT, path: /plans/gold, json: {} }"))
		if core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) || core.HintOf(err) == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if strings.Contains(said+err.Error(), "canary") {
			t.Errorf("%s: the secret is shown: %v", name, err)
		}
		if a.requests() > 0 || l.states(t) != "" {
			t.Errorf("%s: %v was sent, recorded %s", name, a.calls, l.states(t))
		}
	}
}
