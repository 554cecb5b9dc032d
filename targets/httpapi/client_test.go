package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// What is sent again, and what is known afterwards, by method, fault and whether the
// API is said to honour keys.
func TestSentAgain(t *testing.T) {
	lostBefore := func(_ http.ResponseWriter, _ func()) { hangUp() }
	torn := func(w http.ResponseWriter, _ func()) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "{")
		hangUp()
	}
	for name, tt := range map[string]struct {
		method  string
		trusted bool
		faults  int
		fault   func(http.ResponseWriter, func())
		calls   int
		status  int // 0: none came
		unknown bool
	}{
		"PUT, no answer once":                 {method: "PUT", faults: 1, fault: lostBefore, calls: 2, status: 200},
		"PUT, torn once":                      {method: "PUT", faults: 1, fault: torn, calls: 2, status: 200},
		"PUT, never an answer":                {method: "PUT", faults: 9, fault: lostBefore, calls: 4, unknown: true},
		"GET, no answer once":                 {method: "GET", faults: 1, fault: lostBefore, calls: 2, status: 404, unknown: true},
		"DELETE, 503 once":                    {method: "DELETE", faults: 1, fault: status(503), calls: 2, status: 404, unknown: true},
		"DELETE, never":                       {method: "DELETE", faults: 9, fault: status(503), calls: 4, status: 503, unknown: true},
		"PUT, 500":                            {method: "PUT", faults: 1, fault: status(500), calls: 1, status: 500, unknown: true},
		"PUT, 400":                            {method: "PUT", faults: 1, fault: status(400), calls: 1, status: 400},
		"POST, no answer":                     {method: "POST", faults: 1, fault: lostBefore, calls: 1, unknown: true},
		"POST, torn":                          {method: "POST", faults: 1, fault: torn, calls: 1, unknown: true},
		"POST, 503":                           {method: "POST", faults: 1, fault: status(503), calls: 1, status: 503, unknown: true},
		"POST, 429 once":                      {method: "POST", faults: 1, fault: status(429), calls: 2, status: 201},
		"POST, 429 with a pause once":         {method: "POST", faults: 1, fault: status(429, "Retry-After", "1"), calls: 2, status: 201},
		"POST, 429 with a very long pause":    {method: "POST", faults: 1, fault: status(429, "Retry-After", "3600"), calls: 1, status: 429},
		"POST, 429 always":                    {method: "POST", faults: 9, fault: status(429), calls: 4, status: 429},
		"POST with keys, no answer once":      {method: "POST", trusted: true, faults: 1, fault: lostBefore, calls: 2, status: 201},
		"POST with keys, answer lost once":    {method: "POST", trusted: true, faults: 1, fault: func(_ http.ResponseWriter, act func()) { act(); hangUp() }, calls: 2, status: 201},
		"POST with keys, 502 once":            {method: "POST", trusted: true, faults: 1, fault: status(502), calls: 2, status: 201},
		"POST with keys, at work, then ready": {method: "POST", trusted: true, faults: 2, fault: conflictAfterLoss(), calls: 3, status: 201},
		"PATCH, no answer":                    {method: "PATCH", faults: 1, fault: lostBefore, calls: 1, unknown: true},
		"PATCH with keys, no answer once":     {method: "PATCH", trusted: true, faults: 1, fault: lostBefore, calls: 2, status: 404, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			if tt.trusted {
				a.answers = map[string]int{}
			}
			target := targetOf(t, entry{settings: settings{BaseURL: a.url(), IdempotencyKey: keySettings{Trusted: tt.trusted}}})
			c := clientFor(t, target)
			c.key = func(context.Context) (string, error) { return "key-1", nil }
			path := "/plans/gold"
			if tt.method == "POST" {
				path = "/plans"
			}
			a.failing(tt.faults, tt.method, tt.fault)
			resp, err := c.Send(t.Context(), Request{Method: tt.method, Path: path, Body: []byte(`{"name":"gold"}`)})
			if got := a.count(tt.method + " /v1" + path); got != tt.calls {
				t.Errorf("sent %d times, want %d", got, tt.calls)
			}
			switch {
			case tt.status == 0 && (err == nil || core.IsUnknown(err) != tt.unknown):
				t.Errorf("got %v, want an error, unknown: %t", err, tt.unknown)
			case tt.status != 0 && err != nil:
				t.Errorf("got %v, want status %d", err, tt.status)
			case tt.status != 0 && (resp.Status != tt.status || core.IsUnknown(resp.Expect()) != tt.unknown):
				t.Errorf("got %d, %v; want %d, unknown: %t", resp.Status, resp.Expect(), tt.status, tt.unknown)
			}
			if names := a.names(); len(names) > 1 {
				t.Errorf("made twice: %v", names)
			}
		})
	}
}

// conflictAfterLoss loses the first answer, and says of the second request that the
// first is still at work.
func conflictAfterLoss() func(http.ResponseWriter, func()) {
	first := true
	return func(w http.ResponseWriter, _ func()) {
		if first {
			first = false
			hangUp()
		}
		w.WriteHeader(http.StatusConflict)
	}
}

