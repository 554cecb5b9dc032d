package awstarget

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"

	"github.com/flamingock/flamingock-go/core"
)

// Document is a JSON document in a change file, such as a policy: a mapping, or a text
// that holds one. Numbers keep all their digits.
type Document struct {
	at   core.Position
	kind kind
	text string // of texts, which may hold references, and of numbers
	list []*Document
	m    map[string]*Document
	json string // of what is resolved
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

// number is what JSON takes for one; YAML takes more.
var number = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)

// anyShape takes every shape, to find out which it is.
type anyShape struct{}

// UnmarshalYAML takes everything.
func (*anyShape) UnmarshalYAML(func(any) error) error { return nil }

// UnmarshalYAML decodes any value.
func (d *Document) UnmarshalYAML(decode func(any) error) error {
	var t core.Text
	if decode(&t) == nil {
		d.at, d.text = t.Start, t.Value
		return d.scalar(decode)
	}
	if decode(new([]*anyShape)) == nil {
		d.kind = isList
		return decode(&d.list)
	}
	d.kind = isMap
	return decode(&d.m)
}

func (d *Document) scalar(decode func(any) error) error {
	var plain any
	if err := decode(&plain); err != nil && !number.MatchString(d.text) {
		return err
	}
	switch p := plain.(type) {
	case bool:
		if d.kind = isFalse; p {
			d.kind = isTrue
		}
	case string:
	case int64:
		d.number(strconv.FormatInt(p, 10))
	case uint64:
		d.number(strconv.FormatUint(p, 10))
	case float64:
		d.number(strconv.FormatFloat(p, 'g', -1, 64))
	default:
		d.number(d.text)
	}
	if d.kind == isNumber && !number.MatchString(d.text) {
		return &core.FaultError{Message: "JSON has no such number"}
	}
	return nil
}

func (d *Document) number(plain string) {
	if d.kind = isNumber; !number.MatchString(d.text) {
		d.text = plain
	}
}

// Start is where it stands, as far as that is known.
func (d *Document) Start() core.Position {
	if d == nil {
		return core.Position{}
	}
	return d.at
}

// Check finds what is wrong with a document that must be an object.
func (d *Document) Check(f *Faults, at core.Position, what string) {
	switch {
	case d == nil:
	case d.json != "":
		if !isObject(d.json) {
			f.At(First(d.at, at), "%s must be a JSON object", what)
		}
	case d.kind == isMap:
	case d.kind != isText:
		f.At(First(d.at, at), "%s must be a mapping, or text that holds a JSON object", what)
	case !HasReference(d.text) && !isObject(d.text):
		f.At(First(d.at, at), "%s is text that is no JSON object", what)
	}
}

func isObject(text string) bool {
	v, err := Parse(text)
	_, object := v.(map[string]any)
	return err == nil && object
}

// JSON is the document's text, without needless spaces. Before its references are
// resolved it is "".
func (d *Document) JSON() string {
	if d == nil {
		return ""
	}
	return d.json
}

// Expand implements Value.
func (d *Document) Expand(ctx context.Context, r Resolve) (any, error) {
	v, err := d.plain(ctx, r)
	if err != nil {
		return nil, err
	}
	if text, ok := v.(string); ok {
		if v, err = Parse(text); err != nil {
			return nil, &core.FaultError{Message: "what a reference of the document led to is no JSON"}
		}
	}
	return &Document{at: d.at, json: text(v)}, nil
}

func (d *Document) plain(ctx context.Context, r Resolve) (any, error) {
	if d == nil {
		return nil, nil
	}
	switch d.kind {
	case isTrue, isFalse:
		return d.kind == isTrue, nil
	case isNumber:
		return json.Number(d.text), nil
	case isList:
		out := make([]any, len(d.list))
		for i, e := range d.list {
			var err error
			if out[i], err = e.plain(ctx, r); err != nil {
				return nil, err
			}
		}
		return out, nil
	case isMap:
		out := make(map[string]any, len(d.m))
		for name, e := range d.m {
			var err error
			if out[name], err = e.plain(ctx, r); err != nil {
				return nil, err
			}
		}
		return out, nil
	case isText:
	}
	return r(ctx, d.text)
}

// text makes JSON in which <, > and & are themselves, keys sorted.
func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // unreachable: texts, numbers, lists and maps
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// Parse decodes one JSON value, numbers as json.Number.
func Parse(text string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}
