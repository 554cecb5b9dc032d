package mongodb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
)

// extended are the keys of MongoDB's extended JSON that stand for a type which YAML has
// not, as in { $oid: 507f1f77bcf86cd799439011 }.
var extended = []string{
	"$oid", "$date", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary", "$uuid", "$timestamp", "$regularExpression", "$minKey", "$maxKey",
}

// resolve replaces the references of a text.
type resolve func(ctx context.Context, text string) (string, error)

// asWritten leaves references as they are.
func asWritten(_ context.Context, text string) (string, error) { return text, nil }

// document makes BSON of a mapping, in the order of its keys, with the references in its
// texts resolved. Whole numbers become int32 where they fit, as with Flamingock for Java.
func document(ctx context.Context, r resolve, in core.Ordered) (bson.D, error) {
	out := make(bson.D, 0, len(in))
	for _, m := range in {
		v, err := value(ctx, r, m.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Key, err)
		}
		out = append(out, bson.E{Key: m.Key, Value: v})
	}
	return out, nil
}

func documents(ctx context.Context, r resolve, in []core.Ordered) ([]bson.D, error) {
	out := make([]bson.D, len(in))
	for i, d := range in {
		var err error
		if out[i], err = document(ctx, r, d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func value(ctx context.Context, r resolve, in any) (any, error) {
	switch v := in.(type) {
	case string:
		return r(ctx, v)
	case int64:
		if v >= math.MinInt32 && v <= math.MaxInt32 {
			return int32(v), nil
		}
	case uint64:
		return nil, &core.FaultError{Message: fmt.Sprintf("%d is out of the range of BSON's numbers: write { $numberDecimal: \"%d\" }", v, v)}
	case []any:
		out := make(bson.A, len(v))
		for i, e := range v {
			var err error
			if out[i], err = value(ctx, r, e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case core.Ordered:
		if len(v) == 1 && slices.Contains(extended, v[0].Key) {
			return typed(ctx, r, v)
		}
		return document(ctx, r, v)
	}
	return in, nil
}

// typed decodes a value in extended JSON.
func typed(ctx context.Context, r resolve, in core.Ordered) (any, error) {
	text, err := jsonOf(ctx, r, in)
	if err != nil {
		return nil, err
	}
	var out bson.D
	if err := bson.UnmarshalExtJSON([]byte(`{"value":`+text+`}`), false, &out); err != nil || len(out) != 1 {
		return nil, &core.FaultError{Message: in[0].Key + ": is not a value of MongoDB's extended JSON"}
	}
	return out[0].Value, nil
}

// jsonOf writes a value as JSON.
func jsonOf(ctx context.Context, r resolve, in any) (string, error) {
	switch v := in.(type) {
	case core.Ordered:
		parts := make([]string, len(v))
		for i, m := range v {
			text, err := jsonOf(ctx, r, m.Value)
			if err != nil {
				return "", err
			}
			name, err := json.Marshal(m.Key)
			if err != nil {
				return "", err
			}
			parts[i] = string(name) + ":" + text
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	case string:
		text, err := r(ctx, v)
		if err != nil {
			return "", err
		}
		in = text
	}
	b, err := json.Marshal(in)
	return string(b), err
}

// hasReference reports whether any text in a value is to be resolved at run time.
func hasReference(in any) bool {
	switch v := in.(type) {
	case string:
		return len(core.References(v)) > 0
	case []any:
		return slices.ContainsFunc(v, hasReference)
	case core.Ordered:
		return slices.ContainsFunc(v, func(m core.Member) bool { return hasReference(m.Value) })
	}
	return false
}

// same compares two values of BSON: numbers by what they are worth, documents in the
// order of their keys.
func same(a, b any) bool {
	if x, ok := numeric(a); ok {
		y, ok := numeric(b)
		return ok && x == y
	}
	switch x := a.(type) {
	case bson.D:
		y, ok := b.(bson.D)
		return ok && slices.EqualFunc(x, y, func(p, q bson.E) bool { return p.Key == q.Key && same(p.Value, q.Value) })
	case bson.A:
		y, ok := b.(bson.A)
		return ok && slices.EqualFunc(x, y, same)
	}
	p, err := bson.Marshal(bson.D{{Key: "v", Value: a}})
	if err != nil {
		return false
	}
	q, err := bson.Marshal(bson.D{{Key: "v", Value: b}})
	return err == nil && bytes.Equal(p, q)
}

func numeric(v any) (float64, bool) {
	switch n := v.(type) {
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// within reports whether all that small declares is in large, which a server fills up
// with its defaults.
func within(small, large bson.D) bool {
	for _, e := range small {
		v, ok := get(large, e.Key)
		if !ok || !same(e.Value, v) {
			return false
		}
	}
	return true
}

func get(d bson.D, key string) (any, bool) {
	for _, e := range d {
		if e.Key == key {
			return e.Value, true
		}
	}
	return nil, false
}

// sub returns a document in a document; nil where there is none.
func sub(d bson.D, key string) bson.D {
	v, _ := get(d, key)
	out, _ := v.(bson.D) //nolint:errcheck // nil for anything else
	return out
}

func has(d bson.D, key string) bool {
	_, ok := get(d, key)
	return ok
}
