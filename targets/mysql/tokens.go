package mysql

import (
	"context"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

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

// WithTokens makes iamAuth possible: targets/mysql/rdsauth has the source for Amazon
// RDS and Aurora. It is an option so that who needs none gets no AWS SDK.
func WithTokens(s TokenSource) Option { return func(t *targetType) { t.tokens = s } }

func (c settings) tokens() sqltarget.TokenSettings {
	return sqltarget.TokenSettings{IAMAuth: c.IAMAuth, Region: c.Region, Profile: c.Profile, RoleARN: c.RoleARN}
}

// checkTokens finds what is wrong with iamAuth in the configuration itself.
func (c settings) checkTokens(id string, source TokenSource) error {
	if err := c.tokens().Check(id, source, "mysql.Type(mysql.WithTokens(rdsauth.New()))"); err != nil {
		return err
	}
	if c.IAMAuth && c.Password != "" {
		return twoPasswords(id)
	}
	return nil
}

func twoPasswords(id string) error {
	return fault(id, "has iamAuth and a password", "take the password away, or iamAuth")
}

// useTokens makes each new connection ask for a token. The server takes it as a
// password in clear text, by its plugin mysql_clear_password: over TLS only.
func (c settings) useTokens(ctx context.Context, id string, s core.Settings, config *mysql.Config, source TokenSource) error {
	if config.Passwd != "" {
		return twoPasswords(id)
	}
	if !encrypted(config) && (config.TLSConfig == "" || config.TLSConfig == "false" || config.TLSConfig == "preferred") {
		return fault(id, "iamAuth needs TLS: a token is a password", "set sslMode: VERIFY_IDENTITY, and sslCa to the certificates of Amazon RDS (or at the least sslMode: REQUIRED)")
	}
	l := Login{User: config.User}
	var port string
	var err error
	if l.Host, port, err = net.SplitHostPort(config.Addr); err != nil || config.Net != "tcp" {
		return fault(id, "iamAuth needs a host and a port", "name the endpoint of the instance or cluster")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fault(id, "the port is no number", "leave it out for 3306")
	}
	l.Port = uint16(number)
	if err := c.tokens().Complete(ctx, s.Resolver(), &l); err != nil {
		return err
	}
	config.AllowCleartextPasswords = true
	return config.Apply(mysql.BeforeConnect(func(ctx context.Context, c *mysql.Config) error {
		var err error
		c.Passwd, err = sqltarget.Password(ctx, system(id), source, l)
		return err
	}))
}

// refusedToken says what to do about a token that the server does not accept.
func refusedToken(id, user string, err error) error {
	if number(err) != accessDenied {
		return err
	}
	return &core.PermissionError{
		System: system(id), Err: err,
		Right: "one of: rds-db:connect for user " + user + " in IAM; CREATE USER … IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'; IAM authentication switched on; the instance's own endpoint as host",
	}
}
