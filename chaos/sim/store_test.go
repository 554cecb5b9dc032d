package sim

import (
	"context"
	"maps"
	"slices"

	"github.com/flamingock/flamingock-go/core"
)

// procStore is the audit store as a process sees it.
type procStore struct {
	p  *proc
	in core.AuditStore
}

var _ core.SharingStore = procStore{}

func (s procStore) Load(ctx context.Context, l string) (snap core.Snapshot, err error) {
	err = s.p.reach(ctx, kLoad, "", func() error {
		var err error
		snap, err = s.in.Load(ctx, l)
		return err
	})
	if err == nil {
		s.p.seen.snapshot(snap)
	}
	return snap, err
}

// write sends a request. From then on its sender's patience is not its own.
func (s procStore) write(ctx context.Context, k kind, subject string, do func(context.Context) error) error {
	return s.p.reach(ctx, k, subject, func() error { return do(context.WithoutCancel(ctx)) })
}

func (s procStore) Acquire(ctx context.Context, a core.Acquisition) error {
	a.Entries = slices.Clone(a.Entries)
	return s.write(ctx, kAcquire, describe(a.Entries, a.Release), func(ctx context.Context) error {
		err := s.in.Acquire(ctx, a)
		if err == nil {
			s.p.heldAt.Store(max(s.p.heldAt.Load(), a.Token))
		}
		return err
	})
}

func (s procStore) Append(ctx context.Context, a core.Append) error {
	a.Entries = slices.Clone(a.Entries)
	return s.write(ctx, kAppend, describe(a.Entries, a.Release), func(ctx context.Context) error { return s.in.Append(ctx, a) })
}

func (s procStore) AppendShared(ctx context.Context, a core.Append, items any) error {
	a.Entries = slices.Clone(a.Entries)
	return s.write(ctx, kAppend, describe(a.Entries, a.Release), func(ctx context.Context) error {
		return s.in.(core.SharingStore).AppendShared(ctx, a, items)
	})
}

func (s procStore) Domain() string { return s.in.(core.SharingStore).Domain() }

func (s procStore) Renew(ctx context.Context, l core.Lease) error {
	return s.write(ctx, kRenew, "", func(ctx context.Context) error { return s.in.Renew(ctx, l) })
}

func (s procStore) Release(ctx context.Context, l core.Lease) error {
	return s.write(ctx, kRelease, "", func(ctx context.Context) error { return s.in.Release(ctx, l) })
}

func (s procStore) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	return s.in.History(ctx, q)
}

func (s procStore) Attend(ctx context.Context, owner string) (func() error, error) {
	if p, ok := s.in.(core.Presence); ok {
		return p.Attend(ctx, owner)
	}
	return func() error { return nil }, nil
}

func (s procStore) Gone(ctx context.Context, owner string) (bool, error) {
	if p, ok := s.in.(core.Presence); ok {
		return p.Gone(ctx, owner)
	}
	return false, nil
}

func describe(entries []core.Entry, release bool) string {
	text := ""
	for i := range entries {
		e := &entries[i]
		if i > 0 {
			text += ", "
		}
		text += e.ChangeID + " " + string(e.State)
		if e.State == core.StateNone {
			text += string(e.Operation)
		}
		if e.Unknown {
			text += " (unknown)"
		}
		if e.Reconciled {
			text += " (reconciled)"
		}
	}
	if release {
		text += " and release"
	}
	return text
}

// history reads all entries past the processes.
func (w *world) history() []core.Entry {
	page, err := w.real.History(context.Background(), core.HistoryQuery{Ledger: ledger})
	if err != nil || page.Next != 0 {
		w.violate("history: %v, next %d", err, page.Next)
	}
	return page.Entries
}

func (w *world) load() core.Snapshot {
	s, err := w.real.Load(context.Background(), ledger)
	if err != nil {
		w.violate("load: %v", err)
	}
	return s
}

// digest is a running hash: FNV-1a.
type digest uint64

func newDigest() digest { return 14695981039346656037 }

func (d *digest) add(ss ...string) {
	h := uint64(*d)
	for _, s := range ss {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	*d = digest(h)
}

func (d *digest) num(ns ...uint64) {
	h := uint64(*d)
	for _, n := range ns {
		for range 8 {
			h = (h ^ n&0xff) * 1099511628211
			n >>= 8
		}
	}
	*d = digest(h)
}

func (d *digest) snapshot(s core.Snapshot) {
	d.head(s.Head)
	for _, id := range slices.Sorted(maps.Keys(s.Records)) {
		r := s.Records[id]
		d.add(id, string(r.State), string(r.Operation), string(r.TxType))
		d.num(r.Seq, r.StartedSeq, uint64(r.Attempt), flag(r.Unknown))
	}
}

func (d *digest) head(h core.Head) {
	d.add(h.LedgerID, h.Owner)
	d.num(h.Token, h.RVN, h.Seq, h.Sum, flag(h.Released))
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
