//go:build unix

package disturb_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/chaos/report"
)

var lab disturb.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// scenario is a disturbance of which there are several cases.
type scenario struct {
	t     *testing.T
	bench *disturb.Bench
	row   report.Row
	again int // tries that said nothing, since the machine stood still
	mu    sync.Mutex
	wg    sync.WaitGroup
	// Cases mostly wait: more than there are cores run at once.
	turn chan struct{}
}

// newScenario makes a scenario of which so many cases run at once.
func newScenario(t *testing.T, b *disturb.Bench, name, note string, atOnce int) *scenario {
	return &scenario{t: t, bench: b, row: report.Row{Scenario: name, Note: note}, turn: make(chan struct{}, atOnce)}
}

// try starts a case, which is a violation when it fails. The lease may get longer than
// asked for: see [standstill.Pulse.Try].
func (s *scenario) try(name string, lease time.Duration, f func(t testing.TB, lease time.Duration) (runs, effects int)) {
	s.wg.Go(func() {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		s.t.Run(name, func(t *testing.T) {
			defer func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if t.Failed() {
					s.row.Violations++
				}
			}()
			again := s.bench.Try(t, lease, func(t testing.TB, lease time.Duration) {
				runs, effects := f(t, lease)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.row.Runs += runs
				s.row.Effects += effects
			})
			s.mu.Lock()
			defer s.mu.Unlock()
			s.again += again
		})
	})
}

// end waits for the cases and reports.
func (s *scenario) end() {
	s.wg.Wait()
	if s.again > 0 {
		s.row.Note += fmt.Sprintf("; %d tried again, since the machine stood still", s.again)
	}
	disturb.Report(s.t, s.row)
}

// holderDoesItAll waits until a holder and a contender have both ended well, and checks
// that the holder alone wrote. It returns how many effects there are.
func holderDoesItAll(t testing.TB, w *disturb.World, holder, contender *disturb.Process) (effects int) {
	t.Helper()
	for who, run := range map[string]*disturb.Process{"holder": holder, "contender": contender} {
		if end := run.Wait(t); end.Exit != 0 {
			t.Errorf("the %s ended with %s:\n%s", who, end, end.Said)
		}
	}
	if got := executions(t, w); len(got) != 1 {
		t.Errorf("executions %q wrote, want the holder's only:\n%s", got, disturb.Lines(w.History(t)))
	}
	effects, _ = w.CheckDone(t)
	return effects
}

// executions lists who wrote, in order.
func executions(t testing.TB, w *disturb.World) []string {
	var out []string
	for _, e := range w.History(t) {
		if len(out) == 0 || out[len(out)-1] != e.ExecutionID {
			out = append(out, e.ExecutionID)
		}
	}
	return out
}
