package mysql

import (
	"context"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
)

// Login is what a token is asked for: one user at one address. Region, Profile and
// RoleARN are the target's settings, and may be empty.
type Login struct {
	Host                     string
	Port                     uint16
	User                     string
	Region, Profile, RoleARN string
}

// TokenSource makes passwords that are good for a few minutes, in place of one that
// is kept. It is asked for each new connection, by several goroutines at a time. Its
// errors reach people as they are when they have a code of their own, such as
// *core.ConfigError; they must not hold the token.
type TokenSource interface {
	Token(ctx context.Context, l Login) (core.Secret, error)
}

// Option adds to the target type.
type Option func(*targetType)

type targetType struct{ tokens TokenSource }

// WithTokens makes iamAuth possible: targets/mysql/rdsauth has the source for Amazon
// RDS and Aurora. It is an option so that who needs none gets no AWS SDK.
func WithTokens(s TokenSource) Option { return func(t *targetType) { t.tokens = s } }

// checkTokens finds what is wrong with iamAuth in the configuration itself.
func (c settings) checkTokens(id string, source TokenSource) error {
	switch {
	case !c.IAMAuth && (c.Region != "" || c.Profile != "" || c.RoleARN != ""):
		return fault(id, "has region, profile or roleArn without iamAuth", "add iamAuth: true, or take them away: they only say how tokens are made")
	case !c.IAMAuth:
		return nil
	case source == nil:
		return fault(id, "iamAuth is not possible: this binary has no source of tokens", "use the flamingock binary, or compile one in: mysql.Type(mysql.WithTokens(rdsauth.New()))")
	case c.Password != "":
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
	for _, v := range []struct {
		from string
		to   *string
	}{{c.Region, &l.Region}, {c.Profile, &l.Profile}, {c.RoleARN, &l.RoleARN}} {
		if *v.to, err = core.Expand(ctx, s.Resolver(), v.from); err != nil {
			return err
		}
	}
	config.AllowCleartextPasswords = true
	return config.Apply(mysql.BeforeConnect(func(ctx context.Context, c *mysql.Config) error {
		token, err := source.Token(ctx, l)
		if err != nil {
			return &tokenError{id, err}
		}
		c.Passwd = token.Reveal()
		return nil
	}))
}

// tokenError is a token that could not be made. No connection was tried.
type tokenError struct {
	id  string
	err error
}

func (e *tokenError) Error() string {
	return system(e.id) + ": no token for the login: " + e.err.Error()
}
func (e *tokenError) Unwrap() error { return e.err }

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
