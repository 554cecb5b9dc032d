package dynamo

import (
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/internal/standstill"
)

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
// as many as there are processors. One that fails on a machine that stood still is
// played again, with longer leases.
type crowd struct {
	t     *testing.T
	pulse *standstill.Pulse
	wg    sync.WaitGroup
}

func newCrowd(t *testing.T, b *bench) *crowd { return &crowd{t: t, pulse: b.pulse} }

// slow is a test on a machine so slow that leases have to be longer.
type slow struct {
	testing.TB
	times int
}

// Unwrap lets a violation through.
func (s slow) Unwrap() testing.TB { return s.TB }

func (c *crowd) do(name string, scenario func(t testing.TB)) { c.play(name, slots, scenario) }

// waits is do for a scenario that mostly waits: there is always room for it.
func (c *crowd) waits(name string, scenario func(t testing.TB)) {
	c.play(name, make(chan struct{}, 1), scenario)
}

func (c *crowd) play(name string, room chan struct{}, scenario func(t testing.TB)) {
	c.wg.Go(func() {
		room <- struct{}{}
		defer func() { <-room }()
		c.pulse.Try(named{c.t, name}, soon, func(t testing.TB, lease time.Duration) { scenario(slow{t, int(lease / soon)}) })
	})
}

func (c *crowd) wait() { c.wg.Wait() }

// named says which of many scenarios has failed.
type named struct {
	testing.TB
	name string
}

func (n named) Errorf(format string, args ...any) { n.TB.Errorf(n.name+":\n"+format, args...) }

func (n named) Logf(format string, args ...any) { n.TB.Logf(n.name+": "+format, args...) }
