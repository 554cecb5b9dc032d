package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/standstill"
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

// off is a clock whose wall time is wrong, always or in every other stretch.
func off(by, every time.Duration) func() time.Time {
	zero := time.Now()
	return func() time.Time {
		now := time.Now()
		since, wall := now.Sub(zero), now
		if every == 0 || int(since/every)%2 == 1 {
			wall = wall.Add(by)
		}
		return stamped(wall, since+time.Second)
	}
}

func clocks() map[string]func() time.Time {
	return map[string]func() time.Time{
		"right": time.Now, "an hour fast": off(time.Hour, 0), "an hour slow": off(-time.Hour, 0),
		"jumping ahead": off(time.Hour, 400*time.Millisecond), "jumping back": off(-time.Hour, 400*time.Millisecond),
	}
}

// wrong are the clocks of the contenders.
func wrong() map[string]func() time.Time {
	all := clocks()
	maps.DeleteFunc(all, func(name string, _ func() time.Time) bool { return name == "right" || name == "jumping back" })
	return all
}

// Contenders that start cold when a holder is dead take over within one lease and
// a second, and not before the lease is over, whatever the wall clocks say.
func TestTakeoverTime(t *testing.T) { // not beside others: it measures
	b := newBench(t)
	c := newCrowd(t, b)
	for holders, clock := range clocks() {
		c.waits("the holder's clock is "+holders, func(t testing.TB) {
			began, until := make(chan struct{}), make(chan struct{})
			w := b.world(t, core.Stage{Name: "main", Changes: []core.Change{holding("r1", "1", began, until), shared("s1", "2")}})
			w.stages[0].Changes[0].Recovery.Strategy = core.AlwaysRetry
			w.leased(4 * time.Second)
			holder := w.process("holder")
			holder.clock = clock
			end := holder.start()
			<-began
			holder.die()
			w.stages[0].Changes[0] = retried("r1", "1")
			var took atomic.Int64
			ends := map[string]<-chan outcome{}
			for name, clock := range wrong() {
				p, start := w.process("contender, "+name), time.Now()
				p.clock = clock
				p.seen = func(e run.Event) {
					if a, ok := e.(run.Acquired); ok && a.Takeover {
						took.Store(int64(time.Since(start)))
					}
				}
				ends[name] = p.start()
			}
			for name, end := range ends {
				if o := <-end; o.err != nil {
					t.Errorf("contender whose clock is %s: %v", name, o.err)
				}
			}
			d := time.Duration(took.Load())
			t.Logf("the holder's clock is %s: taken over after %s of a lease of %s", holders, d.Round(time.Millisecond), w.lease)
			if d < w.lease {
				standstill.Violated(t, "taken over after %s", d)
			}
			if d > w.lease+time.Second {
				t.Errorf("taken over after %s", d)
			}
			close(until)
			<-end
			if s := w.load(); s.Head.Token != 2 {
				t.Errorf("there were %d acquisitions", s.Head.Token)
			}
			w.mustBeDone()
		})
	}
	c.wait()
}

// A holder that renews is never robbed, whatever its clock or those of the
// contenders say, and however long its change takes.
func TestLiveHolderIsNotRobbed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	for name, clock := range clocks() {
		c.waits("the holder's clock is "+name, func(t testing.TB) {
			began, until := make(chan struct{}), make(chan struct{})
			w := b.world(t, core.Stage{Name: "main", Changes: []core.Change{holding("n1", "1", began, until), plain("n2", "2")}})
			w.leased(6 * time.Second)
			holder, renewals := w.process("holder"), 0
			holder.clock = clock
			holder.at = func(_ int, op string) fault { // renewals come one at a time
				if op == "UpdateItem" {
					if renewals++; renewals == 5 { // more than a lease and a half, if the clock is steady
						close(until)
					}
				}
				return nil
			}
			end := holder.start()
			<-began
			ends := map[string]<-chan outcome{}
			for name, clock := range wrong() {
				p := w.process("contender, " + name)
				p.clock = clock
				p.seen = func(e run.Event) {
					if a, ok := e.(run.Acquired); ok && a.Takeover {
						t.Errorf("%s robbed the holder", p.name)
					}
				}
				ends[name] = p.start()
			}
			o := <-end
			for name, end := range ends {
				if c := <-end; c.err != nil && o.err == nil {
					t.Errorf("contender whose clock is %s: %v", name, c.err)
				}
			}
			if o.err != nil {
				t.Errorf("the holder: %v", o.err)
			}
			if s := w.load(); s.Head.Token != 1 {
				t.Errorf("there were %d acquisitions", s.Head.Token)
			}
			w.mustBeDone()
		})
	}
	c.wait()
}

// slowUntil answers at a given time.
func slowUntil(at time.Time) fault {
	return func(w *wire, x *exchange) (*http.Response, error) {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		<-timer.C
		return pass(w, x)
	}
}

// A contender says who holds the lock and since when, while it waits and when it
// gives up: at its limit, or before its context's deadline.
func TestContenderGivesUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	began, until := make(chan struct{}), make(chan struct{})
	w := b.world(t, core.Stage{Name: "main", Changes: []core.Change{holding("n1", "1", began, until), plain("n2", "2")}})
	w.leased(30 * time.Second) // which is not lost on a machine that stands still
	end := w.process("the-holder").start()
	<-began
	since := w.load().Head.Holder.Since
	c := newCrowd(t, b)
	for name, limit := range map[string]func(*process, *run.Options){
		"its limit":    func(_ *process, o *run.Options) { o.Wait = 700 * time.Millisecond },
		"no waiting":   func(_ *process, o *run.Options) { o.Wait = -1 },
		"its deadline": func(p *process, _ *run.Options) { p.ctx, p.cancel = context.WithTimeout(p.ctx, 3*time.Second) },
		"its deadline, in a load": func(p *process, o *run.Options) {
			p.ctx, p.cancel = context.WithTimeout(p.ctx, 4*time.Second)
			o.Reserve = 2 * time.Second
			p.next(nil, slowUntil(time.Now().Add(2500*time.Millisecond)))
		},
		"cancelled": func(p *process, _ *run.Options) {
			waits := 0
			p.seen = func(e run.Event) {
				if _, ok := e.(run.Waiting); ok {
					if waits++; waits == 2 {
						p.cancel()
					}
				}
			}
		},
	} {
		c.waits(name, func(t testing.TB) {
			p := w.process("contender")
			told := 0
			p.seen = func(e run.Event) {
				if x, ok := e.(run.Waiting); ok {
					told++
					if x.Holder.Host != "the-holder" || !x.Holder.Since.Equal(since) {
						t.Errorf("waiting for %+v", x.Holder)
					}
				}
			}
			// The options come last: they may set a deadline, or listen themselves.
			o := p.apply(func(o *run.Options) { limit(p, o) })
			var held *core.HeldError
			if !errors.As(o.err, &held) || core.CodeOf(o.err) != core.CodeLockHeld || held.Holder.Host != "the-holder" || !held.Holder.Since.Equal(since) {
				t.Errorf("got %s: %v", o.code(), o.err)
				return
			}
			if !strings.Contains(o.err.Error(), "the-holder") || name == "its limit" && (told == 0 || held.Waited < 600*time.Millisecond) {
				t.Errorf("told %d times, then: %v", told, held)
			}
			t.Logf("%s: %s", name, fmt.Sprint(o.err))
		})
	}
	c.wait()
	close(until)
	if o := <-end; o.err != nil {
		t.Error(o.err)
	}
}
