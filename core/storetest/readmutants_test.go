package storetest

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// renamed makes ledgers share a place.
func renamed(b *broken, key func(ledger string) string) {
	b.load = func(ctx context.Context, ledger string) (core.Snapshot, error) {
		return b.memory.Load(ctx, key(ledger))
	}
	b.acquire = func(ctx context.Context, a core.Acquisition) error {
		return b.with(ctx, key(a.Ledger), func(l *model) error { l.ledger = a.Ledger; return errorOf(l.acquire(a)) })
	}
	b.append = func(ctx context.Context, a core.Append) error {
		return b.with(ctx, key(a.Lease.Ledger), func(l *model) error { l.ledger = a.Lease.Ledger; return errorOf(l.append(a)) })
	}
	b.renew = func(ctx context.Context, lease core.Lease) error {
		return b.with(ctx, key(lease.Ledger), func(l *model) error { return errorOf(l.renew(lease)) })
	}
	b.release = func(ctx context.Context, lease core.Lease) error {
		return b.with(ctx, key(lease.Ledger), func(l *model) error { return errorOf(l.release(lease)) })
	}
	b.history = func(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
		q.Ledger = key(q.Ledger)
		return b.memory.History(ctx, q)
	}
}

// eachEntry changes what a history returns.
func (b *broken) eachEntry(f func(e *core.Entry)) {
	b.afterHistory(func(_ core.HistoryQuery, p *core.HistoryPage) {
		for i := range p.Entries {
			f(&p.Entries[i])
		}
	})
}

func (b *broken) eachRecord(f func(r *core.Record)) {
	b.afterLoad(func(s *core.Snapshot) {
		for id, r := range s.Records {
			f(&r)
			s.Records[id] = r
		}
	})
}

