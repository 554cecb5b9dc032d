package events

import (
	"fmt"
	"log/slog"
)

// Secret is text that cannot be printed, logged or marshalled by accident: a
// credential, a signed URL, a callback token, or a document of somebody else's.
type Secret struct{ value string }

// Reveal returns the text. Call it where the text is handed over, nowhere else.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns a fixed word, or "" when there is no text.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return "[secret]"
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Format prints String whatever the verb: %d and %x would reach the field.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
