package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
)

// idempotencyKey makes core.Session.IdempotencyKey for a step. It follows from what
// was recorded before the step began, so that it needs no record of its own, and is
// found again by whoever goes on after this process.
func (x *execution) idempotencyKey(changeID string, op core.Operation, step int) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		rec := x.h.snapshot.Records[changeID]
		since := rec.StartedSeq
		if op == core.OpApply && rec.Attempt > 1 {
			first, err := x.mayBeThereSince(ctx, changeID)
			if err != nil {
				return "", fmt.Errorf("its idempotency key could not be found: %w", err)
			}
			if first != nil {
				since = first.Seq
			}
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "flamingock idempotency key\x00%s\x00%s\x00%s\x00%d\x00%d", x.h.ledgerID, changeID, op, since, step))
		return uuidOf(sum), nil
	}
}

// uuidOf writes a hash as a UUID of version 8, which is what tokens look like.
func uuidOf(sum [sha256.Size]byte) string {
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// mayBeThereSince returns the first STARTED after which the change's effect may be
// there; nil when it cannot be. A change that was taken back gets a new key, because a
// system would answer a known one with what it did then, and do nothing.
func (x *execution) mayBeThereSince(ctx context.Context, changeID string) (*core.Entry, error) {
	var since, before *core.Entry // before: as it was when the last attempt started
	attempt := 0
	for q := (core.HistoryQuery{Ledger: x.r.o.Ledger, ChangeID: changeID}); ; {
		page, err := x.r.o.Store.History(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Entries {
			switch e := &page.Entries[i]; e.State {
			case core.StateStarted:
				before, attempt = since, e.Attempt
				if since == nil {
					since = e
				}
			case core.StateRolledBack:
				if since = before; e.Attempt >= attempt { // one that never began takes nothing back
					since = nil
				}
			case core.StateManualMarkedRolledBack:
				since = nil
			case core.StateNone, core.StateApplied, core.StateFailed, core.StateRollbackFailed, core.StateManualMarkedApplied:
			}
		}
		if page.Next == 0 {
			return since, nil
		}
		q.AfterSeq = page.Next
	}
}
