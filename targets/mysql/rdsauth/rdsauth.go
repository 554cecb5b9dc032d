// Package rdsauth makes IAM tokens for MySQL and MariaDB on Amazon RDS and Aurora:
//
//	mysql.Type(mysql.WithTokens(rdsauth.New()))
//
// A token is signed here, with the credentials that every AWS client finds; only
// finding them may contact AWS. The server takes it for 15 minutes, for one user at
// one host and port. It is a package of its own so that a user of targets/mysql
// gets no AWS SDK.
//
// It does not prove that the token will be accepted: only the server knows that.
package rdsauth

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/rdstoken"
	"github.com/flamingock/flamingock-go/targets/mysql"
)

var _ mysql.TokenSource = (*Source)(nil)

// Source makes tokens. It keeps the credentials that it found until they expire.
type Source struct{ tokens *rdstoken.Source }

// New makes a source and contacts nothing.
func New() *Source { return &Source{rdstoken.New("user@tcp(host:3306)/database")} }

// Token makes a token for a login. The region is the one that is set, or else the
// one in the host's name, or else the environment's.
func (s *Source) Token(ctx context.Context, l mysql.Login) (core.Secret, error) {
	return s.tokens.Token(ctx, rdstoken.Login(l))
}
