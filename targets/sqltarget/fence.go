package sqltarget

import (
	"context"
	"database/sql"
	"errors"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// RaiseFence raises the fence of a ledger to f in a transaction of its own, and
// makes the tables first where they are missing.
func (t *Target) RaiseFence(ctx context.Context, f core.Fence) error {
	for again := 3; ; again-- { // no table, and then no row
		err := t.raise(ctx, f)
		switch class := t.classify(err); {
		case err == nil:
			t.mu.Lock()
			t.raised[f.LedgerID] = true
			t.mu.Unlock()
			return nil
		case again > 0 && class == MissingTable:
			err = t.createTables(ctx, f)
			if err != nil {
				return t.denied(ctx, err)
			}
		case again > 0 && class == Duplicate: // another process made the row first
		default:
			return t.denied(ctx, err)
		}
	}
}

// denied explains err. For a right that is missing it asks Ping, which can name it.
func (t *Target) denied(ctx context.Context, err error) error {
	if t.classify(err) == Denied {
		if named, ok := errors.AsType[*core.PermissionError](t.Ping(ctx)); ok {
			return named
		}
	}
	return t.explain(ctx, err)
}

// createTables makes the tables that are missing. Two processes that do it at once
// are both content.
func (t *Target) createTables(ctx context.Context, f core.Fence) error {
	s, err := t.take(ctx, f.Lease)
	if err != nil {
		return err
	}
	for _, q := range t.dialect.Schema {
		// Somebody else made this one just now; the next may still be missing.
		if _, err = s.conn.ExecContext(ctx, s.qualified(q)); err != nil && t.classify(err) != Duplicate {
			break
		}
		failpoint.Hit(failpoint.TargetTable)
		err = nil
	}
	return t.finish(ctx, s, err)
}

// raise writes the fence row, and makes it where there is none: in a transaction of its
// own, because in some databases each of two that have looked for a row keeps the other
// one from making it.
func (t *Target) raise(ctx context.Context, f core.Fence) error {
	err := t.alone(ctx, f, func(x *transaction) error { return x.writeFence(ctx, f) })
	if _, gone := errors.AsType[*FenceGoneError](err); !gone {
		return err
	}
	return t.alone(ctx, f, func(x *transaction) error {
		_, err := x.exec(ctx, insertFence, f.LedgerID, number(f.Token), number(f.N), f.Owner)
		return err
	})
}

// alone does something to the fence in a transaction.
func (t *Target) alone(ctx context.Context, f core.Fence, do func(x *transaction) error) error {
	x, err := t.begin(ctx, f.Lease)
	if err != nil {
		return err
	}
	if err := do(x); err != nil {
		return t.abandon(ctx, x, err)
	}
	failpoint.Hit(failpoint.FenceWritten)
	return t.settle(ctx, x)
}

// writeFence writes the fence row within the open transaction. That takes the
// row's lock, which is what keeps a former holder's COMMIT and ours apart; a mere
// read would not. core.ErrLeaseLost if the row is higher, *FenceGoneError if
// there is none.
func (x *transaction) writeFence(ctx context.Context, f core.Fence) error {
	token, n := number(f.Token), number(f.N)
	rows, err := x.exec(ctx, raiseFence, token, n, f.Owner, f.LedgerID, token, token, f.Owner, n)
	if err != nil || rows > 0 {
		return err
	}
	// No row: it is higher, or missing. Or it is equal, where the database counts
	// only rows whose values changed; its lock is ours then all the same.
	var haveToken, haveN int64
	var haveOwner string
	err = x.tx.QueryRowContext(ctx, x.qualified(x.target.dialect.bind(readFence)), f.LedgerID).Scan(&haveToken, &haveN, &haveOwner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return &FenceGoneError{f.LedgerID}
	case err != nil:
		return err
	case haveToken == token && haveN == n && haveOwner == f.Owner:
		return nil
	}
	return core.ErrLeaseLost
}

// number is v as SQL has it. Tokens and sequence numbers start at 1 and grow by 1.
func number(v uint64) int64 { return int64(v) } //nolint:gosec // never near 2^63
