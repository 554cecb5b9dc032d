package filestore

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
)

// Acquire takes the lease on the rvn of a load, with the entries in the same
// transaction.
func (s *Store) Acquire(ctx context.Context, a core.Acquisition) error {
	if err := checkAcquisition(a); err != nil {
		return err
	}
	var former string
	err := s.change(ctx, "acquire", a.Ledger, func(ctx context.Context, t *ledgerTx) (bool, error) {
		mine := core.Lease{Ledger: a.Ledger, Owner: a.Owner, Token: a.Token}
		if len(a.Entries) == 0 && t.owned(mine) {
			return false, nil // sent again, without entries
		}
		if landed, err := t.landed(ctx, a.Entries); err != nil || landed {
			return false, err // sent again, with entries
		}
		h := &t.head
		if err := admits(*h, a); err != nil {
			return false, err
		}
		if h.LedgerID == "" {
			h.LedgerID = a.LedgerID
		} else if !h.Released {
			former = h.Owner
		}
		h.Owner, h.Token, h.Released = a.Owner, a.Token, a.Release
		h.Lease, h.Holder = wholeMs(a.Lease), a.Holder
		return true, t.put(ctx, a.Entries)
	})
	if err == nil && former != "" {
		s.bury(former) // nothing names the former owner any more
	}
	return err
}

func checkAcquisition(a core.Acquisition) error {
	switch {
	case a.Owner == "" && !(a.Takeover && a.Release && len(a.Entries) > 0):
		return &core.UsageError{Reason: "an acquisition without an owner must be a forced release with its entry", Next: "give every acquisition an owner that is new"}
	case a.RVN == 0 && a.LedgerID == "":
		return &core.UsageError{Reason: "an acquisition of a new ledger needs the id to give it", Next: "set LedgerID"}
	}
	return nil
}

// admits reports whether the head lets a take the lease.
func admits(h core.Head, a core.Acquisition) error {
	switch {
	case a.RVN != h.RVN:
		return &core.ConflictError{Ledger: a.Ledger, What: "its head was written since it was loaded", Want: a.RVN, Found: h.RVN}
	case h.Held() && !a.Takeover:
		return &core.ConflictError{Ledger: a.Ledger, What: "its lease is held by execution " + h.Holder.Execution}
	case a.Token != h.Token+1:
		return &core.ConflictError{Ledger: a.Ledger, What: "the token is not the next one", Want: a.Token, Found: h.Token + 1}
	}
	return nil
}

// Append writes entries under the lease.
func (s *Store) Append(ctx context.Context, a core.Append) error {
	if len(a.Entries) == 0 {
		return &core.UsageError{Reason: "an append needs at least one entry", Next: "renew or release the lease instead"}
	}
	return s.again(ctx, "append", a.Lease.Ledger, func(ctx context.Context, t *ledgerTx) (bool, error) {
		if landed, err := t.landed(ctx, a.Entries); err != nil || landed {
			return false, err
		}
		if !t.holds(a.Lease) {
			return false, core.ErrLeaseLost
		}
		t.head.Released = a.Release
		return true, t.put(ctx, a.Entries)
	})
}

// Renew gives the head a new rvn and changes nothing else.
func (s *Store) Renew(ctx context.Context, l core.Lease) error {
	return s.again(ctx, "renew", l.Ledger, func(_ context.Context, t *ledgerTx) (bool, error) {
		if !t.holds(l) {
			return false, core.ErrLeaseLost
		}
		return true, nil
	})
}

// Release frees the lease. To free it again is no error and writes nothing.
func (s *Store) Release(ctx context.Context, l core.Lease) error {
	return s.change(ctx, "release", l.Ledger, func(_ context.Context, t *ledgerTx) (bool, error) {
		if !t.owned(l) {
			return false, core.ErrLeaseLost
		}
		write := !t.head.Released
		t.head.Released = true
		return write, nil
	})
}
