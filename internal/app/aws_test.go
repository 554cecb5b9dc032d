package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// TestAWSConfigs counts what a second App of the same process asks for anew.
func TestAWSConfigs(t *testing.T) {
	var credentials atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/credentials" {
			credentials.Add(1)
			fmt.Fprintf(w, `{"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-RequestId", "FAKE")
		fmt.Fprint(w, `{"Items":[],"Count":0,"ScannedCount":0}`)
	}))
	defer s.Close()
	for k, v := range map[string]string{
		"AWS_CONFIG_FILE": "/nowhere/config", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": s.URL + "/credentials",
	} {
		t.Setenv(k, v)
	}
	config := filepath.Join(t.TempDir(), "flamingock.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "ledger: l\nauditStore: { dynamodb: { table: t, region: eu-west-1, endpoint: %q } }\n", s.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(shared *AWSConfigs) {
		t.Helper()
		a, err := New(Options{Program: core.Program{}, ConfigPath: config, AWS: shared})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.OpenStore(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Store.Load(t.Context(), a.Config.Ledger); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		load(nil)
	}
	if got := credentials.Swap(0); got != 3 {
		t.Errorf("without it, credentials were asked for %d times, want 3", got)
	}
	var shared AWSConfigs
	for range 3 {
		load(&shared)
	}
	if got := credentials.Swap(0); got != 1 {
		t.Errorf("with it, credentials were asked for %d times, want once", got)
	}
}

// Whoever asks at the same time gets the same client; other settings, and faults,
// get nothing of it.
func TestAWSConfigsAtOnce(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/nowhere/config")
	t.Setenv("AWS_PROFILE", "")
	var shared AWSConfigs
	here := awsclient.Settings{Region: "eu-west-1"}
	clients := make([]aws.HTTPClient, 8)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			cfg, err := shared.load(t.Context(), here)
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
	if cfg, err := shared.load(t.Context(), there); err != nil || cfg.Region != there.Region || cfg.HTTPClient == clients[0] {
		t.Errorf("got %s, %v", cfg.Region, err)
	}
	there.Endpoint = "nowhere"
	if _, err := shared.load(t.Context(), there); core.CodeOf(err) != core.CodeConfigInvalid || len(shared.known) != 2 {
		t.Errorf("got %v; %d are kept", err, len(shared.known))
	}
}
