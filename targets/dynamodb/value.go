package dynamodb

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// value is an attribute's value as it is written in a change file. A nil *value is
// NULL. Text, numbers (with all their digits), booleans, lists and mappings are
// what they look like; a mapping of one key that begins with a dollar sign says a
// type that YAML has not:
//
//	{ $number: "1.10" } { $binary: aGVsbG8= } { $strings: [a, b] } { $numbers: [1, 2] } { $binaries: [aGVsbG8=] } { $map: { $number: a key } }
type value struct {
	at   core.Position
	kind kind
	text string   // of text, numbers and binaries; may hold references
	set  []string // of sets, likewise
	list []*value
	m    map[string]*value
}

type kind int

const (
	isText kind = iota
	isNumber
	isBinary
	isTrue
	isFalse
	isTexts
	isNumbers
	isBinaries
	isList
	isMap
)

var escapes = map[string]kind{
	"$number": isNumber, "$binary": isBinary, "$strings": isTexts, "$numbers": isNumbers, "$binaries": isBinaries, "$map": isMap,
}

var leadingZero = regexp.MustCompile(`^[+-]?0[0-9]`)

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
	var shape map[string]*anyShape
	if err := decode(&shape); err != nil {
		return err
	}
	if len(shape) == 1 {
		for key := range shape {
			if strings.HasPrefix(key, "$") && !strings.HasPrefix(key, "${") {
				return v.escaped(key, decode)
			}
		}
	}
	v.kind = isMap
	return decode(&v.m)
}

func (v *value) scalar(text string, decode func(any) error) error {
	var plain any
	v.text = text
	if decode(&plain) != nil { // a number that Go's types cannot hold, or with a leading zero
		v.kind = isNumber
		if leadingZero.MatchString(text) {
			return &core.FaultError{Message: "this number is ambiguous: put it in quotes if it is text, or write { $number: \"…\" }"}
		}
		return v.check()
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
		if strings.ContainsAny(text, "xo") {
			v.text = strconv.FormatInt(p, 10)
		}
	case uint64:
		if strings.ContainsAny(text, "xo") {
			v.text = strconv.FormatUint(p, 10)
		}
	}
	v.kind = isNumber
	return v.check()
}

func (v *value) escaped(key string, decode func(any) error) error {
	k, ok := escapes[key]
	if !ok {
		known := []string{"$binaries", "$binary", "$map", "$number", "$numbers", "$strings"}
		return &core.FaultError{Message: fmt.Sprintf("unknown type %q%s; a mapping with such a key is written { $map: { … } }", core.Cap(key, 80), core.DidYouMean(key, known))}
	}
	v.kind = k
	var err error
	switch k {
	case isMap:
		var in map[string]map[string]*value
		err = decode(&in)
		v.m = in[key]
	case isTexts, isNumbers, isBinaries:
		var in map[string][]string
		err = decode(&in)
		v.set = in[key]
	default:
		var in map[string]string
		err = decode(&in)
		v.text = in[key]
	}
	if err != nil {
		return err
	}
	return v.check()
}

// check finds what DynamoDB would refuse. What holds a reference waits until that is
// resolved.
func (v *value) check() error {
	fault := func(message string) error { return &core.FaultError{Message: message} }
	one := func(k kind, text string) error {
		if awstarget.HasReference(text) {
			return nil
		}
		if k == isNumber {
			if why := wrongNumber(text); why != "" {
				return fault("the number " + why)
			}
		}
		if _, err := base64.StdEncoding.DecodeString(text); k == isBinary && err != nil {
			return fault("$binary must be in base64")
		}
		return nil
	}
	switch v.kind {
	case isNumber, isBinary:
		return one(v.kind, v.text)
	case isTexts, isNumbers, isBinaries:
		if len(v.set) == 0 {
			return fault("a set cannot be empty: leave the attribute out")
		}
		member := map[kind]kind{isTexts: isText, isNumbers: isNumber, isBinaries: isBinary}[v.kind]
		for i, s := range v.set {
			if slices.Contains(v.set[:i], s) {
				return fault("a set cannot hold a member twice")
			}
			if err := one(member, s); err != nil {
				return err
			}
		}
	case isText, isTrue, isFalse, isList, isMap:
	}
	return nil
}

