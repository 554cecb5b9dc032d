package mysql_test

import (
	"database/sql"
	"fmt"
	"net"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
)

// What is wrong with the settings is said without contacting anything.
func TestSettings(t *testing.T) {
	for says, v := range map[string]values{
		"needs dsn or host":       {"user": "app"},
		"names no database":       {"host": "h"},
		"host beside it":          {"dsn": "app@tcp(h:1)/d", "host": "h"},
		"password beside it":      {"dsn": "app@tcp(h:1)/d", "password": "s3cret"},
		"without sslMode":         {"dsn": "app@tcp(h:1)/d", "sslCa": "ca.pem"},
		"does not exist: maybe":   {"dsn": "app@tcp(h:1)/d", "sslMode": "maybe"},
		"only one of sslCert":     {"host": "h", "database": "d", "sslMode": "REQUIRED", "sslCert": "c.pem"},
		"VERIFY_CA without sslCa": {"host": "h", "database": "d", "sslMode": "VERIFY_CA"},
		"no source of tokens":     {"dsn": "app@tcp(h:1)/d", "iamAuth": "true"},
		"without iamAuth":         {"dsn": "app@tcp(h:1)/d", "region": "eu-west-1"},
	} {
		if _, err := newFor(v); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(fmt.Sprint(err), says) || core.HintOf(err) == "" || strings.Contains(fmt.Sprint(err), "s3cret") {
			t.Errorf("%v: got %v, want ConfigInvalid: %s", v, err, says)
		}
	}
	for name, tt := range map[string]struct {
		v    values
		says string
	}{
		"a URL":             {values{"dsn": "mysql://app:s3cret@h:3306/d"}, "is a URL"},
		"no slash":          {values{"dsn": "app:s3cret@tcp(h:3306)"}, "missing the slash"},
		"no brace":          {values{"dsn": "app:s3cret@tcp(h:3306/d"}, "not terminated"},
		"a wrong value":     {values{"dsn": "app:s3cret@tcp(h:3306)/d?parseTime=s3cret"}, "invalid bool value"},
		"no such TLS":       {values{"dsn": "app:s3cret@tcp(h:3306)/d?tls=s3cret"}, "malformed"},
		"no database":       {values{"dsn": "app:s3cret@tcp(h:3306)/"}, "names no database"},
		"many statements":   {values{"dsn": "app:s3cret@tcp(h:3306)/d?multiStatements=true"}, "multiStatements"},
		"TLS twice":         {values{"dsn": "app:s3cret@tcp(h:3306)/d?tls=true", "sslMode": "REQUIRED"}, "sslMode beside it"},
		"no CA file":        {values{"dsn": "app:s3cret@tcp(h:3306)/d", "sslMode": "VERIFY_CA", "sslCa": "none.pem"}, "cannot be read"},
		"no CA in the file": {values{"dsn": "app:s3cret@tcp(h:3306)/d", "sslMode": "VERIFY_CA", "sslCa": "/dev/null"}, "holds no certificate"},
		"no client key":     {values{"dsn": "app:s3cret@tcp(h:3306)/d", "sslMode": "REQUIRED", "sslCert": "none.pem", "sslKey": "none.pem"}, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newTarget(t, tt.v).Ping(t.Context())
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(fmt.Sprint(err), tt.says) || core.HintOf(err) == "" || strings.Contains(fmt.Sprint(err), "s3cret") {
				t.Errorf("got %v, want ConfigInvalid: %s, and no password", err, tt.says)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		root := server.RootCertificate(t)
		dsn := server.Database(t)
		c, err := driver.ParseDSN(dsn)
		must(t, err)
		_, port, err := net.SplitHostPort(c.Addr)
		must(t, err)
		named := with(t, dsn, func(c *driver.Config) { c.Addr = "localhost:" + port })
		for name, tt := range map[string]struct {
			v         values
			encrypted bool
			fault     string
		}{
			"nothing said":           {values{"dsn": dsn}, false, ""},
			"DISABLED":               {values{"dsn": dsn, "sslMode": "DISABLED"}, false, ""},
			"PREFERRED":              {values{"dsn": dsn, "sslMode": "PREFERRED"}, true, ""},
			"REQUIRED":               {values{"dsn": dsn, "sslMode": "REQUIRED"}, true, ""},
			"VERIFY_CA":              {values{"dsn": dsn, "sslMode": "VERIFY_CA", "sslCa": "${env:none.pem}"}, true, "cannot be read"},
			"VERIFY_CA, the file":    {values{"dsn": dsn, "sslMode": "VERIFY_CA", "sslCa": root}, true, ""},
			"VERIFY_IDENTITY":        {values{"dsn": named, "sslMode": "VERIFY_IDENTITY", "sslCa": root}, true, ""},
			"an unknown authority":   {values{"dsn": named, "sslMode": "VERIFY_IDENTITY"}, true, "certificate"},
			"the DSN's own, unknown": {values{"dsn": with(t, named, func(c *driver.Config) { c.TLSConfig = "true" })}, true, "certificate"},
			"the DSN's own":          {values{"dsn": with(t, named, func(c *driver.Config) { c.TLSConfig = "skip-verify" })}, true, ""},
		} {
			t.Run(name, func(t *testing.T) {
				target := newTarget(t, tt.v)
				err := target.Ping(t.Context())
				if tt.fault != "" {
					if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), tt.fault) {
						t.Errorf("got %v, want ConfigInvalid: %s", err, tt.fault)
					}
					return
				}
				must(t, err)
				handle, release, err := target.Open(t.Context())
				must(t, err)
				var cipher string
				must(t, handle.(*sql.Conn).QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Ssl_cipher'").Scan(new(string), &cipher))
				must(t, release())
				if (cipher != "") != tt.encrypted {
					t.Errorf("got cipher %q, want encryption %t", cipher, tt.encrypted)
				}
			})
		}
	})
}
