package core

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Redactor resolves references through another Resolver, each once, and removes
// the values it has seen from texts. It is safe for concurrent use.
type Redactor struct {
	from Resolver

	mu     sync.Mutex
	values map[Reference]Secret
	forms  map[string]bool // of the values, as they may stand in a text
	pieces map[string]bool // of values in payloads, in lower case
}

// NewRedactor returns a Redactor over from.
func NewRedactor(from Resolver) *Redactor {
	return &Redactor{from: from, values: map[Reference]Secret{}, forms: map[string]bool{}, pieces: map[string]bool{}}
}

// InPayloads returns a Resolver for values that become part of a payload. Systems
// quote pieces of what they are sent ("syntax error near …"), so that the words of
// these values are redacted too, not only the whole values.
func (r *Redactor) InPayloads() Resolver { return payloadResolver{r} }

type payloadResolver struct{ r *Redactor }

func (p payloadResolver) Resolve(ctx context.Context, ref Reference) (Secret, error) {
	v, err := p.r.Resolve(ctx, ref)
	if err == nil {
		p.r.mu.Lock()
		defer p.r.mu.Unlock()
		for _, piece := range wordPattern.FindAllString(v.value, -1) {
			p.r.pieces[strings.ToLower(piece)] = true
		}
	}
	return v, err
}

// wordPattern finds words, of four bytes or more: shorter ones tell nothing and
// stand everywhere.
var wordPattern = regexp.MustCompile(`[\pL\pN_]{4,}`)

// Resolve implements Resolver. A value is asked for once, also when it changes
// meanwhile: one run sees one value.
func (r *Redactor) Resolve(ctx context.Context, ref Reference) (Secret, error) {
	r.mu.Lock()
	v, ok := r.values[ref]
	r.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := r.from.Resolve(ctx, ref)
	if err != nil {
		return Secret{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[ref] = v
	if len(v.value) >= shortestSecret {
		for _, f := range InJSON(v.value) {
			r.forms[f] = true
		}
	}
	return v, nil
}

// InJSON returns a value and what it is in JSON, and in JSON that is a text in JSON, each
// once, for who looks for it in a text. Go's own writer escapes more than others.
func InJSON(value string) []string {
	all := []string{value}
	for range 2 {
		for _, f := range slices.Clone(all) {
			for _, html := range []bool{true, false} {
				var b strings.Builder
				e := json.NewEncoder(&b)
				e.SetEscapeHTML(html)
				if e.Encode(f) != nil {
					continue
				}
				if quoted := strings.TrimSuffix(b.String(), "\n"); !slices.Contains(all, quoted[1:len(quoted)-1]) {
					all = append(all, quoted[1:len(quoted)-1])
				}
			}
		}
	}
	return all
}

// shortestSecret keeps values such as "1" from blanking every digit of a text.
const shortestSecret = 3

// Redact replaces every value that was resolved by a fixed word, and the words of
// values in payloads. Values of fewer than three bytes are left.
func (r *Redactor) Redact(text string) string {
	r.mu.Lock()
	values := slices.Collect(maps.Keys(r.forms))
	pieces := maps.Clone(r.pieces)
	r.mu.Unlock()
	// The longest first, so that a value within another leaves no rest of it.
	sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
	for _, v := range values {
		text = strings.ReplaceAll(text, v, RedactedMark)
	}
	if len(pieces) == 0 {
		return text
	}
	return wordPattern.ReplaceAllStringFunc(text, func(word string) string {
		if pieces[strings.ToLower(word)] {
			return RedactedMark
		}
		return word
	})
}

// RedactError returns an error whose text is redacted and whose chain is err's;
// err itself when nothing needs to be removed.
func (r *Redactor) RedactError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := r.Redact(text)
	if clean == text {
		return err
	}
	return &redactedError{clean, err}
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }
