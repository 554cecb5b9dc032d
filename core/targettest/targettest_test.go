package targettest

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMemory holds a server in memory with transactions against the suite.
func TestMemory(t *testing.T) { Run(t, harness("")) }

// TestClientTarget holds core.NewClientTarget over a client in memory against it.
func TestClientTarget(t *testing.T) {
	Run(t, Harness{New: func(testing.TB) System {
		s := newServer("")
		return System{
			Open: func() core.Target {
				c, err := s.dial(context.Background())
				if err != nil {
					t.Error(err)
				}
				return core.NewClientTarget("client", c)
			},
			Create: createStep, Ensure: ensureStep, Probe: probeOf(s), Slow: slowStep(s),
			Effect: func(_ testing.TB, name string) bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.rows[name]
			},
			State: func(testing.TB) string { return s.state() },
		}
	}})
}

// TestDirectOnly holds the server against it as one that has no transactions: with
// what is not asked of a client target, such as outages.
func TestDirectOnly(t *testing.T) {
	h := harness("Handles says that there are transactions")
	h.Tx, h.Templates, h.Type = false, nil, core.TargetType{}
	Run(t, h)
}
