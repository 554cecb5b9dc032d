package httpapi

import (
	"net/url"
	"sort"
	"strings"
	"sync"

	"github.com/flamingock/flamingock-go/core"
)

// secrets are values that no error may quote: credentials, and the values of
// references. APIs echo what they are sent. The Runner redacts references too, but
// what an error quotes is cut before, and a part of a value is not found any more.
type secrets struct {
	mu     sync.Mutex
	values map[string]bool
}

const (
	redacted = "[secret]"
	// shortest keeps values such as "1" from blanking every digit of a text.
	shortest = 3
)

// add keeps values, and the forms that they take in URLs, in JSON, and in JSON that is
// a text in JSON.
func (s *secrets) add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]bool{}
	}
	for _, v := range values {
		if len(v) < shortest {
			continue
		}
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v)} {
			for _, f := range core.InJSON(form) {
				s.values[f] = true
			}
		}
	}
}

// redact replaces the values in a text.
func (s *secrets) redact(text string) string {
	s.mu.Lock()
	all := make([]string, 0, len(s.values))
	for v := range s.values {
		all = append(all, v)
	}
	s.mu.Unlock()
	// The longest first, so that a value within another leaves no rest of it.
	sort.Slice(all, func(i, j int) bool { return len(all[i]) > len(all[j]) || len(all[i]) == len(all[j]) && all[i] < all[j] })
	for _, v := range all {
		text = strings.ReplaceAll(text, v, redacted)
	}
	return text
}

// maxQuote bounds what an error quotes of an answer, in bytes.
const maxQuote = 500

// quote makes what an answer says fit for an error: one short line without secrets.
func (s *secrets) quote(text string) string {
	return core.Cap(strings.Join(strings.Fields(s.redact(strings.ToValidUTF8(text, "\uFFFD"))), " "), maxQuote)
}

// within replaces the values in the texts of a JSON value, before they are written.
func (s *secrets) within(v any) any {
	switch v := v.(type) {
	case string:
		return s.redact(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = s.within(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[s.redact(name)] = s.within(e)
		}
		return out
	}
	return v
}
