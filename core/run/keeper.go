package run

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// keeper holds one acquisition of the lease. It orders this execution's writes,
// renews in the background, and knows until when the lease can be trusted.
type keeper struct {
	store    core.AuditStore
	now      func() time.Time
	lease    core.Lease
	duration time.Duration
	ledgerID string
	lose     context.CancelCauseFunc // cancels the run's context

	// writing is held during a write: one order for renewals and appends.
	writing chan struct{}
	seq     uint64 // of the last entry; guarded by writing
	hash    string

	released bool // set by the call that released; not used by the renewals

	mu     sync.Mutex
	anchor time.Time // start of the first attempt of the last successful write
	lost   bool
	pinned bool // see pin

	stop    context.CancelFunc // ends the renewals
	stopped chan struct{}
}

// margin is kept between the end of trust and the end of the lease.
func margin(lease time.Duration) time.Duration {
	return min(max(lease/10, 100*time.Millisecond), 5*time.Second)
}

// elapsed is the larger of the monotonic and the wall clock's difference: the
// monotonic clock stands still while a machine is suspended, the wall clock can
// be set back.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// start begins the renewals. They end with close, not with the run's context: a
// cancelled run holds its lease until its last record.
func (k *keeper) start(ctx context.Context) {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.stopped = make(chan struct{})
	go k.renewLoop(ctx)
}

// close ends the renewals and waits until the last one is over. It may be called
// more than once.
func (k *keeper) close() {
	k.stop()
	<-k.stopped
}

// trustLeft says for how long the lease can still be trusted.
func (k *keeper) trustLeft() time.Duration {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.lost:
		return 0
	case k.pinned:
		return k.duration - margin(k.duration)
	}
	return k.duration - margin(k.duration) - elapsed(k.anchor, now)
}

func (k *keeper) trustFrom(t time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if elapsed(k.anchor, t) > 0 {
		k.anchor = t
	}
}

// pin says that a transaction of the store is about to be open in which this
// execution writes. While it is, nobody else can take the lease, whatever time it is,
// and it cannot be renewed either. The append that commits it ends this, or unpin.
//
// It waits for the renewal that is under way, which would wait for the transaction.
func (k *keeper) pin(ctx context.Context) error {
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	k.setPinned(true)
	return nil
}

func (k *keeper) unpin() { k.setPinned(false) }

func (k *keeper) setPinned(pinned bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pinned = pinned
}

func (k *keeper) isPinned() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pinned
}

func (k *keeper) setLost() {
	k.mu.Lock()
	k.lost = true
	k.mu.Unlock()
	k.lose(core.ErrLeaseLost)
}

// guard returns nil when the lease can be trusted right now. It renews first
// when the trust has run out but nobody has said that the lease is lost: a store
// that renews it proves that no successor exists.
func (k *keeper) guard(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if k.trustLeft() > 0 {
		return nil
	}
	if k.isLost() {
		return core.ErrLeaseLost
	}
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	if k.trustLeft() > 0 {
		return nil
	}
	// One lost answer is no lost lease; but for longer than half of it nobody waits.
	short, cancel := context.WithTimeout(ctx, k.duration/2)
	defer cancel()
	if err := insist(short, k.duration, k.renew); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		k.setLost()
		return core.ErrLeaseLost
	}
	return nil
}

func (k *keeper) isLost() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lost
}

