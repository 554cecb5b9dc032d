package core

// Ordered is a mapping that keeps the order of its keys, as they stand in a file.
// A payload decoded into an Ordered, or into a struct with fields of that type,
// has Ordered for every mapping inside it too. Where order does not matter,
// map[string]any is simpler.
type Ordered []Member

// Member is one key of an Ordered and its value: nil, bool, int64, uint64,
// float64, string, []any or Ordered.
type Member struct {
	Key   string
	Value any
}

// Get returns the value of key, and whether it is there.
func (o Ordered) Get(key string) (any, bool) {
	for _, m := range o {
		if m.Key == key {
			return m.Value, true
		}
	}
	return nil, false
}
