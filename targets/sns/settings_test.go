package sns

import (
	"errors"
	"reflect"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// entry is a target's entry in the configuration.
type entry struct{ awstarget.Settings }

func (e entry) Decode(into any) error {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(e.Settings))
	return nil
}
func (entry) Resolver() core.Resolver { return awstargettest.Resolver{} }
func (entry) Path(path string) string { return path }
func (entry) StoreDomain() string     { return "" }

// What is wrong with the settings is said by their key, and nobody is contacted before.
func TestSettings(t *testing.T) {
	for k, v := range map[string]string{
		"AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	} {
		t.Setenv(k, v)
	}
	for key, s := range map[string]awstarget.Settings{
		"targetSystems.shop.region":   {},
		"targetSystems.shop.endpoint": {Region: "eu-west-1", Endpoint: "localhost"},
		"targetSystems.shop.roleArn":  {Region: "eu-west-1", RoleARN: "${env:changes}"},
	} {
		target, err := Type().New("shop", entry{s})
		if err != nil {
			t.Fatal(err)
		}
		var ce *core.ConfigError
		if err := target.Ping(t.Context()); !errors.As(err, &ce) || ce.Key != key {
			t.Errorf("got %v, want a fault of %s", err, key)
		}
	}
	target, err := Type().New("shop", entry{awstarget.Settings{Region: awstest.Region, Endpoint: *awstest.LocalStack(t).BaseEndpoint}})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(target.Close(), target.Ping(t.Context())); err != nil {
		t.Errorf("after it was closed: %v", err)
	}
}
