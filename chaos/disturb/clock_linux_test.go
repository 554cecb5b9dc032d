package disturb_test

import (
	"cmp"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// clocks are wall clocks: right, an hour off, or set by an hour during the run.
var clocks = []string{"", "1h", "-1h", "1h@1s", "-1h@1s"}

// pairs are two clocks each: all of them, or those where only one is wrong and where
// both are wrong in the other's opposite way.
func pairs() (out [][2]string) {
	for i, a := range clocks {
		for j, b := range clocks {
			if disturb.Full() || i == 0 && j > 0 || j == 0 && i > 0 || i+j == len(clocks) && i < j {
				out = append(out, [2]string{a, b})
			}
		}
	}
	return out
}

// TestClocksAndALivingHolder: a run that takes longer than its lease keeps it, and a
// contender waits for its end, whatever their clocks say.
func TestClocksAndALivingHolder(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{DynamoDB: true, Postgres: true})
	s := newScenario(t, b, "clocks an hour off, holder alive", "both exit 0, nobody takes over", 8)
	for i, p := range pairs() {
		for j, store := range []disturb.StoreKind{disturb.DynamoDB, disturb.Embedded} {
			if !disturb.Full() && i%2 != j {
				continue
			}
			s.try(fmt.Sprintf("%s/holder %s/contender %s", store, cmp.Or(p[0], "right"), cmp.Or(p[1], "right")), 2*time.Second, func(t testing.TB, lease time.Duration) (int, int) {
				w := b.World(t, disturb.Spec{
					Store: store, Target: disturb.Postgres, Lease: lease,
					Changes: disturb.Changes(3, disturb.Change{After: fmt.Sprintf("SELECT pg_sleep(%g)", lease.Seconds()/2)}),
				})
				holder := w.Start(t, disturb.Way{Clock: p[0]}, "apply")
				w.AwaitEntry(t)
				contender := w.Start(t, disturb.Way{Clock: p[1]}, "apply")
				return 2, holderDoesItAll(t, w, holder, contender)
			})
		}
	}
	s.end()
}

// TestClocksAndAHolderInItsTransaction: where the audit store is in the target system's
// file, a holder that is stopped in its change's transaction is not robbed, whatever the
// clocks say, and commits when it goes on.
func TestClocksAndAHolderInItsTransaction(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{})
	s := newScenario(t, b, "clocks an hour off, holder stopped in the file's transaction", "the contender ends 75, the holder commits", 8)
	for i, p := range pairs() {
		if !disturb.Full() && i%3 != 0 {
			continue
		}
		s.try(fmt.Sprintf("holder %s/contender %s", cmp.Or(p[0], "right"), cmp.Or(p[1], "right")), time.Second, func(t testing.TB, lease time.Duration) (int, int) {
			w := b.World(t, disturb.Spec{Store: disturb.Within, Target: disturb.SQLite, Lease: lease, Wait: 2 * lease, Changes: disturb.Changes(3, disturb.Change{})})
			holder := w.Start(t, disturb.Way{Clock: p[0], Failpoint: "step.done=stop"}, "apply")
			holder.AwaitStop(t)
			if end := w.Do(t, disturb.Way{Clock: p[1]}, "apply"); end.String() != held {
				t.Errorf("the contender ended with %s, want %s:\n%s", end, held, end.Said)
			}
			if got := w.Effects(t); len(got) > 0 {
				standstill.Violated(t, "there are effects of an open transaction: %v", got)
			}
			holder.Signal(t, syscall.SIGCONT)
			if end := holder.Wait(t); end.Exit != 0 {
				t.Errorf("the holder ended with %s:\n%s", end, end.Said)
			}
			if got := executions(t, w); len(got) != 1 {
				t.Errorf("executions %q wrote, want the holder's only", got)
			}
			effects, _ := w.CheckDone(t)
			return 2, effects
		})
	}
	s.end()
}

// TestClocksAndAStoppedHolder: a contender takes over after the lease and not before,
// whatever the clocks say, and the holder that wakes then is fenced.
func TestClocksAndAStoppedHolder(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{DynamoDB: true, Postgres: true})
	s := newScenario(t, b, "clocks an hour off, holder stopped", "takeover after the lease, the holder ends 75", 8)
	for _, p := range pairs() {
		s.try(fmt.Sprintf("holder %s/contender %s", cmp.Or(p[0], "right"), cmp.Or(p[1], "right")), 2*time.Second, func(t testing.TB, lease time.Duration) (int, int) {
			w := b.World(t, disturb.Spec{Store: disturb.DynamoDB, Target: disturb.Postgres, Lease: lease, Changes: disturb.Changes(3, disturb.Change{})})
			holder := w.Start(t, disturb.Way{Clock: p[0], Failpoint: "append.sending=stop"}, "apply")
			holder.AwaitStop(t)
			began := time.Now()
			if end := w.Do(t, disturb.Way{Clock: p[1]}, "apply"); end.Exit != 0 {
				t.Errorf("the contender ended with %s:\n%s", end, end.Said)
			}
			if took := time.Since(began); took < lease {
				standstill.Violated(t, "the contender took over within %s, the lease is %s", took, lease)
			}
			holder.Signal(t, syscall.SIGCONT)
			if end := holder.Wait(t); end.String() != lost {
				t.Errorf("the holder ended with %s, want %s:\n%s", end, lost, end.Said)
			}
			if got := executions(t, w); len(got) != 2 {
				t.Errorf("executions %q wrote, want the holder's and then the contender's", got)
			}
			effects, _ := w.CheckDone(t)
			return 2, effects
		})
	}
	s.end()
}
