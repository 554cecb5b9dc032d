package dynamo

import (
	"errors"
	"fmt"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// A process that stands still at any of its requests, for longer than its lease,
// is a stale one when it wakes up: whatever it has on its way is refused, and it
// does nothing more.
func TestStaleTokenAtEveryRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	for _, after := range []bool{false, true} {
		for k := 2; k <= 10; k++ {
			c.do(fmt.Sprintf("request %d, paused after it: %v", k, after), func(t testing.TB) { rob(b.world(t, mixed()...), k, after) })
		}
	}
	c.wait()
}

// rob pauses a run at request k until others have done everything.
func rob(w *world, k int, after bool) {
	w.leased(soon)
	p, paused := w.process("paused"), make(chan func())
	f := pauseBefore(paused)
	if after {
		f = pauseAfter(paused)
	}
	p.at = func(n int, _ string) fault {
		if n == k {
			return f
		}
		return nil
	}
	end := p.start()
	var resume func()
	select {
	case resume = <-paused:
	case o := <-end: // a slow machine
		w.t.Logf("it did not come to its request %d: %v", k, o.err)
		w.heal()
		w.mustBeDone()
		return
	}
	w.heal()
	w.mustBeDone()
	before := w.load()
	resume()
	o := <-end
	if s := w.load(); s.Head != before.Head {
		w.t.Errorf("a stale execution wrote: head was %+v, is %+v", before.Head, s.Head)
	}
	w.mustBeDone()
	// Unless it stood still after its last word, or before its first.
	if k > 3 && k < 10 && !errors.Is(o.err, core.ErrLeaseLost) {
		w.t.Errorf("it ended with %s: %v", o.code(), o.err)
	}
	w.t.Logf("it ended with %s: %v; %v", o.code(), o.err, w.states())
}

// A forced release is as good as a takeover: the holder it was taken from cannot
// renew, append or release any more, also where the lease is free again.
func TestForcedReleaseAtEveryRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	for k := 4; k <= 10; k++ {
		c.do(fmt.Sprint("request ", k), func(t testing.TB) {
			w := b.world(t, mixed()...)
			p := w.process("robbed")
			p.at = func(n int, _ string) fault {
				if n == k {
					s := w.load()
					if _, err := w.process("operator").runner().Unlock(t.Context(), s.Head.Token, "the host burnt down"); err != nil {
						t.Errorf("%v", err)
					}
				}
				return nil
			}
			o := p.apply()
			if s := w.load(); s.Head.Owner != "" || s.Head.Held() || core.CodeOf(o.err) != core.CodeLeaseLost && core.CodeOf(o.err) != core.CodeChangeFailed {
				t.Errorf("it ended with %s: %v; head %+v", o.code(), o.err, s.Head)
			}
			w.heal()
			w.mustBeDone()
		})
	}
	c.wait()
}
