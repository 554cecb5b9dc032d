package standstill

import (
	"context"
	"errors"
	"slices"
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
		"stands still again and again":      {stood: time.Minute, fails: 9, leases: []time.Duration{lease, 2 * lease, 4 * lease, 8 * lease}, failed: true},
		"too short a wait for longer lease": {stood: lease / 8, fails: 9, leases: []time.Duration{lease, 2 * lease}, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &Pulse{share: 8, under: map[string]time.Time{}}
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

// TestPulse: an answer that is late is a wait, also as long as there is none.
func TestPulse(t *testing.T) {
	t.Parallel()
	p := &Pulse{under: map[string]time.Time{}}
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
