package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/filestore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// files are the change files, compiled in.
//
//go:embed changes/*.yaml
var files embed.FS

// applyChanges applies the pending changes to the service's own database. A signal
// to the service stops it in good order: the running change gets its grace period,
// its outcome is recorded, and the next start goes on.
func applyChanges(ctx context.Context, db *sql.DB, auditFile string) (report *run.Report, err error) {
	target := sqlite.New("shop-db", db)
	targets := map[string]core.Target{target.ID(): target}
	stages, err := template.Load(template.Input{
		Files: files, Stages: []template.StageDir{{Name: "main", Location: "changes"}}, Code: []core.Stage{{Name: "main", Changes: []core.Change{seedOrders()}}},
		Targets: targets, Types: []core.TargetType{sqlite.Type()},
	})
	if err != nil {
		return nil, err
	}
	store, err := filestore.Open(ctx, auditFile, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close(), target.Close()) }() // db stays open: it is ours
	runner, err := run.New(run.Options{
		Ledger: "shop", Store: store, Stages: stages, Targets: targets, Trigger: core.Trigger{Kind: "library"}, Grace: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return runner.Apply(context.WithoutCancel(ctx), run.ApplyOptions{Stop: ctx.Done()})
}

// seedOrders is a change in Go, after the one in the file.
func seedOrders() core.Change {
	return core.Change{
		ID: "seed-orders", Order: "0002", Author: "shop-team", TargetSystem: "shop-db", Revision: "1",
		Apply: sqltarget.Step(func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO orders (total) VALUES (900), (1999)")
			return err
		}),
	}
}

// show prints what the run did.
func show(w io.Writer, r *run.Report) {
	fmt.Fprintf(w, "changes of ledger %s: %s\n", r.Ledger, r.Status)
	for _, stage := range r.Stages {
		for _, c := range stage.Changes {
			fmt.Fprintf(w, "  %s %s\n", c.Status, c.ChangeID)
		}
	}
}
