package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/internal/standstill"
)

// emulator is AWS's own Runtime Interface Emulator, as it comes with the SAM CLI.
func emulator(t testing.TB) string {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	found, err := filepath.Glob(filepath.Join("..", ".cache", "infra", "tools", "lib", "python3*", "site-packages", "samcli", "local", "rapid", "aws-lambda-rie-"+arch))
	if err != nil || len(found) == 0 {
		t.Skip("needs AWS's Runtime Interface Emulator: infra/verify tools installs the SAM CLI, which has it")
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "aws-lambda-rie")
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// emulated is the function under the emulator: no code of ours has a part between the
// event that is posted and bootstrap.
type emulated struct {
	t   testing.TB
	url string
	cmd *exec.Cmd
	one sync.Mutex // the emulator does not survive two at once
}

// emulate starts the emulator with a function that has so much time, in a directory
// with its files, and waits until it listens. What the environment of a function always
// has is there; more comes from env.
func emulate(t testing.TB, dir string, timeout time.Duration, env ...string) *emulated {
	t.Helper()
	rie, at := emulator(t), freeAddress(t)
	cmd := exec.Command(rie, "--log-level", "error", "--runtime-interface-emulator-address", at, "--runtime-api-address", freeAddress(t), bootstrap(t))
	cmd.Dir = dir
	cmd.Env = append([]string{
		"LAMBDA_TASK_ROOT=" + dir, fmt.Sprintf("AWS_LAMBDA_FUNCTION_TIMEOUT=%d", int(timeout.Seconds())), "AWS_LAMBDA_FUNCTION_NAME=flamingock",
		"AWS_REGION=us-east-1", "HOME=" + dir, "PATH=/usr/bin:/bin",
	}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its child would be left behind
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the emulator does not listen: %v", err)
		}
	}
	return &emulated{t: t, url: "http://" + at + "/2015-03-31/functions/function/invocations", cmd: cmd}
}

// invoke returns what the function answered; an error looks like {"errorMessage":…,"errorType":…}.
func (e *emulated) invoke(event string) string {
	e.t.Helper()
	e.one.Lock()
	defer e.one.Unlock()
	resp, err := http.Post(e.url, "application/json", strings.NewReader(event))
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(body)
}

// process is the id of bootstrap's process.
func (e *emulated) process() string {
	e.t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", e.cmd.Process.Pid))
	if err != nil {
		e.t.Fatal(err)
	}
	var ids []string
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		ids = append(ids, strings.Fields(string(text))...)
	}
	if len(ids) != 1 {
		e.t.Fatalf("the emulator has the processes %q, want one", ids)
	}
	return ids[0]
}

// What no code of ours has a part in says that the function keeps its two seconds.
func TestUnderTheEmulator(t *testing.T) {
	t.Parallel()
	feel(t).Try(t, soon, func(t testing.TB, limit time.Duration) {
		f := emulate(t, bundle(t, 20, ""), limit)
		// Lambda gives a process time of its own to start; the emulator does not.
		if body := f.invoke(`{}`); !strings.Contains(body, `"errorType":"ConfigInvalid"`) {
			t.Error(body)
		}
		n, body := 1, ""
		for ; n < 60; n++ {
			if body = f.invoke(apply); !strings.Contains(body, `"errorType":"DeadlineNear"`) {
				break
			}
		}
		if !strings.Contains(body, `"success":true`) {
			t.Errorf("after %d invocations: %s", n, body)
		}
		t.Logf("%d invocations", n)
		applied := strings.Count(f.invoke(list), `"state":"APPLIED"`)
		if applied > 20 {
			standstill.Violated(t, "%d of 20 were applied", applied)
		}
		if applied != 20 {
			t.Errorf("%d of 20 were applied", applied)
		}
	})
}
