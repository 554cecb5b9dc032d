//go:build unix

package disturb_test

import (
	"os"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/chaos/report"
)

var lab disturb.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// scenario is a disturbance of which there are several cases.
type scenario struct {
	t   *testing.T
	row report.Row
	mu  sync.Mutex
	wg  sync.WaitGroup
	// Cases mostly wait: many more than there are cores run at once.
	turn chan struct{}
}

// newScenario makes a scenario of which so many cases run at once.
func newScenario(t *testing.T, name, note string, atOnce int) *scenario {
	return &scenario{t: t, row: report.Row{Scenario: name, Note: note}, turn: make(chan struct{}, atOnce)}
}

// try starts a case, which is a violation when it fails.
func (s *scenario) try(name string, f func(t *testing.T) (runs, effects int)) {
	s.wg.Go(func() {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		s.t.Run(name, func(t *testing.T) {
			runs, effects := 0, 0
			defer func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.row.Runs += runs
				s.row.Effects += effects
				if t.Failed() {
					s.row.Violations++
				}
			}()
			runs, effects = f(t)
		})
	})
}

// end waits for the cases and reports.
func (s *scenario) end() {
	s.wg.Wait()
	disturb.Report(s.t, s.row)
}
