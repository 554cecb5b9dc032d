//go:build unix

package soak

import (
	"sync"

	"github.com/flamingock/flamingock-go/chaos/disturb"
)

// attempts is how often a ledger may need to be run until it is done: others have
// ended, so that only what they left open is in the way.
const attempts = 10

// finish brings every ledger to its end and counts its effects.
func (s *soak) finish() (effects, used int) {
	var mu sync.Mutex
	var work sync.WaitGroup
	next := make(chan *place)
	for range workers {
		work.Go(func() {
			for p := range next {
				n := s.finishOne(p)
				mu.Lock()
				effects += n
				mu.Unlock()
			}
		})
	}
	for i := range s.places {
		if p := &s.places[i]; p.World != nil && len(p.Changes) > 0 {
			used++
			next <- p
		}
	}
	close(next)
	work.Wait()
	return effects, used
}

func (s *soak) finishOne(p *place) (effects int) {
	end := disturb.End{Exit: 75}
	for i := 0; i < attempts && end.Exit != 0; i++ {
		end = s.apply(p.World, nil)
		s.judge(p, end)
	}
	if end.Exit != 0 {
		s.violation("%s is not done after %d runs: %s\n%s", p.Ledger, attempts, end, end.Said)
	}
	entries, got := p.History(s.t), p.Effects(s.t)
	want := p.Once()
	for _, c := range p.Changes {
		// The author's word: it may happen again for each time that it was cut short.
		if n := got[c.ID]; c.Retry && n > 1 && int64(n) <= 1+p.kills.Load() {
			want[c.ID] = n
		}
	}
	for _, fault := range append(p.Done(entries), disturb.Violations(got, want)...) {
		s.violation("%s (%s, %s): %s\n%s", p.Ledger, p.Store, p.Target, fault, disturb.Lines(entries))
	}
	return disturb.Total(got)
}
