package handler

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
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// soon is as little time as an invocation is given, and what a case is tried with first
// whose times are those of an invocation. Lambda would end it a twentieth after it ends
// by itself, so a machine that stands still for half of that is an excuse.
const soon = 2 * time.Second

// feel feels the pulse of this process, and of what an invocation needs besides: one that
// applies nothing is done within milliseconds, unless the machine is slow.
func feel(t testing.TB) *standstill.Pulse {
	t.Helper()
	p, w, event := standstill.Feel(t, 40), newWorld(t, 1), []byte(sample(t, "direct-status"))
	p.Ask(t, "an invocation", func(ctx context.Context) error {
		_, err := w.h.Invoke(ctx, event)
		return err
	})
	return p
}

// call is an answer that was given to a fake of AWS.
type call struct {
	op    string // PutJobSuccessResult; PUT for CloudFormation
	body  map[string]any
	taken bool
	typ   string // Content-Type
}

// fault is how a fake answers once, instead of taking the answer.
type fault struct {
	status int
	code   string
}

// cloud is CodePipeline, CodeDeploy, Step Functions and CloudFormation's bucket.
type cloud struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	faults []fault
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		body, _ := io.ReadAll(r.Body)
		status, text := c.take(op, body, "")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) take(op string, body []byte, typ string) (status int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := call{op: op, taken: true, typ: typ}
	_ = json.Unmarshal(body, &got.body)
	status, text = http.StatusOK, "{}"
	if len(c.faults) > 0 {
		f := c.faults[0]
		c.faults, got.taken = c.faults[1:], false
		status, text = f.status, fmt.Sprintf(`{"__type":%q,"message":"because"}`, f.code)
	}
	c.calls = append(c.calls, got)
	return status, text
}

// RoundTrip is the bucket that CloudFormation's URLs lead to.
func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	status, text := c.take(r.Method, body, r.Header.Get("Content-Type"))
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Request: r, Header: http.Header{}}, nil
}

func (c *cloud) failNext(f ...fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f...)
}

// drain returns the calls so far, and forgets them.
func (c *cloud) drain() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.calls
	c.calls = nil
	return out
}

// memory is a target system that counts what was applied.
type memory struct {
	core.Target
	mu      sync.Mutex
	applied []string
	ping    func() error
	act     func(ctx context.Context, id string) error
}

func newMemory() *memory {
	m := &memory{}
	m.Target = core.NewClientTarget("memory", m)
	return m
}

func (m *memory) Ping(context.Context) error {
	m.mu.Lock()
	ping := m.ping
	m.mu.Unlock()
	if ping != nil {
		return ping()
	}
	return nil
}

func (m *memory) do(ctx context.Context, id string) error {
	m.mu.Lock()
	act := m.act
	m.mu.Unlock()
	if act != nil {
		if err := act(ctx, id); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applied = append(m.applied, id)
	return nil
}

func (m *memory) set(ping func() error, act func(context.Context, string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ping, m.act = ping, act
}

func (m *memory) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.applied...)
}

// world is a function with n changes, and everything around it.
type world struct {
	t     testing.TB
	dir   string
	env   map[string]string
	mem   *memory
	cloud *cloud
	h     *Handler
	out   *lines
}

// lines is a writer for several at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const plainConfig = `
ledger: orders/prod
lock: { wait: 0s }
events: { allow: [ { source: aws.codepipeline, detailType: CodePipeline Stage Execution State Change } ] }
targetSystems: { memory: { type: custom } }
`

func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), mem: newMemory(), cloud: newCloud(t), out: &lines{}}
	w.env = map[string]string{"LAMBDA_TASK_ROOT": w.dir}
	w.configure(plainConfig)
	p := core.Program{Version: "v0.0.0-test", Clients: []core.Target{w.mem}, Stages: []core.Stage{{Name: "go"}}}
	for i := range n {
		id := fmt.Sprintf("change-%02d", i+1)
		p.Stages[0].Changes = append(p.Stages[0].Changes, core.Change{
			ID: id, Order: fmt.Sprint(i + 1), Author: "tests", TargetSystem: "memory", Revision: "1",
			Apply: core.StepFor(func(ctx context.Context, m *memory) error { return m.do(ctx, id) }),
		})
	}
	w.h = w.handler(p)
	return w
}

func (w *world) handler(p core.Program) *Handler {
	h := New(p, Process{
		Logs: w.out, Metrics: w.out, Transport: w.cloud,
		LookupEnv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
	})
	h.clients.cfg = &aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(w.cloud.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }, HTTPClient: w.cloud.Client(),
	}
	return h
}

func (w *world) configure(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "flamingock.yaml"), []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// invoke invokes with an event and so much time.
func (w *world) invoke(event string, within time.Duration) (answer string, errType string, message string) {
	w.t.Helper()
	ctx := lambdacontext.NewContext(w.t.Context(), &lambdacontext.LambdaContext{
		AwsRequestID: "request-1", InvokedFunctionArn: "arn:aws:lambda:eu-west-1:123456789012:function:flamingock",
	})
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	out, err := w.h.Invoke(ctx, []byte(event))
	if ctx.Err() != nil {
		w.t.Errorf("the invocation lasted until it would have been killed")
	}
	if err == nil {
		if !json.Valid(out) {
			w.t.Errorf("the answer is no JSON: %q", out)
		}
		return strings.TrimPrefix(string(out), "null"), "", ""
	}
	// By value and unwrapped: the runtime library looks no further.
	e, ok := err.(messages.InvokeResponse_Error) //nolint:errorlint // see above
	if !ok {
		w.t.Fatalf("%T: %v", err, err)
	}
	if len(e.Message) > maxMessage || e.Type == "" {
		w.t.Errorf("type %q, %d bytes", e.Type, len(e.Message))
	}
	return string(out), e.Type, e.Message
}

// sample is an event of package events.
func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "events", "samples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var errDefinite = errors.New("the system says no")
