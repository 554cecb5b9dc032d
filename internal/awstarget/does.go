package awstarget

import (
	"reflect"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Declared are the keys of a change file that a payload's struct was decoded from, in the
// order of its fields, without their values: for what a plan says.
func Declared(payload any) []string {
	v := reflect.Indirect(reflect.ValueOf(payload))
	var keys []string
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if key != "" && key != "-" && given(v.Field(i)) {
			keys = append(keys, key)
		}
	}
	return keys
}

func given(v reflect.Value) bool {
	if t, ok := v.Interface().(core.Text); ok {
		return !Blank(t)
	}
	if v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
		return v.Len() > 0
	}
	return !v.IsZero()
}

// Listed joins words for people: a, b and c.
func Listed(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// Updates says what an update of something does: what it sets, what it takes away, and
// what of the tags.
func Updates(what string, set []string, remove, removeTags []core.Text) string {
	var parts []string
	if len(set) > 0 {
		parts = append(parts, "sets "+Listed(set))
	}
	if len(remove) > 0 {
		parts = append(parts, "removes "+Listed(Names(remove)))
	}
	if len(removeTags) > 0 {
		parts = append(parts, "removes tags "+Listed(Names(removeTags)))
	}
	return "updates " + what + ": " + strings.Join(parts, ", ")
}

// Names are the texts of a list.
func Names(list []core.Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Value)
	}
	return out
}
