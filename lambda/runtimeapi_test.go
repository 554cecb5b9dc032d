package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/internal/standstill"
)

// builds is where the function is built, once, however many tests want it.
type builds struct {
	once sync.Once
	dir  string
	err  error
}

var built builds

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// bootstrap builds the function as make lambda does.
func bootstrap(t testing.TB) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("does not apply: a Lambda function runs on Linux")
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "flamingock-bootstrap"); built.err != nil { //nolint:usetesting // it is for all tests of this package
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w -X main.version=v0.0.0-test", "-o", filepath.Join(built.dir, "bootstrap"), ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "bootstrap")
}

// invocation is one event and what became of it.
type invocation struct {
	event string
	until time.Time
	done  chan answer
}

// answer is what the function said.
type answer struct {
	failed bool
	body   string
	took   time.Duration
	given  time.Duration
}

// output is what a process says, for those who read it while it does.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// soon is as little time as an invocation is given. Lambda would end it a twentieth after
// it ends by itself, so a machine that stands still for half of that is an excuse.
const soon = 2 * time.Second

// feel feels the pulse of this process, and of the disk with the audit store.
func feel(t testing.TB) *standstill.Pulse {
	t.Helper()
	p := standstill.Feel(t, 40)
	p.AskDisk(t)
	return p
}

// function is a bootstrap process and the Runtime API that feeds it.
type function struct {
	t       testing.TB
	api     *httptest.Server
	cmd     *exec.Cmd
	out     output
	queue   chan invocation
	ready   chan struct{} // closed when it first asks for work
	ended   chan struct{}
	mu      sync.Mutex
	current map[string]invocation
	began   map[string]time.Time
	ext     []string // names of registered extensions
	started time.Time
	initial time.Duration // until it first asked for work
}

// start starts a function with these variables, in a directory with its files.
func start(t testing.TB, dir string, env ...string) *function {
	t.Helper()
	f := &function{
		t: t, queue: make(chan invocation), ready: make(chan struct{}), ended: make(chan struct{}),
		current: map[string]invocation{}, began: map[string]time.Time{},
	}
	var first sync.Once
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() {
			f.mu.Lock()
			f.initial = time.Since(f.started)
			f.mu.Unlock()
			close(f.ready)
		})
		select {
		case in := <-f.queue:
			f.mu.Lock()
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(f.current)+1)
			f.current[id], f.began[id] = in, time.Now()
			f.mu.Unlock()
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(in.until.UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:flamingock")
			io.WriteString(w, in.event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{how}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		in, at := f.current[r.PathValue("id")], f.began[r.PathValue("id")]
		f.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		in.done <- answer{failed: r.PathValue("how") == "error", body: string(body), took: time.Since(at), given: in.until.Sub(at)}
	})
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.ext = append(f.ext, r.Header.Get("Lambda-Extension-Name"))
		f.mu.Unlock()
		w.Header().Set("Lambda-Extension-Identifier", "extension-1")
		io.WriteString(w, "{}")
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f.api = httptest.NewServer(mux)
	f.cmd = exec.Command(bootstrap(t))
	f.cmd.Dir = dir
	f.cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(f.api.URL, "http://"), "LAMBDA_TASK_ROOT=" + dir, "AWS_LAMBDA_FUNCTION_NAME=flamingock",
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=canary-key-id", "AWS_SECRET_ACCESS_KEY=canary-secret-key", "AWS_SESSION_TOKEN=canary-session-token",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nowhere", "AWS_SHARED_CREDENTIALS_FILE=/nowhere", "AWS_LAMBDA_LOG_FORMAT=JSON",
	}, env...)
	f.cmd.Stdout, f.cmd.Stderr = &f.out, &f.out
	f.mu.Lock()
	f.started = time.Now()
	f.mu.Unlock()
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { f.cmd.Wait(); close(f.ended) }()
	t.Cleanup(f.stop)
	return f
}

func (f *function) signal(s os.Signal) {
	if err := f.cmd.Process.Signal(s); err != nil {
		f.t.Error(err)
	}
}

// stop ends the process as Lambda does at last.
func (f *function) stop() {
	f.cmd.Process.Kill()
	<-f.ended
	f.api.CloseClientConnections()
	f.api.Close()
	for _, canary := range []string{"canary-key-id", "canary-secret-key", "canary-session-token", "example-session-token", "example/secret/access", "X-Amz-Signature"} {
		if strings.Contains(f.out.String(), canary) {
			f.t.Errorf("its output has %q", canary)
		}
	}
	if f.t.Failed() {
		f.t.Log(f.out.String())
	}
}

// invoke gives the function so much time. A function that says nothing until then is
// one that Lambda would have killed.
func (f *function) invoke(event string, within time.Duration) answer {
	f.t.Helper()
	a, err := f.try(event, within, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// try is invoke; while is called when the event is handed over.
func (f *function) try(event string, within time.Duration, while func()) (answer, error) {
	in := invocation{event: event, until: time.Now().Add(within), done: make(chan answer, 1)}
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	select {
	case f.queue <- in:
	case <-f.ended:
		return answer{}, errors.New("the process ended")
	case <-ctx.Done():
		return answer{}, errors.New("it does not ask for work")
	}
	if while != nil {
		while()
	}
	select {
	case a := <-in.done:
		return a, nil
	case <-f.ended:
		return answer{}, errors.New("the process ended")
	case <-time.After(time.Until(in.until)):
		return answer{}, errors.New("Lambda would have killed it")
	}
}
