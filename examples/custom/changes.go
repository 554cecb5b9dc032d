package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// backfillTotals runs in a transaction of the database, together with its marker:
// it is applied exactly once. Its order places it after _0001__create_orders.yaml.
func backfillTotals() core.Change {
	return core.Change{
		ID: "backfill-totals", Order: "0002", Author: "shop-team", TargetSystem: "shop-db", Revision: "1",
		Apply: sqltarget.Step(func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE orders SET total = quantity * price WHERE total IS NULL")
			return err
		}),
		Rollback: sqltarget.Step(func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE orders SET total = NULL")
			return err
		}),
	}
}

// announce acts on a system that only this program has a client for. It has no
// transactions: if its outcome is ever unknown, a person is asked.
func announce() core.Change {
	return core.Change{
		ID: "announce-totals", Order: "0003", Author: "shop-team", TargetSystem: "mail", Revision: "1",
		Apply: core.StepFor(func(ctx context.Context, m *mailer) error {
			return m.Send(ctx, "orders now have totals")
		}),
	}
}

// mailer stands for the client of any other system.
type mailer struct{ out io.Writer }

// Send sends a mail to everybody.
func (m *mailer) Send(_ context.Context, text string) error {
	_, err := fmt.Fprintln(m.out, "mail:", text)
	return err
}
