package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flamingock/flamingock-go/core"
)

func TestUsable(t *testing.T) {
	for _, tt := range []struct {
		version int
		standby bool
		want    string
	}{
		{90624, false, "too old: PostgreSQL 9.6,"}, {110022, false, "too old: PostgreSQL 11.22"}, {120000, false, ""}, {180006, false, ""}, {170002, true, "standby"},
	} {
		err := usable(tt.version, tt.standby, "db")
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || core.CodeOf(err) != core.CodeConfigInvalid) {
			t.Errorf("%d: got %v, want %q", tt.version, err, tt.want)
		}
	}
}

func TestParseIndex(t *testing.T) {
	for sql, want := range map[string]index{
		"CREATE INDEX CONCURRENTLY i ON t (a)": {`"i"`, `"t"`, false},
		"create /* x */ unique index concurrently if not exists Ünder ON ONLY \"S;\".\"T\"\"x\" using gin (a)": {`"Ünder"`, `"S;"."T""x"`, true},
		"CREATE INDEX CONCURRENTLY i ON db.s.t(a)":                                                             {`"i"`, `"db"."s"."t"`, false},
		"CREATE INDEX CONCURRENTLY ON t (a)":                                                                   {},
		"CREATE INDEX i ON t (a)":                                                                              {},
		"CREATE INDEX CONCURRENTLY i${env:X} ON t (a)":                                                         {},
		"CREATE INDEX CONCURRENTLY i ON t${env:X} (a)":                                                         {},
		"CREATE INDEX CONCURRENTLY ${env:X} ON t (a)":                                                          {},
		`CREATE INDEX CONCURRENTLY U&"\0061" ON t (a)`:                                                         {},
		"CREATE INDEX CONCURRENTLY i ON t":                                                                     {},
		"CREATE INDEX CONCURRENTLY":                                                                            {},
		"DROP INDEX CONCURRENTLY i":                                                                            {},
	} {
		if got, ok := parseCreate(sql); ok != (want.name != "") || ok && got != want {
			t.Errorf("%s: got %+v %t, want %+v", sql, got, ok, want)
		}
	}
	for sql, want := range map[string]string{
		"DROP INDEX CONCURRENTLY I": `"i"`, "DROP INDEX CONCURRENTLY IF EXISTS s.i RESTRICT": `"s"."i"`, "DROP INDEX CONCURRENTLY i CASCADE": `"i"`,
		"DROP INDEX CONCURRENTLY a, b": "", "DROP INDEX i": "", "DROP INDEX CONCURRENTLY i${env:X}": "", "DROP INDEX CONCURRENTLY": "",
	} {
		if got, ok := parseDrop(sql); ok != (want != "") || ok && got.name != want {
			t.Errorf("%s: got %+v %t, want %s", sql, got, ok, want)
		}
	}
	for sql, want := range map[string]bool{"REINDEX TABLE CONCURRENTLY t": true, "REFRESH MATERIALIZED VIEW CONCURRENTLY m": false, "SELECT 1": false, "": false} {
		if got := concurrent(sql); got != want {
			t.Errorf("%s: got %t, want %t", sql, got, want)
		}
	}
}

// On RDS, a role with rds_iam is asked for by PAM, whose refusals have the general
// code of all logins.
func TestRefusedToken(t *testing.T) {
	l := Login{User: `o"dd`}
	for _, tt := range []struct {
		code, message string
		ours          bool
	}{
		{"28P01", `password authentication failed for user "app"`, true},
		{"28000", `PAM authentication failed for user "app"`, true},
		{"28000", `role "app" is not permitted to log in`, false},
		{"3D000", `database "d" does not exist`, false},
	} {
		err := refusedToken("db", l, fmt.Errorf("connect: %w", &pgconn.PgError{Severity: "FATAL", Code: tt.code, Message: tt.message}))
		if got := core.CodeOf(err) == core.CodePermissionDenied; got != tt.ours || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%s %s: got %v", tt.code, tt.message, err)
		}
		if tt.ours && !strings.Contains(err.Error(), `GRANT rds_iam TO "o""dd"`) {
			t.Errorf("got %v, want the name quoted", err)
		}
	}
	if err := errors.New("no answer"); refusedToken("db", l, err) != err { //nolint:errorlint // the same error is wanted
		t.Error("an error that is not the server's was changed")
	}
}
