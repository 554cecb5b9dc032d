package httpapi

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
)

func TestConformance(t *testing.T) {
	for name, encrypted := range map[string]bool{"http": false, "https with a token": true} {
		t.Run(name, func(t *testing.T) {
			targettest.Run(t, targettest.Harness{Type: Type(), Templates: payloads(), New: func(t testing.TB) targettest.System { return system(t, encrypted) }})
		})
	}
}

func payloads() []targettest.Template {
	return []targettest.Template{{
		Name:  Template,
		Valid: "apply: { method: POST, path: /plans, json: { name: gold, price: 10.50 }, expect: { status: 201, json: { $.name: gold, $.price: 10.5 } } }\nrollback: { method: DELETE, path: /plans/gold }",
		Invalid: map[string]string{
			"two bodies":             "apply: { method: POST, path: /plans, json: { a: 1 }, body: x }",
			"a path and a url":       "apply: { method: POST, path: /plans, url: https://api.example.com/plans }",
			"a status that is none":  "apply: { method: POST, path: /plans, expect: { status: 999 } }",
			"a method in small":      "apply: { method: post, path: /plans }",
			"credentials in headers": "apply: { method: POST, path: /plans, headers: { Authorization: Bearer x } }",
			"a probe that writes":    "apply: { method: POST, path: /plans }\nprobe: { method: POST, path: /plans, applied: {}, notApplied: {} }",
		},
	}}
}

func system(t testing.TB, encrypted bool) targettest.System {
	a := newAPI(t)
	e := entry{settings: settings{}}
	if encrypted {
		a = newTLSAPI(t)
		e.values = map[string]string{"TOKEN": "conformance-token"}
		e.settings.Auth.Bearer = "${env:TOKEN}"
		e.settings.TLS.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw}))
		a.fault = func(w http.ResponseWriter, r *http.Request, _ func()) bool {
			wrong := r.Header.Get("Authorization") != "Bearer conformance-token"
			if wrong {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return wrong
		}
	}
	address := a.server.Listener.Addr().String()
	proxy := targettest.NewProxy(t, address)
	e.settings.BaseURL = strings.Replace(a.url(), address, proxy.Addr(), 1)
	send := func(method, path, body string, want ...int) core.Step {
		return Step(func(ctx context.Context, c *Client) error {
			r := Request{Method: method, Path: path}
			if body != "" {
				r.Body = []byte(body)
			}
			resp, err := c.Send(ctx, r)
			if err != nil {
				return err
			}
			return resp.Expect(want...)
		})
	}
	return targettest.System{
		Open: func() core.Target {
			target, err := Type().New("billing", e)
			if err != nil {
				t.Fatal(err)
			}
			return target
		},
		Create: func(name string) core.StepPair {
			return core.StepPair{Apply: send("POST", "/plans", `{"name":"`+name+`"}`), Rollback: send("DELETE", "/plans/"+name, "", 204, 404)}
		},
		Ensure: func(name string) core.Step { return send("PUT", "/plans/"+name, `{}`) },
		Effect: func(_ testing.TB, name string) bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.plans[name] != nil
		},
		Probe: func(name string) core.Probe {
			b := probePayload{Location: location{Path: core.Text{Value: "/plans/" + name}}, Applied: &expectation{Status: statuses{"200"}}, NotApplied: &expectation{Status: statuses{"404"}}}
			return b.ask
		},
		Slow: core.Step{Do: func(ctx context.Context, s *core.Session) error {
			if _, ok := s.Handle.(*Client); !ok {
				return errors.New("another system's")
			}
			<-ctx.Done()
			return ctx.Err()
		}},
		Refused: send("POST", "/plans", `{}`),
		Down:    proxy.Down,
		State: func(t testing.TB) string {
			a.mu.Lock()
			defer a.mu.Unlock()
			b, err := json.Marshal(a.plans)
			if err != nil {
				t.Error(err)
			}
			return string(b)
		},
	}
}
