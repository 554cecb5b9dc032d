package dynamo

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// notes collects what one of many scenarios has to say; what it logs is shown when
// it fails.
type notes struct {
	mu           sync.Mutex
	errors, logs []string
}

func (n *notes) Helper() {}

func (n *notes) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.errors = append(n.errors, fmt.Sprintf(format, args...))
}

func (n *notes) Fatalf(format string, args ...any) {
	n.Errorf(format, args...)
	runtime.Goexit()
}

func (n *notes) Logf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logs = append(n.logs, fmt.Sprintf(format, args...))
}

// TestMain lets more tests run at a time than there are processors: most of them
// wait, for a lease to end or for a simulator.
func TestMain(m *testing.M) {
	flag.Parse()
	if n := flag.Lookup("test.parallel"); n.Value.String() == n.DefValue {
		if err := n.Value.Set("8"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// slots bounds how many scenarios are played at a time: too many would make the
// simulators slower than a lease is long.
var slots = make(chan struct{}, 20)

// crowd runs scenarios side by side: they mostly wait, and parallel subtests are
// as many as there are processors.
type crowd struct {
	t  *testing.T
	wg sync.WaitGroup
}

func newCrowd(t *testing.T) *crowd { return &crowd{t: t} }

func (c *crowd) do(name string, scenario func(r report)) { c.play(name, slots, scenario) }

// waits is do for a scenario that mostly waits: there is always room for it.
func (c *crowd) waits(name string, scenario func(r report)) {
	c.play(name, make(chan struct{}, 1), scenario)
}

func (c *crowd) play(name string, room chan struct{}, scenario func(r report)) {
	c.wg.Go(func() {
		room <- struct{}{}
		defer func() { <-room }()
		n, done := &notes{}, make(chan struct{})
		go func() { // so that Fatalf can end it
			defer close(done)
			scenario(n)
		}()
		<-done
		if len(n.errors) > 0 {
			c.t.Errorf("%s:\n%s\n%s", name, strings.Join(n.errors, "\n"), strings.Join(n.logs, "\n"))
		}
	})
}

func (c *crowd) wait() { c.wg.Wait() }
