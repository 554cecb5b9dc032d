package awsclient

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
)

// Whoever asks at the same time gets the same client; other settings, and faults,
// get nothing of it.
func TestConfigsAtOnce(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/nowhere/config")
	t.Setenv("AWS_PROFILE", "")
	var shared Configs
	here := Settings{Region: "eu-west-1"}
	clients := make([]aws.HTTPClient, 8)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			cfg, err := shared.Load(t.Context(), here)
			if err != nil {
				t.Error(err)
			}
			clients[i] = cfg.HTTPClient
		})
	}
	all.Wait()
	for _, c := range clients {
		if c == nil || c != clients[0] {
			t.Fatal("there are several clients")
		}
	}
	there := here
	there.Region = "eu-north-1"
	if cfg, err := shared.Load(t.Context(), there); err != nil || cfg.Region != there.Region || cfg.HTTPClient == clients[0] {
		t.Errorf("got %s, %v", cfg.Region, err)
	}
	there.Endpoint = "nowhere"
	if _, err := shared.Load(t.Context(), there); core.CodeOf(err) != core.CodeConfigInvalid || len(shared.known) != 2 {
		t.Errorf("got %v; %d are kept", err, len(shared.known))
	}
}
