package strictyaml

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// Draft is the JSON Schema version of all schemas.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// Schema is a JSON Schema, as encoding/json takes it.
type Schema map[string]any

// Schemer is an [Unmarshaler] that says what it accepts.
type Schemer interface{ YAMLSchema() Schema }

// SchemaOf returns what [Decode] accepts for a Go type: it reads the same tags and
// knows the same types, so that a schema cannot promise what the decoder refuses.
// A key without a value is a missing one, hence the many nulls.
//
// Looser than the decoder: numbers that are out of range, a float where an
// integer of the same value is wanted, and types that decode themselves without
// being a [Schemer].
func SchemaOf(t reflect.Type) Schema {
	switch p := reflect.New(t).Interface().(type) {
	case Schemer:
		return p.YAMLSchema()
	case Unmarshaler:
		return Schema{}
	case encoding.TextUnmarshaler:
		return TextSchema()
	}
	switch t {
	case reflect.TypeFor[*Node]():
		return Schema{}
	case reflect.TypeFor[time.Duration]():
		return DurationSchema()
	case reflect.TypeFor[core.Text](), reflect.TypeFor[core.Secret]():
		return TextSchema()
	case reflect.TypeFor[core.Ordered]():
		return Schema{"type": []string{"object", "null"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return SchemaOf(t.Elem())
	case reflect.Struct:
		s := Schema{"type": []string{"object", "null"}, "additionalProperties": false}
		properties, fields := Schema{}, fieldsOf(t)
		for _, name := range fields.names {
			properties[name] = SchemaOf(t.FieldByIndex(fields.byName[name]).Type)
		}
		s["properties"] = properties
		return s
	case reflect.Map:
		return Schema{"type": []string{"object", "null"}, "additionalProperties": elementSchema(t.Elem())}
	case reflect.Slice:
		return Schema{"type": []string{"array", "null"}, "items": elementSchema(t.Elem())}
	case reflect.String:
		return TextSchema()
	case reflect.Bool:
		return Schema{"type": []string{"boolean", "null"}}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Schema{"type": []string{"integer", "null"}}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Schema{"type": []string{"integer", "null"}, "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return Schema{"type": []string{"number", "null"}}
	default:
		return Schema{}
	}
}

// elementSchema is the schema of a member of a list or mapping, see element.
func elementSchema(t reflect.Type) Schema {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return SchemaOf(t)
	default:
		return SchemaOf(t).NotNull()
	}
}

// TextSchema is text: numbers and booleans are taken as written.
func TextSchema() Schema { return Schema{"type": []string{"string", "number", "boolean", "null"}} }

// DurationSchema is a duration as time.ParseDuration has it, and not negative.
func DurationSchema() Schema {
	return Schema{
		"type":    []string{"string", "integer", "null"},
		"pattern": `^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`,
		"minimum": 0, "maximum": 0, // the only number that needs no unit
	}
}

// With returns s with further keywords.
func (s Schema) With(more Schema) Schema {
	out := Schema{}
	for k, v := range s {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// NotNull returns s without the missing value.
func (s Schema) NotNull() Schema {
	switch types := s["type"].(type) {
	case []string:
		return s.With(Schema{"type": slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "null" })})
	case nil:
		return s.With(Schema{"not": Schema{"type": "null"}})
	default:
		return s
	}
}

// JSON writes s down, always in the same way.
func (s Schema) JSON() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil // texts, numbers, lists and maps only: cannot happen
	}
	return b.Bytes()
}
