package mongotest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// state is what is in the model: documents by their collection and _id.
type state struct {
	collections map[string]bson.D // and their options
	documents   map[string]bson.D
	versions    map[string]int64
}

func newState() *state {
	return &state{collections: map[string]bson.D{}, documents: map[string]bson.D{}, versions: map[string]int64{}}
}

func (s *state) clone() *state {
	return &state{maps.Clone(s.collections), maps.Clone(s.documents), maps.Clone(s.versions)}
}

// take takes over what another state has under a key.
func (s *state) take(from *state, key string) {
	s.versions[key]++
	collection, _, _ := strings.Cut(key, "\x00")
	s.made(collection)
	if d, ok := from.documents[key]; ok {
		s.documents[key] = d
	} else {
		delete(s.documents, key)
	}
}

func (s *state) made(collection string) {
	if s.collections[collection] == nil {
		s.collections[collection] = bson.D{}
	}
}

// writer does one command on a state.
type writer struct {
	state      *state
	conflict   func(key string) bool
	wrote      func(key string)
	conflicted bool
}

func (w *writer) command(c bson.D) bson.D {
	db := as[string](get(c, "$db"))
	name := as[string](c[0].Value)
	ns := db + "." + name
	switch c[0].Key {
	case "create":
		if w.state.collections[ns] != nil {
			return Refusal(48, "NamespaceExists", "a collection of this name exists")
		}
		w.state.made(ns)
		for _, e := range c[1:] {
			if e.Key == "viewOn" || e.Key == "pipeline" || e.Key == "collation" {
				w.state.collections[ns] = append(w.state.collections[ns], e)
			}
		}
		return done()
	case "drop":
		delete(w.state.collections, ns)
		maps.DeleteFunc(w.state.documents, func(key string, _ bson.D) bool { return strings.HasPrefix(key, ns+"\x00") })
		return done()
	case "listCollections":
		return w.list(db, get(c, "filter"))
	case "find":
		var found bson.A
		for _, key := range w.keys(ns) {
			if matches(w.state.documents[key], get(c, "filter")) {
				found = append(found, w.state.documents[key])
			}
		}
		return cursor(ns, found)
	case "insert":
		return w.each(list(c, "documents"), func(d bson.D) (int, bson.D) {
			key := ns + "\x00" + id(get(d, "_id"))
			if w.refuses(key) {
				return 0, nil
			}
			if _, there := w.state.documents[key]; there {
				return 0, bson.D{{Key: "code", Value: 11000}, {Key: "errmsg", Value: "E11000 duplicate key error collection: " + ns}}
			}
			w.write(ns, key, d)
			return 1, nil
		})
	case "update":
		return w.each(list(c, "updates"), func(u bson.D) (int, bson.D) { return w.update(ns, u) })
	case "delete":
		return w.each(list(c, "deletes"), func(d bson.D) (int, bson.D) {
			n := 0
			for _, key := range w.keys(ns) {
				if !matches(w.state.documents[key], get(d, "q")) || w.refuses(key) {
					continue
				}
				w.write(ns, key, nil)
				if n++; number(get(d, "limit")) == 1 {
					break
				}
			}
			return n, nil
		})
	}
	return Refusal(59, "CommandNotFound", "no such command: "+c[0].Key)
}

// each does the parts of a write, up to the first that fails.
func (w *writer) each(parts bson.A, do func(bson.D) (int, bson.D)) bson.D {
	n := 0
	for i, p := range parts {
		d := as[bson.D](p)
		more, refused := do(d)
		n += more
		if refused != nil {
			return bson.D{{Key: "n", Value: n}, {Key: "writeErrors", Value: bson.A{append(refused, bson.E{Key: "index", Value: i})}}, {Key: "ok", Value: 1}}
		}
	}
	return bson.D{{Key: "n", Value: n}, {Key: "nModified", Value: n}, {Key: "ok", Value: 1}}
}

func (w *writer) update(ns string, u bson.D) (int, bson.D) {
	change := as[bson.D](get(u, "u"))
	for _, key := range w.keys(ns) {
		old := w.state.documents[key]
		if !matches(old, get(u, "q")) {
			continue
		}
		next, refused := changed(old, change)
		if refused != nil || w.refuses(key) {
			return 0, refused
		}
		if !slices.EqualFunc(old, next, func(a, b bson.E) bool { return a.Key == b.Key && fmt.Sprint(a.Value) == fmt.Sprint(b.Value) }) {
			w.write(ns, key, next) // one that changes nothing is no write, as in MongoDB
		}
		return 1, nil
	}
	if upsert := as[bool](get(u, "upsert")); upsert {
		filter := as[bson.D](get(u, "q"))
		next, refused := changed(filter, change)
		if refused != nil {
			return 0, refused
		}
		key := ns + "\x00" + id(get(next, "_id"))
		if w.refuses(key) {
			return 0, nil
		}
		w.write(ns, key, next)
		return 1, nil
	}
	_, refused := changed(nil, change)
	return 0, refused
}

