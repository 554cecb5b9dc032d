package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// env resolves references from a map.
type env map[string]string

func (e env) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	v, ok := e[r.Key]
	if !ok {
		return core.Secret{}, &core.ConfigError{Key: r.String(), Reason: "not set"}
	}
	return core.NewSecret(v), nil
}

func hook(url string, headers map[string]core.Secret) []config.Notification {
	return []config.Notification{{Name: "notify[0].webhook", On: []config.Occasion{config.OnFailed}, Webhook: &config.Webhook{URL: core.NewSecret(url), Headers: headers}}}
}

func TestWebhook(t *testing.T) {
	standstill.Feel(t, 8).TryFixed(t, attemptTimeout, func(t testing.TB) {
		var got Document
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != "/s3cret-path" || r.Header.Get("Authorization") != "Bearer s3cret-token" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Header.Get("Flamingock-Notification") != got.ID {
				t.Error(err)
			}
		}))
		defer s.Close()
		o := Options{Resolver: env{"HOOK": s.URL + "/s3cret-path", "TOKEN": "s3cret-token\n"}, Redact: redact}
		if errs := Send(t.Context(), hook("${env:HOOK}", map[string]core.Secret{"Authorization": core.NewSecret("Bearer ${env:TOKEN}")}), failedRun(), o); errs != nil {
			t.Fatal(errs)
		}
		if got.Schema != Schema || got.Ledger != "orders/prod" || len(got.Issues) != 1 || strings.Contains(got.Message, "hunter2") {
			t.Errorf("got %+v", got)
		}
	})
}

// What goes wrong is said without the URL and the headers, and changes nothing else.
func TestWebhookFaults(t *testing.T) {
	pulse := standstill.Feel(t, 8)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was called") }))
	defer other.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		url    string // instead of the server's
		calls  int
		want   string // "": it arrives
	}{
		"4xx":      {answer: status(404), calls: 1, want: "the webhook answers with status 404"},
		"too many": {answer: status(429), calls: 1, want: "the webhook answers with status 429"},
		"5xx":      {answer: status(503), calls: 2, want: "the webhook answers with status 503"},
		"5xx once": {answer: once(503, 204), calls: 2},
		"to another host": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/s3cret", http.StatusTemporaryRedirect)
		}, calls: 1, want: "the webhook answers with status 307: redirects are followed on the same host only"},
		"to a GET": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/s3cret", http.StatusFound) }, calls: 1, want: "the webhook answers with status 302"},
		"for ever": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/s3cret", http.StatusPermanentRedirect)
		}, calls: maxRedirects + 1, want: "the webhook answers with status 308"},
		"same host":   {answer: moved, calls: 2},
		"not there":   {url: gone.URL + "/s3cret", want: "the webhook cannot be reached: connection refused"},
		"plain http":  {url: "http://hooks.example.com/s3cret", want: "url must be https"},
		"not set":     {url: "${env:NOPE}", want: "${env:NOPE}: not set"},
		"user in URL": {url: "https://user:s3cret@hooks.example.com/", want: "url must not have a user and password"},
		"no URL":      {url: "s3cret", want: "url must be a URL such as"},
	} {
		t.Run(name, func(t *testing.T) {
			pulse.TryFixed(t, attemptTimeout, func(t testing.TB) {
				calls := 0
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					calls++
					c.answer(w, r)
				}))
				defer s.Close()
				url := s.URL + "/s3cret"
				if c.url != "" {
					url = c.url
				}
				errs := Send(t.Context(), hook(url, map[string]core.Secret{"X-Key": core.NewSecret("s3cret")}), failedRun(), Options{Resolver: env{}})
				text := fmt.Sprintf("%+v", errs)
				if c.want == "" && errs != nil || c.want != "" && (len(errs) != 1 || !strings.Contains(text, "notify[0].webhook: nobody was told: "+c.want)) {
					t.Errorf("got %s, want %s", text, c.want)
				}
				if calls != c.calls || strings.Contains(text, "s3cret") {
					t.Errorf("%d calls; %s", calls, text)
				}
			})
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func once(first, then int) http.HandlerFunc {
	code := first
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		code = then
	}
}

func moved(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/s3cret" {
		http.Redirect(w, r, "/moved", http.StatusTemporaryRedirect)
	}
}

// A webhook that never answers holds a run up for no longer than Timeout.
func TestWebhookHangs(t *testing.T) {
	standstill.Feel(t, 8).TryFixed(t, 2*time.Second, func(t testing.TB) {
		release := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		defer s.Close()
		defer close(release)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		began := time.Now()
		errs := Send(ctx, hook(s.URL, nil), failedRun(), Options{})
		if took := time.Since(began); took > 2*time.Second || len(errs) != 1 || !strings.Contains(errs[0].Error(), "does not answer in time") {
			t.Errorf("%v after %s", errs, took)
		}
	})
}

// A client that panics costs nobody the result of a run.
func TestPanic(t *testing.T) {
	errs := Send(t.Context(), hook("https://hooks.example.com/s3cret", nil), failedRun(), Options{Transport: panics{}})
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "a client panicked") || strings.Contains(errs[0].Error(), "s3cret") {
		t.Errorf("got %v", errs)
	}
}

type panics struct{}

func (panics) RoundTrip(*http.Request) (*http.Response, error) { panic("s3cret") }
