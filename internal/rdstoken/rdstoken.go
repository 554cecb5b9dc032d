// Package rdstoken makes IAM tokens for Amazon RDS and Aurora, of whatever engine.
//
// A token is signed here, with the credentials that every AWS client finds; only
// finding them may contact AWS. The server takes it for 15 minutes, for one user at
// one host and port. It does not prove that the token will be accepted: only the
// server knows that.
package rdstoken

import (
	"context"
	"net"
	"regexp"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Login is what a token is made for: one user at one address. Region, Profile and
// RoleARN may be empty.
type Login struct {
	Host                     string
	Port                     uint16
	User                     string
	Region, Profile, RoleARN string
}

// Source makes tokens. It keeps the credentials that it found until they expire.
type Source struct {
	dsn string // an example, for errors

	mu      sync.Mutex
	configs map[awsclient.Settings]aws.Config
}

// New makes a source and contacts nothing. dsn is an example of one with a user, for
// errors.
func New(dsn string) *Source {
	return &Source{dsn: dsn, configs: map[awsclient.Settings]aws.Config{}}
}

// endpoint is how RDS names its own hosts: the region is a part of them.
var endpoint = regexp.MustCompile(`\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.rds\.amazonaws\.com(?:\.cn)?\.?$`)

// Token makes a token for a login. The region is the one that is set, or else the
// one in the host's name, or else the environment's.
func (s *Source) Token(ctx context.Context, l Login) (core.Secret, error) {
	if l.User == "" {
		return core.Secret{}, &core.ConfigError{Key: "user", Reason: "iamAuth needs the name of a user", Next: "put it into the dsn: " + s.dsn}
	}
	if m := endpoint.FindStringSubmatch(l.Host); m != nil {
		if l.Region != "" && l.Region != m[1] {
			return core.Secret{}, &core.ConfigError{Key: "region", Reason: "is " + l.Region + ", but the host is in " + m[1], Next: "take the setting away: the host's name says the region"}
		}
		l.Region = m[1]
	}
	cfg, err := s.config(ctx, awsclient.Settings{Region: l.Region, Profile: l.Profile, RoleARN: l.RoleARN})
	if err != nil {
		return core.Secret{}, err
	}
	token, err := auth.BuildAuthToken(ctx, net.JoinHostPort(l.Host, strconv.Itoa(int(l.Port))), cfg.Region, l.User, cfg.Credentials)
	if err != nil {
		return core.Secret{}, awsclient.Explain("AWS", err)
	}
	return core.NewSecret(token), nil
}

func (s *Source) config(ctx context.Context, settings awsclient.Settings) (aws.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cfg, ok := s.configs[settings]; ok {
		return cfg, nil
	}
	cfg, err := awsclient.Load(ctx, settings)
	if err != nil {
		return aws.Config{}, err
	}
	s.configs[settings] = cfg
	return cfg, nil
}
