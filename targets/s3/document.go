package s3

import (
	"encoding/json"
	"strings"

	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// encode is JSON without the escapes that are meant for HTML.
func encode(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// canonical is the JSON of one of the SDK's types without what is not set; "" when
// nothing is. To leave a false out is to say the same.
func canonical(v any) (string, error) {
	text, err := encode(v)
	if err != nil {
		return "", err
	}
	tree, err := awstarget.Parse(text)
	if err != nil {
		return "", err
	}
	if tree = bare(tree); tree == nil {
		return "", nil
	}
	return encode(tree)
}

func bare(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		if !v {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case []any:
		var out []any
		for _, e := range v {
			if e = bare(e); e != nil {
				out = append(out, e)
			}
		}
		if out == nil {
			return nil
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = bare(e); e != nil {
				out[k] = e
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}
