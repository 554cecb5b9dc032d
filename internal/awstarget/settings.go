package awstarget

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Settings are those of every target system that is a service of AWS. All texts may
// hold references. What is absent, the environment and the AWS configuration files say.
type Settings struct {
	Region   string `yaml:"region"`
	Endpoint string `yaml:"endpoint"`
	Profile  string `yaml:"profile"`
	RoleARN  string `yaml:"roleArn"`
}

// Load makes the configuration of the clients of target system id. It contacts nobody
// but who has the values of references. Errors name the key of the configuration.
func (c Settings) Load(ctx context.Context, id string, r core.Resolver, configs *awsclient.Configs) (aws.Config, error) {
	var at awsclient.Settings
	for _, p := range []struct {
		from string
		to   *string
	}{{c.Region, &at.Region}, {c.Endpoint, &at.Endpoint}, {c.Profile, &at.Profile}, {c.RoleARN, &at.RoleARN}} {
		var err error
		if *p.to, err = core.Expand(ctx, r, p.from); err != nil {
			return aws.Config{}, err
		}
	}
	cfg, err := configs.Load(ctx, at)
	var fault *core.ConfigError
	if errors.As(err, &fault) {
		key := "targetSystems." + id
		if fault.Key != "" {
			key += "." + fault.Key
		}
		fault.Key = key
	}
	return cfg, err
}