func (k *keeper) lock(ctx context.Context) error {
	select {
	case k.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (k *keeper) unlock() { <-k.writing }

// renew is called with writing held.
func (k *keeper) renew(ctx context.Context) error {
	if k.isPinned() {
		return nil
	}
	from := k.now()
	failpoint.Hit(failpoint.Renewing)
	err := k.store.Renew(ctx, k.lease)
	failpoint.Hit(failpoint.Renewed)
	switch {
	case err == nil:
		k.trustFrom(from)
		return nil
	case errors.Is(err, core.ErrLeaseLost):
		k.setLost()
	}
	return err
}

// confirm asks the store whether the lease is still ours.
func (k *keeper) confirm(ctx context.Context) error {
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	return k.renew(ctx)
}

// renewLoop renews at every third of the lease that passed without a write, and
// ends the run when the trust ends.
func (k *keeper) renewLoop(ctx context.Context) {
	defer close(k.stopped)
	timer := time.NewTimer(k.due())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		left := k.trustLeft()
		if left <= 0 && k.lastChance(ctx) != nil {
			return
		}
		if left > 0 && k.due() > shortestPause {
			timer.Reset(k.due()) // a write came in between
			continue
		}
		timer.Reset(k.tryRenew(ctx, left))
	}
}

// shortestPause is the least time between two renewals.
const shortestPause = time.Millisecond

// due says in what time to renew: a third of the lease after the last write began, so
// that a slow store leaves as much time for the answer as it can.
func (k *keeper) due() time.Duration {
	if k.isLost() || k.isPinned() { // given up, but not refused: nobody counts on it; or nobody can take it
		return k.duration / 3
	}
	return max(k.trustLeft()+margin(k.duration)-k.duration+k.duration/3, shortestPause)
}

// lastChance is taken when the trust has ended while the process was not
// running, or the clock jumped: one renewal, and the lease is lost without it.
func (k *keeper) lastChance(ctx context.Context) error {
	closing := ctx
	ctx, cancel := context.WithTimeout(ctx, margin(k.duration)/2)
	defer cancel()
	err := k.lock(ctx)
	if err == nil {
		err = k.renew(ctx)
		k.unlock()
	}
	if err != nil && k.trustLeft() <= 0 && closing.Err() == nil {
		k.setLost()
		return err
	}
	return nil
}

// tryRenew renews once and says when to look again.
func (k *keeper) tryRenew(ctx context.Context, left time.Duration) time.Duration {
	if left <= 0 {
		left = k.trustLeft()
	}
	// One request that gets no answer must not use up all the trust.
	limit := min(left, max(k.duration/4, 500*time.Millisecond))
	ctx, cancel := context.WithTimeout(ctx, max(limit, time.Millisecond))
	defer cancel()
	err := k.lock(ctx)
	if err == nil {
		err = k.renew(ctx)
		k.unlock()
	}
	if err == nil {
		return k.due()
	}
	return max(min(k.trustLeft(), k.duration/20), shortestPause)
}

// append writes entries, and frees the lease with them if release is set. It
// returns nil only when the entries are known to be written, and a
// *core.UnknownError when that cannot be known. Items go with them in the same
// transaction; nil: there are none.
func (k *keeper) append(ctx context.Context, entries []core.Entry, release bool, items any) error {
	if release {
		k.close() // no renewal may be on its way when the release is sent
	}
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	core.Seal(k.lease.Ledger, k.seq, k.hash, entries)
	from := k.now()
	a := core.Append{Lease: k.lease, Entries: entries, Release: release}
	send := k.store.Append
	if sharing, ok := k.store.(core.SharingStore); ok && items != nil { // New has checked that it can share
		send = func(ctx context.Context, a core.Append) error { return sharing.AppendShared(ctx, a, items) }
	}
	failpoint.Hit(failpoint.Appending)
	err := insist(ctx, k.duration, func(ctx context.Context) error { return send(ctx, a) })
	failpoint.Hit(failpoint.Appended)
	if items != nil {
		k.unpin() // its transaction has ended
	}
	if err != nil {
		if errors.Is(err, core.ErrLeaseLost) || errors.Is(err, core.ErrConflict) {
			k.setLost()
		}
		return err
	}
	last := &entries[len(entries)-1]
	k.seq, k.hash = last.Seq, last.Hash
	k.trustFrom(from)
	k.released = release
	return nil
}

// release frees the lease without an entry.
func (k *keeper) release(ctx context.Context) error {
	k.close()
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	failpoint.Hit(failpoint.Releasing)
	err := insist(ctx, k.duration, func(ctx context.Context) error { return k.store.Release(ctx, k.lease) })
	failpoint.Hit(failpoint.Released)
	return err
}

// insist sends the same request again while its outcome is unknown, for as long
// as ctx allows: the store recognises what it has written already.
func insist(ctx context.Context, lease time.Duration, send func(context.Context) error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 20 * time.Millisecond
	b.MaxInterval = max(lease/10, 50*time.Millisecond)
	var said error // by the store, before
	for open := false; ; open = true {
		attempt, cancel := context.WithTimeout(ctx, max(lease/2, time.Second))
		err := send(attempt)
		cancel()
		switch {
		case err == nil:
			return nil
		case definite(err):
			if open && blind(err) {
				return core.Unknown(err)
			}
			return err
		}
		if ctx.Err() != nil && said != nil && isContextError(err) {
			err = said // people need to know why, not that time is up
		}
		if ctx.Err() != nil || !pause(ctx, b.NextBackOff()) {
			return core.Unknown(err)
		}
		said = err
	}
}

// blind reports whether err was answered without a look at the ledger: it says
// nothing about a request before it.
func blind(err error) bool {
	var re *core.RefusedError // for which the store has looked
	return !errors.As(err, &re) && hopeless(err)
}

// hopeless reports whether err is one that asking again does not mend.
func hopeless(err error) bool {
	var se *core.StoreError
	var pe *core.PermissionError
	var ce *core.ConfigError
	return errors.As(err, &se) || errors.As(err, &pe) || errors.As(err, &ce)
}

// definite reports whether err says that nothing was written, for good.
func definite(err error) bool {
	if core.IsUnknown(err) {
		return false
	}
	var re *core.RefusedError
	return errors.Is(err, core.ErrLeaseLost) || errors.Is(err, core.ErrConflict) || errors.As(err, &re) || hopeless(err)
}

// pause waits for d, or less if ctx ends: then it returns false.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
