package config

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
)

// Resolver returns the resolver of references in the configuration and in changes.
// It reads the environment when it is asked, not before.
func (c *Config) Resolver() core.Resolver { return resolver{c.lookup} }

type resolver struct {
	lookup func(string) (string, bool)
}

func (r resolver) Resolve(_ context.Context, ref core.Reference) (core.Secret, error) {
	if ref.Scheme != "env" {
		return core.Secret{}, &core.ConfigError{
			Key:    ref.String(),
			Reason: "references of the kind " + ref.Scheme + " are not available in this build yet",
			Next:   "put the value into an environment variable and write ${env:NAME}",
		}
	}
	if ref.Key == "" {
		return core.Secret{}, &core.ConfigError{
			Key: ref.String(), Reason: "the name of the environment variable is missing", Next: "write ${env:NAME}",
		}
	}
	value, ok := r.lookup(ref.Key)
	if !ok {
		return core.Secret{}, &core.ConfigError{
			Key: ref.String(), Reason: "the environment variable " + ref.Key + " is not set",
			Next: "set " + ref.Key + " where Flamingock runs",
		}
	}
	return core.NewSecret(value), nil
}
