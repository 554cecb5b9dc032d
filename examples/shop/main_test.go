//go:build unix

package shop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/internal/pgtest"
)

// The servers are shared by the tests; each has names of its own in them.
var (
	postgres pgtest.Server
	mongoDB  = mongotest.Standalone()
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "flamingock-shop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	release.path, killable.path, partner.path = filepath.Join(dir, "flamingock"), filepath.Join(dir, "killable"), filepath.Join(dir, "partner")
	code := postgres.StopAfter(m).Run()
	mongoDB.Stop()
	if err := os.RemoveAll(dir); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// program is built once, as a user gets it: without the race detector.
type program struct {
	pkg, tags, path string

	once sync.Once
	err  error
}

var (
	release  = program{pkg: "../../container"}
	killable = program{pkg: "../../container", tags: "failpoint"}
	partner  = program{pkg: "./partner"}
)

func (p *program) build(t testing.TB) string {
	t.Helper()
	p.once.Do(func() {
		// Not the test's context: others need it when this test has ended.
		c := exec.CommandContext(context.Background(), "go", "build", "-race=false", "-tags", p.tags, "-o", p.path, p.pkg)
		if out, err := c.CombinedOutput(); err != nil {
			p.err = fmt.Errorf("go build %s: %w\n%s", p.pkg, err, out)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.path
}
