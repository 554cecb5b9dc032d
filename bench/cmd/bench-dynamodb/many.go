package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flamingock/flamingock-go/core/run"
)

// printMany applies ten changes on each of many ledgers, from many workers.
func printMany(ctx context.Context, w *world, o *options) error {
	const n = 10
	var executed atomic.Int64
	todo := make(chan int)
	errs := make(chan error, o.workers)
	over := newWire()
	var wg sync.WaitGroup
	start := time.Now()
	for range o.workers {
		wg.Go(func() {
			for i := range todo {
				rep, err := w.apply(ctx, over, fmt.Sprintf("many/%05d", i), n, func(string) { executed.Add(1) })
				if err == nil && rep.Counts[run.ChangeApplied] != n {
					err = fmt.Errorf("ledger %d: %v", i, rep.Counts)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	var failed error
feed:
	for i := range o.ledgers {
		select {
		case todo <- i:
		case failed = <-errs:
			break feed
		}
	}
	close(todo)
	wg.Wait()
	close(errs)
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return failed
	}
	took := time.Since(start)
	if got := executed.Load(); got != int64(o.ledgers*n) {
		return fmt.Errorf("%d changes were executed, not %d", got, o.ledgers*n)
	}
	fmt.Printf("%d ledgers of %d changes from %d workers on %s: all applied once, in %s (%.0f changes a second, %d requests).\n\n",
		o.ledgers, n, o.workers, w.sim.name, took.Round(time.Millisecond), float64(o.ledgers*n)/took.Seconds(), len(over.bodies))
	return nil
}
