package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// Login is what a token is asked for: one user at one address.
type Login = sqltarget.Login

// TokenSource makes passwords that are good for a few minutes, in place of one that
// is kept.
type TokenSource = sqltarget.TokenSource

// Option adds to the target type.
type Option func(*targetType)

type targetType struct{ tokens TokenSource }

// WithTokens makes iamAuth possible: targets/postgres/rdsauth has the source for
// Amazon RDS and Aurora. It is an option so that who needs none gets no AWS SDK.
func WithTokens(s TokenSource) Option { return func(t *targetType) { t.tokens = s } }

func (c settings) tokens() sqltarget.TokenSettings {
	return sqltarget.TokenSettings{IAMAuth: c.IAMAuth, Region: c.Region, Profile: c.Profile, RoleARN: c.RoleARN}
}

// checkTokens finds what is wrong with iamAuth in the configuration itself.
func (c settings) checkTokens(id string, source TokenSource) error {
	if err := c.tokens().Check(id, source, "postgres.Type(postgres.WithTokens(rdsauth.New()))"); err != nil {
		return err
	}
	if c.IAMAuth && c.Password != "" {
		return twoPasswords(id)
	}
	return nil
}

func twoPasswords(id string) error {
	return &core.ConfigError{
		Key: "targetSystems." + id, Reason: "has iamAuth and a password",
		Next: "take the password away, or iamAuth; it may come from the dsn, from PGPASSWORD or from the password file",
	}
}

// login returns what tokens are to be made for.
func (c settings) login(ctx context.Context, id string, s core.Settings, config *pgx.ConnConfig) (Login, error) {
	fault := func(reason, next string) (Login, error) {
		return Login{}, &core.ConfigError{Key: "targetSystems." + id, Reason: reason, Next: next}
	}
	l := Login{Host: config.Host, Port: config.Port, User: config.User}
	if config.Password != "" {
		return Login{}, twoPasswords(id)
	}
	encrypted := config.TLSConfig != nil
	for _, f := range config.Fallbacks {
		if f.Host != l.Host || f.Port != l.Port {
			return fault("iamAuth takes one host: a token is good for one address only", "name the writer endpoint of the cluster, which moves to the new primary by itself")
		}
		encrypted = encrypted && f.TLSConfig != nil
	}
	if !encrypted {
		return fault("iamAuth needs TLS: a token is a password", "set sslmode=verify-full, and sslrootcert to the certificates of Amazon RDS (or at the least sslmode=require)")
	}
	if err := c.tokens().Complete(ctx, s.Resolver(), &l); err != nil {
		return Login{}, err
	}
	return l, nil
}

// beforeConnect puts a new token into the copy of the configuration that one
// connection is made with.
func beforeConnect(id string, source TokenSource, l Login) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, c *pgx.ConnConfig) error {
		var err error
		c.Password, err = sqltarget.Password(ctx, system(id), source, l)
		return err
	}
}

// refusedToken says what to do about a token that the server does not accept. It
// leaves the driver's error behind, which holds on to the configuration with the token.
func refusedToken(id string, l Login, err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	// With rds_iam, PostgreSQL on RDS asks PAM, whose refusals have the general code.
	// Without, it takes the token for an ordinary password.
	if e.Code != invalidPassword && (e.Code != invalidAuthorization || !strings.Contains(e.Message, "PAM")) {
		return err
	}
	return &core.PermissionError{
		System: system(id), Err: e,
		Right: "one of: rds-db:connect for user " + l.User + " in IAM; GRANT rds_iam TO " + pgx.Identifier{l.User}.Sanitize() +
			"; IAM authentication switched on; the instance's own endpoint as host",
	}
}
