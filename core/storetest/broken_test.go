package storetest

import (
	"context"
	"flag"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// broken is a memory with some of its methods replaced.
type broken struct {
	*memory
	load    func(ctx context.Context, ledger string) (core.Snapshot, error)
	acquire func(ctx context.Context, a core.Acquisition) error
	append  func(ctx context.Context, a core.Append) error
	renew   func(ctx context.Context, l core.Lease) error
	release func(ctx context.Context, l core.Lease) error
	history func(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error)
}

func (b *broken) Load(ctx context.Context, ledger string) (core.Snapshot, error) {
	if b.load != nil {
		return b.load(ctx, ledger)
	}
	return b.memory.Load(ctx, ledger)
}

func (b *broken) Acquire(ctx context.Context, a core.Acquisition) error {
	if b.acquire != nil {
		return b.acquire(ctx, a)
	}
	return b.memory.Acquire(ctx, a)
}

func (b *broken) Append(ctx context.Context, a core.Append) error {
	if b.append != nil {
		return b.append(ctx, a)
	}
	return b.memory.Append(ctx, a)
}

func (b *broken) Renew(ctx context.Context, l core.Lease) error {
	if b.renew != nil {
		return b.renew(ctx, l)
	}
	return b.memory.Renew(ctx, l)
}

func (b *broken) Release(ctx context.Context, l core.Lease) error {
	if b.release != nil {
		return b.release(ctx, l)
	}
	return b.memory.Release(ctx, l)
}

func (b *broken) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	if b.history != nil {
		return b.history(ctx, q)
	}
	return b.memory.History(ctx, q)
}

// before* run f on the ledger and the request, and then what is right.

func (b *broken) beforeAcquire(f func(l *model, a *core.Acquisition)) {
	b.acquire = func(ctx context.Context, a core.Acquisition) error {
		return b.with(ctx, a.Ledger, func(l *model) error { f(l, &a); return errorOf(l.acquire(a)) })
	}
}

func (b *broken) beforeAppend(f func(l *model, a *core.Append)) {
	b.append = func(ctx context.Context, a core.Append) error {
		return b.with(ctx, a.Lease.Ledger, func(l *model) error { f(l, &a); return errorOf(l.append(a)) })
	}
}

func (b *broken) beforeRenew(f func(l *model, lease *core.Lease)) {
	b.renew = func(ctx context.Context, lease core.Lease) error {
		return b.with(ctx, lease.Ledger, func(l *model) error { f(l, &lease); return errorOf(l.renew(lease)) })
	}
}

func (b *broken) beforeRelease(f func(l *model, lease *core.Lease)) {
	b.release = func(ctx context.Context, lease core.Lease) error {
		return b.with(ctx, lease.Ledger, func(l *model) error { f(l, &lease); return errorOf(l.release(lease)) })
	}
}

// after* run what is right, and then f on the ledger, the request and the answer.

func (b *broken) afterAcquire(f func(l *model, a core.Acquisition, o outcome) outcome) {
	b.acquire = func(ctx context.Context, a core.Acquisition) error {
		return b.with(ctx, a.Ledger, func(l *model) error { return errorOf(f(l, a, l.acquire(a))) })
	}
}

func (b *broken) afterAppend(f func(l *model, a core.Append, o outcome) outcome) {
	b.append = func(ctx context.Context, a core.Append) error {
		return b.with(ctx, a.Lease.Ledger, func(l *model) error { return errorOf(f(l, a, l.append(a))) })
	}
}

func (b *broken) afterLoad(f func(s *core.Snapshot)) {
	b.load = func(ctx context.Context, ledger string) (core.Snapshot, error) {
		s, err := b.memory.Load(ctx, ledger)
		f(&s)
		return s, err
	}
}

func (b *broken) afterHistory(f func(q core.HistoryQuery, p *core.HistoryPage)) {
	b.history = func(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
		p, err := b.memory.History(ctx, q)
		f(q, &p)
		return p, err
	}
}

// mutant is a store with one rule broken, and the cases that must notice.
type mutant struct {
	rule     string
	breaks   func(b *broken)
	caughtBy []string
}

const random = "random/three clients against the model"

// TestSuiteCanFail proves that the suite proves something.
func TestSuiteCanFail(t *testing.T) {
	// The random case fails on purpose: its seeds are worth neither a file nor
	// the search for the shortest sequence. Some of what it must find is rare.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "0s", "rapid.checks": "1500"} {
		was := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := flag.Set(name, was); err != nil {
				t.Error(err)
			}
		})
	}
	mutants := append(append(leaseMutants(), writeMutants()...), readMutants()...)
	for _, m := range mutants {
		t.Run(m.rule, func(t *testing.T) {
			t.Parallel()
			for _, name := range m.caughtBy {
				b := &broken{memory: newMemory()}
				m.breaks(b)
				r, err := watch(name, b.memory, b)
				if err != nil {
					t.Fatalf("case %q: %v", name, err)
				}
				if !r.Failed() {
					t.Errorf("case %q passed; log:\n%s", name, r.log)
				}
			}
		})
	}
}

// TestSuiteCoversItself names the cases that no mutant needs: they describe what
// works, and fail with any store that does not.
func TestSuiteCoversItself(t *testing.T) {
	needed := map[string]bool{}
	for _, m := range append(append(leaseMutants(), writeMutants()...), readMutants()...) {
		for _, name := range m.caughtBy {
			needed[name] = true
		}
	}
	for _, c := range cases() {
		if !needed[c.name] {
			t.Errorf("no mutant proves that case %q can fail", c.name)
		}
	}
}
