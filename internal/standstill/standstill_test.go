package standstill

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestTry: what fails on a machine that stood still is tried again with twice the lease,
// a few times; what fails without that, or must never be, fails at once.
func TestTry(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	for name, tt := range map[string]struct {
		stood   time.Duration
		fails   int // the first so many tries
		violate bool
		leases  []time.Duration // of the tries
		failed  bool
	}{
		"all is well":                       {stood: lease, leases: []time.Duration{lease}},
		"stood still":                       {stood: lease / 8, fails: 1, leases: []time.Duration{lease, 2 * lease}},
		"stood still, but not for so long":  {stood: lease / 9, fails: 1, leases: []time.Duration{lease}, failed: true},
		"did not stand still":               {fails: 1, leases: []time.Duration{lease}, failed: true},
		"stood still, and broke a promise":  {stood: lease, fails: 1, violate: true, leases: []time.Duration{lease}, failed: true},
		"stands still again and again":      {stood: time.Minute, fails: 9, leases: []time.Duration{lease, 2 * lease, 4 * lease, 8 * lease, 8 * lease, 8 * lease}, failed: true},
		"too short a wait for longer lease": {stood: lease / 8, fails: 9, leases: []time.Duration{lease, 2 * lease}, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPulse(8)
			var leases []time.Duration
			outer := &trial{TB: t}
			outer.run(func() {
				p.Try(outer, lease, func(t testing.TB, lease time.Duration) {
					leases = append(leases, lease)
					p.waits = append(p.waits, wait{"a server", time.Now(), time.Now().Add(tt.stood)})
					if tt.violate {
						Violated(t, "twice")
					}
					if len(leases) <= tt.fails {
						t.Fatal("too late")
					}
				})
			})
			if !slices.Equal(leases, tt.leases) || outer.Failed() != tt.failed {
				t.Errorf("tried with leases of %s, failed %v; want %s, %v", leases, outer.Failed(), tt.leases, tt.failed)
			}
		})
	}
}

// TestTryFixed: a case whose times are fixed is tried again as it was, and finds nothing of
// the tries before.
func TestTryFixed(t *testing.T) {
	t.Parallel()
	p, tries, left := newPulse(8), 0, []string{}
	again := p.TryFixed(t, time.Second, func(t testing.TB) {
		if len(left) > 0 {
			Violated(t, "the try before left %q", left)
		}
		tries++
		left = append(left, "outer", "inner")
		ended := func(what string) func() {
			return func() {
				if t.Context().Err() == nil {
					Violated(t, "its context has not ended")
				}
				if last := len(left) - 1; left[last] == what {
					left = left[:last]
				}
			}
		}
		t.Cleanup(ended("outer"))
		t.Cleanup(ended("inner"))
		p.waits = append(p.waits, wait{"a server", time.Now(), time.Now().Add(time.Second / 8)})
		if tries < trials {
			t.Fatal("too late")
		}
	})
	if again != trials-1 || len(left) > 0 {
		t.Errorf("%d tries were in vain, and the last left %q", again, left)
	}
}

// TestSettle: what stood still is judged by when it goes on.
func TestSettle(t *testing.T) {
	t.Parallel()
	p, stands, goes := Feel(t, 1), make(chan struct{}), make(chan struct{})
	p.AskDisk(t)
	var once sync.Once
	p.Ask(t, "a server", func(context.Context) error {
		once.Do(func() { close(stands); <-goes })
		return nil
	})
	began := time.Now()
	again := p.TryFixed(t, beat, func(t testing.TB) {
		select {
		case <-goes:
		default:
			<-stands // and nobody has waited for long
			time.AfterFunc(2*beat, func() { close(goes) })
			t.Error("no answer")
		}
	})
	if again != 1 {
		t.Errorf("tried again %d times, want once", again)
	}
	if !p.Stood(began, 2*beat) || p.Stood(time.Now(), time.Minute) {
		t.Error("it is not known for how long it stood still")
	}
}

// TestPulse: an answer that is late is a wait, also as long as there is none.
func TestPulse(t *testing.T) {
	t.Parallel()
	p := newPulse(8)
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	asked, answer, ended := make(chan struct{}), make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		p.feel(ctx, "a server", func(context.Context) error {
			asked <- struct{}{}
			return <-answer
		})
	}()
	<-asked
	for took, on := p.longest(began); took < 2*remembered || on != "a server"; took, on = p.longest(began) {
		<-time.After(time.Millisecond)
	}
	answer <- errors.New("out of order") // which is no answer
	<-asked
	if _, waits := p.under["a server"]; !waits {
		t.Error("an error ended the wait")
	}
	answer <- nil
	<-asked // it is asked again: the first answer was taken
	if took, on := p.longest(began); took < 2*remembered || on != "a server" {
		t.Errorf("a wait of %s on %q, want one of %s", took, on, 2*remembered)
	}
	cancel()
	answer <- nil
	<-ended
}
