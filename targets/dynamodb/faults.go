package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
)

// faults collects what is wrong with a payload, each at its place.
type faults struct {
	payload core.Payload // nil: at run time
	list    []error
}

// at adds a fault at a place; at the payload's start when that is not known.
func (f *faults) at(p core.Position, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if f.payload == nil {
		f.list = append(f.list, &core.FaultError{Message: message})
		return
	}
	if p.Line == 0 {
		f.list = append(f.list, f.payload.Fault(0, 0, message))
		return
	}
	f.list = append(f.list, &core.ValidationError{Faults: []core.Fault{{Where: p.String(), Message: message}}})
}

func (f *faults) err() error {
	if len(f.list) == 1 {
		return f.list[0]
	}
	return errors.Join(f.list...)
}

// expanded returns a copy of a payload's struct whose texts have their references
// resolved.
func expanded[T any](ctx context.Context, r resolve, in *T) (*T, error) {
	out := new(T)
	err := expand(ctx, r, reflect.ValueOf(in).Elem(), reflect.ValueOf(out).Elem())
	return out, err
}

func expand(ctx context.Context, r resolve, in, out reflect.Value) error {
	if text, ok := in.Interface().(core.Text); ok {
		value, err := r(ctx, text.Value)
		text.Value = value
		out.Set(reflect.ValueOf(text))
		return err
	}
	switch in.Kind() {
	case reflect.Pointer:
		if in.IsNil() || in.Type() == reflect.TypeFor[*value]() { // values are resolved when they are encoded
			out.Set(in)
			return nil
		}
		out.Set(reflect.New(in.Type().Elem()))
		return expand(ctx, r, in.Elem(), out.Elem())
	case reflect.Struct:
		for i := range in.NumField() {
			if err := expand(ctx, r, in.Field(i), out.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		if in.IsNil() {
			return nil
		}
		out.Set(reflect.MakeSlice(in.Type(), in.Len(), in.Len()))
		for i := range in.Len() {
			if err := expand(ctx, r, in.Index(i), out.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		if in.IsNil() {
			return nil
		}
		out.Set(reflect.MakeMap(in.Type()))
		for _, k := range in.MapKeys() {
			e := reflect.New(in.Type().Elem()).Elem()
			if err := expand(ctx, r, in.MapIndex(k), e); err != nil {
				return err
			}
			out.SetMapIndex(k, e)
		}
	default:
		out.Set(in)
	}
	return nil
}
