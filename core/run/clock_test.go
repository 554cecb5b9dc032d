package run_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// stamped returns a reading with a wall clock and a monotonic clock that differ,
// as a machine has whose clock is set.
func stamped(wall time.Time, mono time.Duration) time.Time {
	const sinceYear1ToUnix, sinceYear1To1885 = 62135596800, 59453308800
	var t time.Time
	p := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	p.wall = 1<<63 | uint64(wall.Unix()+sinceYear1ToUnix-sinceYear1To1885)<<30 | uint64(wall.Nanosecond())
	p.ext = int64(mono)
	return t
}

func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		for _, who := range []string{"holder", "contender", "both"} {
			t.Run(fmt.Sprint(who, jump), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					zero := time.Now()
					jumping := func(o *run.Options) {
						o.Now = func() time.Time {
							since := time.Since(zero)
							wall := time.Now()
							if n := int(since / (700 * time.Millisecond)); n%2 == 1 {
								wall = wall.Add(jump)
							}
							return stamped(wall, since+time.Second)
						}
					}
					steady := func(o *run.Options) {
						o.Now = func() time.Time { return stamped(time.Now(), time.Since(zero)+time.Second) }
					}
					opts := func(jumps bool) func(*run.Options) {
						if jumps {
							return jumping
						}
						return steady
					}
					w := newWorld(t, stage("main", slow(plain("n1", "1"), 20*time.Second), slow(inTx("t2", "2"), 5*time.Second), slow(plain("n3", "3"), time.Second)))
					first := w.process(nil).applyAsync(opts(who != "contender"))
					time.Sleep(time.Second)
					second := w.process(nil).apply(opts(who != "holder"))
					wantCode(t, <-first, "")
					wantCode(t, second, "")
					if s := w.load(); s.Head.Token != 1 {
						t.Errorf("there were %d acquisitions", s.Head.Token)
					}
					w.mustBeWhole()
				})
			})
		}
	}
}

// A clock that is set while a step runs makes the guard ask the store, which
// knows that the lease is still held.
func TestClockIsSetDuringAStep(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				zero := time.Now()
				var off atomic.Int64
				set := func(c core.Change) core.Change { // there and back again
					do := c.Apply.Do
					c.Apply.Do = func(ctx context.Context, s *core.Session) error {
						off.Store(int64(by) - off.Load())
						return do(ctx, s)
					}
					return c
				}
				two := core.Change{ID: "n1", Order: "1", TargetSystem: "svc", Steps: []core.StepPair{
					{Apply: set(plain("n1", "1")).Apply},
					{Apply: set(core.Change{Apply: core.StepFor(func(context.Context, *svcTarget) error { return nil })}).Apply},
				}}
				w := newWorld(t, stage("main", two, set(inTx("t2", "2")), set(inTx("t3", "3")), plain("n4", "4")))
				o := w.process(nil).apply(func(o *run.Options) {
					o.Now = func() time.Time {
						return stamped(time.Now().Add(time.Duration(off.Load())), time.Since(zero)+time.Second)
					}
				})
				wantCode(t, o, "")
				w.mustBeWhole()
			})
		})
	}
}
