package targettest

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// process is one process that runs changes: it has a target of its own and sees the
// audit store, and what happens between the Runner and both can be disturbed.
type process struct {
	w      *world
	target core.Target

	// deaf processes do not hear that their context has ended: they are paused.
	deaf bool

	mu    sync.Mutex
	owner string

	// The hooks are called, when set, right before or after the call they name.
	afterPing      func()
	beforeOpen     func()
	beforeRaise    func()
	beforeTransact func(tr *core.Transaction)
	afterTransact  func(err error) error
	beforeAppend   func(a core.Append)
}

func (w *world) process(t testing.TB) *process {
	t.Helper()
	p := &process{w: w}
	switch target := w.open(t).(type) {
	case core.TxTarget:
		p.target = &hookedTx{hooked{target, p}, target}
	default:
		p.target = &hooked{target, p}
	}
	return p
}

// die ends the process where it stands.
func (p *process) die() {
	p.isDead()
	runtime.Goexit()
}

// isDead makes others believe that the process has ended, whether or not it has.
func (p *process) isDead() {
	p.mu.Lock()
	owner := p.owner
	p.mu.Unlock()
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.gone[owner] = true
}

// apply runs one stage with the changes to the end, or to the process's death.
func (p *process) apply(t testing.TB, changes ...core.Change) outcome {
	t.Helper()
	return p.applyStages(p.w.ctx(), t, core.Stage{Name: "main", Changes: changes})
}

func (p *process) applyStages(ctx context.Context, t testing.TB, stages ...core.Stage) outcome {
	t.Helper()
	select {
	case o := <-p.start(ctx, t, stages...):
		return o
	case <-time.After(2 * time.Minute):
		t.Fatal("the run did not end within two minutes")
	}
	return outcome{}
}

// start is applyStages without waiting.
func (p *process) start(ctx context.Context, t testing.TB, stages ...core.Stage) <-chan outcome {
	t.Helper()
	r, err := run.New(run.Options{
		Ledger: ledger, Store: processStore{p.w.store, p}, Stages: stages, Targets: map[string]core.Target{p.target.ID(): p.target},
		Lease: p.w.lease, Wait: time.Minute,
	})
	check(t, "the Runner", err)
	ended := make(chan outcome, 1)
	go func() {
		o := outcome{died: true}
		defer func() { ended <- o }()
		o.rep, o.err = r.Apply(ctx, run.ApplyOptions{})
		o.died = false
	}()
	return ended
}

// processStore is the audit store as a process sees it. It knows which processes
// are dead, so that nobody has to wait for a lease.
type processStore struct {
	core.AuditStore
	p *process
}

var _ core.Presence = processStore{}

func (s processStore) Append(ctx context.Context, a core.Append) error {
	if s.p.beforeAppend != nil {
		s.p.beforeAppend(a)
	}
	return s.AuditStore.Append(ctx, a)
}

// Attend implements core.Presence.
func (s processStore) Attend(_ context.Context, owner string) (func() error, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.owner = owner
	return func() error { return nil }, nil
}

// Gone implements core.Presence.
func (s processStore) Gone(_ context.Context, owner string) (bool, error) {
	s.p.w.mu.Lock()
	defer s.p.w.mu.Unlock()
	return s.p.w.gone[owner], nil
}

// hooked is the target as the Runner of a process sees it.
type hooked struct {
	core.Target
	p *process
}

func (h *hooked) Ping(ctx context.Context) error {
	err := h.Target.Ping(ctx)
	if h.p.afterPing != nil {
		h.p.afterPing()
	}
	return err
}

func (h *hooked) Open(ctx context.Context) (any, func() error, error) {
	if h.p.beforeOpen != nil {
		h.p.beforeOpen()
	}
	return h.Target.Open(ctx)
}

// hookedTx is hooked for a system with transactions.
type hookedTx struct {
	hooked
	in core.TxTarget
}

var _ core.TxTarget = (*hookedTx)(nil)

func (h *hookedTx) RaiseFence(ctx context.Context, f core.Fence) error {
	if h.p.beforeRaise != nil {
		h.p.beforeRaise()
	}
	return h.in.RaiseFence(ctx, f)
}

func (h *hookedTx) Transact(ctx context.Context, tr core.Transaction) error {
	if h.p.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if h.p.beforeTransact != nil {
		h.p.beforeTransact(&tr)
	}
	err := h.in.Transact(ctx, tr)
	if h.p.afterTransact != nil {
		err = h.p.afterTransact(err)
	}
	return err
}

func (h *hookedTx) Marked(ctx context.Context, m core.Marker) (bool, error) {
	return h.in.Marked(ctx, m)
}

func (h *hookedTx) PutMarker(ctx context.Context, m core.Marker) error { return h.in.PutMarker(ctx, m) }

func (h *hookedTx) DeleteMarkers(ctx context.Context, ms []core.Marker) error {
	return h.in.DeleteMarkers(ctx, ms)
}

// records reports whether an append has an entry with the state.
func records(a core.Append, s core.State) bool {
	for i := range a.Entries {
		if a.Entries[i].State == s {
			return true
		}
	}
	return false
}
