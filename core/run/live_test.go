package run_test

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// live is a store that is in the database of a target system: while a change's
// transaction is open, nobody else writes, and who wants to is told so after a while.
type live struct {
	turn chan struct{} // holds one element while somebody writes
	rows *database
	// ended is called when a transaction was rolled back, before its change goes on.
	ended func()
}

// liveWait is how long a call waits for the lock.
const liveWait = 300 * time.Millisecond

func newLive(rows *database) *live {
	return &live{turn: make(chan struct{}, 1), rows: rows, ended: func() {}}
}

func (l *live) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}: // also for who does not wait any more: the request is under way
		return nil
	default:
	}
	timer := time.NewTimer(liveWait)
	defer timer.Stop()
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-timer.C:
		return &core.UnavailableError{System: "the audit store", Err: errors.New("it is locked")}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *live) unlock() { <-l.turn }

func (l *live) open() bool { return len(l.turn) > 0 }

// Begin makes the store of a process a core.LiveStore.
func (s procStore) Begin(ctx context.Context, lease core.Lease) (core.OpenWrites, error) {
	l := s.p.w.live
	if f := s.p.reach("begin"); f != none && f != crashAfter && f != pauseAfter {
		return nil, &core.UnavailableError{System: "the audit store", Err: errLost}
	}
	if err := l.lock(ctx); err != nil {
		return nil, err
	}
	snap, err := s.in.Load(context.WithoutCancel(ctx), lease.Ledger)
	if h := snap.Head; err == nil && (h.Owner != lease.Owner || h.Token != lease.Token || h.Released) {
		err = core.ErrLeaseLost
	}
	if err != nil {
		l.unlock()
		return nil, err
	}
	return &liveTx{p: s.p}, nil
}

// liveTx is its own handle.
type liveTx struct {
	p       *process
	staged  []string
	ended   bool
	tainted atomic.Bool
}

func (t *liveTx) Handle() any { return t }
func (t *liveTx) Items() any  { return t }
func (t *liveTx) Taint()      { t.tainted.Store(true) }

func (t *liveTx) Discard() error {
	if !t.ended {
		t.end()
		t.p.w.live.ended()
	}
	return nil
}

func (t *liveTx) end() {
	t.ended = true
	t.p.w.live.unlock()
}

// commit is called by the memory store when nothing else stands against it.
func (t *liveTx) commit() error {
	if t.ended {
		return errors.New("it was rolled back")
	}
	db := t.p.w.live.rows
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, id := range t.staged {
		db.rows[id]++
		for _, check := range db.checks {
			check(id)
		}
	}
	return nil
}

func (t *liveTx) put(id string) error {
	if f := t.p.reach("statement " + id); f != none && f != crashAfter && f != pauseAfter {
		return errors.New("syntax error")
	}
	t.staged = append(t.staged, id)
	return nil
}

// liveTarget is the target system in whose database the store is.
type liveTarget struct{ p *process }

var _ core.SharedTarget = (*liveTarget)(nil)

func (t *liveTarget) ID() string   { return "app" }
func (t *liveTarget) Type() string { return "fakelive" }
func (t *liveTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*liveTarget](), Tx: reflect.TypeFor[*liveTx]()}
}
func (t *liveTarget) Close() error               { return nil }
func (t *liveTarget) Ping(context.Context) error { return nil }
func (t *liveTarget) Open(context.Context) (any, func() error, error) {
	return t, func() error { return nil }, nil
}
func (t *liveTarget) Domain() string { return t.p.w.store.Domain() }

// inside is a change in the store's own transaction.
func inside(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "app", Apply: core.StepFor(func(_ context.Context, t *liveTx) error { return t.put(id) })}
}
