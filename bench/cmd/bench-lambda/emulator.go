package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// firstLine is in the first line that the handler writes.
const firstLine = `"message":"invoked"`

// emulator is AWS's, with a function that it starts when it is first invoked.
type emulator struct {
	cmd   *exec.Cmd
	url   string
	out   io.Closer
	first chan time.Time // when the handler first said something
}

func startEmulator(ctx context.Context, o *options, w *world, f function) (*emulator, error) {
	at, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	api, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	e := &emulator{url: "http://" + at + "/2015-03-31/functions/function/invocations", first: make(chan time.Time, 1), out: in}
	e.cmd = exec.CommandContext(ctx, o.rie, "--log-level", "error", "--runtime-interface-emulator-address", at, "--runtime-api-address", api, f.bootstrap)
	e.cmd.Dir, e.cmd.Env = w.dir, w.env("AWS_LAMBDA_FUNCTION_TIMEOUT=60")
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the function would be left behind
	e.cmd.Stdout, e.cmd.Stderr = in, in
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go e.watch(out)
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
		if err == nil {
			return e, conn.Close()
		}
		if time.Now().After(until) {
			return nil, errors.Join(errors.New("the emulator does not listen"), err, e.stop())
		}
	}
}

// watch reads all that is written, and notes when the handler begins.
func (e *emulator) watch(out io.Reader) {
	lines := bufio.NewReader(out)
	for noted := false; ; {
		line, err := lines.ReadString('\n')
		if !noted && strings.Contains(line, firstLine) {
			e.first <- time.Now()
			noted = true
		}
		if err != nil {
			return
		}
	}
}

// invoke returns when the answer is there.
func (e *emulator) invoke(ctx context.Context, event, says string) (began time.Time, took time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(event))
	if err != nil {
		return began, 0, err
	}
	began = time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return began, 0, err
	}
	body, err := io.ReadAll(resp.Body)
	took = time.Since(began)
	if err = errors.Join(err, resp.Body.Close()); err == nil && !strings.Contains(string(body), says) {
		err = fmt.Errorf("no %s in the answer: %s", says, body)
	}
	return began, took, err
}

// stop ends the emulator and its function.
func (e *emulator) stop() error {
	err := syscall.Kill(-e.cmd.Process.Pid, syscall.SIGKILL)
	_ = e.cmd.Wait() //nolint:errcheck // it was killed, and says so
	http.DefaultClient.CloseIdleConnections()
	return errors.Join(err, e.out.Close())
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