// Expand implements awstarget.Value: references are resolved when it is encoded.
func (v *value) Expand(context.Context, awstarget.Resolve) (any, error) { return v, nil }

// attribute makes DynamoDB's form of it, with references resolved.
func (v *value) attribute(ctx context.Context, r awstarget.Resolve) (types.AttributeValue, error) {
	if v == nil {
		return &types.AttributeValueMemberNULL{Value: true}, nil
	}
	switch v.kind {
	case isTrue, isFalse:
		return &types.AttributeValueMemberBOOL{Value: v.kind == isTrue}, nil
	case isList:
		out := make([]types.AttributeValue, len(v.list))
		for i, e := range v.list {
			a, err := e.attribute(ctx, r)
			if err != nil {
				return nil, err
			}
			out[i] = a
		}
		return &types.AttributeValueMemberL{Value: out}, nil
	case isMap:
		out, err := attributes(ctx, r, v.m)
		return &types.AttributeValueMemberM{Value: out}, err
	case isText, isNumber, isBinary, isTexts, isNumbers, isBinaries:
	}
	return v.resolved(ctx, r)
}

// resolved makes DynamoDB's form of what may hold references.
func (v *value) resolved(ctx context.Context, r awstarget.Resolve) (types.AttributeValue, error) {
	full := value{kind: v.kind, set: make([]string, len(v.set))}
	var err error
	if full.text, err = r(ctx, v.text); err != nil {
		return nil, err
	}
	for i, s := range v.set {
		if full.set[i], err = r(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := full.check(); err != nil {
		return nil, err
	}
	switch v.kind {
	case isNumber:
		return &types.AttributeValueMemberN{Value: full.text}, nil
	case isBinary:
		return &types.AttributeValueMemberB{Value: fromBase64(full.text)}, nil
	case isTexts:
		return &types.AttributeValueMemberSS{Value: full.set}, nil
	case isNumbers:
		return &types.AttributeValueMemberNS{Value: full.set}, nil
	case isBinaries:
		var out [][]byte
		for _, s := range full.set {
			out = append(out, fromBase64(s))
		}
		return &types.AttributeValueMemberBS{Value: out}, nil
	case isText, isTrue, isFalse, isList, isMap:
	}
	return &types.AttributeValueMemberS{Value: full.text}, nil
}

func fromBase64(text string) []byte {
	b, _ := base64.StdEncoding.DecodeString(text) //nolint:errcheck // check has looked
	return b
}

func attributes(ctx context.Context, r awstarget.Resolve, in map[string]*value) (map[string]types.AttributeValue, error) {
	out := make(map[string]types.AttributeValue, len(in))
	for name, v := range in {
		a, err := v.attribute(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		out[name] = a
	}
	return out, nil
}

// size is what DynamoDB counts for the value, without what references will add.
func (v *value) size() int {
	text := func(s string) int {
		if awstarget.HasReference(s) {
			return 0
		}
		return len(s)
	}
	if v == nil {
		return 1
	}
	n := 0
	switch v.kind {
	case isTrue, isFalse:
		return 1
	case isText:
		return text(v.text)
	case isNumber:
		return numberSize(v.text)
	case isBinary:
		return text(v.text) * 3 / 4
	case isList:
		n = 3
		for _, e := range v.list {
			n += 1 + e.size()
		}
	case isMap:
		n = 3 + itemSize(v.m) + len(v.m)
	case isTexts, isNumbers, isBinaries:
		for _, s := range v.set {
			n += text(s)
		}
	}
	return n
}

func itemSize(item map[string]*value) int {
	n := 0
	for name, v := range item {
		n += len(name) + v.size()
	}
	return n
}

// place is where a value is written, or what it holds first; zero if nobody knows.
func (v *value) place() core.Position {
	if v == nil {
		return core.Position{}
	}
	if v.at.Line > 0 {
		return v.at
	}
	for _, e := range v.list {
		if p := e.place(); p.Line > 0 {
			return p
		}
	}
	return placeOf(v.m)
}

// placeOf is the first place in a mapping.
func placeOf(m map[string]*value) core.Position {
	var first core.Position
	for _, v := range m {
		if p := v.place(); p.Line > 0 && (first.Line == 0 || p.Line < first.Line || p.Line == first.Line && p.Column < first.Column) {
			first = p
		}
	}
	return first
}
