package linear

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/flamingock/flamingock-go/core"
)

// History records requests to audit stores, with the order in which they were
// made and answered. The zero value is empty and ready. It is safe for concurrent
// use.
type History struct {
	mu      sync.Mutex
	now     int64 // ticks at each call and each answer: the order is all that counts
	clients int
	ops     []porcupine.Operation
	faults  []error
}

// open is when a request returns whose answer never came.
const open = math.MaxInt64

// Client returns a handle on the store that records what is asked of it in h.
// Every process has one of its own.
func (h *History) Client(store core.AuditStore) *Client {
	return &Client{h: h, store: store, id: h.newClient()}
}

// Counts says how many requests were recorded, and what they were answered.
type Counts struct{ All, Done, Conflict, LeaseLost, Unanswered int }

// Counts counts.
func (h *History) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := Counts{All: len(h.ops)}
	for _, o := range h.ops {
		switch o.Output.(answer).is { //nolint:errcheck // only add writes it
		case done:
			c.Done++
		case conflict:
			c.Conflict++
		case lost:
			c.LeaseLost++
		case unknown:
			c.Unanswered++
		case refused:
		}
	}
	return c
}

// Faults returns the errors that are about the store and not about the ledger: it
// is damaged, or cannot be used. Check takes no notice of them.
func (h *History) Faults() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.faults)
}

func (h *History) newClient() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
	return h.clients - 1
}

func (h *History) tick() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	return h.now
}

// fault keeps an error that no state of a ledger explains.
func (h *History) fault(err error) {
	if outcomeOf(err) != refused {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, err)
}

func (h *History) add(client int, call int64, in request, out answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	o := porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: h.now}
	if out.is == unknown {
		o.Return = open
	}
	h.ops = append(h.ops, o)
}

func (h *History) operations() []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ops)
}

// Client is an audit store that records. Reads that fail are not in the
// history: they say nothing about the ledger.
type Client struct {
	h     *History
	store core.AuditStore

	mu sync.Mutex
	id int
}

var (
	_ core.AuditStore = (*Client)(nil)
	_ core.Presence   = (*Client)(nil)
)

// write sends one request that may change the ledger.
func (c *Client) write(in request, send func() error) error {
	c.mu.Lock()
	id := c.id
	c.mu.Unlock()
	call := c.h.tick()
	var err error
	out := answer{is: unknown}
	defer func() { // also when the goroutine ends in the midst of it, as that of a dead process
		c.h.add(id, call, in, out)
		c.h.fault(err)
		if out.is == unknown {
			// The request may still be under way: what follows is drawn in a line of its own.
			next := c.h.newClient()
			c.mu.Lock()
			c.id = next
			c.mu.Unlock()
		}
	}()
	err = send()
	out.is = outcomeOf(err)
	return err
}

// read sends one request that changes nothing.
func (c *Client) read(in request, send func() (answer, error)) error {
	c.mu.Lock()
	id := c.id
	c.mu.Unlock()
	call := c.h.tick()
	out, err := send()
	if err != nil {
		c.h.fault(err)
		return err
	}
	c.h.add(id, call, in, out)
	return nil
}

// Load implements core.AuditStore.
func (c *Client) Load(ctx context.Context, ledger string) (core.Snapshot, error) {
	var snap core.Snapshot
	err := c.read(request{act: load, ledger: ledger}, func() (answer, error) {
		var err error
		snap, err = c.store.Load(ctx, ledger)
		return answer{is: done, snap: snap.Clone()}, err
	})
	return snap, err
}

// Acquire implements core.AuditStore.
func (c *Client) Acquire(ctx context.Context, a core.Acquisition) error {
	kept := a
	kept.Entries = slices.Clone(a.Entries)
	return c.write(request{act: acquire, ledger: a.Ledger, acquisition: kept}, func() error { return c.store.Acquire(ctx, a) })
}

// Append implements core.AuditStore.
func (c *Client) Append(ctx context.Context, a core.Append) error {
	kept := a
	kept.Entries = slices.Clone(a.Entries)
	return c.write(request{act: appendTo, ledger: a.Lease.Ledger, append: kept}, func() error { return c.store.Append(ctx, a) })
}

// Renew implements core.AuditStore.
func (c *Client) Renew(ctx context.Context, l core.Lease) error {
	return c.write(request{act: renew, ledger: l.Ledger, lease: l}, func() error { return c.store.Renew(ctx, l) })
}

// Release implements core.AuditStore.
func (c *Client) Release(ctx context.Context, l core.Lease) error {
	return c.write(request{act: release, ledger: l.Ledger, lease: l}, func() error { return c.store.Release(ctx, l) })
}

// History implements core.AuditStore.
func (c *Client) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	var page core.HistoryPage
	err := c.read(request{act: history, ledger: q.Ledger, query: q}, func() (answer, error) {
		var err error
		page, err = c.store.History(ctx, q)
		return answer{is: done, page: core.HistoryPage{Entries: slices.Clone(page.Entries), Next: page.Next}}, err
	})
	return page, err
}

// Attend implements core.Presence: the store's own, if it has any.
func (c *Client) Attend(ctx context.Context, owner string) (leave func() error, err error) {
	if p, ok := c.store.(core.Presence); ok {
		return p.Attend(ctx, owner)
	}
	return func() error { return nil }, nil
}

// Gone implements core.Presence.
func (c *Client) Gone(ctx context.Context, owner string) (bool, error) {
	if p, ok := c.store.(core.Presence); ok {
		return p.Gone(ctx, owner)
	}
	return false, nil
}

// outcomeOf reads an answer as core.AuditStore defines it.
func outcomeOf(err error) outcome {
	var (
		damaged *core.StoreError
		denied  *core.PermissionError
		config  *core.ConfigError
	)
	switch {
	case err == nil:
		return done
	case core.IsUnknown(err):
		return unknown
	case errors.Is(err, core.ErrLeaseLost):
		return lost
	case errors.Is(err, core.ErrConflict):
		return conflict
	case errors.As(err, &damaged), errors.As(err, &denied), errors.As(err, &config):
		return refused
	}
	return unknown
}

// Check looks for an order that explains the history, for at most limit. Nil:
// there is one for every ledger. *ViolationError: there is none. *UndecidedError:
// the time was not enough.
func (h *History) Check(limit time.Duration) error {
	ops := h.operations()
	m := model()
	result, info := porcupine.CheckOperationsVerbose(m, ops, limit)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return &UndecidedError{Requests: len(ops), Limit: limit}
	case porcupine.Illegal:
	}
	return &ViolationError{Requests: len(ops), model: m, info: info}
}
