package app

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/dynamo"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// dynamoDB is the configuration of the audit store's table.
func (a *App) dynamoDB() (*config.DynamoDB, error) {
	if d := a.Config.AuditStore.DynamoDB; d != nil {
		return d, nil
	}
	where := "a file (" + a.Config.AuditStore.File + ")"
	if id := a.Config.AuditStore.TargetSystem; id != "" {
		where = "in the database of target system " + id
	}
	return nil, &core.ConfigError{
		Where: a.Config.Path, Key: "auditStore", Reason: "the audit store is the embedded one, " + where + ", which the first run makes",
		Next: "nothing, if that is right; for a table set auditStore.dynamodb.table and region",
	}
}

// OpenTable opens the audit store, which must be on DynamoDB.
func (a *App) OpenTable(ctx context.Context) (*dynamo.Store, error) {
	if _, err := a.dynamoDB(); err != nil {
		return nil, err
	}
	if err := a.OpenStore(ctx, true); err != nil {
		return nil, err
	}
	return a.Store.(*dynamo.Store), nil //nolint:errcheck // OpenStore makes this type
}

// CreateTable makes the table of the audit store; see dynamo.Create.
func (a *App) CreateTable(ctx context.Context, o dynamo.CreateOptions) (dynamo.Created, error) {
	d, err := a.dynamoDB()
	if err != nil {
		return dynamo.Created{}, err
	}
	cfg, err := a.o.AWS.load(ctx, awsclient.Settings{Region: d.Region, Endpoint: d.Endpoint})
	if err != nil {
		return dynamo.Created{}, a.under("auditStore.dynamodb", err)
	}
	o.AllowGlobalTable, o.Ledger = d.AllowGlobalTable, a.Config.Ledger
	return dynamo.Create(ctx, cfg, d.Table, o)
}

// PolicyScope is what a policy for this configuration is about.
func (a *App) PolicyScope(ctx context.Context) (dynamo.PolicyScope, error) {
	d, err := a.dynamoDB()
	if err != nil {
		return dynamo.PolicyScope{}, err
	}
	cfg, err := a.o.AWS.load(ctx, awsclient.Settings{Region: d.Region, Endpoint: d.Endpoint})
	if err != nil {
		return dynamo.PolicyScope{}, a.under("auditStore.dynamodb", err)
	}
	return dynamo.PolicyScope{Table: d.Table, Region: cfg.Region, Ledgers: []string{a.Config.Ledger}}, nil
}
