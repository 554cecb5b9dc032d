package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/targets/httpapi"
)

// environment is one in which only these credentials are found.
func environment(t *testing.T, id, secret, token string) {
	for k, v := range map[string]string{
		"AWS_PROFILE": "", "AWS_DEFAULT_REGION": "", "AWS_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token,
	} {
		t.Setenv(k, v)
	}
}

// The service computes the signature of what it got, as AWS does, and compares.
func TestSignature(t *testing.T) {
	environment(t, "AKIDEXAMPLE", "canary-secret", "canary-session")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sum := sha256.Sum256(body)
		again, _ := http.NewRequest(r.Method, "http://"+r.Host+r.RequestURI, strings.NewReader(string(body)))
		for _, name := range strings.Split(signedHeaders(r.Header.Get("Authorization")), ";") {
			if v := r.Header.Get(name); v != "" {
				again.Header.Set(name, v)
			}
		}
		again.ContentLength = r.ContentLength
		err := v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "canary-secret", SessionToken: "canary-session"},
			again, hex.EncodeToString(sum[:]), "execute-api", "eu-west-1", now)
		if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") || r.Header.Get("X-Amz-Security-Token") != "canary-session" {
			t.Errorf("%s %s: %v\n%s\n%s", r.Method, r.RequestURI, err, r.Header.Get("Authorization"), again.Header.Get("Authorization"))
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer service.Close()
	source := New()
	source.now = func() time.Time { return now }
	target := targetOf(t, source, service.URL+"/prod", "eu-west-1")
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := handle.(*httpapi.Client)
	for _, r := range []httpapi.Request{
		{Method: "GET", Path: "/plans"},
		{Method: "POST", Path: "/plans?b=2&a=1", Body: []byte(`{"name":"gold"}`), Header: http.Header{"Content-Type": {"application/json"}}},
		{Method: "DELETE", Path: "/plans/a%20b"},
		{Method: "PUT", Path: "/plans/gold", Header: http.Header{"X-Team": {"payments"}}},
	} {
		resp, err := client.Send(t.Context(), r)
		if err != nil || resp.Expect() != nil {
			t.Errorf("%s %s: %v, %v", r.Method, r.Path, resp, err)
		}
	}
}

func signedHeaders(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "SignedHeaders=")
	out, _, _ := strings.Cut(rest, ",")
	return out
}

// Without credentials, or with settings that cannot be, nothing is sent.
func TestNoCredentials(t *testing.T) {
	environment(t, "", "", "")
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer service.Close()
	for region, key := range map[string]string{"eu-west-1": "target system billing (http)", "": "targetSystems.billing.auth.sigv4.region", "no region": "targetSystems.billing.auth.sigv4.region"} {
		var ce *core.ConfigError
		if err := targetOf(t, New(), service.URL, region).Ping(t.Context()); !errors.As(err, &ce) || ce.Key != key || ce.Next == "" {
			t.Errorf("region %q: got %v", region, err)
		}
	}
}

// A real service that checks who signs: whom LocalStack's STS takes the caller for.
func TestLocalStack(t *testing.T) {
	cfg := awstest.LocalStack(t)
	c, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	environment(t, c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	source := New()
	signer, err := source.Signer(t.Context(), "billing", "auth.sigv4", httpapi.Signing{Service: "sts", Region: cfg.Region})
	if err != nil {
		t.Fatal(err)
	}
	body := "Action=GetCallerIdentity&Version=2011-06-15"
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, aws.ToString(cfg.BaseEndpoint)+"/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := signer.Sign(t.Context(), r, []byte(body)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(answer), "<Account>") {
		t.Errorf("%s: %s", resp.Status, answer)
	}
}

// targetOf makes the target as a configuration file has it.
func targetOf(t *testing.T, source *Source, url, region string) core.Target {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flamingock.yaml")
	text := "targetSystems: { billing: { type: http, baseUrl: '" + url + "', auth: { sigv4: { service: execute-api, region: '" + region + "' } } } }\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	target, err := httpapi.Type(httpapi.WithSigV4(source)).New("billing", c.TargetSystems[0].Settings)
	if err != nil {
		t.Fatal(err)
	}
	return target
}
