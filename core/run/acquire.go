package run

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// intent is what a call wants to do with the ledger, decided from one load.
type intent struct {
	// idle: there is nothing to write, and nothing to wait for.
	idle bool
	// waitOnly: as idle, but wait while somebody holds the lease, and look again.
	waitOnly bool
	// ready is asked before the first write: can the work be done at all?
	ready func(context.Context) error
	// entries are written together with the acquisition of a free head.
	entries []core.Entry
	release bool
	// unlock forces the release of a held head: on the token that a person named.
	unlock bool
}

// holding is an acquired lease.
type holding struct {
	*keeper
	ctx      context.Context // ends when the lease is lost
	cancel   context.CancelCauseFunc
	snapshot core.Snapshot // on which the intent rests
	written  []core.Entry  // what was written with the acquisition
	tookOver bool          // the intent is older than the lease; snapshot is not
	leave    func() error
}

// watch remembers a held head, to judge whether its holder is alive.
type watch struct {
	rvn  uint64
	from time.Time // arrival of the answer that first showed rvn
}

// obtain loads the ledger, lets decide look, waits while another execution holds
// the lease, and acquires. It returns nil without an error when decide is idle.
// After every wait and every conflict it loads and decides again.
//
// held tells decide that another execution is at work.
func (r *Runner) obtain(ctx context.Context, exec string, stop <-chan struct{}, decide func(s core.Snapshot, held bool) (intent, error)) (*holding, error) {
	var w watch
	var blockedFrom time.Time
	wait := r.tel.lockWait(exec)
	defer func() { wait.end(ctx, r.o.Now) }()
	for {
		snap, err := r.o.Store.Load(ctx, r.o.Ledger)
		if err != nil {
			return nil, wrapStore(err)
		}
		failpoint.Hit(failpoint.Loaded)
		arrived := r.o.Now()
		held := snap.Head.Held()
		in, err := decide(snap, held)
		var near *core.DeadlineError
		if held && errors.As(err, &near) { // it is the holder that there was no time for
			if blockedFrom.IsZero() {
				blockedFrom = arrived
			}
			err = &core.HeldError{Ledger: r.o.Ledger, Holder: snap.Head.Holder, Token: snap.Head.Token, Waited: arrived.Sub(blockedFrom), Why: near.Error()}
		}
		if err != nil || in.idle {
			return nil, err
		}
		takeover := in.unlock
		if held && !takeover {
			if w.from.IsZero() || w.rvn != snap.Head.RVN {
				w = watch{rvn: snap.Head.RVN, from: arrived}
			}
			takeover, err = r.dead(ctx, snap.Head, w)
			if err != nil {
				return nil, err
			}
			if !takeover {
				if blockedFrom.IsZero() {
					blockedFrom = arrived
				}
				wait.begin(ctx, arrived, snap.Head.Holder)
				if err := r.waitTurn(ctx, stop, snap.Head, w, blockedFrom); err != nil {
					return nil, err
				}
				continue
			}
		}
		if in.ready != nil {
			if err := in.ready(ctx); err != nil {
				return nil, err
			}
		}
		store, live := r.o.Store.(core.LiveStore)
		live = live && store.Domain() != ""
		limit := max(r.o.Lease, 10*time.Second)
		if live && takeover && !in.unlock { // it may be locked, see below: short tries, so that a request to stop is heard between them
			limit = time.Second
		}
		h, err := r.acquire(ctx, exec, snap, in, takeover, limit)
		// A holder that shares the store's transactions (core.LiveStore) may keep the store
		// locked for longer than its lease: that is alive enough to wait for.
		var away *core.UnavailableError
		locked := live && takeover && core.IsUnknown(err) && errors.As(err, &away)
		if (errors.Is(err, core.ErrConflict) || locked) && !in.unlock {
			if blockedFrom.IsZero() {
				blockedFrom = arrived
			}
			wait.begin(ctx, arrived, snap.Head.Holder)
			if over := r.o.Now().Sub(blockedFrom); over > max(r.o.Wait, 0) && (r.o.Wait >= 0 || locked) {
				held := &core.HeldError{Ledger: r.o.Ledger, Holder: snap.Head.Holder, Token: snap.Head.Token, Waited: over}
				if locked {
					held.Why = away.Error()
				}
				return nil, held
			}
			select {
			case <-stop:
				return nil, &core.InterruptedError{Reason: "asked to stop while waiting for the ledger"}
			default:
			}
			continue // somebody was faster: look again
		}
		return h, err
	}
}

// dead reports whether the holder may be taken over: its process is proven dead,
// or it gave no sign of life for its whole lease on this machine's clock.
func (r *Runner) dead(ctx context.Context, head core.Head, w watch) (bool, error) {
	if gone, err := core.HolderGone(ctx, r.o.Store, head); err != nil || gone {
		return gone, wrapStore(err)
	}
	return r.o.Now().Sub(w.from) >= head.Lease, nil
}

