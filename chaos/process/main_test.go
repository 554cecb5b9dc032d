package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/internal/pgtest"
)

var server pgtest.Server

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "flamingock-kill-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds.dir = dir
	code := server.StopAfter(m).Run()
	if err := os.RemoveAll(dir); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// binaries are built once, without the race detector: it is the protocol that is
// killed here, and its memory is looked at elsewhere.
type binaries struct {
	dir  string
	mu   sync.Mutex
	made map[string]*binary
}

type binary struct {
	once sync.Once
	path string
	err  error
}

var builds = binaries{made: map[string]*binary{}}

// build builds a package of this module and returns the path of the binary.
func build(t testing.TB, pkg string, tags ...string) string {
	t.Helper()
	key := strings.Join(append(tags, pkg), " ")
	builds.mu.Lock()
	b := builds.made[key]
	if b == nil {
		b = &binary{path: filepath.Join(builds.dir, fmt.Sprintf("%s-%d", filepath.Base(pkg), len(builds.made)))}
		builds.made[key] = b
	}
	builds.mu.Unlock()
	b.once.Do(func() {
		// Not the test's context: others need it when this test has ended.
		c := exec.CommandContext(context.Background(), "go", "build", "-race=false", "-tags", strings.Join(tags, ","), "-o", b.path, pkg)
		if out, err := c.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("go build %s: %w\n%s", key, err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}
