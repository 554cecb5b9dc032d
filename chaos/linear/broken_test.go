package linear_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/linear"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
)

// way is how a store breaks one rule.
type way struct {
	load    func(ctx context.Context, b *broken, ledger string) (core.Snapshot, error)
	acquire func(ctx context.Context, b *broken, a core.Acquisition) error
	append  func(ctx context.Context, b *broken, a core.Append) error
	renew   func(ctx context.Context, b *broken, l core.Lease) error
	release func(ctx context.Context, b *broken, l core.Lease) error
}

// broken is a store that breaks a rule now and then.
type broken struct {
	core.AuditStore
	way
	mu   sync.Mutex
	rng  *rand.Rand
	seen map[string]core.Snapshot // by an earlier load
}

func (b *broken) sometimes() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rng.IntN(4) == 0
}

func (b *broken) Load(ctx context.Context, ledger string) (core.Snapshot, error) {
	if b.load != nil && b.sometimes() {
		return b.load(ctx, b, ledger)
	}
	snap, err := b.AuditStore.Load(ctx, ledger)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[ledger] = snap.Clone()
	return snap, err
}

func (b *broken) Acquire(ctx context.Context, a core.Acquisition) error {
	if b.acquire != nil && b.sometimes() {
		return b.acquire(ctx, b, a)
	}
	return b.AuditStore.Acquire(ctx, a)
}

func (b *broken) Append(ctx context.Context, a core.Append) error {
	if b.append != nil && b.sometimes() {
		return b.append(ctx, b, a)
	}
	return b.AuditStore.Append(ctx, a)
}

func (b *broken) Renew(ctx context.Context, l core.Lease) error {
	if b.renew != nil && b.sometimes() {
		return b.renew(ctx, b, l)
	}
	return b.AuditStore.Renew(ctx, l)
}

func (b *broken) Release(ctx context.Context, l core.Lease) error {
	if b.release != nil && b.sometimes() {
		return b.release(ctx, b, l)
	}
	return b.AuditStore.Release(ctx, l)
}

// holder is the lease as the store has it, whoever asks.
func (b *broken) holder(ctx context.Context, ledger string) core.Lease {
	snap, err := b.AuditStore.Load(ctx, ledger)
	if err != nil {
		return core.Lease{}
	}
	return core.Lease{Ledger: ledger, Owner: snap.Head.Owner, Token: snap.Head.Token}
}

// ways are the rules that a store may break, each in the way that it is likely to.
var ways = map[string]way{
	"an append on a lost lease is accepted": {append: func(ctx context.Context, b *broken, a core.Append) error {
		a.Lease = b.holder(ctx, a.Lease.Ledger)
		return b.AuditStore.Append(ctx, a)
	}},
	"an append is answered as written, and was not": {append: func(context.Context, *broken, core.Append) error { return nil }},
	"an append is answered as refused, and was written": {append: func(ctx context.Context, b *broken, a core.Append) error {
		if err := b.AuditStore.Append(ctx, a); err != nil {
			return err
		}
		return core.ErrLeaseLost
	}},
	"an append is written without its release": {append: func(ctx context.Context, b *broken, a core.Append) error {
		a.Release = false
		return b.AuditStore.Append(ctx, a)
	}},
	"an acquisition takes no notice of the rvn": {acquire: func(ctx context.Context, b *broken, a core.Acquisition) error {
		snap, err := b.AuditStore.Load(ctx, a.Ledger)
		if err != nil {
			return err
		}
		a.RVN = snap.Head.RVN
		return b.AuditStore.Acquire(ctx, a)
	}},
	"an acquisition takes a held lease without being told to": {acquire: func(ctx context.Context, b *broken, a core.Acquisition) error {
		a.Takeover = true
		return b.AuditStore.Acquire(ctx, a)
	}},
	"a load is torn": {load: func(ctx context.Context, b *broken, ledger string) (core.Snapshot, error) {
		b.mu.Lock()
		old := b.seen[ledger]
		b.mu.Unlock()
		snap, err := b.AuditStore.Load(ctx, ledger)
		snap.Records = old.Clone().Records
		return snap, err
	}},
	"a load is old": {load: func(_ context.Context, b *broken, ledger string) (core.Snapshot, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.seen[ledger].Clone(), nil
	}},
	"a renewal of a lost lease is answered as done": {renew: func(ctx context.Context, b *broken, l core.Lease) error {
		if err := b.AuditStore.Renew(ctx, l); !errors.Is(err, core.ErrLeaseLost) {
			return err
		}
		return nil
	}},
	"a renewal writes no rvn": {renew: func(ctx context.Context, b *broken, l core.Lease) error {
		if b.holder(ctx, l.Ledger) != l {
			return core.ErrLeaseLost
		}
		return nil
	}},
	"a late release frees the successor's lease": {release: func(ctx context.Context, b *broken, l core.Lease) error {
		return b.AuditStore.Release(ctx, b.holder(ctx, l.Ledger))
	}},
}

// TestBroken shows that the check can fail: each way to break a rule is found in
// the histories of the same clients, over the same bad network.
func TestBroken(t *testing.T) {
	const histories = 400
	for name, w := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := rand.Uint64() >> 16
			for n := range histories {
				seed := first + uint64(n)
				b := &broken{AuditStore: memstore.New(), way: w, rng: rand.New(rand.NewPCG(seed, 3)), seen: map[string]core.Snapshot{}}
				h, l := new(linear.History), newLosses(seed, 0.1)
				ledger := fmt.Sprintf("broken/%d", seed)
				contend(t.Context(), h, ledger, seed, func() core.AuditStore { return lossyStore{b, l} })
				err := h.Check(decide)
				var v *linear.ViolationError
				if !errors.As(err, &v) {
					if err != nil {
						t.Fatal(err)
					}
					continue
				}
				t.Logf("found in history %d", n+1)
				path := filepath.Join(t.TempDir(), "history.html")
				if err := v.Draw(path); err != nil {
					t.Fatal(err)
				}
				if page, err := os.Stat(path); err != nil || page.Size() == 0 {
					t.Errorf("the drawing: %v", err)
				}
				return
			}
			t.Errorf("%d histories, and none shows it", histories)
		})
	}
}
