package app

import (
	"context"
	"errors"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/dynamo/javaedition"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// The editions that a history can be imported from, and the Java edition's own
// name of its table.
const (
	FromJava         = "flamingock-java"
	DefaultJavaTable = javaedition.DefaultTable
)

// JavaTable says where the Java edition's audit table is. What is empty is taken
// from the configured audit store, or from the environment.
type JavaTable struct {
	Table, Region, Endpoint, Profile string
	Zone                             *time.Location // of its times
}

// JavaHistory is what the table holds. The fields are javaedition.History's.
type JavaHistory struct {
	Origin   run.Origin
	Rows     []run.ImportRow
	System   int
	Doubtful []string
}

// ReadJavaTable reads the audit table of the Java edition.
func (a *App) ReadJavaTable(ctx context.Context, t JavaTable) (*JavaHistory, error) {
	s := awsclient.Settings{Region: t.Region, Endpoint: t.Endpoint, Profile: t.Profile}
	if d := a.Config.AuditStore.DynamoDB; d != nil {
		if s.Region == "" {
			s.Region = d.Region
		}
		if s.Endpoint == "" {
			s.Endpoint = d.Endpoint
		}
	}
	cfg, err := a.o.AWS.load(ctx, s)
	if err != nil {
		return nil, asFlag(err)
	}
	h, err := javaedition.New(cfg, t.Table).Read(ctx, t.Zone)
	if err != nil {
		return nil, err
	}
	out := &JavaHistory{
		Origin: run.Origin{From: FromJava, Table: t.Table, Timezone: t.Zone.String()},
		Rows:   make([]run.ImportRow, len(h.Rows)), System: h.System, Doubtful: h.Doubtful,
	}
	for i := range h.Rows {
		out.Rows[i] = run.ImportRow{Key: h.Rows[i].Key, Written: h.Rows[i].CreatedAt, Entry: h.Rows[i].Entry}
	}
	return out, nil
}

// asFlag says by which flag a fault of the table's client is mended.
func asFlag(err error) error {
	var ce *core.ConfigError
	if errors.As(err, &ce) && ce.Key != "" {
		if ce.Key == "region" {
			ce.Next = "name the region of the table to import with --region, or AWS_REGION in the environment"
		}
		ce.Key = "--" + ce.Key
	}
	return err
}
