package mongodb_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
)

// settings are the configuration of a target as the config package gives it, in
// the little that this type asks for.
type settings map[string]any

func (s settings) Decode(into any) error {
	v := reflect.ValueOf(into).Elem()
	left := maps.Clone(s)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		value, ok := s[name]
		delete(left, name)
		switch given := value.(type) {
		case bool:
			v.Field(i).Set(reflect.ValueOf(&given))
		case string:
			v.Field(i).SetString(given)
		default:
			if ok {
				return &core.FaultError{Message: name + " is wrong"}
			}
		}
	}
	if len(left) > 0 {
		return &core.FaultError{Message: fmt.Sprintf("unknown keys in %v", left)}
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
