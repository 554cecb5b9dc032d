package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What the shop relies on: a repeated key makes nothing new, and another one does.
func TestService(t *testing.T) {
	service := newService("t")
	const orders = `{"name":"orders","url":"https://shop.example.com/paid","events":["order.paid"]}`
	one, two := strings.Replace(orders, "{", `{"id":"wh-1",`, 1), strings.Replace(orders, "{", `{"id":"wh-2",`, 1)
	for _, tt := range []struct {
		method, path, token, key, body string
		status                         int
		want                           string
	}{
		{"GET", "/health", "", "", "", 401, `{"error":"the token is missing or wrong"}`},
		{"GET", "/health", "t", "", "", 200, `{"status":"up"}`},
		{"GET", "/webhooks", "t", "", "", 200, `{"webhooks":[]}`},
		{"POST", "/webhooks", "t", "k-1", `{"name":"orders"}`, 422, `{"error":"name, url and events are needed"}`},
		{"POST", "/webhooks", "t", "k-1", orders, 201, one},
		{"POST", "/webhooks", "t", "k-1", orders, 201, one},
		{"POST", "/webhooks", "t", "k-2", orders, 201, two},
		{"GET", "/webhooks?name=orders", "t", "", "", 200, `{"webhooks":[` + one + "," + two + `]}`},
		{"GET", "/webhooks?name=other", "t", "", "", 200, `{"webhooks":[]}`},
		{"GET", "/webhooks/wh-2", "t", "", "", 200, two},
		{"GET", "/webhooks/wh-3", "t", "", "", 404, `{"error":"there is no such webhook"}`},
		{"DELETE", "/webhooks?name=orders", "t", "", "", 204, ""},
		{"DELETE", "/webhooks?name=orders", "t", "", "", 404, `{"error":"there is no webhook of that name"}`},
		{"POST", "/webhooks", "t", "", orders, 201, strings.Replace(one, "wh-1", "wh-3", 1)},
		{"POST", "/webhooks", "t", "", orders, 201, strings.Replace(one, "wh-1", "wh-4", 1)},
	} {
		req := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		req.Header.Set("Authorization", "Bearer "+tt.token)
		if tt.key != "" {
			req.Header.Set("Idempotency-Key", tt.key)
		}
		w := httptest.NewRecorder()
		service.ServeHTTP(w, req)
		if got := strings.TrimSpace(w.Body.String()); w.Code != tt.status || got != tt.want {
			t.Errorf("%s %s: got %d %s, want %d %s", tt.method, tt.path, w.Code, got, tt.status, tt.want)
		}
		if tt.status != http.StatusNoContent && w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: Content-Type is %q", tt.method, tt.path, w.Header().Get("Content-Type"))
		}
	}
}
