package javaedition

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Limits of what an entry keeps of an error, as for our own.
const (
	maxMessage = 4 << 10
	maxCause   = 1 << 10
	maxType    = 255
)

// entryError reads an errorTrace: {type, message, rootCause, stackTrace}. The Java
// edition cuts it after 20,000 characters, so that its end may be missing; what is
// no JSON at all is kept as a message.
func entryError(trace string) *core.EntryError {
	if strings.TrimSpace(trace) == "" {
		return nil
	}
	fields := readTrace(trace)
	e := &core.EntryError{Type: core.Cap(fields["type"], maxType), Message: core.Cap(fields["message"], maxMessage)}
	if c := fields["rootCause"]; c != "" && c != fields["message"] {
		e.Causes = []string{core.Cap(c, maxCause)}
	}
	if e.Type == "" && e.Message == "" {
		e.Message = core.Cap(trace, maxMessage)
	}
	if e.Type == "" {
		e.Type = "java"
	}
	return e
}

// readTrace reads the texts of an object as far as it goes.
func readTrace(trace string) map[string]string {
	out := map[string]string{}
	dec := json.NewDecoder(strings.NewReader(trace))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return out
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			break
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			if key, ok := name.(string); ok && errors.Is(err, io.ErrUnexpectedEOF) && key != "stackTrace" {
				out[key] = cutText(trace, key)
			}
			break
		}
		if key, ok := name.(string); ok {
			out[key] = textOf(v)
		}
	}
	return out
}

// textOf gives a text as it is, and an object such as {type, message} in a line.
func textOf(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	var o struct{ Type, Message string }
	if json.Unmarshal(v, &o) == nil && o.Type+o.Message != "" {
		return strings.Trim(o.Type+": "+o.Message, ": ")
	}
	return ""
}

// cutText finds the value of key, in which the trace ends.
func cutText(trace, key string) string {
	_, rest, _ := strings.Cut(trace, `"`+key+`"`)
	rest = strings.TrimLeft(rest, " \t\n:")
	rest, ok := strings.CutPrefix(rest, `"`)
	if !ok {
		return ""
	}
	return rest
}
