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
	"syscall"
	"testing"
	"time"
)

// emulator is AWS's own Runtime Interface Emulator, as it comes with the SAM CLI.
func emulator(t *testing.T) string {
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

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What no code of ours has a part in says that the function keeps its two seconds.
func TestUnderTheEmulator(t *testing.T) {
	t.Parallel()
	rie, dir, at := emulator(t), bundle(t, 20, ""), freePort(t)
	cmd := exec.Command(rie, "--log-level", "error", "--runtime-interface-emulator-address", at, "--runtime-api-address", freePort(t), bootstrap(t))
	cmd.Dir = dir
	cmd.Env = []string{"LAMBDA_TASK_ROOT=" + dir, "AWS_LAMBDA_FUNCTION_TIMEOUT=2", "AWS_LAMBDA_FUNCTION_NAME=flamingock", "AWS_REGION=us-east-1", "HOME=" + dir, "PATH=/usr/bin:/bin"}
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
	invoke := func(event string) string {
		t.Helper()
		for attempt := 0; ; attempt++ {
			resp, err := http.Post("http://"+at+"/2015-03-31/functions/function/invocations", "application/json", strings.NewReader(event))
			if err != nil {
				if attempt > 50 {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
	}
	n, body := 1, ""
	for ; n < 60; n++ {
		if body = invoke(apply); !strings.Contains(body, `"errorType":"DeadlineNear"`) {
			break
		}
	}
	if !strings.Contains(body, `"success":true`) {
		t.Errorf("after %d invocations: %s", n, body)
	}
	t.Logf("%d invocations", n)
	if body := invoke(`{}`); !strings.Contains(body, `"errorType":"ConfigInvalid"`) {
		t.Error(body)
	}
	if body := invoke(list); strings.Count(body, `"state":"APPLIED"`) != 20 {
		t.Error(fmt.Sprint(strings.Count(body, `"state":"APPLIED"`), body))
	}
}
