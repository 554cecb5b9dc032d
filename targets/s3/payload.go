package s3

import (
	"maps"
	"slices"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// decode decodes a payload, and checks it.
func decode[T any, P interface {
	*T
	check(f *awstarget.Faults)
}](p core.Payload) (P, error) {
	out := P(new(T))
	if err := awstarget.Decode(p, out); err != nil {
		return nil, err
	}
	f := &awstarget.Faults{Payload: p}
	out.check(f)
	return out, f.Err()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func plain(texts map[string]core.Text) map[string]string {
	out := map[string]string{}
	for k, v := range texts {
		out[k] = v.Value
	}
	return out
}
