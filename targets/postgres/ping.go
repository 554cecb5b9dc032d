package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// oldest is the oldest version that this target knows, as server_version_num.
const oldest = 120000

// ping asks whether the server is one that changes can be made on, and whether the
// role may keep our tables there.
func ping(ctx context.Context, c *sql.Conn, id string) error {
	var version int
	var standby bool
	if err := c.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int, pg_is_in_recovery()").Scan(&version, &standby); err != nil {
		return err
	}
	if err := usable(version, standby, id); err != nil {
		return err
	}
	if _, err := prefix(ctx, c, id); err != nil {
		return err
	}
	return rights(ctx, c, id)
}

func usable(version int, standby bool, id string) error {
	fault := func(reason, next string) error {
		return &core.ConfigError{Key: "targetSystems." + id, Reason: reason, Next: next}
	}
	switch {
	case version < oldest:
		minor := version % 10000
		if version < 100000 { // 9.6.24 is 90624
			minor = version / 100 % 100
		}
		return fault(fmt.Sprintf("the server is too old: PostgreSQL %d.%d, and 12 is needed", version/10000, minor), "use a server of version 12 or later")
	case standby:
		return fault("the server is a standby, which only reads", "name the primary, or all of its hosts with target_session_attrs=read-write in the dsn")
	}
	return nil
}

// rights finds the rights that are missing: on our tables, or to make them.
func rights(ctx context.Context, c *sql.Conn, id string) error {
	var schema string
	var create bool
	var fence, marker sql.NullString // the missing ones; NULL without the table
	err := c.QueryRowContext(ctx, `
		WITH ours AS (SELECT to_regclass('flamingock_fence') AS fence),
		place AS (SELECT fence, coalesce((SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = fence), (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())) AS schema FROM ours),
		both_tables AS (SELECT fence, schema, (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'flamingock_marker' AND relnamespace = schema) AS marker FROM place)
		SELECT schema::regnamespace::text, has_schema_privilege(schema, 'CREATE'),
			CASE WHEN fence IS NOT NULL THEN (SELECT coalesce(string_agg(r, ', '), '') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) r WHERE NOT has_table_privilege(fence, r)) END,
			CASE WHEN marker IS NOT NULL THEN (SELECT coalesce(string_agg(r, ', '), '') FROM unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) r WHERE NOT has_table_privilege(marker, r)) END
		FROM both_tables`).Scan(&schema, &create, &fence, &marker)
	if err != nil {
		return err
	}
	var missing []string
	if !create && !(fence.Valid && marker.Valid) {
		missing = append(missing, "CREATE on schema "+schema)
	}
	for table, rights := range map[string]sql.NullString{"flamingock_fence": fence, "flamingock_marker": marker} {
		if rights.String != "" {
			missing = append(missing, rights.String+" on table "+schema+"."+table)
		}
	}
	if len(missing) > 0 {
		return &core.PermissionError{System: system(id), Right: strings.Join(missing, " and ")}
	}
	return nil
}
