package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// Acquire implements core.AuditStore. Before a ledger is made, once for each
// Store, the table is looked at: its keys and its replicas.
func (s *Store) Acquire(ctx context.Context, a core.Acquisition) error {
	if err := core.CheckLedger(a.Ledger); err != nil {
		return err
	}
	if a.Token == 0 {
		return &core.ConflictError{Ledger: a.Ledger, What: "a token is at least 1"}
	}
	w, err := newWrite(a.Ledger, a.Entries)
	if err != nil {
		return err
	}
	if a.RVN == 0 {
		if a.Token != 1 {
			return &core.ConflictError{Ledger: a.Ledger, What: "the token must grow by one", Want: 1, Found: a.Token}
		}
		if err := s.checkOnce(ctx); err != nil {
			return err
		}
		if err := w.makeHead(a.LedgerID); err != nil {
			return err
		}
	} else {
		w.must(name(attrRVN).Equal(value(a.RVN)))
		w.must(name(attrToken).Equal(value(a.Token - 1)))
		if !a.Takeover {
			w.must(name(attrReleased).Equal(value(true)))
		}
		w.moveHead()
	}
	w.set(attrOwner, a.Owner)
	w.set(attrToken, a.Token)
	w.set(attrLeaseMs, wholeMs(a.Lease))
	w.set(attrReleased, a.Release)
	w.set(attrHolder, holderOf(a.Holder))
	no, err := s.send(ctx, w)
	if err != nil || no == nil || no.landed(w) {
		return err
	}
	if h := no.head; h != nil {
		switch {
		case len(a.Entries) == 0 && a.Owner != "" && h.Owner == a.Owner && h.Token == a.Token:
			return nil // our own lost answer
		case h.RVN != a.RVN:
			return &core.ConflictError{Ledger: a.Ledger, What: "its head was written since it was read", Want: a.RVN, Found: h.RVN}
		case h.Held() && !a.Takeover:
			return &core.ConflictError{Ledger: a.Ledger, What: "another execution holds it"}
		case a.Token != h.Token+1:
			return &core.ConflictError{Ledger: a.Ledger, What: "the token must grow by one", Want: h.Token + 1, Found: a.Token}
		}
	} else if a.RVN == 0 && no.entryFailed {
		return s.corrupt(fmt.Errorf("ledger %s has entries, but no head", a.Ledger))
	}
	return no.conflict(s, w)
}

// Append implements core.AuditStore.
func (s *Store) Append(ctx context.Context, a core.Append) error { return s.append(ctx, a, nil) }

func (s *Store) append(ctx context.Context, a core.Append, shared []types.TransactWriteItem) error {
	w, err := newWrite(a.Lease.Ledger, a.Entries)
	w.shared = shared
	if err == nil && len(a.Entries) == 0 {
		err = &core.ConflictError{Ledger: a.Lease.Ledger, What: "an append needs at least one entry"}
	}
	if err != nil {
		return s.impossible(ctx, a.Lease, err)
	}
	w.must(mine(a.Lease))
	w.moveHead()
	if a.Release {
		w.set(attrReleased, true)
	}
	no, err := s.send(ctx, w)
	switch {
	case err != nil || no == nil || no.landed(w):
		return err
	case no.unseen:
		return s.impossible(ctx, a.Lease, no.shared)
	case no.headFailed && (no.head == nil || !holds(*no.head, a.Lease)):
		return core.ErrLeaseLost
	case no.shared != nil && no.ours():
		return no.shared
	}
	return no.conflict(s, w)
}

// impossible answers an append that no state of the ledger would admit: who has
// lost the lease hears that first.
func (s *Store) impossible(ctx context.Context, l core.Lease, why error) error {
	item, err := s.getItem(ctx, key{l.Ledger, headKey})
	no := refusal{}
	if err == nil {
		err = s.readHead(&no, l.Ledger, item)
	}
	switch {
	case err != nil:
		return err
	case no.head == nil || !holds(*no.head, l):
		return core.ErrLeaseLost
	}
	return why
}

// Renew implements core.AuditStore.
func (s *Store) Renew(ctx context.Context, l core.Lease) error {
	w := write{ledger: l.Ledger, only: mine(l)}
	w.moveHead()
	no, err := s.send(ctx, w)
	if err == nil && no != nil {
		err = core.ErrLeaseLost
	}
	return err
}

// Release implements core.AuditStore.
func (s *Store) Release(ctx context.Context, l core.Lease) error {
	w := write{ledger: l.Ledger, only: mine(l)}
	w.moveHead()
	w.set(attrReleased, true)
	no, err := s.send(ctx, w)
	switch {
	case err != nil || no == nil:
		return err
	case no.head != nil && no.head.Released && owns(*no.head, l):
		return nil
	}
	return core.ErrLeaseLost
}

// mine is the fence: the lease is still l's.
func mine(l core.Lease) expression.ConditionBuilder {
	// An empty owner is what a forced release leaves behind: it owns nothing.
	return name(attrOwner).Equal(value(l.Owner)).And(name(attrOwner).NotEqual(value("")), name(attrToken).Equal(value(l.Token)), name(attrReleased).Equal(value(false)))
}

func holds(h core.Head, l core.Lease) bool { return owns(h, l) && h.Held() }

func owns(h core.Head, l core.Lease) bool {
	return l.Owner != "" && h.Owner == l.Owner && h.Token == l.Token
}
