package targettest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// server is a system with transactions, in memory. It passes the suite, and with one
// of its rules broken it must not.
type server struct {
	rule string // that is broken; "" for none

	mu      sync.Mutex
	down    bool
	cut     int // how often connections were cut
	pings   int
	rows    map[string]bool
	fences  map[string]core.Fence
	markers map[core.Marker]bool
	locks   map[string]chan struct{} // of fence rows
}

func newServer(rule string) *server {
	return &server{
		rule: rule, rows: map[string]bool{}, fences: map[string]core.Fence{}, markers: map[core.Marker]bool{}, locks: map[string]chan struct{}{},
	}
}

// breaks reports whether a rule is the broken one.
func (s *server) breaks(rule string) bool { return s.rule == rule }

var errCut = errors.New("connection reset by peer")

// conn is a connection: a handle outside of a transaction.
type conn struct {
	s   *server
	cut int
}

// dial connects. Nil ctx errors aside it fails only when the server is down.
func (s *server) dial(ctx context.Context) (*conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, &core.UnavailableError{System: "the server", Err: errCut}
	}
	return &conn{s, s.cut}, nil
}

// with runs f under the server's lock, if the connection is still alive.
func (c *conn) with(f func() error) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.down || c.cut != c.s.cut {
		return errCut
	}
	return f()
}

// handle is what a conn and a txn have in common.
type handle interface {
	put(name string, create bool) error
	remove(name string) error
	has(name string) (bool, error)
}

func (c *conn) put(name string, create bool) error {
	return c.with(func() error {
		if create && c.s.rows[name] {
			return errors.New(name + " exists")
		}
		c.s.rows[name] = true
		return nil
	})
}

func (c *conn) remove(name string) error {
	return c.with(func() error { delete(c.s.rows, name); return nil })
}

func (c *conn) has(name string) (found bool, err error) {
	err = c.with(func() error { found = c.s.rows[name]; return nil })
	return found, err
}

// txn is an open transaction that has a ledger's fence row locked.
type txn struct {
	*conn
	lock   chan struct{}
	staged map[string]bool
	ended  bool
}

// begin opens a transaction and waits for the lock of the ledger's fence row.
func (c *conn) begin(ctx context.Context, ledgerID string, lease time.Duration) (*txn, error) {
	s := c.s
	s.mu.Lock()
	lock := s.locks[ledgerID]
	if lock == nil || s.breaks("the fence row is locked by its writer") {
		lock = make(chan struct{}, 1)
		s.locks[ledgerID] = lock
	}
	s.mu.Unlock()
	timer := time.NewTimer(min(lease/3, 300*time.Millisecond))
	defer timer.Stop()
	select {
	case lock <- struct{}{}:
		return &txn{conn: c, lock: lock, staged: map[string]bool{}}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timer.C:
		return nil, &core.BusyError{System: "the server", Err: errors.New("lock timeout")}
	}
}

// end ends the transaction, with apply if it is not nil and the connection is alive.
func (x *txn) end(apply func()) error {
	if x.ended {
		return core.ErrTransactionEnded
	}
	x.ended = true
	defer func() { <-x.lock }()
	if apply == nil && !x.s.breaks("a rollback takes the effect back") {
		return nil
	}
	return x.with(func() error {
		maps.Copy(x.s.rows, x.staged)
		maps.DeleteFunc(x.s.rows, func(_ string, there bool) bool { return !there })
		if apply != nil {
			apply()
		}
		return nil
	})
}

func (x *txn) put(name string, create bool) error {
	if x.s.breaks("statements are part of the transaction") {
		return x.conn.put(name, create)
	}
	return x.with(func() error {
		if create && (x.s.rows[name] || x.staged[name]) {
			return errors.New(name + " exists")
		}
		x.staged[name] = true
		return nil
	})
}

func (x *txn) remove(name string) error {
	return x.with(func() error { x.staged[name] = false; return nil })
}

// The system's own words.

func createStep(name string) core.StepPair {
	return core.StepPair{
		Apply:    core.StepFor(func(_ context.Context, h handle) error { return h.put(name, true) }),
		Rollback: core.StepFor(func(_ context.Context, h handle) error { return h.remove(name) }),
	}
}

func ensureStep(name string) core.Step {
	return core.StepFor(func(_ context.Context, h handle) error {
		if err := h.put(name, false); err != nil {
			return core.Unknown(err)
		}
		return nil
	})
}

func probeOf(s *server) func(name string) core.Probe {
	return func(name string) core.Probe {
		return func(_ context.Context, session *core.Session) (core.ProbeResult, error) {
			h, ok := session.Handle.(handle)
			if !ok {
				return "", &core.HandleError{}
			}
			if s.breaks("a probe changes nothing") {
				return core.ProbeNotApplied, h.put(name+"-probed", false)
			}
			found, err := h.has(name)
			if found != s.breaks("a probe tells the truth") {
				return core.ProbeApplied, err
			}
			return core.ProbeNotApplied, err
		}
	}
}

func slowStep(s *server) core.Step {
	return core.StepFor(func(ctx context.Context, _ handle) error {
		if s.breaks("a slow call ends with its context") {
			return nil
		}
		select {
		case <-time.After(time.Minute):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (s *server) state() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := slices.Sorted(maps.Keys(s.rows))
	return fmt.Sprint(rows, s.fences, s.markers, s.pings)
}

func (s *server) goDown() (up func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	s.cut++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.down = false
	}
}
