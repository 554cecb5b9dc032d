package awsclient

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Pause waits longer each time, with jitter.
type Pause struct{ b *backoff.ExponentialBackOff }

// NewPause makes one that begins with first and grows to longest.
func NewPause(first, longest time.Duration) Pause {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.RandomizationFactor = first, longest, 0.5
	return Pause{b}
}

// Wait waits, or returns the cause of ctx if that ends first.
func (p Pause) Wait(ctx context.Context) error {
	t := time.NewTimer(p.b.NextBackOff())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