func changed(d, change bson.D) (bson.D, bson.D) {
	next := slices.Clone(d)
	for _, op := range change {
		fields := as[bson.D](op.Value)
		for _, f := range fields {
			switch op.Key {
			case "$set":
				next = set(next, f.Key, f.Value)
			case "$inc":
				next = set(next, f.Key, int64(number(get(next, f.Key))+number(f.Value)))
			default:
				return nil, bson.D{{Key: "code", Value: 9}, {Key: "errmsg", Value: "Unknown modifier: " + op.Key}}
			}
		}
	}
	return next, nil
}

func (w *writer) refuses(key string) bool {
	w.conflicted = w.conflicted || w.conflict(key)
	return w.conflicted
}

func (w *writer) write(ns, key string, d bson.D) {
	w.state.made(ns)
	w.state.versions[key]++
	if w.state.documents[key] = d; d == nil {
		delete(w.state.documents, key)
	}
	w.wrote(key)
}

func (w *writer) keys(ns string) []string {
	var keys []string
	for key := range w.state.documents {
		if strings.HasPrefix(key, ns+"\x00") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (w *writer) list(db string, filter any) bson.D {
	var found bson.A
	for _, ns := range slices.Sorted(maps.Keys(w.state.collections)) {
		name, in := strings.CutPrefix(ns, db+".")
		d := bson.D{{Key: "name", Value: name}, {Key: "type", Value: "collection"}, {Key: "options", Value: w.state.collections[ns]}}
		if get(w.state.collections[ns], "viewOn") != nil {
			d = set(d, "type", "view")
		}
		if in && matches(d, filter) {
			found = append(found, d)
		}
	}
	return cursor(db+".$cmd.listCollections", found)
}

func cursor(ns string, batch bson.A) bson.D {
	if batch == nil {
		batch = bson.A{}
	}
	return done(bson.E{Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: ns}, {Key: "firstBatch", Value: batch}}})
}

// matches knows the filters that the tests' commands have.
func matches(d bson.D, filter any) bool {
	f := as[bson.D](filter)
	return !slices.ContainsFunc(f, func(e bson.E) bool {
		if e.Key == "$or" {
			some := as[bson.A](e.Value)
			return !slices.ContainsFunc(some, func(one any) bool { return matches(d, one) })
		}
		have := get(d, e.Key)
		conditions, ok := e.Value.(bson.D)
		if !ok || len(conditions) == 0 || !strings.HasPrefix(conditions[0].Key, "$") {
			return id(have) != id(e.Value)
		}
		return slices.ContainsFunc(conditions, func(c bson.E) bool { return !meets(have, c) })
	})
}

func meets(have any, c bson.E) bool {
	switch c.Key {
	case "$eq":
		return id(have) == id(c.Value)
	case "$in":
		some := as[bson.A](c.Value)
		return slices.ContainsFunc(some, func(one any) bool { return id(one) == id(have) })
	case "$lt":
		return have != nil && cmp.Less(number(have), number(c.Value))
	case "$lte":
		return have != nil && number(have) <= number(c.Value)
	}
	return false
}

// id writes a value so that equal ones are written alike.
func id(v any) string {
	switch n := v.(type) {
	case int32, int64, float64:
		return fmt.Sprint("number ", number(n))
	}
	b, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: v}}, true, false)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func number(v any) float64 {
	switch n := v.(type) {
	case int32:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

func whole(d bson.D, key string) int64 { return int64(number(get(d, key))) }

func get(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func set(d bson.D, key string, v any) bson.D {
	for i := range d {
		if d[i].Key == key {
			d[i].Value = v
			return d
		}
	}
	return append(d, bson.E{Key: key, Value: v})
}

func list(d bson.D, key string) bson.A {
	a := as[bson.A](get(d, key))
	return a
}

// as is v if it is a T, and otherwise nothing.
func as[T any](v any) T {
	t, ok := v.(T)
	if !ok {
		var none T
		return none
	}
	return t
}
