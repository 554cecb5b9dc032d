package dynamo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The simulators answer at once, lose nothing, throttle nobody and know no
// conflicts of transactions: what AWS does and they do not is made here, between
// a store and a simulator.

// network carries what the wires let through.
var network = &http.Transport{MaxIdleConnsPerHost: 64}

// errReset is what a client sees when a connection ends without an answer.
var errReset = errors.New("connection reset by peer")

// call is one request, and the answer that it got.
type call struct {
	op     string // such as Query
	body   []byte
	answer []byte
}

// wire is the network of one process.
type wire struct {
	// at gives the fault of request n, counted from 1. Nil: all pass.
	at func(n int, op string) fault
	// rewrite may change the body of a request.
	rewrite func(op string, body []byte) []byte

	mu     sync.Mutex
	calls  []*call
	then   []fault // of the next requests
	down   fault   // of all from now on
	dead   bool
	gate   chan struct{} // closed when the process may go on; nil: it may
	parked []*parked
}

// parked is a request that arrives late.
type parked struct {
	x     *exchange
	until int // it is delivered before this request of the wire; 0: not by itself
}

// fault is what becomes of one request.
type fault func(w *wire, x *exchange) (*http.Response, error)

// config returns cfg over the wire.
func (w *wire) config(cfg aws.Config) aws.Config {
	cfg.HTTPClient = &http.Client{Transport: w}
	return cfg
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.wait()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	_, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	if w.rewrite != nil {
		body = w.rewrite(op, body)
	}
	c := &call{op: op, body: body}
	w.mu.Lock()
	w.calls = append(w.calls, c)
	n, f := len(w.calls), w.down
	if f == nil && len(w.then) > 0 {
		f, w.then = w.then[0], w.then[1:]
	}
	var due []*parked
	for _, p := range w.parked {
		if p.until == n {
			due = append(due, p)
		}
	}
	w.mu.Unlock()
	for _, p := range due {
		p.x.deliver()
	}
	if f == nil && w.at != nil {
		f = w.at(n, op)
	}
	if f == nil {
		f = pass
	}
	resp, err := f(w, &exchange{req: req, call: c, n: n})
	w.wait() // an answer to a process that died or was paused meanwhile
	return resp, err
}

// wait ends the goroutine of a dead process, and holds that of a paused one.
func (w *wire) wait() {
	w.mu.Lock()
	dead, gate := w.dead, w.gate
	w.mu.Unlock()
	if dead {
		runtime.Goexit()
	}
	if gate != nil {
		<-gate
	}
}

func (w *wire) die() {
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
}

// pause stops the process until the returned function is called.
func (w *wire) pause() (resume func()) {
	c := make(chan struct{})
	w.mu.Lock()
	w.gate = c
	w.mu.Unlock()
	return sync.OnceFunc(func() {
		w.mu.Lock()
		w.gate = nil
		w.mu.Unlock()
		close(c)
	})
}

// next sets the faults of the requests that follow.
func (w *wire) next(fs ...fault) {
	w.mu.Lock()
	w.then = append(fs, w.then...)
	w.mu.Unlock()
}

// all sets the fault of all requests that follow.
func (w *wire) all(f fault) {
	w.mu.Lock()
	w.down = f
	w.mu.Unlock()
}

func (w *wire) park(p *parked) {
	w.mu.Lock()
	w.parked = append(w.parked, p)
	w.mu.Unlock()
}

// deliver lets everything arrive that is still under way.
func (w *wire) deliver() {
	w.mu.Lock()
	parked := w.parked
	w.mu.Unlock()
	for _, p := range parked {
		p.x.deliver()
	}
}

// ops lists the operations asked for.
func (w *wire) ops() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ops []string
	for _, c := range w.calls {
		ops = append(ops, c.op)
	}
	return ops
}

// exchange is one request on its way.
type exchange struct {
	req  *http.Request
	call *call
	n    int
	late sync.Once
}

// send sends the request and reads the whole answer.
func (x *exchange) send(ctx context.Context) (*http.Response, error) {
	req := x.req.Clone(ctx)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(x.call.body)), int64(len(x.call.body))
	resp, err := network.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	x.call.answer = answer
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// arrive sends a request that is under way, whether or not its sender still waits.
func (x *exchange) arrive() {
	if resp, err := x.send(context.WithoutCancel(x.req.Context())); err == nil {
		resp.Body.Close() //nolint:gosec // a reader over bytes
	}
}

// deliver is arrive, once, for a request that is late.
func (x *exchange) deliver() { x.late.Do(x.arrive) }

// answer makes an answer that no server gave.
func (x *exchange) answer(status int, contentType, body string) (*http.Response, error) {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}, "X-Amzn-Requestid": {"TEST"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)), Request: x.req,
	}, nil
}
