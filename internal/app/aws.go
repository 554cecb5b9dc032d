package app

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// AWSConfigs keeps configurations of AWS clients, and with them connections and
// credentials, from one App of a process to the next, and nothing else. The zero
// value is empty. It is safe for concurrent use. What the environment and the files
// of ~/.aws say is read when Settings are first seen.
type AWSConfigs struct {
	mu    sync.Mutex
	known map[awsclient.Settings]aws.Config
}

// load is awsclient.Load; a nil receiver keeps nothing.
func (c *AWSConfigs) load(ctx context.Context, s awsclient.Settings) (aws.Config, error) {
	if c == nil {
		return awsclient.Load(ctx, s)
	}
	if cfg, ok := c.get(s); ok {
		return cfg, nil
	}
	cfg, err := awsclient.Load(ctx, s) // not under the mutex: it may wait for the machine
	if err != nil {
		return aws.Config{}, err
	}
	return c.put(s, cfg), nil
}

func (c *AWSConfigs) get(s awsclient.Settings) (aws.Config, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg, ok := c.known[s]
	return cfg, ok
}

// put keeps the first of several that were loaded at once, and returns it.
func (c *AWSConfigs) put(s awsclient.Settings, cfg aws.Config) aws.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.known[s]; ok {
		return first
	}
	if c.known == nil {
		c.known = map[awsclient.Settings]aws.Config{}
	}
	c.known[s] = cfg
	return cfg
}
