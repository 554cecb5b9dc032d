package sim

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
)

// brokenStore is the store in memory with one rule broken. Fields are nil where
// it keeps the rules.
type brokenStore struct {
	*memstore.Store
	acquire func(context.Context, core.Acquisition) error
	append  func(context.Context, core.Append) error
	shared  func(context.Context, core.Append, any) error
	renew   func(context.Context, core.Lease) error
	release func(context.Context, core.Lease) error
	load    func(context.Context, string) (core.Snapshot, error)
	gone    bool
}

var (
	_ core.SharingStore = (*brokenStore)(nil)
	_ core.Presence     = (*brokenStore)(nil)
)

func (s *brokenStore) Load(ctx context.Context, l string) (core.Snapshot, error) {
	if s.load != nil {
		return s.load(ctx, l)
	}
	return s.Store.Load(ctx, l)
}

func (s *brokenStore) Acquire(ctx context.Context, a core.Acquisition) error {
	if s.acquire != nil {
		return s.acquire(ctx, a)
	}
	return s.Store.Acquire(ctx, a)
}

func (s *brokenStore) Append(ctx context.Context, a core.Append) error {
	if s.append != nil {
		return s.append(ctx, a)
	}
	return s.Store.Append(ctx, a)
}

func (s *brokenStore) AppendShared(ctx context.Context, a core.Append, items any) error {
	if s.shared != nil {
		return s.shared(ctx, a, items)
	}
	return s.Store.AppendShared(ctx, a, items)
}

func (s *brokenStore) Renew(ctx context.Context, l core.Lease) error {
	if s.renew != nil {
		return s.renew(ctx, l)
	}
	return s.Store.Renew(ctx, l)
}

func (s *brokenStore) Release(ctx context.Context, l core.Lease) error {
	if s.release != nil {
		return s.release(ctx, l)
	}
	return s.Store.Release(ctx, l)
}

func (s *brokenStore) Attend(context.Context, string) (func() error, error) {
	return func() error { return nil }, nil
}

func (s *brokenStore) Gone(context.Context, string) (bool, error) { return s.gone, nil }

// holder is the lease as it is now.
func (s *brokenStore) holder(ctx context.Context, ledger string) (core.Head, core.Lease) {
	snap, err := s.Store.Load(ctx, ledger)
	if err != nil {
		return core.Head{}, core.Lease{}
	}
	return snap.Head, core.Lease{Ledger: ledger, Owner: snap.Head.Owner, Token: snap.Head.Token}
}

// resealed returns the entries as they would be if they followed h.
func resealed(h core.Head, records map[string]core.Record, entries []core.Entry) []core.Entry {
	out := append([]core.Entry(nil), entries...)
	for i := range out {
		out[i].PrevSeq = records[out[i].ChangeID].Seq
	}
	core.Seal(ledger, h.Seq, h.Hash, out)
	return out
}

// broken makes a store and breaks it.
func broken(how func(*brokenStore)) func(*memstore.Store) core.AuditStore {
	return func(m *memstore.Store) core.AuditStore {
		s := &brokenStore{Store: m}
		how(s)
		return s
	}
}

