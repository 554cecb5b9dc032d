package awstarget

import (
	"encoding/json"
	"regexp"
	"slices"
)

// SameJSON compares two JSON documents: keys in any order, and a number like the text
// that reads the same, since services give back "5" for 5. Where one is no JSON, the
// texts.
func SameJSON(a, b string) bool { return same(a, b, loose) }

// SamePolicy compares two policies as SameJSON does, and takes for the same what IAM
// does: a list of one for its element, lists of texts in any order, and an account's
// number for its root.
func SamePolicy(a, b string) bool { return same(a, b, policy) }

func same(a, b string, normal func(any) any) bool {
	if a == b {
		return true
	}
	va, errA := Parse(a)
	vb, errB := Parse(b)
	return errA == nil && errB == nil && text(normal(va)) == text(normal(vb))
}

func loose(v any) any {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = loose(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = loose(e)
		}
		return out
	}
	return v
}

var root = regexp.MustCompile(`^arn:[a-z-]+:iam::([0-9]{12}):root$`)

func policy(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		texts := make([]string, 0, len(v))
		for i, e := range v {
			out[i] = policy(e)
			if s, ok := out[i].(string); ok {
				texts = append(texts, s)
			}
		}
		switch {
		case len(out) == 1:
			return out[0]
		case len(texts) == len(out):
			slices.Sort(texts)
			return texts
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = policy(e)
		}
		return out
	case string:
		return root.ReplaceAllString(v, "$1")
	}
	return loose(v)
}
