package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/internal/gotest"
)

// report collects what the tests say.
type report struct {
	out    io.Writer
	output map[string][]string // of tests under way, by package and name
	// passed, failed and skipped count tests and subtests.
	passed, failed, skipped int
	// idle counts the skipped that do not apply.
	idle int
	// brokenPackages failed without a failing test: they did not build, or crashed.
	brokenPackages []string
	failedSteps    []string
	lacks          map[string][]string // reason -> what was skipped for it
	localStack     string              // how the tests came by LocalStack; "" when nobody says
}

func newReport(out io.Writer) *report {
	return &report{out: &sharedWriter{w: out}, output: map[string][]string{}, lacks: map[string][]string{}}
}

// sharedWriter serves this process and the copying of a child's standard error.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// lacking records something that was left out, and how to get it.
func (r *report) lacking(what, reason string) {
	if !slices.Contains(r.lacks[reason], what) {
		r.lacks[reason] = append(r.lacks[reason], what)
	}
}

// step runs f and prints how long it took.
func (r *report) step(name, dir string, f func() error) {
	if dir != "." {
		name += " in " + dir
	}
	r.printf("== %s\n", name)
	start := time.Now()
	err := f()
	word := "done"
	if err != nil {
		word = "FAILED"
		r.failedSteps = append(r.failedSteps, name+": "+err.Error())
	}
	r.printf("== %s: %s in %s\n", name, word, time.Since(start).Round(100*time.Millisecond))
}

// read follows the output of go test -json.
func (r *report) read(in io.Reader) error {
	failing := map[string]bool{} // packages with a failed test
	return gotest.Read(in, func(e gotest.Event) {
		if e.Test != "" {
			r.test(e, failing)
		} else {
			r.pkg(e, failing)
		}
	}, func(line string) { r.printf("%s", line) })
}

func (r *report) test(e gotest.Event, failing map[string]bool) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[key] = append(r.output[key], e.Output)
		return
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		failing[e.Package] = true
		for _, line := range r.output[key] {
			if !strings.HasPrefix(line, "=== ") {
				r.printf("%s", line)
			}
		}
	case "skip":
		r.skipped++
		reason := gotest.SkipReason(r.output[key])
		if strings.HasPrefix(reason, gotest.NotApplicable) {
			r.idle++
		} else {
			r.lacking(gotest.ShortPackage(e.Package)+"."+e.Test, reason)
		}
	default:
		return
	}
	delete(r.output, key)
}

func (r *report) pkg(e gotest.Event, failing map[string]bool) {
	switch e.Action {
	case "output", "build-output":
		if e.Output != "PASS\n" {
			r.printf("%s", e.Output)
		}
	case "fail":
		if !failing[e.Package] {
			r.brokenPackages = append(r.brokenPackages, e.Package)
		}
	}
}

// finish prints the summary and reports whether all is well.
func (r *report) finish(requireAll bool) bool {
	r.printf("\n")
	for _, s := range r.failedSteps {
		r.printf("FAILED  %s\n", s)
	}
	for _, p := range r.brokenPackages {
		r.printf("FAILED  %s did not build, or ended before its tests did\n", p)
	}
	if r.localStack != "" {
		r.printf("LocalStack: %s\n", r.localStack)
	}
	if len(r.lacks) > 0 {
		r.printf("Skipped, and how to get it:\n")
		for _, reason := range sortedKeys(r.lacks) {
			r.printf("  %s\n    %s\n", gotest.Abbreviate(r.lacks[reason], 3, ", "), reason)
		}
	}
	if r.idle > 0 {
		r.printf("Skipped because they do not apply here: %d\n", r.idle)
	}
	ok := r.failed == 0 && len(r.brokenPackages) == 0 && len(r.failedSteps) == 0
	if requireAll && len(r.lacks) > 0 {
		r.printf("FAILED  FLAMINGOCK_TEST_REQUIRE=all does not allow skips\n")
		ok = false
	}
	r.printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed+len(r.brokenPackages), r.skipped)
	return ok
}

// printf ignores write errors: there is nowhere else to say so.
func (r *report) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
