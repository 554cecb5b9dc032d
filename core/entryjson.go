package core

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Encode returns the state as JSON, as stores may keep it: what encoding/json
// writes, but for its HTML escapes.
func (r *Record) Encode() []byte {
	o := jsonObject{b: make([]byte, 0, 1<<9)}
	o.open()
	o.text("changeId", r.ChangeID)
	o.text("state", string(r.State))
	o.number("seq", r.Seq)
	o.someNumber("startedSeq", r.StartedSeq)
	o.text("operation", string(r.Operation))
	o.someTrue("unknown", r.Unknown)
	o.someTrue("reconciled", r.Reconciled)
	o.some("checksum", r.Checksum)
	o.some("order", r.Order)
	o.some("stage", r.Stage)
	o.some("targetSystem", r.TargetSystem)
	o.some("txType", string(r.TxType))
	o.some("strategy", string(r.Strategy))
	o.someInt("attempt", int64(r.Attempt))
	if !r.At.IsZero() {
		o.time("at", r.At)
	}
	o.close()
	return o.b
}

// jsonObject writes one JSON object, byte for byte as encoding/json does without
// HTML escapes. An entry is encoded twice for every write, for its hash and for
// its row; by reflection that took longer than the store's own statements.
type jsonObject struct {
	b     []byte
	comma bool
}

func (o *jsonObject) open() { o.b, o.comma = append(o.b, '{'), false }

func (o *jsonObject) close() { o.b, o.comma = append(o.b, '}'), true }

// key begins a member. Keys need no escapes.
func (o *jsonObject) key(key string) {
	if o.comma {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, key...)
	o.b = append(o.b, '"', ':')
	o.comma = true
}

// text writes a string; some leaves it out when it is empty.
func (o *jsonObject) text(key, v string) {
	o.key(key)
	o.b = appendString(o.b, v)
}

func (o *jsonObject) some(key, v string) {
	if v != "" {
		o.text(key, v)
	}
}

func (o *jsonObject) number(key string, v uint64) {
	o.key(key)
	o.b = strconv.AppendUint(o.b, v, 10)
}

func (o *jsonObject) someNumber(key string, v uint64) {
	if v != 0 {
		o.number(key, v)
	}
}

func (o *jsonObject) someInt(key string, v int64) {
	if v != 0 {
		o.key(key)
		o.b = strconv.AppendInt(o.b, v, 10)
	}
}

func (o *jsonObject) someTrue(key string, v bool) {
	if v {
		o.key(key)
		o.b = append(o.b, "true"...)
	}
}

func (o *jsonObject) time(key string, v time.Time) {
	o.key(key)
	b, err := v.AppendText(append(o.b, '"'))
	if err != nil {
		panic(err) // unreachable: the year has four digits
	}
	o.b = append(b, '"')
}

func (o *jsonObject) someMap(key string, v map[string]string) {
	if len(v) == 0 {
		return
	}
	o.key(key)
	o.b = append(o.b, '{')
	for i, k := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(appendString(o.b, k), ':')
		o.b = appendString(o.b, v[k])
	}
	o.b = append(o.b, '}')
}

func (o *jsonObject) someList(key string, v []string) { someArray(o, key, v, appendString) }

func (o *jsonObject) someInts(key string, v []int) {
	someArray(o, key, v, func(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) })
}

func someArray[T any](o *jsonObject, key string, v []T, write func([]byte, T) []byte) {
	if len(v) == 0 {
		return
	}
	o.key(key)
	o.b = append(o.b, '[')
	for i, e := range v {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = write(o.b, e)
	}
	o.b = append(o.b, ']')
}

// appendString writes s in quotes. What is not plain ASCII is left to
// encoding/json, whose rules for it are long.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // unreachable: a string always encodes
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
