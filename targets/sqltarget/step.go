package sqltarget

import (
	"context"
	"database/sql"

	"github.com/flamingock/flamingock-go/core"
)

// Querier is what a *sql.Tx and a *sql.Conn have in common. A step that takes a
// Querier runs inside and outside of a transaction.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

var (
	_ Querier = (*sql.Tx)(nil)
	_ Querier = (*sql.Conn)(nil)
)

// Step makes a step that runs in the change's transaction. The function must not
// commit or roll back.
func Step(f func(ctx context.Context, tx *sql.Tx) error) core.Step {
	step := core.StepFor(f)
	if do := step.Do; do != nil {
		step.Do = func(ctx context.Context, s *core.Session) error {
			core.Taint(ctx) // nobody can tell what the function does to its session
			return do(ctx, s)
		}
	}
	return step
}

// ConnStep makes a step that runs outside of a transaction. With it the change is
// NON_TX.
func ConnStep(f func(ctx context.Context, c *sql.Conn) error) core.Step { return core.StepFor(f) }
