package awsclient_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

func TestLoadRefuses(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, "config")
	if err := os.WriteFile(file, []byte("[profile known]\nregion = eu-north-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		settings    awsclient.Settings
		environment map[string]string
		says        string
	}{
		"no region":        {awsclient.Settings{}, nil, "no AWS region is known"},
		"a place":          {awsclient.Settings{Region: "EU (Ireland)"}, nil, "not the name of an AWS region"},
		"a host as region": {awsclient.Settings{Region: "x.example.com/"}, nil, "not the name of an AWS region"},
		"no such profile":  {awsclient.Settings{Region: "eu-west-1", Profile: "nobody"}, nil, "nobody"},
		"AWS_PROFILE":      {awsclient.Settings{Region: "eu-west-1"}, map[string]string{"AWS_PROFILE": "nobody"}, "nobody"},
		"AWS_CA_BUNDLE":    {awsclient.Settings{Region: "eu-west-1"}, map[string]string{"AWS_CA_BUNDLE": "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
		"no scheme":        {awsclient.Settings{Region: "eu-west-1", Endpoint: "localhost:4566"}, nil, "must be a URL"},
		"another scheme":   {awsclient.Settings{Region: "eu-west-1", Endpoint: "ftp://localhost"}, nil, "must be a URL"},
		"no host":          {awsclient.Settings{Region: "eu-west-1", Endpoint: "http://"}, nil, "must be a URL"},
		"a password":       {awsclient.Settings{Region: "eu-west-1", Endpoint: "http://me:s3cr3t@localhost"}, nil, "without user and password"},
		"a role's name":    {awsclient.Settings{Region: "eu-west-1", RoleARN: "changes"}, nil, "must be the ARN of a role"},
		"a user's ARN":     {awsclient.Settings{Region: "eu-west-1", RoleARN: "arn:aws:iam::123456789012:user/me"}, nil, "must be the ARN of a role"},
	} {
		t.Run(name, func(t *testing.T) {
			isolated(t, tt.environment)
			t.Setenv("AWS_CONFIG_FILE", file)
			_, err := awsclient.Load(t.Context(), tt.settings)
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v, want ConfigInvalid: %s", err, tt.says)
			}
		})
	}
	isolated(t, nil)
	t.Setenv("AWS_CONFIG_FILE", file)
	for want, s := range map[string]awsclient.Settings{"eu-north-1": {Profile: "known"}, "us-gov-west-1": {Profile: "known", Region: "us-gov-west-1"}} {
		if cfg, err := awsclient.Load(t.Context(), s); err != nil || cfg.Region != want {
			t.Errorf("got region %q (%v), want %q", cfg.Region, err, want)
		}
	}
}

const roleARN = "arn:aws:iam::123456789012:role/changes"

// sts answers as AWS's token service does, in XML.
func sts(t *testing.T, status int, body string) (url string, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		form, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(form), "Action=AssumeRole") || !strings.Contains(string(form), "RoleSessionName=flamingock") || !strings.Contains(r.Header.Get("Authorization"), "AKIDEXAMPLE") {
			t.Errorf("got %s", form)
		}
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func stsFault(code, message string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code + `</Code><Message>` + message + `</Message></Error><RequestId>REQUEST2</RequestId></ErrorResponse>`
}

func TestRole(t *testing.T) {
	url, calls := sts(t, http.StatusOK, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/changes/flamingock</Arn><AssumedRoleId>A:flamingock</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-s3cr3t</SecretAccessKey><SessionToken>session</SessionToken><Expiration>`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	isolated(t, keys)
	t.Setenv("AWS_ENDPOINT_URL_STS", url)
	cfg, err := awsclient.Load(t.Context(), awsclient.Settings{Region: "eu-west-1", RoleARN: roleARN})
	if err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 0 {
		t.Error("Load contacted AWS")
	}
	for range 3 {
		c, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil || c.AccessKeyID != "ASIAROLE" || c.SessionToken != "session" {
			t.Fatalf("got %s (%v)", c.AccessKeyID, err)
		}
	}
	if got := calls.Load(); got != 1 {
		t.Errorf("the role was assumed %d times, want once", got)
	}
}

func TestRoleRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   awsclient.Kind
		code   core.Code
		says   string
	}{
		"denied":      {403, stsFault("AccessDenied", "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: "+roleARN), awsclient.Denied, core.CodePermissionDenied, "missing sts:AssumeRole on " + roleARN},
		"expired":     {403, stsFault("ExpiredToken", "The security token included in the request is expired"), awsclient.Expired, core.CodePermissionDenied, "not expired"},
		"unknown key": {403, stsFault("InvalidClientTokenId", "The security token included in the request is invalid."), awsclient.Rejected, core.CodePermissionDenied, "that AWS accepts"},
		"broken":      {500, stsFault("InternalFailure", "oops"), awsclient.Transient, core.CodeUnavailable, "oops"},
		"throttled":   {400, stsFault("Throttling", "Rate exceeded"), awsclient.Throttled, core.CodeUnavailable, "Rate exceeded"},
		"something":   {400, stsFault("RegionDisabledException", "STS is not activated in this region"), awsclient.Rejected, core.CodePermissionDenied, "STS is not activated"},
	} {
		t.Run(name, func(t *testing.T) {
			isolated(t, keys)
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			url, _ := sts(t, tt.status, tt.body)
			t.Setenv("AWS_ENDPOINT_URL_STS", url)
			expect(t, call(t, t.Context(), awsclient.Settings{Endpoint: "http://127.0.0.1:1", RoleARN: roleARN}), tt.kind, tt.code, tt.says)
		})
	}
}

// Without credentials anywhere it is said so, and soon.
func TestNoCredentials(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	nobody := "http://127.0.0.1:1"
	for name, tt := range map[string]struct {
		environment map[string]string
		kind        awsclient.Kind
		code        core.Code
		says        string
		within      time.Duration
	}{
		"no source at all":       {nil, awsclient.Rejected, core.CodeConfigInvalid, "no AWS credentials were found", time.Second},
		"the metadata is closed": {map[string]string{"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": nobody}, awsclient.Rejected, core.CodeConfigInvalid, "no AWS credentials were found", 10 * time.Second},
		"the metadata is silent": {map[string]string{"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://" + silent.Addr().String()}, awsclient.Rejected, core.CodeConfigInvalid, "no AWS credentials were found", 20 * time.Second},
		"the task's is closed":   {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": nobody}, awsclient.Transient, core.CodeUnavailable, "no AWS credentials", 20 * time.Second},
		"half a pair":            {map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, awsclient.Rejected, core.CodeConfigInvalid, "no AWS credentials were found", time.Second},
		"a token's file is gone": {map[string]string{"AWS_ROLE_ARN": roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"}, awsclient.Rejected, core.CodeConfigInvalid, "/nowhere/token", 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			isolated(t, tt.environment)
			standstill.Feel(t, 8).TryFixed(t, tt.within, func(t testing.TB) {
				start := time.Now()
				expect(t, call(t, t.Context(), awsclient.Settings{Endpoint: nobody}), tt.kind, tt.code, tt.says)
				took := time.Since(start)
				t.Log(took)
				if took > tt.within {
					t.Errorf("took %s, want at most %s", took, tt.within)
				}
			})
		})
	}
	// The caller's own end comes first, and is no word about credentials.
	isolated(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://" + silent.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	expect(t, call(t, ctx, awsclient.Settings{Endpoint: nobody}), awsclient.Transient, core.CodeUnavailable, "deadline exceeded")
}
