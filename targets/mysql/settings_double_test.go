package mysql_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
)

// settings are the configuration of a target as the config package gives it, in
// the little that this type asks for.
type settings map[string]string

func (s settings) Decode(into any) error {
	v := reflect.ValueOf(into).Elem()
	left := len(s)
	for i := range v.NumField() {
		if value, ok := s[v.Type().Field(i).Tag.Get("yaml")]; ok {
			if v.Field(i).Kind() == reflect.Bool {
				v.Field(i).SetBool(value == "true")
			} else {
				v.Field(i).SetString(value)
			}
			left--
		}
	}
	if left > 0 {
		return &core.FaultError{Message: fmt.Sprintf("unknown keys in %v", map[string]string(s))}
	}
	return nil
}

func (s settings) Resolver() core.Resolver { return resolver{} }

func (s settings) StoreDomain() string { return "" }

func (s settings) Path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join("/config", path)
}

// resolver knows every name: the value of ${env:x} is x.
type resolver struct{}

func (resolver) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.NewSecret(r.Key), nil
}
