// Command lambda-custom is a Lambda function with changes in Go compiled in, beside
// the YAML changes of its configuration. flamingock.yaml says how to deploy it.
package main

import (
	"context"
	"database/sql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/lambda/handler"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

func main() { handler.Main(program()) }

// program is what this function brings along. The function of the project itself is
// the same call, with every kind of target system and no changes.
func program() core.Program {
	return core.Program{
		Name:    "shop",
		Stages:  []core.Stage{{Name: "main", Changes: []core.Change{backfillTotals()}}},
		Targets: []core.TargetType{postgres.Type()},
	}
}

// backfillTotals comes after changes/_0001__create_orders.yaml, in the same stage.
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
