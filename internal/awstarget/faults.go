package awstarget

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Faults collects what is wrong with a payload, each at its place.
type Faults struct {
	Payload core.Payload // nil: at run time, when references are resolved
	list    []error
}

// At adds a fault at a place; at the payload's start when that is not known.
func (f *Faults) At(p core.Position, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	switch {
	case f.Payload == nil:
		f.list = append(f.list, &core.FaultError{Message: message})
	case p.Line == 0:
		f.list = append(f.list, f.Payload.Fault(0, 0, message))
	default:
		f.list = append(f.list, &core.ValidationError{Faults: []core.Fault{{Where: p.String(), Message: message}}})
	}
}

// Err is nil when there are none.
func (f *Faults) Err() error {
	if len(f.list) == 1 {
		return f.list[0]
	}
	return errors.Join(f.list...)
}

// Decode decodes a payload of a template that takes no configuration.
func Decode(p core.Payload, into any) error {
	if err := p.Configuration(&struct{}{}); err != nil {
		return err
	}
	return p.Decode(into)
}

// Blank reports whether a text is absent, or spaces.
func Blank(t core.Text) bool { return strings.TrimSpace(t.Value) == "" }

// HasReference reports whether a text is known only at run time.
func HasReference(text string) bool { return len(core.References(text)) > 0 }

// OneOf is also true of what is absent, or not known yet.
func OneOf(t core.Text, words ...string) bool {
	return Blank(t) || HasReference(t.Value) || slices.Contains(words, t.Value)
}

// First is the first place that is known.
func First(places ...core.Position) core.Position {
	for _, p := range places {
		if p.Line > 0 {
			return p
		}
	}
	return core.Position{}
}

// Resolve replaces the references of a text.
type Resolve func(ctx context.Context, text string) (string, error)

// Value is part of a payload that is more than a text, by pointer: it makes the copy of
// itself in which references are resolved, or are left for later.
type Value interface {
	Expand(ctx context.Context, r Resolve) (any, error)
}

// Expanded returns a copy of a payload's struct whose texts and Values have their
// references resolved.
func Expanded[T any](ctx context.Context, r Resolve, in *T) (*T, error) {
	out := new(T)
	err := expand(ctx, r, reflect.ValueOf(in).Elem(), reflect.ValueOf(out).Elem())
	return out, err
}

func expand(ctx context.Context, r Resolve, in, out reflect.Value) error {
	if in.Kind() == reflect.Pointer && in.IsNil() {
		return nil
	}
	switch v := in.Interface().(type) {
	case core.Text:
		value, err := r(ctx, v.Value)
		v.Value = value
		out.Set(reflect.ValueOf(v))
		return err
	case Value:
		full, err := v.Expand(ctx, r)
		if err == nil {
			out.Set(reflect.ValueOf(full))
		}
		return err
	}
	switch in.Kind() {
	case reflect.Pointer:
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