// storeBreaks are departures of a store from its rules.
var storeBreaks = map[string]func(*brokenStore){
	"an append does not ask whose lease it is": func(s *brokenStore) {
		s.append = func(ctx context.Context, a core.Append) error {
			h, l := s.holder(ctx, a.Lease.Ledger)
			if h.Held() {
				a.Lease = l
			}
			return s.Store.Append(ctx, a)
		}
	},
	"an append does not ask what it follows": func(s *brokenStore) {
		s.append = func(ctx context.Context, a core.Append) error {
			snap, err := s.Store.Load(ctx, a.Lease.Ledger)
			if err == nil {
				a.Entries = resealed(snap.Head, snap.Records, a.Entries)
				err = s.Store.Append(ctx, a)
			}
			return err
		}
	},
	"an append is answered before it is durable": func(s *brokenStore) {
		var held *core.Append // the last one, until the next call
		s.append = func(ctx context.Context, a core.Append) error {
			if held != nil {
				_ = s.Store.Append(ctx, *held)
				held = nil
			}
			if a.Release {
				return s.Store.Append(ctx, a)
			}
			held = &a
			return nil
		}
	},
	"an acquisition does not ask what was loaded": func(s *brokenStore) {
		s.acquire = func(ctx context.Context, a core.Acquisition) error {
			snap, err := s.Store.Load(ctx, a.Ledger)
			if err != nil {
				return err
			}
			if snap.Head.Token == a.Token-1 {
				a.RVN = snap.Head.RVN
				a.Takeover = true
				a.Entries = resealed(snap.Head, snap.Records, a.Entries)
			}
			return s.Store.Acquire(ctx, a)
		}
	},
	"a holder that is alive is taken for dead": func(s *brokenStore) { s.gone = true },
	"a renewal is granted to whoever asks": func(s *brokenStore) {
		s.renew = func(ctx context.Context, l core.Lease) error {
			_ = s.Store.Renew(ctx, l)
			return nil
		}
	},
	"a release frees whoever holds the lease": func(s *brokenStore) {
		s.release = func(ctx context.Context, l core.Lease) error {
			_, l = s.holder(ctx, l.Ledger)
			return s.Store.Release(ctx, l)
		}
	},
	"an append of a stale owner is answered as done": func(s *brokenStore) {
		s.append = func(ctx context.Context, a core.Append) error {
			_ = s.Store.Append(ctx, a)
			return nil
		}
	},
	"shared writes happen before their append": func(s *brokenStore) {
		s.shared = func(ctx context.Context, a core.Append, items any) error {
			if commit, ok := items.(func() error); ok {
				if err := commit(); err != nil {
					return err
				}
			}
			return s.Store.Append(ctx, a)
		}
	},
	"a repetition is not recognised": func(s *brokenStore) {
		done := map[string]bool{}
		s.append = func(ctx context.Context, a core.Append) error {
			if done[a.Entries[0].Hash] {
				return core.ErrLeaseLost
			}
			err := s.Store.Append(ctx, a)
			done[a.Entries[0].Hash] = err == nil
			return err
		}
	},
	"a load may be an old one": func(s *brokenStore) {
		var last *core.Snapshot
		s.load = func(ctx context.Context, l string) (core.Snapshot, error) {
			now, err := s.Store.Load(ctx, l)
			if err != nil {
				return now, err
			}
			if last != nil && len(last.Records) > 0 && now.Head.RVN > last.Head.RVN {
				now.Records = last.Records // the head is new, the rest is not
			}
			c := now.Clone()
			last = &c
			return now, nil
		}
	},
}

// targetBreaks are departures of a target system from its rules.
var targetBreaks = map[string]func(*database){
	"the fence is only read when a transaction begins": func(d *database) { d.fenceOnlyRead = true },
	"raising the fence does nothing":                   func(d *database) { d.fenceStays = true },
	"the marker is not written with the change":        func(d *database) { d.markerLater = true },
	"fence only read, and a marker is no obstacle":     func(d *database) { d.fenceOnlyRead, d.markerUpsert = true, true },
}

// TestBreaksAreFound breaks one rule at a time: the exploration that finds nothing
// in the real code must find each.
func TestBreaksAreFound(t *testing.T) {
	var tried, found, schedules, effects atomic.Int64
	t.Cleanup(func() {
		n, missed := tried.Load(), tried.Load()-found.Load()
		row(t, report.Row{
			Scenario: "model: rules broken on purpose", Runs: int(schedules.Load()), Effects: int(effects.Load()), Violations: int(missed),
			Note: fmt.Sprintf("%d rules of store, targets and changes, one at a time, by the exploration of every day: %d found", n, n-missed),
		})
	})
	find := func(name string, broken func(*scenario)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tried.Add(1)
			n := 0
			for _, sc := range cases() {
				broken(sc)
				e := explore(t, sc, daily)
				n += e.schedules
				schedules.Add(int64(e.schedules))
				effects.Add(int64(e.effects))
				if e.broken != nil {
					found.Add(1)
					t.Logf("after %d schedules, in %q: %s", n, sc.name, e.broken.w.violations[0])
					return
				}
			}
			t.Errorf("%d schedules found nothing", n)
		})
	}
	for name, how := range storeBreaks {
		find(name, func(sc *scenario) { sc.breakStore = broken(how) })
	}
	for name, how := range targetBreaks {
		find(name, func(sc *scenario) { sc.breakDB = how })
	}
	find("a change claims that it may be repeated", func(sc *scenario) {
		honest := sc.stages
		sc.stages = func() []core.Stage {
			all := honest()
			for i := range all {
				for j := range all[i].Changes {
					claimRepeatable(&all[i].Changes[j])
				}
			}
			return all
		}
	})
}

// claimRepeatable lets a change that must not be repeated say that it may, and that
// it is never there.
func claimRepeatable(c *core.Change) {
	if c.ID[0] != 'n' && c.ID[0] != 'p' {
		return
	}
	c.Apply.LateSafe = true
	c.Probe = func(context.Context, *core.Session) (core.ProbeResult, error) { return core.ProbeNotApplied, nil }
}
