package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// The oldest versions that this target knows: those whose DDL is atomic, each
// statement by itself.
var (
	oldestMySQL   = [2]int{8, 0}
	oldestMariaDB = [2]int{10, 6}
)

// ping asks whether the server is one that changes can be made on, and whether the
// user may keep our tables there.
func ping(ctx context.Context, c *sql.Conn, id string) error {
	var version string
	var readOnly bool
	if err := c.QueryRowContext(ctx, "SELECT VERSION(), @@global.read_only OR @@innodb_read_only").Scan(&version, &readOnly); err != nil {
		return err
	}
	if err := usable(version, readOnly, id); err != nil {
		return err
	}
	database, err := prefix(ctx, c, id)
	if err != nil {
		return err
	}
	return rights(ctx, c, id, database)
}

var leading = regexp.MustCompile(`^(\d+)\.(\d+)`)

func usable(version string, readOnly bool, id string) error {
	name, oldest := "MySQL", oldestMySQL
	if strings.Contains(strings.ToLower(version), "mariadb") {
		name, oldest = "MariaDB", oldestMariaDB
	}
	if m := leading.FindStringSubmatch(version); m != nil {
		major, _ := strconv.Atoi(m[1]) //nolint:errcheck // digits
		minor, _ := strconv.Atoi(m[2]) //nolint:errcheck // digits
		if slices.Compare([]int{major, minor}, oldest[:]) < 0 {
			return fault(id, fmt.Sprintf("the server is too old: %s %d.%d, and %d.%d is needed", name, major, minor, oldest[0], oldest[1]), fmt.Sprintf("use a server of version %d.%d or later", oldest[0], oldest[1]))
		}
	}
	if readOnly {
		return fault(id, "the server only reads (read_only)", "name the primary; on Aurora the cluster's writer endpoint")
	}
	return nil
}

// rights finds the rights that are missing on our tables, by statements that do
// nothing: the grants of roles and patterns are not to be read by others.
func rights(ctx context.Context, c *sql.Conn, id, database string) error {
	var missing []string
	for _, try := range []struct{ right, statement string }{
		{"SELECT on flamingock_fence", "SELECT 1 FROM %sflamingock_fence WHERE FALSE"},
		{"INSERT on flamingock_fence", "INSERT INTO %sflamingock_fence (ledger_id, token, n, owner) SELECT '', 0, 0, '' FROM DUAL WHERE FALSE"},
		{"UPDATE on flamingock_fence", "UPDATE %sflamingock_fence SET n = 0 WHERE FALSE"},
		{"SELECT on flamingock_marker", "SELECT 1 FROM %sflamingock_marker WHERE FALSE"},
		{"INSERT on flamingock_marker", "INSERT INTO %sflamingock_marker (ledger_id, change_id, seq) SELECT '', '', 0 FROM DUAL WHERE FALSE"},
		{"DELETE on flamingock_marker", "DELETE FROM %sflamingock_marker WHERE FALSE"},
	} {
		_, err := c.ExecContext(ctx, "EXPLAIN "+fmt.Sprintf(try.statement, database))
		switch n := number(err); {
		case err == nil, n == noSuchTable: // it is made when it is needed
		case n == tableDenied, n == columnDenied, n == databaseDenied:
			missing = append(missing, try.right)
		default:
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &core.PermissionError{System: system(id), Right: strings.Join(missing, ", ") + " in database " + strings.TrimSuffix(database, ".")}
}