func readMutants() []mutant {
	return []mutant{
		{"load makes a ledger up", func(b *broken) {
			b.afterLoad(func(s *core.Snapshot) {
				if s.Head.LedgerID == "" {
					s.Head.Released = true
				}
			})
		}, []string{"lease/new ledger loads zero"}},
		{"load is torn", func(b *broken) {
			b.load = func(ctx context.Context, ledger string) (core.Snapshot, error) {
				first, err := b.memory.Load(ctx, ledger)
				if err != nil {
					return first, err
				}
				time.Sleep(50 * time.Microsecond) // the second page of an answer
				second, err := b.memory.Load(ctx, ledger)
				return core.Snapshot{Head: first.Head, Records: second.Records}, err
			}
			b.beforeAppend(func(*model, *core.Append) { time.Sleep(20 * time.Microsecond) })
		}, []string{"load/is never torn"}},
		{"load is stale", func(b *broken) {
			last := map[string]core.Snapshot{}
			b.load = func(ctx context.Context, ledger string) (core.Snapshot, error) {
				s, err := b.memory.Load(ctx, ledger)
				b.mu.Lock()
				defer b.mu.Unlock()
				old, ok := last[ledger]
				last[ledger] = s
				if ok {
					return old.Clone(), err
				}
				return s, err
			}
		}, []string{"append/result and next STARTED", "lease/release frees the ledger", random}},
		{"load stops after 500 records", func(b *broken) {
			b.afterLoad(func(s *core.Snapshot) {
				for id := range s.Records {
					if len(s.Records) <= 500 {
						break
					}
					delete(s.Records, id)
				}
			})
		}, []string{"load/thousand changes"}},
		{"load gives its own map away", func(b *broken) {
			b.load = func(ctx context.Context, ledger string) (core.Snapshot, error) {
				var s core.Snapshot
				err := b.with(ctx, ledger, func(l *model) error {
					s = core.Snapshot{Head: l.head, Records: l.records}
					return nil
				})
				return s, err
			}
		}, []string{"load/is the caller's own"}},
		{"load passes states that nobody knows", func(b *broken) {
			b.load = func(ctx context.Context, ledger string) (core.Snapshot, error) {
				var s core.Snapshot
				err := b.with(ctx, ledger, func(l *model) error { s = l.snapshot(); return nil })
				return s, err
			}
		}, []string{"load/unknown state is an error"}},
		{"record loses its STARTED", func(b *broken) {
			b.eachRecord(func(r *core.Record) { r.StartedSeq = 0 })
		}, []string{"append/result and next STARTED", "append/record has all of its entry", random}},
		{"record loses unknown", func(b *broken) {
			b.eachRecord(func(r *core.Record) { r.Unknown = false })
		}, []string{"append/record has all of its entry"}},
		{"record loses that somebody asked", func(b *broken) {
			b.eachRecord(func(r *core.Record) { r.Reconciled = false })
		}, []string{"append/record has all of its entry"}},
		{"record loses the operation", func(b *broken) {
			b.eachRecord(func(r *core.Record) { r.Operation = core.OpApply })
		}, []string{"append/record has all of its entry"}},
		{"record loses the tx type", func(b *broken) {
			b.eachRecord(func(r *core.Record) { r.TxType = core.TxNone })
		}, []string{"append/record has all of its entry"}},
		{"record loses nanoseconds", func(b *broken) {
			b.eachRecord(func(r *core.Record) { r.At = r.At.Truncate(time.Second) })
		}, []string{"append/record has all of its entry"}},
		{"entry loses nanoseconds", func(b *broken) {
			b.eachEntry(func(e *core.Entry) { e.EndedAt = e.EndedAt.Truncate(time.Microsecond) })
		}, []string{"history/keeps every byte of an entry"}},
		{"entry loses metadata", func(b *broken) {
			b.eachEntry(func(e *core.Entry) { delete(e.Metadata, "") })
		}, []string{"history/keeps every byte of an entry"}},
		{"entry loses causes", func(b *broken) {
			b.eachEntry(func(e *core.Entry) {
				if e.Error != nil {
					err := *e.Error
					err.Causes = nil
					e.Error = &err
				}
			})
		}, []string{"history/keeps every byte of an entry", "history/keeps a big entry"}},
		{"entry's texts are normalised", func(b *broken) {
			b.eachEntry(func(e *core.Entry) { e.Author = strings.TrimSpace(e.Author) })
		}, []string{"history/keeps every byte of an entry"}},
		{"entry is cut", func(b *broken) {
			b.eachEntry(func(e *core.Entry) { e.Reason = core.Cap(e.Reason, 500) })
		}, []string{"history/keeps a big entry"}},
		{"entry is shared with the caller", func(b *broken) {
			b.append = func(ctx context.Context, a core.Append) error {
				return b.with(ctx, a.Lease.Ledger, func(l *model) error { return errorOf(l.append(a)) })
			}
		}, []string{"load/entries belong to the caller"}},
		{"history is backwards", func(b *broken) {
			b.afterHistory(func(_ core.HistoryQuery, p *core.HistoryPage) { slices.Reverse(p.Entries) })
		}, []string{"history/is in order and whole", "history/pages of every size", "history/by change", random}},
		{"history names a next page that is not there", func(b *broken) {
			b.afterHistory(func(q core.HistoryQuery, p *core.HistoryPage) {
				if n := len(p.Entries); n > 0 && n == q.PageSize() {
					p.Next = p.Entries[n-1].Seq
				}
			})
		}, []string{"history/pages of every size", "history/by change"}},
		{"history skips the first entry of a page", func(b *broken) {
			b.afterHistory(func(_ core.HistoryQuery, p *core.HistoryPage) {
				if p.Next != 0 {
					p.Next++
				}
			})
		}, []string{"history/pages of every size"}},
		{"history ignores where to begin", func(b *broken) {
			b.history = func(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
				q.AfterSeq = 0
				return b.memory.History(ctx, q)
			}
		}, []string{"history/after the end is empty", "history/pages of every size", "history/by change"}},
		{"history ignores the change", func(b *broken) {
			b.history = func(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
				q.ChangeID = ""
				return b.memory.History(ctx, q)
			}
		}, []string{"history/by change"}},
		{"history ignores the limit", func(b *broken) {
			b.history = func(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
				q.Limit = 0
				return b.memory.History(ctx, q)
			}
		}, []string{"history/pages of every size"}},
		{"ledgers under one name are one", func(b *broken) {
			renamed(b, func(l string) string {
				if strings.HasSuffix(l, "/2") {
					return path.Dir(l)
				}
				return l
			})
		}, []string{"load/ledgers are apart"}},
		{"ledger names are cut", func(b *broken) {
			renamed(b, func(l string) string { return l[:min(254, len(l))] })
		}, []string{"load/ledger names"}},
		{"ledger names know no case", func(b *broken) { renamed(b, strings.ToLower) }, []string{"load/ledger names"}},
		{"ledger names are paths", func(b *broken) { renamed(b, path.Clean) }, []string{"load/ledger names"}},
		{"ledger names are not checked", func(b *broken) {
			renamed(b, func(l string) string {
				if core.CheckLedger(l) != nil {
					return "bad"
				}
				return l
			})
		}, []string{"load/bad ledger names are refused"}},
		{"contexts are ignored", func(b *broken) {
			b.renew = func(ctx context.Context, l core.Lease) error { return b.memory.Renew(context.WithoutCancel(ctx), l) }
			b.append = func(ctx context.Context, a core.Append) error { return b.memory.Append(context.WithoutCancel(ctx), a) }
		}, []string{"load/cancelled context does nothing"}},
	}
}
