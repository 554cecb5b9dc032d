package storetest

import (
	"context"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// mine makes the lease whatever the head says.
func mine(l *model, lease *core.Lease) {
	if l.head.LedgerID != "" {
		lease.Owner, lease.Token = l.head.Owner, l.head.Token
	}
}

func leaseMutants() []mutant {
	return []mutant{
		{"acquire ignores the rvn", func(b *broken) {
			b.beforeAcquire(func(l *model, a *core.Acquisition) { a.RVN = l.head.RVN })
		}, []string{
			"lease/takeover on a stale rvn is refused", "lease/stale rvn is refused even if released", "lease/rvn of no load is refused",
			"operator/forced release rests on the rvn shown", random,
		}},
		{"acquire ignores the rvn of a free head", func(b *broken) {
			b.beforeAcquire(func(l *model, a *core.Acquisition) {
				if !l.head.Held() {
					a.RVN = l.head.RVN
				}
			})
		}, []string{"lease/stale rvn is refused even if released"}},
		{"acquire ignores rvn and token of a new ledger", func(b *broken) {
			b.beforeAcquire(func(l *model, a *core.Acquisition) {
				if a.RVN == 0 && a.Takeover {
					a.RVN, a.Token, a.Entries = l.head.RVN, l.head.Token+1, nil
				}
			})
		}, []string{"lease/of two first acquirers one wins"}},
		{"acquire ignores the holder", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) { a.Takeover = true })
		}, []string{"lease/held is refused", "operator/is refused on a held head", "conflict/is a ConflictError that errors.Is finds", random}},
		{"acquire refuses takeovers", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) { a.Takeover = false })
		}, []string{"lease/takeover on the rvn", random}},
		{"acquire takes any token", func(b *broken) {
			b.beforeAcquire(func(l *model, a *core.Acquisition) { a.Token = l.head.Token + 1 })
		}, []string{"lease/token must be the next one"}},
		{"acquire keeps the token", func(b *broken) {
			b.afterAcquire(func(l *model, a core.Acquisition, o outcome) outcome {
				if o == done && l.head.Owner == a.Owner && l.head.Token > 1 {
					l.head.Token--
				}
				return o
			})
		}, []string{"lease/token grows for ever", "lease/takeover on the rvn", random}},
		{"acquire makes the ledger's id anew", func(b *broken) {
			b.afterAcquire(func(l *model, a core.Acquisition, o outcome) outcome {
				if o == done {
					l.head.LedgerID = a.LedgerID
				}
				return o
			})
		}, []string{"lease/ledger id is made once", random}},
		{"acquire forgets the holder", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) { a.Holder = core.Holder{} })
		}, []string{"lease/first acquisition makes the ledger", "lease/head keeps lease and holder"}},
		{"acquire keeps whole seconds of the lease", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) { a.Lease = a.Lease.Truncate(time.Second) })
		}, []string{"lease/head keeps lease and holder"}},
		{"acquire does not release", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) { a.Release = false })
		}, []string{"operator/writes on a free head", "operator/writes on a new ledger", random}},
		{"acquire checks and then acts", func(b *broken) {
			b.acquire = func(ctx context.Context, a core.Acquisition) error {
				var o outcome
				_ = b.with(ctx, a.Ledger, func(l *model) error {
					trial := model{ledger: a.Ledger, head: l.head, records: l.snapshot().Records, entries: append([]core.Entry(nil), l.entries...)}
					o = trial.acquire(a)
					return nil
				})
				if o != done {
					return errorOf(o)
				}
				time.Sleep(3 * time.Millisecond) // as long as a round trip
				return b.with(ctx, a.Ledger, func(l *model) error {
					l.head.LedgerID, l.head.Owner, l.head.Token, l.head.Released = a.LedgerID, a.Owner, a.Token, a.Release
					l.write(a.Entries)
					return nil
				})
			}
		}, []string{
			"race/one first acquirer wins", "race/one acquirer of a free ledger wins", "race/one taker over wins", "race/renewal against takeover",
			"race/owners take turns", "race/owners rob each other",
		}},
		{"renew ignores whose lease it is", func(b *broken) {
			b.beforeRenew(func(l *model, lease *core.Lease) { mine(l, lease) })
		}, []string{"fence/former holder renews nothing", "fence/owner and token count together", random}},
		{"renew opens a released lease again", func(b *broken) {
			b.beforeRenew(func(l *model, lease *core.Lease) {
				if l.isLastOwner(*lease) {
					l.head.Released = false
				}
			})
		}, []string{"lease/renew after release does not open again", random}},
		{"renew makes a ledger", func(b *broken) {
			b.renew = func(ctx context.Context, lease core.Lease) error {
				return b.with(ctx, lease.Ledger, func(l *model) error {
					if l.head.LedgerID == "" {
						l.head.LedgerID, l.head.Owner, l.head.Token = "made up", lease.Owner, lease.Token
					}
					return errorOf(l.renew(lease))
				})
			}
		}, []string{"fence/ledger that does not exist is nobody's"}},
		{"renew writes nothing", func(b *broken) {
			b.renew = func(ctx context.Context, lease core.Lease) error {
				return b.with(ctx, lease.Ledger, func(l *model) error {
					if !l.isHolder(lease) {
						return core.ErrLeaseLost
					}
					return nil
				})
			}
		}, []string{"lease/renew changes the rvn only", "lease/every write grows the rvn", random}},
		{"renew changes the holder's lease", func(b *broken) {
			b.beforeRenew(func(l *model, _ *core.Lease) { l.head.Lease += time.Second })
		}, []string{"lease/renew changes the rvn only", random}},
		{"release ignores whose lease it is", func(b *broken) {
			b.beforeRelease(func(l *model, lease *core.Lease) { mine(l, lease) })
		}, []string{"fence/late release cannot free a successor", "fence/release of a successor's successor", random}},
		{"release is refused the second time", func(b *broken) {
			b.release = func(ctx context.Context, lease core.Lease) error {
				return b.with(ctx, lease.Ledger, func(l *model) error {
					if !l.isHolder(lease) {
						return core.ErrLeaseLost
					}
					return errorOf(l.release(lease))
				})
			}
		}, []string{"lease/repeated release writes nothing", random}},
		{"release writes the second time", func(b *broken) {
			b.beforeRelease(func(l *model, lease *core.Lease) {
				if l.isLastOwner(*lease) && l.head.Released {
					l.head.RVN++
				}
			})
		}, []string{"lease/repeated release writes nothing", random}},
		{"release keeps the rvn", func(b *broken) {
			b.beforeRelease(func(l *model, lease *core.Lease) {
				if l.isHolder(*lease) {
					l.head.RVN--
				}
			})
		}, []string{"lease/every write grows the rvn", random}},
		{"release deletes the head's lease", func(b *broken) {
			b.release = func(ctx context.Context, lease core.Lease) error {
				return b.with(ctx, lease.Ledger, func(l *model) error {
					o := l.release(lease)
					if o == done {
						l.head.Owner, l.head.Token = "", 0
					}
					return errorOf(o)
				})
			}
		}, []string{"lease/release frees the ledger", "lease/token grows for ever", random}},
		{"forced release keeps the token", func(b *broken) {
			b.afterAcquire(func(l *model, a core.Acquisition, o outcome) outcome {
				if a.Owner == "" && o == done && l.head.Token == a.Token {
					l.head.Token--
				}
				return o
			})
		}, []string{"operator/forced release fences the holder and is recorded", "lease/token grows for ever", random}},
		{"forced release is not recorded", func(b *broken) {
			b.beforeAcquire(func(_ *model, a *core.Acquisition) {
				if a.Owner == "" {
					a.Entries = nil
				}
			})
		}, []string{"operator/forced release fences the holder and is recorded", "repeat/forced release", random}},
		{"forced release keeps the owner", func(b *broken) {
			b.beforeAcquire(func(l *model, a *core.Acquisition) {
				if a.Owner == "" {
					a.Owner = l.head.Owner
				}
			})
		}, []string{"operator/forced release fences the holder and is recorded", random}},
		{"nobody's lease is good after a forced release", func(b *broken) {
			b.append = func(ctx context.Context, a core.Append) error {
				return b.with(ctx, a.Lease.Ledger, func(l *model) error {
					if a.Lease.Owner == "" && l.head.LedgerID != "" && l.head.Owner == "" && l.fits(a.Entries) {
						l.write(a.Entries)
						return nil
					}
					return errorOf(l.append(a))
				})
			}
		}, []string{"operator/forced release leaves nobody's lease"}},
	}
}
