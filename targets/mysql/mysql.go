package mysql

import (
	"context"
	"database/sql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// TypeName is the target type's name in the configuration.
const TypeName = "mysql"

// Type returns the target type. Settings: dsn, which goes to go-sql-driver/mysql as it
// is; or host, port, database, user and password, which may hold any characters. With
// either: sslMode (DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY), sslCa,
// sslCert and sslKey. All may hold references.
//
// iamAuth: true takes a token in place of a password, made anew for each connection;
// see [WithTokens]. region, profile and roleArn say how it is made.
func Type(opts ...Option) core.TargetType {
	var t targetType
	for _, set := range opts {
		set(&t)
	}
	return core.TargetType{Name: TypeName, New: t.fromSettings, Templates: sqltarget.Templates(Dialect())}
}

// New makes a target of a database that the caller opened with go-sql-driver/mysql,
// and goes on to own: its connections are given back after every call, with the
// timeouts they had, and it is not closed. Its connections must name a database, and
// must not have multiStatements.
func New(id string, db *sql.DB) *sqltarget.Target {
	d := dialect(id)
	d.Session = borrowedSession
	return sqltarget.New(sqltarget.Config{
		ID: id, TypeName: TypeName, Dialect: d, Borrowed: true,
		Connect: func(context.Context) (*sql.DB, error) { return db, nil },
	})
}

func (t targetType) fromSettings(id string, s core.Settings) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	if err := c.check(id); err != nil {
		return nil, err
	}
	if err := c.checkTokens(id, t.tokens); err != nil {
		return nil, err
	}
	return sqltarget.New(sqltarget.Config{
		ID: id, TypeName: TypeName, Dialect: dialect(id),
		Connect: func(ctx context.Context) (*sql.DB, error) {
			config, err := c.config(ctx, id, s)
			if err != nil {
				return nil, err
			}
			if c.IAMAuth {
				if err := c.useTokens(ctx, id, s, config, t.tokens); err != nil {
					return nil, err
				}
			}
			connector, err := newConnector(id, config)
			if err != nil {
				return nil, err
			}
			if c.IAMAuth {
				connector.refused = func(err error) error { return refusedToken(id, config.User, err) }
			}
			return sql.OpenDB(connector), nil
		},
	}), nil
}

func system(id string) string { return "target system " + id + " (" + TypeName + ")" }
