package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

func TestDoes(t *testing.T) {
	target := New("partner", "https://partner.example/v1", http.DefaultClient)
	long := "/" + strings.Repeat("p", 500)
	for body, want := range map[string]string{
		"{ method: DELETE, path: /plans/gold, headers: { X-Api-Key: canary } }":                                           "DELETE /plans/gold",
		"{ method: POST, path: /plans, json: { name: canary } }":                                                          "POST /plans with JSON",
		"{ method: POST, path: '/plans?key=canary', query: { key: canary }, form: { name: canary } }":                     "POST /plans with a form",
		"{ method: PUT, path: '/plans/${env:PLAN}', body: canary }":                                                       "PUT /plans/${env:PLAN} with a body",
		"{ method: POST, url: 'https://partner.example/hooks', json: { a: [{ id: 'x-${idempotencyKey}', b: canary }] } }": "POST https://partner.example/hooks with JSON and its idempotency key",
		"{ method: POST, path: /plans, headers: { Request-Id: '${idempotencyKey}' } }":                                    "POST /plans with its idempotency key",
		"{ method: PUT, path: '/plans/${idempotencyKey}' }":                                                               "PUT /plans/${idempotencyKey} with its idempotency key",
		"{ method: POST, path: /plans, json: {}, existing: { path: /plans/canary, expect: { json: { $.a: canary } } } }":  "POST /plans with JSON, unless the same is there already",
		"{ method: POST, url: 'https://partner.example?mail=canary@shop.example' }":                                       "POST https://partner.example",
		"{ method: POST, url: '${env:BASE}/x?mail=canary@shop.example' }":                                                 "POST ${env:BASE}/x",
		`{ method: POST, path: "/a\e]0;x\a" }`:                                                                            "POST /a\uFFFD]0;x\uFFFD",
		"{ method: POST, path: " + long + ", json: {} }":                                                                  "POST " + core.Cap(long, maxShown) + " with JSON",
	} {
		c, err := load(target, "apply: "+body)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := c.Apply.Summary(); got != want || strings.Contains(got+c.Apply.Label(), "canary") {
			t.Errorf("%s\n got %s\nwant %s\n(%s)", body, got, want, c.Apply.Label())
		}
	}
}

// User and password in a URL are no secrets to those who write errors and plans.
func TestUserAndPasswordInAURL(t *testing.T) {
	target := New("partner", "https://partner.example/v1", http.DefaultClient)
	for _, where := range []string{"https://canary:canary@partner.example/users/@me", "https://canary:ca/nary@partner.example", "https://canary@${env:HOST}/x", "https://canary:ca/nary@${env:HOST}", "${env:SCHEME}://me:canary@partner.example/x"} {
		_, err := load(target, "apply: { method: POST, url: '"+where+"' }")
		if err == nil || !strings.Contains(err.Error(), "yaml:4:30: url ") || strings.Contains(err.Error(), "nary") {
			t.Errorf("%s: %v", where, err)
		}
	}
	for _, where := range []string{"https://partner.example/users/@me", "${env:BASE}/users/@me", "https://${env:HOST}:8443/x?to=a@b.example", "https://partner.example:${env:PORT}/", "${env:SCHEME}://partner.example/x", "${env:BASE}:8443/users", "${env:A}:${env:B}/x", "https://[${env:IP6}]:8443/"} {
		if _, err := load(target, "apply: { method: POST, url: '"+where+"' }"); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
}
