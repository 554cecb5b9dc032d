// Package awstargettest is the kit of the tests of target systems on AWS: a network
// with faults, and what loads and runs a change file without a run.
package awstargettest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing" //nolint:depguard // this package is for tests

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// Wire is the network between a client and the simulator.
type Wire struct {
	mu    sync.Mutex
	down  bool
	fault Fault
	calls []string
}

// Fault is asked about every request, by the name of its operation. It may answer
// itself, or let it pass: (nil, nil).
type Fault func(operation string, pass func() (*http.Response, error)) (*http.Response, error)

// LocalStack returns the configuration of clients over a wire, or skips the test.
func LocalStack(t testing.TB) (aws.Config, *Wire) {
	t.Helper()
	cfg := awstest.LocalStack(t)
	w := &Wire{}
	cfg.HTTPClient = w
	return cfg, w
}

// Do implements the SDK's HTTPClient.
func (w *Wire) Do(r *http.Request) (*http.Response, error) {
	op, err := operation(r)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	down, fault := w.down, w.fault
	w.calls = append(w.calls, op)
	w.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	if fault != nil {
		if resp, err := fault(op, func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) }); resp != nil || err != nil {
			return resp, err
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// operation is in a header, or in a form: the older services have it there.
func operation(r *http.Request) (string, error) {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op, nil
	}
	if r.Body == nil {
		return "", nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	form, err := url.ParseQuery(string(b))
	return form.Get("Action"), err
}

// Set sets the fault; nil for none.
func (w *Wire) Set(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

// Down makes the service unreachable until up is called.
func (w *Wire) Down(testing.TB) (up func()) {
	set := func(down bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.down = down
	}
	set(true)
	return func() { set(false) }
}

// Count says how often an operation was asked for.
func (w *Wire) Count(operation string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c == operation {
			n++
		}
	}
	return n
}

// LoseAnswers makes a fault: the first n requests of an operation are done, and their
// answers get lost.
func LoseAnswers(op string, n int) Fault {
	var mu sync.Mutex
	return func(operation string, pass func() (*http.Response, error)) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if operation != op || n == 0 {
			return nil, nil
		}
		n--
		resp, err := pass()
		if err != nil {
			return nil, err
		}
		resp.Body.Close() //nolint:errcheck // it is lost
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	}
}

// Answer makes a fault: the first n requests of an operation get this answer.
func Answer(op string, n, status int, contentType, body string) Fault {
	var mu sync.Mutex
	return func(operation string, _ func() (*http.Response, error)) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if operation != op || n == 0 {
			return nil, nil
		}
		n--
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {contentType}, "X-Amzn-Requestid": {"REQUEST1"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}, nil
	}
}
