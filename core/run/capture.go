package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// captures reports whether the state that c changes is kept with its STARTED. Where a
// transaction takes the change back there is no need.
func captures(c *plan.Change) bool {
	return c.TxType == core.TxNone && c.Change.Captures()
}

// start captures what c is about to change, and records its STARTED. An error of the
// capture ends the run before anything was started.
func (x *execution) start(ctx context.Context, st *plan.Stage, c *plan.Change) (*plan.Stage, *plan.Change, error) {
	e := x.startedEntry(x.h.snapshot, st, c)
	x.captured = nil
	if captures(c) {
		found, err := x.capture(ctx, c)
		if err != nil {
			err = fmt.Errorf("change %s did not begin: what it changes could not be read first: %w", c.Change.ID, x.secrets.RedactError(err))
			x.done.set(ChangeReport{ChangeID: c.Change.ID, Status: ChangeNotReached, Reason: err.Error(), TxType: c.TxType})
			return nil, nil, err
		}
		// It took time: what is checked before every STARTED has to be checked again.
		if err := x.mayStart(ctx); err != nil {
			return nil, nil, err
		}
		x.captured, e.Captured = found, x.forLedger(found)
	}
	err := x.record(ctx, []core.Entry{e}, false)
	if err != nil && core.IsUnknown(err) {
		x.r.takeBackIntent(ctx, x.h, []core.Entry{e})
	}
	if err != nil {
		return nil, nil, err
	}
	return st, c, nil
}

// capture asks the steps, or takes over what an earlier attempt kept whose effect may
// be there: the state now is then not the one before the change.
func (x *execution) capture(ctx context.Context, c *plan.Change) ([]string, error) {
	kept, err := x.keptBefore(ctx, c)
	if x.keptByOther = kept != nil; err != nil || kept != nil {
		return kept, err
	}
	if err := x.h.guard(ctx); err != nil {
		return nil, err
	}
	cctx, cancel := x.changeContext(ctx, c.Change)
	defer cancel()
	handle, release, err := x.r.o.Targets[c.Change.TargetSystem].Open(cctx)
	if err != nil {
		return nil, wrapTarget(c.Change.TargetSystem, err)
	}
	defer x.giveBack(c, release)
	pairs := c.Change.Pairs()
	found, size := make([]string, len(pairs)), 0
	for i, p := range pairs {
		if p.Apply.Capture == nil {
			continue
		}
		err := runStep(cctx, core.Step{Do: func(ctx context.Context, s *core.Session) error {
			var err error
			found[i], err = p.Apply.Capture(ctx, s)
			return err
		}}, x.session(c, handle, i))
		if err != nil {
			return nil, wrapTarget(c.Change.TargetSystem, explain(cctx, err))
		}
		if size += len(found[i]); size > core.MaxCaptured {
			return nil, &core.ConfigError{Key: "change " + c.Change.ID, Reason: fmt.Sprintf("what it changes is larger than the %d bytes that are kept", core.MaxCaptured), Next: "split the change into smaller ones"}
		}
	}
	return found, nil
}

// forLedger removes secrets: only the process that read them can put them back.
func (x *execution) forLedger(found []string) []string {
	out := slices.Clone(found)
	for i, text := range out {
		out[i] = x.secrets.Redact(text)
	}
	return out
}

// keptBefore is what the first attempt captured whose effect may be there, if it was of
// the same change. Nil: the state now is the one to keep.
func (x *execution) keptBefore(ctx context.Context, c *plan.Change) ([]string, error) {
	if _, known := x.h.snapshot.Records[c.Change.ID]; !known {
		return nil, nil
	}
	first, _, err := x.mayBeThereSince(ctx, c.Change.ID, -1)
	if err != nil {
		return nil, wrapStore(err)
	}
	if first == nil || first.Checksum != c.Change.Fingerprint() || len(first.Captured) != len(c.Change.Pairs()) {
		return nil, nil
	}
	return slices.Clone(first.Captured), nil
}

// cannotPutBack reports whether step i has nothing to put back, because what an earlier
// process found held a secret, which the ledger does not have.
func (x *execution) cannotPutBack(c *core.Change, i int) bool {
	return c.Pairs()[i].Apply.Capture != nil && x.keptByOther && strings.Contains(x.capturedBy(i), core.RedactedMark)
}

// capturedBy is what step i kept before the attempt.
func (x *execution) capturedBy(i int) string {
	if i >= len(x.captured) {
		return ""
	}
	return x.captured[i]
}
