package sqltarget_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// What a plan says of scripts: verbs and objects, and no value, whichever way it is
// quoted.
func TestDoes(t *testing.T) {
	pg, my, lite := split.PostgreSQL(), split.MySQL(), split.SQLite()
	for _, tt := range []struct {
		in   split.Options
		sql  string
		want string
	}{
		{pg, "create table if not exists shop.Orders (id int default 7)", "CREATE TABLE shop.Orders"},
		{pg, `CREATE TABLE "Order Lines"."of" (x text DEFAULT 'canary')`, `CREATE TABLE "Order Lines"."of"`},
		{pg, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY orders (lower('canary'))", "CREATE UNIQUE INDEX CONCURRENTLY i ON orders"},
		{pg, "ALTER TABLE orders ADD COLUMN a numeric(12, 2), DROP COLUMN customers", "ALTER TABLE orders ADD COLUMN a and more"},
		{pg, "ALTER TABLE orders ADD COLUMN a numeric(12, 2)", "ALTER TABLE orders ADD COLUMN a"},
		{pg, "DROP FUNCTION f(int, int), g(int)", "DROP FUNCTION f and others"},
		{pg, "DROP FUNCTION f(int, int)", "DROP FUNCTION f"},
		{pg, `CREATE TABLE u&"d\0061t" (x int)`, "CREATE TABLE"},
		{pg, "CREATE INDEX ON orders (id)", "CREATE INDEX ON orders"},
		{pg, "CREATE OR REPLACE FUNCTION f(a text DEFAULT 'canary') RETURNS int LANGUAGE sql AS $x$ SELECT 'canary' $x$", "CREATE OR REPLACE FUNCTION f"},
		{pg, "DO $$ BEGIN PERFORM 'canary'; END $$", "DO"},
		{pg, "CREATE MATERIALIZED VIEW totals AS SELECT 'canary'", "CREATE MATERIALIZED VIEW totals"},
		{pg, "COMMENT ON COLUMN orders.total IS 'canary'", "COMMENT ON COLUMN orders.total"},
		{pg, "ALTER TABLE ONLY orders ADD COLUMN IF NOT EXISTS note text DEFAULT E'canary'", "ALTER TABLE orders ADD COLUMN note"},
		{pg, "ALTER TABLE orders ADD CONSTRAINT c CHECK (x <> 'canary')", "ALTER TABLE orders ADD CONSTRAINT c"},
		{pg, "ALTER TABLE orders RENAME TO purchases", "ALTER TABLE orders RENAME TO purchases"},
		{pg, "ALTER TABLE orders SET (x = 'canary')", "ALTER TABLE orders"},
		{pg, "ALTER ROLE app PASSWORD 'canary'", "ALTER ROLE app"},
		{pg, "CREATE USER MAPPING FOR app SERVER s OPTIONS (password 'canary')", "CREATE USER MAPPING"},
		{pg, "DROP TABLE a, canary", "DROP TABLE a and others"},
		{pg, "TRUNCATE orders", "TRUNCATE orders"},
		{pg, "TRUNCATE TABLE ONLY orders", "TRUNCATE TABLE orders"},
		{pg, "INSERT INTO users (name) VALUES ('canary')", "INSERT INTO users"},
		{pg, "UPDATE ONLY users SET password = 'canary'", "UPDATE users"},
		{pg, "DELETE FROM users WHERE token = 'canary'", "DELETE FROM users"},
		{pg, "MERGE INTO users u USING canary", "MERGE INTO users"},
		{pg, "GRANT SELECT ON orders TO app", "GRANT"},
		{pg, "SELECT set_config('app.key', 'canary', false)", "SELECT"},
		{pg, "SET app.key = 'canary'", "SET"},
		{pg, "CALL settle(U&'canary')", "CALL settle"},
		{pg, "CREATE canary", "CREATE"},
		{pg, "(SELECT 'canary')", "a statement"},
		{pg, "${env:DDL}", "a statement"},
		{pg, "CREATE TABLE ${env:TABLE} (id int)", "CREATE TABLE ${env:TABLE}"},
		{pg, "-- \x1b[2Jcanary\nCREATE /* \x1b]0;canary\x07 */ TABLE t (id int)", "CREATE TABLE t"},
		{pg, "CREATE TABLE \"a\x1b[31m\nb\" (id int)", "CREATE TABLE \"a\uFFFD[31m b\""},
		{my, "/*!40101 SET NAMES utf8 */; INSERT IGNORE INTO `t` VALUES (\"canary\")", "2 statements: SET; INSERT INTO `t`"},
		{my, "REPLACE INTO t VALUES ('canary')", "REPLACE INTO t"},
		{my, "DELETE LOW_PRIORITY FROM t WHERE a = \"canary\"", "DELETE FROM t"},
		{my, "CREATE USER 'bob'@'%' IDENTIFIED BY 'canary'", "CREATE USER"},
		{my, "ALTER USER bob IDENTIFIED BY 'canary'", "ALTER USER bob"},
		{my, "SET PASSWORD = 'canary'", "SET"},
		{my, "DROP INDEX i ON t", "DROP INDEX i ON t"},
		{my, "DELIMITER //\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 'canary'; END//", "CREATE TRIGGER g"},
		{lite, "INSERT OR REPLACE INTO [my table] VALUES ('canary')", "INSERT INTO [my table]"},
		{lite, "CREATE VIRTUAL TABLE s USING fts5(canary)", "CREATE VIRTUAL TABLE s"},
		{lite, "CREATE TABLE customers (id int); CREATE INDEX i ON customers (id); INSERT INTO customers VALUES (1)", "3 statements: CREATE TABLE customers; CREATE INDEX i ON customers; INSERT INTO customers"},
		{lite, strings.Repeat("INSERT INTO t VALUES ('canary');", 7), "7 statements: " + strings.Repeat("INSERT INTO t; ", 5) + "and 2 more"},
		{lite, fmt.Sprintf("DROP TABLE %s; DROP TABLE %[1]s; DROP TABLE b", strings.Repeat("a", 500)), "3 statements: DROP TABLE " + core.Cap(strings.Repeat("a", 500), 80) + "; and 2 more"},
	} {
		step, err := sqltarget.Templates(sqltarget.Dialect{Split: tt.in})[0].Compile(block(tt.sql))
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		if got := step.Summary(); got != tt.want || strings.Contains(got, "canary") {
			t.Errorf("%q:\n got %s\nwant %s", tt.sql, got, tt.want)
		}
	}
}

// A script that is sent as a whole is told of as far as it can be read.
func TestDoesUnsplit(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE a (x); CREATE TABLE b (x)": "2 statements: CREATE TABLE a; CREATE TABLE b",
		"CREATE TABLE a (x text DEFAULT 'canary": "sends its SQL as one text",
	} {
		p := block(sql)
		p.config = map[string]bool{"splitStatements": false}
		if got := compile(t, p).Summary(); got != want {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
}
