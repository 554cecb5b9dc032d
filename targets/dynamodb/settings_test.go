package dynamodb

import (
	"errors"
	"reflect"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// entry is a target's entry in the configuration, beside an audit store.
type entry struct {
	settings
	store string
}

func (e entry) Decode(into any) error {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(e.settings))
	return nil
}
func (e entry) Resolver() core.Resolver { return resolver{} }
func (e entry) Path(path string) string { return path }
func (e entry) StoreDomain() string     { return e.store }

func TestSharing(t *testing.T) {
	for _, k := range []string{"AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"} {
		t.Setenv(k, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	t.Setenv("AWS_REGION", "eu-west-1")
	yes, no := true, false
	store := awsclient.Domain(awsclient.Settings{Region: "eu-west-1"})
	role := "arn:aws:iam::123456789012:role/changes"
	for name, tt := range map[string]struct {
		s      settings
		store  string
		shared bool
	}{
		"all as in the environment":    {settings{}, store, true},
		"the region by its name":       {settings{Region: "eu-west-1"}, store, true},
		"the region by a reference":    {settings{Region: "${env:eu-west-1}"}, store, true},
		"asked for":                    {settings{Share: &yes}, store, true},
		"not wanted":                   {settings{Share: &no}, store, false},
		"an audit store of its own":    {settings{}, "", false},
		"another region":               {settings{Region: "eu-west-2"}, store, false},
		"another endpoint":             {settings{Endpoint: "http://localhost:8000"}, store, false},
		"a role":                       {settings{RoleARN: role}, store, false},
		"a profile that is not there":  {settings{Profile: "other"}, store, false},
		"a reference to be asked for":  {settings{Region: "${ssm:/region}"}, store, false},
		"settings that cannot be used": {settings{Endpoint: "localhost"}, store, false},
	} {
		target, err := Type().New("shop", entry{tt.s, tt.store})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shared := target.(core.SharedTarget).Domain()
		if (shared != "") != tt.shared || tt.shared && shared != tt.store || (target.Handles().Tx != nil) != tt.shared {
			t.Errorf("%s: domain %q, handles %v", name, shared, target.Handles())
		}
	}
	var ce *core.ConfigError
	if _, err := Type().New("shop", entry{settings{Region: "eu-west-2", Share: &yes}, store}); !errors.As(err, &ce) || ce.Key != "targetSystems.shop.share" {
		t.Errorf("asked for where it is impossible: %v", err)
	}
	target, err := Type().New("shop", entry{settings{Endpoint: "localhost"}, ""})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Ping(t.Context()); !errors.As(err, &ce) || ce.Key != "targetSystems.shop.endpoint" {
		t.Errorf("an endpoint that is none: %v", err)
	}
	target, err = Type().New("shop", entry{settings{MarkerTable: "markers"}, ""})
	if err != nil || target.Handles().Tx == nil {
		t.Errorf("a marker table: %v", err)
	}
}
