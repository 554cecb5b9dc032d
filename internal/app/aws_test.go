package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
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
