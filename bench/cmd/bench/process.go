package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// sample is what one process cost.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // bytes; 0 where the system does not tell
	out       string
}

// measureOne runs a process to its end.
func measureOne(ctx context.Context, dir string, argv ...string) (sample, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	// The caller's FLAMINGOCK_* must not change what is measured.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FLAMINGOCK_") })
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start), out: strings.TrimSpace(out.String())}
	if err != nil {
		return s, fmt.Errorf("%s: %w\n%s%s", strings.Join(argv, " "), err, out.String(), errs.String())
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.rss = peakRSS(cmd.ProcessState)
	return s, nil
}

// series are the samples of one kind of process.
type series []sample

func (s series) wall() time.Duration {
	return median(s, func(x sample) time.Duration { return x.wall })
}

func (s series) cpu() time.Duration {
	return median(s, func(x sample) time.Duration { return x.cpu })
}

func (s series) rss() int64 { return median(s, func(x sample) int64 { return x.rss }) }

// median returns the middle value, the lower one of two; zero of nothing.
func median[T ~int64](s series, of func(sample) T) T {
	if len(s) == 0 {
		return 0
	}
	values := make([]T, len(s))
	for i, x := range s {
		values[i] = of(x)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// build builds a binary as releases are built.
func build(ctx context.Context, dir, pkg, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}
