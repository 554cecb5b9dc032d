package storetest

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
)

// despite makes the request fit by a check that is left out: fix changes copies
// of the entries for the check alone, and the original ones are written.
func despite(b *broken, fix func(l *model, es []core.Entry)) {
	b.append = func(ctx context.Context, a core.Append) error {
		return b.with(ctx, a.Lease.Ledger, func(l *model) error {
			fixed := copies(a.Entries)
			fix(l, fixed)
			if !l.landed(a.Entries) && l.isHolder(a.Lease) && l.fits(fixed) {
				l.head.Released = a.Release
				l.write(a.Entries)
				return nil
			}
			return errorOf(l.append(a))
		})
	}
	b.acquire = func(ctx context.Context, a core.Acquisition) error {
		return b.with(ctx, a.Ledger, func(l *model) error {
			fixed := copies(a.Entries)
			fix(l, fixed)
			if !l.landed(a.Entries) && l.fits(fixed) && !l.fits(a.Entries) && a.RVN == l.head.RVN && !l.head.Held() {
				l.head.Owner, l.head.Token = a.Owner, a.Token
				l.write(a.Entries)
				return nil
			}
			return errorOf(l.acquire(a))
		})
	}
}

func writeMutants() []mutant {
	return []mutant{
		{"append ignores the token", func(b *broken) {
			b.beforeAppend(func(l *model, a *core.Append) { a.Lease.Token = l.head.Token })
		}, []string{"fence/owner and token count together"}},
		{"append ignores the owner", func(b *broken) {
			b.beforeAppend(func(l *model, a *core.Append) { mine(l, &a.Lease) })
		}, []string{"fence/former holder appends nothing", "fence/owner and token count together", "fence/lost lease comes before the conflict", random}},
		{"append ignores that the lease was released", func(b *broken) {
			b.beforeAppend(func(l *model, a *core.Append) {
				if l.isLastOwner(a.Lease) && !l.landed(a.Entries) && l.fits(a.Entries) {
					l.head.Released = false
				}
			})
		}, []string{"fence/released lease appends nothing", random}},
		{"append does not release", func(b *broken) {
			b.beforeAppend(func(_ *model, a *core.Append) { a.Release = false })
		}, []string{"append/with release", random}},
		{"append always releases", func(b *broken) {
			b.beforeAppend(func(_ *model, a *core.Append) { a.Release = true })
		}, []string{"append/without release keeps the lease", random}},
		{"append keeps the rvn", func(b *broken) {
			b.afterAppend(func(l *model, _ core.Append, o outcome) outcome {
				if o == done {
					l.head.RVN--
				}
				return o
			})
		}, []string{"lease/every write grows the rvn", random}},
		{"append ignores the change's seq", func(b *broken) {
			despite(b, func(l *model, es []core.Entry) {
				at := map[string]uint64{}
				for id, r := range l.records {
					at[id] = r.Seq
				}
				for i := range es {
					es[i].PrevSeq = at[es[i].ChangeID]
					at[es[i].ChangeID] = es[i].Seq
				}
			})
		}, []string{"conflict/append that does not fit is refused", "conflict/acquire that does not fit is refused", random}},
		{"append ignores the previous hash", func(b *broken) {
			despite(b, func(l *model, es []core.Entry) {
				hash := l.head.Hash
				for i := range es {
					es[i].PrevHash = hash
					hash = es[i].Hash
				}
			})
		}, []string{"conflict/append that does not fit is refused", "conflict/acquire that does not fit is refused", random}},
		{"append ignores the seq", func(b *broken) {
			despite(b, func(l *model, es []core.Entry) {
				for i := range es {
					es[i].Seq = l.head.Seq + 1 + uint64(i)
				}
			})
		}, []string{"conflict/append that does not fit is refused", "conflict/acquire that does not fit is refused"}},
		{"append writes the part that fits", func(b *broken) {
			b.afterAppend(func(l *model, a core.Append, o outcome) outcome {
				if o == conflict && l.fits(a.Entries[:1]) {
					l.write(a.Entries[:1])
				}
				return o
			})
		}, []string{"conflict/append that does not fit is refused", random}},
		{"append checks a change against the start of the request", func(b *broken) {
			b.append = func(ctx context.Context, a core.Append) error {
				return b.with(ctx, a.Lease.Ledger, func(l *model) error {
					for _, e := range a.Entries {
						if r := l.records[e.ChangeID]; e.ChangeID != "" && !l.landed(a.Entries) && r.Seq != e.PrevSeq {
							return errorOf(conflict)
						}
					}
					return errorOf(l.append(a))
				})
			}
		}, []string{"append/two entries of one change", random}},
		{"acquire writes its entries though it is refused", func(b *broken) {
			b.afterAcquire(func(l *model, a core.Acquisition, o outcome) outcome {
				if o == conflict && l.fits(a.Entries) {
					l.write(a.Entries)
				}
				return o
			})
		}, []string{"conflict/refused acquire writes no entry", random}},
		{"acquire does not write its entries", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) { a.Entries = nil })
		}, []string{"append/acquire with STARTED in one write", random}},
		{"operator's entry overtakes the change", func(b *broken) {
			despite(b, func(l *model, es []core.Entry) {
				for i := range es {
					es[i].Seq, es[i].PrevHash, es[i].PrevSeq = l.head.Seq+1, l.head.Hash, l.records[es[i].ChangeID].Seq
				}
			})
		}, []string{"operator/is refused when the change moved on"}},
		{"entries can be overwritten", func(b *broken) {
			b.beforeAppend(func(l *model, a *core.Append) {
				if n := a.Entries[0].Seq; l.isHolder(a.Lease) && n >= 1 && n <= l.head.Seq {
					l.entries[n-1] = a.Entries[0]
				}
			})
		}, []string{"conflict/different append at the same seq", random}},
		{"repeated append is refused", func(b *broken) {
			b.append = func(ctx context.Context, a core.Append) error {
				return b.with(ctx, a.Lease.Ledger, func(l *model) error {
					if l.landed(a.Entries) {
						return errorOf(conflict)
					}
					return errorOf(l.append(a))
				})
			}
		}, []string{"repeat/append", "repeat/append after later ones", random}},
		{"repeated append needs the lease", func(b *broken) {
			b.append = func(ctx context.Context, a core.Append) error {
				return b.with(ctx, a.Lease.Ledger, func(l *model) error {
					if !l.isHolder(a.Lease) {
						return core.ErrLeaseLost
					}
					return errorOf(l.append(a))
				})
			}
		}, []string{"repeat/append after the lease was lost", "repeat/append with release"}},
		{"repeated append is known by the last entry only", func(b *broken) {
			b.append = func(ctx context.Context, a core.Append) error {
				return b.with(ctx, a.Lease.Ledger, func(l *model) error {
					if l.landed(a.Entries) && l.head.Hash != a.Entries[len(a.Entries)-1].Hash {
						return errorOf(conflict)
					}
					return errorOf(l.append(a))
				})
			}
		}, []string{"repeat/append after later ones"}},
		{"repeated append writes", func(b *broken) {
			b.beforeAppend(func(l *model, a *core.Append) {
				if l.landed(a.Entries) {
					l.head.RVN++
				}
			})
		}, []string{"repeat/append", random}},
		{"repeated acquisition is refused", func(b *broken) {
			b.acquire = func(ctx context.Context, a core.Acquisition) error {
				return b.with(ctx, a.Ledger, func(l *model) error {
					if a.RVN != l.head.RVN {
						return errorOf(conflict)
					}
					return errorOf(l.acquire(a))
				})
			}
		}, []string{"repeat/acquire with entries", "repeat/acquire without entries", "repeat/operator's write", "repeat/forced release", random}},
		{"an owner that ever acquired is let in", func(b *broken) {
			owners := map[string]bool{}
			b.acquire = func(ctx context.Context, a core.Acquisition) error {
				return b.with(ctx, a.Ledger, func(l *model) error {
					key := a.Ledger + " " + a.Owner
					if owners[key] {
						return nil
					}
					o := l.acquire(a)
					owners[key] = o == done
					return errorOf(o)
				})
			}
		}, []string{"repeat/acquire without entries after it was lost"}},
		{"a request is known by its seq", func(b *broken) {
			b.beforeAppend(func(l *model, a *core.Append) {
				if n := a.Entries[0].Seq; n >= 1 && n <= l.head.Seq {
					a.Entries = l.entries[n-1 : n]
				}
			})
			b.beforeAcquire(func(l *model, a *core.Acquisition) {
				if len(a.Entries) > 0 && a.Entries[0].Seq <= l.head.Seq && a.Entries[0].Seq >= 1 {
					a.Entries = l.entries[a.Entries[0].Seq-1 : a.Entries[0].Seq]
				}
			})
		}, []string{"repeat/another's request is not mine", "conflict/different append at the same seq", "lease/of two first acquirers one wins", random}},
		{"entry without a change makes a record", func(b *broken) {
			b.afterAppend(func(l *model, a core.Append, o outcome) outcome {
				for _, e := range a.Entries {
					if o == done && e.ChangeID == "" {
						l.records[""] = e.Record()
					}
				}
				return o
			})
		}, []string{"append/entry without a change touches no record", random}},
		{"sum adds instead of replacing", func(b *broken) {
			b.afterLoad(func(s *core.Snapshot) {
				for seq := uint64(1); seq < s.Head.Seq; seq++ {
					s.Head.Sum += seq
				}
			})
		}, []string{"append/result and next STARTED", "append/sum adds up over a life", random}},
		{"only the first ten entries of a request are written", func(b *broken) {
			b.beforeAppend(func(_ *model, a *core.Append) { a.Entries = a.Entries[:min(10, len(a.Entries))] })
		}, []string{"append/many entries"}},
	}
}