// A request that finds nobody to take it was not sent, and may be sent again whatever
// its method; the outcome is known.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := clientFor(t, targetOf(t, entry{settings: settings{BaseURL: "http://" + address}}))
	_, err = c.Send(t.Context(), Request{Method: "POST", Path: "/plans", Body: []byte("{}"), Attempts: 2})
	if core.CodeOf(err) != core.CodeUnavailable || core.IsUnknown(err) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(err.Error(), "refused") {
		t.Errorf("%q does not say why", err)
	}
}

// A cancelled context ends a request; what it did is not known. One that has ended
// before sends nothing.
func TestCancelled(t *testing.T) {
	a := newAPI(t)
	c := clientFor(t, targetOf(t, entry{settings: settings{BaseURL: a.url()}}))
	why := errors.New("asked to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	hold := make(chan struct{})
	defer close(hold)
	a.failing(1, "PUT", func(http.ResponseWriter, func()) { cancel(why); <-hold })
	if _, err := c.Send(ctx, Request{Method: "PUT", Path: "/plans/gold"}); !errors.Is(err, why) || !core.IsUnknown(err) {
		t.Errorf("got %v", err)
	}
	before := a.requests()
	if _, err := c.Send(ctx, Request{Method: "PUT", Path: "/plans/gold"}); !errors.Is(err, why) || core.IsUnknown(err) || a.requests() != before {
		t.Errorf("got %v after %d requests", err, a.requests()-before)
	}
}

func TestTimeout(t *testing.T) {
	standstill.Feel(t, 5).TryFixed(t, 500*time.Millisecond, func(t testing.TB) {
		a := newAPI(t)
		c := clientFor(t, targetOf(t, entry{settings: settings{BaseURL: a.url(), Timeout: time.Minute}}))
		hold := make(chan struct{})
		defer close(hold)
		a.failing(9, "POST", func(http.ResponseWriter, func()) { <-hold })
		_, err := c.Send(t.Context(), Request{Method: "POST", Path: "/plans", Timeout: 500 * time.Millisecond})
		if core.CodeOf(err) != core.CodeUnavailable || !core.IsUnknown(err) || !strings.Contains(err.Error(), "500ms") {
			t.Errorf("got %v", err)
		}
	})
}

// An answer takes no more memory than the limit, also one that is small on the wire.
func TestLargeAnswers(t *testing.T) {
	a := newAPI(t)
	a.failing(9, "GET", func(w http.ResponseWriter, _ func()) {
		chunk := []byte(strings.Repeat("x", 1<<10))
		for range 100 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	for limit, want := range map[int64]int{0: 100 << 10, 10 << 10: 10 << 10, 100 << 10: 100 << 10} {
		c := clientFor(t, targetOf(t, entry{settings: settings{BaseURL: a.url(), MaxResponse: limit}}))
		resp, err := c.Send(t.Context(), Request{Path: "/plans"})
		if err != nil || len(resp.Body) != want || resp.Truncated != (want < 100<<10) {
			t.Errorf("limit %d: got %v, %d bytes", limit, err, len(resp.Body))
		}
	}
}

// Requests of one step have keys of their own, in the order of their sending.
func TestKeys(t *testing.T) {
	a := newAPI(t)
	target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
	var keys []string
	c := core.Change{ID: "a", Order: "1", TargetSystem: "billing", Apply: Step(func(ctx context.Context, c *Client) error {
		for _, r := range []Request{
			{Method: "POST", Path: "/plans", Body: []byte(`{"name":"gold"}`)},
			{Method: "PATCH", Path: "/plans/gold"},
			{Method: "PUT", Path: "/plans/gold"},
			{Method: "POST", Path: "/plans", Header: http.Header{"Idempotency-Key": {"my own"}}},
		} {
			if _, err := c.Send(ctx, r); err != nil {
				return err
			}
			keys = append(keys, a.last().Header.Get("Idempotency-Key"))
		}
		return nil
	})}
	if _, err := newLedger().apply(t, target, c); err != nil {
		t.Fatal(err)
	}
	if len(keys[0]) != 36 || keys[1] != keys[0]+"-2" || keys[2] != "" || keys[3] != "my own" {
		t.Errorf("got keys %q", keys)
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	a := newAPI(t)
	c := clientFor(t, targetOf(t, entry{settings: settings{BaseURL: a.url(), AllowHosts: []string{"files.example.com"}}}))
	for name, r := range map[string]Request{
		"another host":          {URL: "https://evil.example.com/x"},
		"a scheme":              {URL: "file:///etc/passwd"},
		"a user in the URL":     {URL: "https://me:secret@files.example.com/x"},
		"both":                  {URL: "https://files.example.com/x", Path: "/x"},
		"a path that is no one": {Path: "plans"},
		"a host in the path":    {Path: "@evil.example.com/"},
		"a method":              {Method: "BAD METHOD", Path: "/plans"},
		"credentials":           {Path: "/plans", Header: http.Header{"authorization": {"Bearer x"}}},
		"a host header":         {Path: "/plans", Header: http.Header{"Host": {"evil.example.com"}}},
	} {
		var re *RequestError
		if _, err := c.Send(t.Context(), r); !errors.As(err, &re) || re.Next == "" || core.IsUnknown(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if a.requests() > 0 {
		t.Errorf("%d requests were sent", a.requests())
	}
}
