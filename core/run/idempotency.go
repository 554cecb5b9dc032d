package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

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
			_, seq, err := x.mayBeThereSince(ctx, changeID, step)
			if err != nil {
				return "", fmt.Errorf("its idempotency key could not be found: %w", err)
			}
			if seq > 0 {
				since = seq
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
// there; nil when it cannot be. keySeq is that of the STARTED whose key of step (from 0) holds; 0:
// none does. They differ when only some steps were taken back, and this one was: a system
// would answer a known key with what it did then, and do nothing.
func (x *execution) mayBeThereSince(ctx context.Context, changeID string, step int) (since *core.Entry, keySeq uint64, err error) {
	var before *core.Entry // as they were when the last attempt started
	var keyBefore uint64
	attempt := 0
	for q := (core.HistoryQuery{Ledger: x.r.o.Ledger, ChangeID: changeID}); ; {
		page, err := x.r.o.Store.History(ctx, q)
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Entries {
			switch e := &page.Entries[i]; e.State {
			case core.StateStarted:
				before, keyBefore, attempt = since, keySeq, e.Attempt
				if since == nil {
					since = e
				}
				if keySeq == 0 {
					keySeq = e.Seq
				}
			case core.StateRolledBack, core.StateFailed, core.StateRollbackFailed:
				switch {
				case e.Attempt < attempt: // it never began, and took nothing back
					since, keySeq, attempt = before, keyBefore, e.Attempt
				case e.State == core.StateRolledBack:
					since, keySeq = nil, 0
				case slices.Contains(e.TakenBack, step+1):
					keySeq = 0
				}
			case core.StateManualMarkedRolledBack:
				since, keySeq = nil, 0
			case core.StateNone, core.StateApplied, core.StateManualMarkedApplied:
			}
		}
		if page.Next == 0 {
			return since, keySeq, nil
		}
		q.AfterSeq = page.Next
	}
}
