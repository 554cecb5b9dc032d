package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// value is a JSON value as it is written in a change file. A nil *value is null.
// Numbers keep all their digits.
type value struct {
	at   core.Position
	kind kind
	text string // of texts, which may hold references, and of numbers
	list []*value
	m    map[string]*value
}

type kind int

const (
	isText kind = iota
	isNumber
	isTrue
	isFalse
	isList
	isMap
)

// jsonNumber is what JSON takes for a number; YAML takes more.
var jsonNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)

// anyShape takes every shape, to find out which it is.
type anyShape struct{}

// UnmarshalYAML takes everything.
func (*anyShape) UnmarshalYAML(func(any) error) error { return nil }

// UnmarshalYAML decodes any value.
func (v *value) UnmarshalYAML(decode func(any) error) error {
	var t core.Text
	if decode(&t) == nil {
		v.at = t.Start
		return v.scalar(t.Value, decode)
	}
	if decode(new([]*anyShape)) == nil {
		v.kind = isList
		return decode(&v.list)
	}
	v.kind = isMap
	return decode(&v.m)
}

func (v *value) scalar(text string, decode func(any) error) error {
	var plain any
	v.text = text
	if err := decode(&plain); err != nil {
		if v.kind = isNumber; jsonNumber.MatchString(text) { // larger than Go's types
			return nil
		}
		return err
	}
	switch p := plain.(type) {
	case bool:
		if v.kind = isFalse; p {
			v.kind = isTrue
		}
		return nil
	case string:
		return nil
	case int64:
		text = strconv.FormatInt(p, 10)
	case uint64:
		text = strconv.FormatUint(p, 10)
	case float64:
		text = strconv.FormatFloat(p, 'g', -1, 64)
	}
	v.kind = isNumber
	if jsonNumber.MatchString(v.text) {
		return nil
	}
	if v.text = text; !jsonNumber.MatchString(text) {
		return &core.FaultError{Message: "JSON has no such number"}
	}
	return nil
}

// resolve replaces the references of a text.
type resolve func(ctx context.Context, text string) (string, error)

// plain makes what encoding/json takes and gives, with references resolved and numbers
// as json.Number.
func (v *value) plain(ctx context.Context, r resolve) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch v.kind {
	case isTrue, isFalse:
		return v.kind == isTrue, nil
	case isNumber:
		return json.Number(v.text), nil
	case isList:
		out := make([]any, len(v.list))
		for i, e := range v.list {
			var err error
			if out[i], err = e.plain(ctx, r); err != nil {
				return nil, err
			}
		}
		return out, nil
	case isMap:
		out := make(map[string]any, len(v.m))
		for name, e := range v.m {
			var err error
			if out[name], err = e.plain(ctx, r); err != nil {
				return nil, err
			}
		}
		return out, nil
	case isText:
	}
	return r(ctx, v.text)
}

// marshal makes JSON in which <, > and & are themselves.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// unmarshal decodes one JSON value.
func unmarshal(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// equal compares two values of JSON: numbers by what they are worth, not as written.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || decimalOf(string(a)) == decimalOf(string(b)))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

// decimal is a number as digits without zeros around them, and a power of ten. It is
// never written out: an answer may hold 1e999999999.
type decimal struct {
	negative bool
	digits   string
	exponent int64
	odd      string // a number that is out of every range, as written
}

func decimalOf(text string) (d decimal) {
	rest, negative := strings.CutPrefix(text, "-")
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(rest), "e")
	if scientific {
		var err error
		if d.exponent, err = strconv.ParseInt(exponent, 10, 32); err != nil {
			return decimal{odd: text}
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.exponent -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	d.digits = strings.TrimRight(digits, "0")
	d.exponent += int64(len(digits) - len(d.digits))
	if d.digits == "" {
		return decimal{}
	}
	d.negative = negative
	return d
}
