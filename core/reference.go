package core

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
)

// Secret is a string that cannot be printed, logged or marshalled by accident.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value. Call it where the value is handed over, nowhere else.
func (s Secret) Reveal() string { return s.value }

// RedactedMark stands where a secret was.
const RedactedMark = "[secret]"

// String returns a fixed word, never the value.
func (s Secret) String() string { return RedactedMark }

// GoString returns a fixed word, never the value.
func (s Secret) GoString() string { return RedactedMark }

// LogValue returns a fixed word, never the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(RedactedMark) }

// MarshalText returns a fixed word, never the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(RedactedMark), nil }

// Reference is an external value named in a text as ${scheme:key}.
type Reference struct{ Scheme, Key string }

func (r Reference) String() string { return "${" + r.Scheme + ":" + r.Key + "}" }

// Schemes are the reference schemes of design.md 4.1. Anything else in ${…} is
// ordinary text.
var refPattern = regexp.MustCompile(`\$?\$\{(env|secretsmanager|ssm|vault):([^}\s]*)\}`)

// References lists the references in text, in order, with repetitions. `$${…}`
// is an escaped one and is not listed.
func References(text string) []Reference {
	var refs []Reference
	for _, m := range refPattern.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[0], "$$") {
			refs = append(refs, Reference{m[1], m[2]})
		}
	}
	return refs
}

// Resolver finds the values of references.
type Resolver interface {
	// Resolve returns the value. Errors: *ConfigError for a value that is not
	// there or a scheme that this build does not have.
	Resolve(ctx context.Context, r Reference) (Secret, error)
}

// Expand replaces the references in text by their values and `$${` by `${`.
func Expand(ctx context.Context, r Resolver, text string) (string, error) {
	var firstErr error
	out := refPattern.ReplaceAllStringFunc(text, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		sub := refPattern.FindStringSubmatch(m)
		v, err := r.Resolve(ctx, Reference{sub[1], sub[2]})
		if err != nil && firstErr == nil {
			firstErr = err
		}
		return v.Reveal()
	})
	return out, firstErr
}
