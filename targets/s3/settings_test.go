package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// entry is a target's entry in the configuration.
type entry struct{ settings }

func (e entry) Decode(into any) error {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(e.settings))
	return nil
}
func (e entry) Resolver() core.Resolver { return resolver{} }
func (e entry) Path(path string) string { return "/app/" + path }
func (e entry) StoreDomain() string     { return "" }

func fakeEnvironment(t *testing.T) {
	for k, v := range map[string]string{
		"AWS_PROFILE": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B",
	} {
		t.Setenv(k, v)
	}
}

// fake is a target of the given settings over a server that answers in S3's place.
func fake(t *testing.T, s settings, h http.HandlerFunc) core.Target {
	t.Helper()
	fakeEnvironment(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s.At.Endpoint = server.URL
	target, err := Type().New("shop", entry{s})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestSettings(t *testing.T) {
	fakeEnvironment(t)
	for key, s := range map[string]settings{
		"targetSystems.shop.endpoint": {At: awstarget.Settings{Endpoint: "localhost"}},
		"targetSystems.shop.account":  {Account: "${env:mine}"},
		"targetSystems.shop.roleArn":  {At: awstarget.Settings{RoleARN: "me"}},
	} {
		target, err := Type().New("shop", entry{s})
		if err != nil {
			t.Fatal(err)
		}
		var ce *core.ConfigError
		if err := target.Ping(t.Context()); !errors.As(err, &ce) || ce.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	target, err := Type().New("shop", entry{settings{Files: "assets"}})
	if err != nil || target.(*Target).files != "/app/assets" {
		t.Errorf("files: %+v, %v", target, err)
	}
	owner := ""
	target = fake(t, settings{Account: "123456789012"}, func(w http.ResponseWriter, r *http.Request) {
		owner = r.Header.Get("X-Amz-Expected-Bucket-Owner")
		if !strings.Contains(r.Header.Get("Authorization"), "x-amz-expected-bucket-owner") {
			t.Error("the owner is not signed")
		}
		w.Header().Set("X-Amz-Request-Id", "R")
		fmt.Fprint(w, `<ListAllMyBucketsResult></ListAllMyBucketsResult>`)
	})
	if err := target.Ping(t.Context()); err != nil || owner != "123456789012" {
		t.Errorf("%q, %v", owner, err)
	}
}

// What S3 says when the client is not welcome, or somewhere else than the bucket.
func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		header     string // the bucket's region
		code       string // "": no body
		want       core.Code
		says, hint string
	}{
		"another region, HEAD":       {301, "us-west-2", "", core.CodeConfigInvalid, "targetSystems.shop.region: bucket abc is in us-west-2", "name the bucket's region"},
		"another region, signed so":  {400, "us-west-2", "", core.CodeConfigInvalid, "bucket abc is in us-west-2", "name the bucket's region"},
		"another region, not named":  {301, "", "PermanentRedirect", core.CodeConfigInvalid, "bucket abc is in another region", ""},
		"somebody else's":            {403, "us-west-2", "", core.CodePermissionDenied, "access to bucket abc, or it belongs to another account", "grant the right"},
		"a right":                    {403, "", "AccessDenied", core.CodePermissionDenied, "permission denied", ""},
		"a key that AWS rejects":     {403, "", "InvalidAccessKeyId", core.CodePermissionDenied, "credentials that AWS accepts", ""},
		"a token that is too old":    {400, "", "ExpiredToken", core.CodePermissionDenied, "credentials that have not expired", ""},
		"a server that is too busy":  {503, "", "ServiceUnavailable", core.CodeUnavailable, "is not available", "check that"},
		"a success that is no S3's":  {200, "", "", core.CodeUnavailable, "does not come from S3", ""},
		"a name that is taken":       {409, "", "BucketAlreadyExists", core.CodeChangeFailed, "belongs to another account", "choose another name"},
		"a policy that is malformed": {400, "", "MalformedPolicy", core.CodeChangeFailed, "is refused what the change declares", "mend the change"},
	} {
		t.Run(name, func(t *testing.T) {
			target := fake(t, settings{}, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("X-Amz-Bucket-Region", tt.header)
				}
				if tt.status >= 300 {
					w.Header().Set("X-Amz-Request-Id", "R")
				}
				w.WriteHeader(tt.status)
				if tt.code != "" {
					fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", tt.code)
				}
			})
			handle, _, err := target.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := &bucketWork{name: "abc", c: handle.(*Client), s: sessionOf(handle), payload: &bucketPayload{}}
			if tt.code == "" {
				_, err = w.exists(t.Context())
			} else {
				err = w.drop(t.Context())
			}
			if core.CodeOf(err) != tt.want || !strings.Contains(err.Error(), tt.says) || !strings.Contains(core.HintOf(err), tt.hint) {
				t.Errorf("%s: %v; %s", core.CodeOf(err), err, core.HintOf(err))
			}
		})
	}
}

// A server that is away is not asked when changes are loaded, and named when one begins.
func TestServerAway(t *testing.T) {
	fakeEnvironment(t)
	target, err := Type().New("shop", entry{settings{At: awstarget.Settings{Endpoint: "http://127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, target, "template: s3-bucket\napply: { create: { bucket: abc } }\nrollback: auto")
	l := newLedger(t, target)
	if err := l.apply(c); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "target system shop (s3)") {
		t.Errorf("%s: %v", core.CodeOf(err), err)
	}
	l.is("a", core.StateNone)
}
