package app

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// AWSConfigs keeps configurations of AWS clients from one App of a process to the
// next. The zero value is empty. It is safe for concurrent use.
type AWSConfigs struct{ configs awsclient.Configs }

// load is awsclient.Load; a nil receiver keeps nothing.
func (c *AWSConfigs) load(ctx context.Context, s awsclient.Settings) (aws.Config, error) {
	if c == nil {
		return awsclient.Load(ctx, s)
	}
	return c.configs.Load(ctx, s)
}
