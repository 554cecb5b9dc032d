package sqltarget

import (
	"context"

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

// TokenSettings are what a target's configuration says about tokens.
type TokenSettings struct {
	IAMAuth                  bool
	Region, Profile, RoleARN string
}

// Check finds what is wrong with the settings themselves. The source is nil in a binary
// without one, and option is the code that compiles one in.
func (s TokenSettings) Check(id string, source TokenSource, option string) error {
	fault := func(reason, next string) error {
		return &core.ConfigError{Key: "targetSystems." + id, Reason: reason, Next: next}
	}
	switch {
	case !s.IAMAuth && (s.Region != "" || s.Profile != "" || s.RoleARN != ""):
		return fault("has region, profile or roleArn without iamAuth", "add iamAuth: true, or take them away: they only say how tokens are made")
	case s.IAMAuth && source == nil:
		return fault("iamAuth is not possible: this binary has no source of tokens", "use the flamingock binary, or compile one in: "+option)
	}
	return nil
}

// Complete puts the settings into a login, with their references resolved.
func (s TokenSettings) Complete(ctx context.Context, r core.Resolver, l *Login) error {
	for _, v := range []struct {
		from string
		to   *string
	}{{s.Region, &l.Region}, {s.Profile, &l.Profile}, {s.RoleARN, &l.RoleARN}} {
		value, err := core.Expand(ctx, r, v.from)
		if err != nil {
			return err
		}
		*v.to = value
	}
	return nil
}

// Password asks a source for a token, which is the password of one connection. system
// names the target system in the error.
func Password(ctx context.Context, system string, source TokenSource, l Login) (string, error) {
	token, err := source.Token(ctx, l)
	if err != nil {
		return "", &TokenError{System: system, Err: err}
	}
	return token.Reveal(), nil
}

// TokenError is a token that could not be made. No connection was tried.
type TokenError struct {
	System string
	Err    error
}

func (e *TokenError) Error() string { return e.System + ": no token for the login: " + e.Err.Error() }

// Unwrap returns the source's error.
func (e *TokenError) Unwrap() error { return e.Err }
