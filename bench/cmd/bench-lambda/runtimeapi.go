package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// process is a function whose Runtime API this program is.
type process struct {
	cmd    *exec.Cmd
	api    *http.Server
	out    bytes.Buffer
	asked  chan time.Time // each time that it asks for work
	events chan string
	answer chan string
	ended  chan struct{}
}

// startProcess starts a function, and says how long it took to ask for work.
func startProcess(ctx context.Context, w *world, f function) (p *process, initial time.Duration, err error) {
	p = &process{asked: make(chan time.Time), events: make(chan string), answer: make(chan string), ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{how}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the function was killed
		}
		w.WriteHeader(http.StatusAccepted)
		p.answer <- string(body)
	})
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Extension-Identifier", "extension-1")
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	p.api = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { _ = p.api.Serve(l) }() //nolint:errcheck // it ends when it is closed
	p.cmd = exec.CommandContext(ctx, f.bootstrap)
	p.cmd.Dir, p.cmd.Env = w.dir, w.env("AWS_LAMBDA_RUNTIME_API="+l.Addr().String())
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, errors.Join(err, p.api.Close())
	}
	go func() {
		_ = p.cmd.Wait() //nolint:errcheck // it is killed
		close(p.ended)
	}()
	select {
	case at := <-p.asked:
		return p, at.Sub(start), nil
	case <-p.ended:
		return nil, 0, fmt.Errorf("the function ended: %w\n%s", p.api.Close(), p.out.String())
	}
}

func (p *process) next(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	select {
	case p.asked <- at:
	case <-r.Context().Done():
		return
	}
	select {
	case event := <-p.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000001")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:flamingock")
		fmt.Fprint(w, event)
	case <-r.Context().Done():
	}
}

// invoke returns the answer, and how long it took.
func (p *process) invoke(event, says string) (time.Duration, error) {
	start := time.Now()
	p.events <- event
	select {
	case answer := <-p.answer:
		took := time.Since(start)
		<-p.asked // ready for the next one
		if !strings.Contains(answer, says) {
			return 0, fmt.Errorf("no %s in the answer: %s", says, answer)
		}
		return took, nil
	case <-p.ended:
		return 0, errors.New("the function ended")
	case <-time.After(time.Minute):
		return 0, errors.New("the function does not answer")
	}
}

// stop ends the process.
func (p *process) stop() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	return errors.Join(err, p.api.Close())
}

// peak is the largest resident set so far, in bytes.
func (p *process) peak() (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.Join(errors.New("the system does not say how much memory a process had"), lines.Err())
}
