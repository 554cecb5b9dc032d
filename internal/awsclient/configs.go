package awsclient

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Configs keeps configurations of AWS clients, and with them connections and
// credentials, for all who use it, and nothing else. The zero value is empty. It is
// safe for concurrent use. What the environment and the files of ~/.aws say is read
// when Settings are first seen.
type Configs struct {
	mu    sync.Mutex
	known map[Settings]aws.Config
}

// Load is the function Load, once for equal Settings. A failure is not kept.
func (c *Configs) Load(ctx context.Context, s Settings) (aws.Config, error) {
	if cfg, ok := c.get(s); ok {
		return cfg, nil
	}
	cfg, err := Load(ctx, s) // not under the mutex: it may wait for the machine
	if err != nil {
		return aws.Config{}, err
	}
	return c.put(s, cfg), nil
}

func (c *Configs) get(s Settings) (aws.Config, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg, ok := c.known[s]
	return cfg, ok
}

// put keeps the first of several that were loaded at once, and returns it.
func (c *Configs) put(s Settings, cfg aws.Config) aws.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.known[s]; ok {
		return first
	}
	if c.known == nil {
		c.known = map[Settings]aws.Config{}
	}
	c.known[s] = cfg
	return cfg
}