// waitTurn waits a little for the holder, or says that it is no use to wait.
func (r *Runner) waitTurn(ctx context.Context, stop <-chan struct{}, head core.Head, w watch, from time.Time) error {
	now := r.o.Now()
	waited := now.Sub(from)
	held := &core.HeldError{Ledger: r.o.Ledger, Holder: head.Holder, Token: head.Token, Waited: waited}
	if waited >= r.o.Wait {
		return held
	}
	toTakeover := head.Lease - now.Sub(w.from)
	next := min(max(head.Lease/20, 20*time.Millisecond), time.Second)
	next = time.Duration(float64(next) * (0.75 + r.o.Random()/2))
	next = min(next, r.o.Wait-waited, max(toTakeover, time.Millisecond))
	if dl, ok := ctx.Deadline(); ok {
		left := time.Until(dl) - r.reserve(ctx) //nolint:forbidigo // deadlines are on the machine's clock
		if left <= next {
			held.Why = "the time left cannot cover a takeover (" + toTakeover.Round(time.Millisecond).String() + " of the lease remain) and the reserve"
			return held
		}
	}
	r.o.Events(Waiting{Holder: head.Holder, Waited: waited, Limit: r.o.Wait})
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-stop:
		return &core.InterruptedError{Reason: "asked to stop while waiting: " + held.Error()}
	case <-ctx.Done():
		held.Why = context.Cause(ctx).Error()
		return held
	}
}

// acquire takes the lease on the load snap. Taken over, it loads again as the
// holder, because the plan of a waiting execution is older than the lease.
//
// After limit an acquisition is given up.
func (r *Runner) acquire(ctx context.Context, exec string, snap core.Snapshot, in intent, takeover bool, limit time.Duration) (*holding, error) {
	h := &holding{snapshot: snap.Clone(), tookOver: takeover && !in.unlock, leave: func() error { return nil }}
	owner := r.o.NewID()
	if in.unlock {
		owner = ""
	} else if p, ok := r.o.Store.(core.Presence); ok {
		leave, err := p.Attend(ctx, owner)
		if err != nil {
			return nil, wrapStore(err)
		}
		h.leave = leave
		failpoint.Hit(failpoint.Attended)
	}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	h.keeper = &keeper{
		store: r.o.Store, now: r.o.Now, lose: h.cancel, duration: r.o.Lease, writing: make(chan struct{}, 1),
		lease:    core.Lease{Ledger: r.o.Ledger, Owner: owner, Token: snap.Head.Token + 1},
		ledgerID: snap.Head.LedgerID, seq: snap.Head.Seq, hash: snap.Head.Hash,
	}
	if h.ledgerID == "" {
		h.ledgerID = r.o.NewID()
	}
	a := core.Acquisition{
		Ledger: r.o.Ledger, LedgerID: h.ledgerID, RVN: snap.Head.RVN, Takeover: takeover, Owner: owner, Token: h.lease.Token,
		Lease: r.o.Lease, Holder: r.holder(exec),
	}
	if !h.tookOver {
		a.Entries, a.Release = in.entries, in.release
		for i := range a.Entries {
			a.Entries[i].Token = h.lease.Token
		}
		core.Seal(r.o.Ledger, h.seq, h.hash, a.Entries)
	}
	h.anchor = r.o.Now()
	// Later than a lease an acquisition would be worth nothing; without a bound a store
	// that stays away would hold the call for ever.
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	failpoint.Hit(failpoint.Acquiring)
	if err := insist(limited, r.o.Lease, func(ctx context.Context) error { return r.o.Store.Acquire(ctx, a) }); err != nil {
		return nil, errors.Join(interrupted(ctx, wrapStore(err)), r.abandon(ctx, h, a, core.IsUnknown(err)))
	}
	failpoint.Hit(failpoint.Acquired)
	h.written = a.Entries
	if n := len(a.Entries); n > 0 {
		h.seq, h.hash = a.Entries[n-1].Seq, a.Entries[n-1].Hash
	}
	if a.Release {
		h.cancel(nil)
		return h, h.leave()
	}
	h.start(ctx)
	r.o.Events(Acquired{ExecutionID: exec, Token: h.lease.Token, Takeover: takeover, From: snap.Head.Holder})
	if h.tookOver {
		if err := h.reload(h.ctx); err != nil {
			if h.isLost() { // that cut the request off
				err = core.ErrLeaseLost
			}
			return nil, errors.Join(wrapStore(err), r.letGo(h))
		}
	}
	return h, nil
}

// reload loads the ledger again as its holder.
func (h *holding) reload(ctx context.Context) error {
	s, err := h.store.Load(ctx, h.lease.Ledger)
	if err != nil {
		return err
	}
	failpoint.Hit(failpoint.Loaded)
	if s.Head.Owner != h.lease.Owner || s.Head.Token != h.lease.Token || s.Head.Released {
		h.setLost()
		return core.ErrLeaseLost
	}
	h.snapshot, h.seq, h.hash = s, s.Head.Seq, s.Head.Hash
	return nil
}

