package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// memory is an audit store made of models. It passes the suite, and with one
// thing broken it must not.
type memory struct {
	mu      sync.Mutex
	ledgers map[string]*model
}

func newMemory() *memory { return &memory{ledgers: map[string]*model{}} }

// with runs f on the ledger's model under the lock.
func (m *memory) with(ctx context.Context, ledger string, f func(l *model) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := core.CheckLedger(ledger); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.ledgers[ledger]
	if !ok {
		l = newModel(ledger)
		m.ledgers[ledger] = l
	}
	return f(l)
}

func errorOf(o outcome) error {
	switch o {
	case conflict:
		return &core.ConflictError{What: "by the model"}
	case lost:
		return core.ErrLeaseLost
	case done, damaged, unknown:
	}
	return nil
}

func (m *memory) Load(ctx context.Context, ledger string) (core.Snapshot, error) {
	var snap core.Snapshot
	err := m.with(ctx, ledger, func(l *model) error {
		snap = l.snapshot()
		for id, r := range snap.Records {
			if !r.State.Known() {
				return &core.StoreError{Kind: core.StoreCorrupt, Err: fmt.Errorf("change %s has state %q", id, r.State)}
			}
		}
		return nil
	})
	return snap, err
}

func (m *memory) Acquire(ctx context.Context, a core.Acquisition) error {
	a.Entries = copies(a.Entries)
	return m.with(ctx, a.Ledger, func(l *model) error { return errorOf(l.acquire(a)) })
}

func (m *memory) Append(ctx context.Context, a core.Append) error {
	a.Entries = copies(a.Entries)
	return m.with(ctx, a.Lease.Ledger, func(l *model) error { return errorOf(l.append(a)) })
}

func (m *memory) Renew(ctx context.Context, lease core.Lease) error {
	return m.with(ctx, lease.Ledger, func(l *model) error { return errorOf(l.renew(lease)) })
}

func (m *memory) Release(ctx context.Context, lease core.Lease) error {
	return m.with(ctx, lease.Ledger, func(l *model) error { return errorOf(l.release(lease)) })
}

func (m *memory) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	var page core.HistoryPage
	err := m.with(ctx, q.Ledger, func(l *model) error {
		for _, e := range l.entries {
			if e.Seq <= q.AfterSeq || q.ChangeID != "" && e.ChangeID != q.ChangeID {
				continue
			}
			if len(page.Entries) == q.PageSize() {
				page.Next = page.Entries[len(page.Entries)-1].Seq
				break
			}
			page.Entries = append(page.Entries, copies([]core.Entry{e})...)
		}
		return nil
	})
	return page, err
}

func copies(entries []core.Entry) []core.Entry {
	var out []core.Entry
	for _, e := range entries {
		e.Metadata = maps.Clone(e.Metadata)
		out = append(out, e)
	}
	return out
}

func (m *memory) plant(ledger, id, state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.ledgers[ledger].records[id]
	r.State = core.State(state)
	m.ledgers[ledger].records[id] = r
}

// recorder watches a case instead of failing the test that runs it.
type recorder struct {
	mu      sync.Mutex
	failed  bool
	skipped bool
	log     string
}

func (r *recorder) Helper()      {}
func (r *recorder) Name() string { return "recorded" }

func (r *recorder) Logf(format string, args ...any) { r.Log(fmt.Sprintf(format, args...)) }

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log += fmt.Sprint(args...) + "\n"
}

func (r *recorder) Skipf(format string, args ...any) { r.Logf(format, args...); r.SkipNow() }
func (r *recorder) Skip(args ...any)                 { r.Log(args...); r.SkipNow() }

func (r *recorder) SkipNow() {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *recorder) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *recorder) Fatalf(format string, args ...any) { r.Logf(format, args...); r.FailNow() }
func (r *recorder) Fatal(args ...any)                 { r.Log(args...); r.FailNow() }

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

var errNoCase = errors.New("the suite has no such case")

// watch runs the named case on the store and returns how it went.
func watch(name string, m *memory, s core.AuditStore) (*recorder, error) {
	for _, c := range cases() {
		if c.name != name {
			continue
		}
		w := newWorld(c.name, Harness{Rounds: 30}, Factory{Open: func() core.AuditStore { return s }})
		w.plant = m.plant
		r := &recorder{}
		finished := make(chan struct{})
		go func() { // a goroutine of its own, because FailNow ends it
			defer close(finished)
			c.run(r, w)
		}()
		<-finished
		return r, nil
	}
	return nil, errNoCase
}

func TestMemoryConforms(t *testing.T) {
	Run(t, Harness{New: func(*testing.T) Factory {
		m := newMemory()
		return Factory{
			Open:       func() core.AuditStore { return m },
			PlantState: func(_ *testing.T, ledger, changeID, state string) { m.plant(ledger, changeID, state) },
		}
	}})
}

func TestCaseNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		if seen[c.name] {
			t.Errorf("two cases have the name %q", c.name)
		}
		seen[c.name] = true
	}
}
