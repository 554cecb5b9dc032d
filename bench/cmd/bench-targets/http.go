package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// plans is a service that has what it is given on the disk before it says so.
type plans struct {
	mu   sync.Mutex
	file *os.File
}

func (p *plans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var plan struct{ Name string }
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&plan) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if p.keep(plan.Name) != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"name": plan.Name, "price": 10.5}) //nolint:errcheck // the client hears of it
}

func (p *plans) keep(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.file.WriteString(name + "\n"); err != nil {
		return err
	}
	return p.file.Sync()
}

func httpAPI(tb server, dir string) *system {
	f, err := os.Create(filepath.Join(dir, "plans"))
	must(tb, err)
	tb.Cleanup(func() { must(tb, f.Close()) })
	s := httptest.NewServer(&plans{file: f})
	tb.Cleanup(s.Close)
	return &system{
		name: "http", operation: "`http`, a POST that ends on a disk", extra: "a new connection for each request: on one that is kept, net/http might send it twice", addr: strings.TrimPrefix(s.URL, "http://"), speaks: overHTTP,
		config: func(addr string) string { return "type: http\nbaseUrl: http://" + addr },
		change: func(n int) string {
			return fmt.Sprintf("template: http\napply:\n  method: POST\n  path: /plans\n  json: { name: plan-%d, price: 10.50, currency: EUR }\n  expect: { status: 201, json: { $.name: plan-%d } }\n"+
				"rollback: { method: DELETE, path: /plans/plan-%d }\n", n, n, n)
		},
		client: func(_ context.Context, addr string) (bare, error) {
			return &bareHTTP{client: &http.Client{Transport: &http.Transport{}}, single: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, url: "http://" + addr + "/plans"}, nil
		},
	}
}

// bareHTTP is net/http.
type bareHTTP struct {
	client *http.Client
	single *http.Client // whose connections serve one request each
	url    string
}

func (b *bareHTTP) same(ctx context.Context, n int) error { return b.post(ctx, b.single, n) }

func (b *bareHTTP) plain(ctx context.Context, n int) error { return b.post(ctx, b.client, n) }

// post compares the answer as the change does.
func (b *bareHTTP) post(ctx context.Context, client *http.Client, n int) error {
	body, err := json.Marshal(map[string]any{"name": fmt.Sprintf("plan-%d", n), "price": 10.5, "currency": "EUR"})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var plan struct{ Name string }
	if err := json.Unmarshal(answer, &plan); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated || plan.Name != fmt.Sprintf("plan-%d", n) {
		return errors.New("unexpected answer: " + resp.Status)
	}
	return nil
}

func (b *bareHTTP) close() error {
	b.client.CloseIdleConnections()
	return nil
}