// interrupted says that ctx ended, when that is why a request has no answer.
func interrupted(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && core.IsUnknown(err) {
		return &core.InterruptedError{Reason: cause.Error()}
	}
	return err
}

// abandon cleans up after an acquisition that failed. After an unknown answer
// the lease may be ours: it is released, best effort, so that nobody has to wait
// for it; and a change whose STARTED went with it is recorded as not begun, so
// that nobody has to find out what became of it.
func (r *Runner) abandon(ctx context.Context, h *holding, a core.Acquisition, unknown bool) error {
	if unknown && !a.Release {
		r.takeBackIntent(ctx, h, a.Entries)
	}
	h.cancel(nil)
	return h.leave()
}

// takeBackIntent is for entries that end with a STARTED and whose append got no
// answer: if they did land, the change is recorded as not begun. The lease is
// freed either way. All of it is best effort, for a moment: what cannot be done is
// freed by time, and settled or reported by the next run.
func (r *Runner) takeBackIntent(ctx context.Context, h *holding, entries []core.Entry) {
	last, done := r.lastContext(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(last, max(time.Second, r.o.Lease/5))
	defer cancel()
	before := h.snapshot
	loaded := h.reload(ctx)
	if _, live := h.store.(core.LiveStore); live && errors.Is(loaded, core.ErrLeaseLost) {
		return // its writes do not land after their answer: the lease is another's
	}
	if len(entries) > 0 && loaded == nil && h.hash == entries[len(entries)-1].Hash {
		started := entries[len(entries)-1]
		back := []core.Entry{notBegunEntry(started, before.Records[started.ChangeID], r.o.Now())}
		core.Seal(r.o.Ledger, h.seq, h.hash, back)
		if h.store.Append(ctx, core.Append{Lease: h.lease, Entries: back, Release: true}) == nil {
			h.released = true
		}
		return
	}
	if h.store.Release(ctx, h.lease) == nil {
		h.released = true
	}
}

// letGo frees the lease, if it is still held, and ends everything that belongs
// to the holding.
func (r *Runner) letGo(h *holding) error {
	ctx, cancel := r.lastContext(h.ctx)
	defer cancel()
	if h.isLost() { // perhaps only in our eyes: ask once
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	}
	var err error
	if !h.released {
		err = h.release(ctx)
	}
	if err != nil && !errors.Is(err, core.ErrLeaseLost) { // lost: somebody else's to release
		// The mark of our presence stays: it falls with the process, and then proves
		// that nobody holds the lease any more.
		h.close()
		h.cancel(nil)
		return wrapStore(err)
	}
	return r.end(h)
}

// end ends a holding whose lease is released or lost.
func (r *Runner) end(h *holding) error {
	h.close()
	h.cancel(nil)
	return h.leave()
}

func (r *Runner) holder(exec string) core.Holder {
	return core.Holder{
		Execution: exec, Host: r.o.Host, PID: os.Getpid(), Trigger: r.o.Trigger.Kind, Principal: r.o.Principal, Since: r.o.Now().UTC().Round(0),
	}
}

// reserve is the time kept back before ctx's deadline.
func (r *Runner) reserve(ctx context.Context) time.Duration {
	if r.o.Reserve > 0 {
		return r.o.Reserve
	}
	if given, ok := ctx.Value(givenKey{}).(time.Duration); ok {
		return min(10*time.Second, given/4)
	}
	return 0
}

// givenKey carries the time that a call was given, measured when it began.
type givenKey struct{}

func withGiven(ctx context.Context) context.Context {
	if dl, ok := ctx.Deadline(); ok {
		return context.WithValue(ctx, givenKey{}, time.Until(dl)) //nolint:forbidigo // deadlines are on the machine's clock
	}
	return ctx
}

// lastContext is for records and releases: it outlives a cancelled run, and ends
// at the deadline of the call, or after a time that covers a lost answer.
func (r *Runner) lastContext(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := max(r.o.Lease, 10*time.Second)
	if dl, ok := ctx.Deadline(); ok {
		limit = min(limit, max(time.Until(dl), 100*time.Millisecond)) //nolint:forbidigo // deadlines are on the machine's clock
	}
	return context.WithTimeoutCause(context.WithoutCancel(ctx), limit, errors.New("recording or releasing took longer than "+limit.Round(time.Millisecond).String()))
}

// wrapStore gives errors of the store that have no class the one of a system
// that cannot be reached.
func wrapStore(err error) error {
	var coded core.Coded
	switch {
	case err == nil, errors.Is(err, core.ErrLeaseLost), errors.As(err, &coded),
		errors.Is(err, context.Canceled) && !core.IsUnknown(err):
		return err
	}
	return &core.UnavailableError{System: "the audit store", Err: err}
}
