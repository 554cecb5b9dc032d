// Package imagetest runs the container image with a Docker engine, as Kubernetes and
// ECS would: not as root, with a root file system that cannot be written, without
// capabilities, as process 1. The image is built here, without a registry.
//
// It does not test what only a cluster has: see docs/kubernetes.md and docs/ecs.md.
package imagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	// They are in the image: a cached result of these tests must not outlive a change.
	_ "github.com/flamingock/flamingock-go/container/cli"
	_ "github.com/flamingock/flamingock-go/targets/all"
)

const (
	image = "flamingock:imagetest"
	// patience bounds every call of docker; none should come near it.
	patience = 2 * time.Minute
)

var build = sync.OnceValue(func() error {
	for _, read := range []string{"../Dockerfile", "../image/build", "../image/main.go"} { // for the cache of results, too
		if _, err := os.ReadFile(read); err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(context.Background(), "../image/build", image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
})

// needImage skips a test without a Docker engine on this machine, and builds the image.
func needImage(t *testing.T) {
	t.Helper()
	const how = "needs a Docker engine with Linux containers on this machine: install docker.io and start dockerd"
	if runtime.GOOS != "linux" {
		t.Skip("does not apply: bind mounts and the host's network want the engine's own system, Linux")
	}
	if host := os.Getenv("DOCKER_HOST"); host != "" && !strings.HasPrefix(host, "unix:") {
		t.Skip(how + "; DOCKER_HOST names another machine's")
	}
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip(how)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Os}}").Output(); err != nil || strings.TrimSpace(string(out)) != "linux" {
		t.Skip(how)
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
}

// docker runs the docker command, which must succeed, and returns its output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	exit, stdout, stderr := try(t, args...)
	if exit != 0 {
		t.Fatalf("docker %s: exit %d: %s", strings.Join(args, " "), exit, stderr)
	}
	return strings.TrimSpace(stdout)
}

func try(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exited := (*exec.ExitError)(nil); errors.As(err, &exited) && exited.ExitCode() >= 0 {
		return exited.ExitCode(), out.String(), errs.String()
	} else if err != nil {
		t.Fatalf("docker %s: %v", strings.Join(args, " "), err)
	}
	return 0, out.String(), errs.String()
}
