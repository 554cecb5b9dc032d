package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxEvent   = 6 << 20 // what Lambda hands over at most, and more than any of ours needs
	maxRequest = 64 << 10
	maxDepth   = 100
	maxID      = 512
)

// check reports whether raw is one JSON value that every reader understands alike:
// bounded, UTF-8, no key twice in one object.
func check(raw []byte, limit int) *Error {
	next := "send one JSON object; there is one of each kind in events/samples"
	switch {
	case len(raw) > limit:
		return refuse(fmt.Sprintf("send at most %d bytes", limit), "it has %d bytes, more than the %d that are read", len(raw), limit)
	case len(bytes.TrimSpace(raw)) == 0:
		return refuse(next, "it is empty")
	case !utf8.Valid(raw):
		return refuse(next, "it is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // a number too large for a float64 is nobody's fault here
	var open []level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			break
		}
		if err != nil {
			return refuse(next, "it is not valid JSON (near byte %d)", dec.InputOffset())
		}
		if fault := walk(&open, token); fault != nil {
			return fault
		}
	}
	if !json.Valid(raw) { // more than one value, say
		return refuse(next, "it is not one JSON value")
	}
	return nil
}

// level is an object or list that is being read.
type level struct {
	keys  map[string]bool // nil in a list
	value bool            // the next token is a value, not a key
}

func walk(open *[]level, token json.Token) *Error {
	delim, isDelim := token.(json.Delim)
	if isDelim && (delim == '}' || delim == ']') {
		*open = (*open)[:len(*open)-1]
		return nil
	}
	if n := len(*open); n > 0 && (*open)[n-1].keys != nil {
		top := &(*open)[n-1]
		if key, ok := token.(string); ok && !top.value {
			if top.keys[key] {
				return refuse("give every key once", "it has the key %s twice", showKey(key))
			}
			top.keys[key], top.value = true, true
			return nil
		}
		top.value = false
	}
	if !isDelim {
		return nil
	}
	if len(*open) == maxDepth {
		return refuse("send less nested JSON", "it is nested more than %d deep", maxDepth)
	}
	next := level{}
	if delim == '{' {
		next.keys = map[string]bool{}
	}
	*open = append(*open, next)
	return nil
}

// object is a JSON object, read by exact keys: a Go struct would take "records"
// for "Records". The first fault of an object and all below it is kept.
type object struct {
	at    string // where it is, for messages
	keys  map[string]json.RawMessage
	fault **Error
}

// parse reads raw, which has passed check; false: it is no object.
func parse(raw []byte) (object, bool) {
	o := object{fault: new(*Error)}
	err := json.Unmarshal(raw, &o.keys)
	return o, err == nil && o.keys != nil
}

func (o object) failed() *Error { return *o.fault }

func (o object) fail(key, format string, args ...any) {
	if *o.fault == nil {
		*o.fault = refuse("compare it with events/samples", "%s %s", o.at+key, fmt.Sprintf(format, args...))
	}
}

// has reports whether there is a value; null is none.
func (o object) has(key string) bool {
	v, ok := o.keys[key]
	return ok && string(v) != "null"
}

func (o object) names() []string {
	out := make([]string, 0, len(o.keys))
	for k := range o.keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (o object) object(key string) object {
	in, ok := parse(o.keys[key])
	if !ok {
		o.fail(key, "must be an object")
	}
	return object{at: o.at + key + ".", keys: in.keys, fault: o.fault}
}

// optional is object for a key that may be absent.
func (o object) optional(key string) object {
	if o.has(key) {
		return o.object(key)
	}
	return object{at: o.at + key + ".", fault: o.fault}
}

// objects reads a list of objects.
func (o object) objects(key string, limit int) []object {
	var items []json.RawMessage
	if json.Unmarshal(o.keys[key], &items) != nil || len(items) > limit {
		o.fail(key, "must be a list of at most %d", limit)
		return nil
	}
	out := make([]object, len(items))
	for i, raw := range items {
		in, ok := parse(raw)
		at := key + "[" + strconv.Itoa(i) + "]"
		if !ok {
			o.fail(at, "must be an object")
		}
		out[i] = object{at: o.at + at + ".", keys: in.keys, fault: o.fault}
	}
	return out
}

// any reads text of at most limit bytes; "" when there is none.
func (o object) any(key string, limit int) string {
	if !o.has(key) {
		return ""
	}
	var s string
	if json.Unmarshal(o.keys[key], &s) != nil || len(s) > limit {
		o.fail(key, "must be a text of at most %d bytes", limit)
		return ""
	}
	return s
}

// text reads text that must be there.
func (o object) text(key string, limit int) string {
	s := o.any(key, limit)
	if s == "" {
		o.fail(key, "must be a text of 1 to %d bytes", limit)
	}
	return s
}

// id reads text that must be there and can stand in a log line.
func (o object) id(key string, limit int) string {
	s := o.text(key, limit)
	if !printable(s) {
		o.fail(key, "must be printable text without spaces around it")
	}
	return s
}

func printable(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func secret(s string) Secret { return Secret{value: s} }

// capID shortens what the audit entry keeps at a rune boundary.
func capID(s string) string {
	for len(s) > maxID {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
