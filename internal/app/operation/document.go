package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// Document answers an operation, for programs: design.md 5.
type Document struct {
	Success    bool     `json:"success"`
	Operation  string   `json:"operation"`
	Timestamp  string   `json:"timestamp"` // when it began
	DurationMs int64    `json:"durationMs"`
	Data       any      `json:"data"`
	Error      *Failure `json:"error"`
}

// Failure is an error in a Document.
type Failure struct {
	Code      core.Code    `json:"code"`
	Message   string       `json:"message"`
	Hint      string       `json:"hint"`
	Retryable bool         `json:"retryable"`
	Faults    []core.Fault `json:"faults,omitempty"`
}

// NewDocument puts an answer together. There may be data beside a failure.
func NewDocument(operation string, began time.Time, took time.Duration, data any, failure *Failure) Document {
	return Document{
		Success: failure == nil, Operation: operation, Timestamp: began.UTC().Format(time.RFC3339Nano),
		DurationMs: took.Milliseconds(), Data: data, Error: failure,
	}
}

// NewFailure describes an error; nil for none. Redact removes secrets from its
// texts, after hint has put what to do next into the words of whoever reads it. Both
// may be nil.
func NewFailure(err error, redact, hint func(string) string) *Failure {
	if err == nil {
		return nil
	}
	if redact == nil {
		redact = func(s string) string { return s }
	}
	advice := core.Advice(err)
	if hint != nil {
		advice = hint(advice)
	}
	code := core.CodeOf(err)
	return &Failure{Code: code, Message: redact(err.Error()), Hint: redact(advice), Retryable: code.Retryable(), Faults: faultsOf(err)}
}

func faultsOf(err error) []core.Fault {
	var out []core.Fault
	var v *core.ValidationError
	var f *core.ConfigFaults
	if errors.As(err, &f) {
		out = append(out, f.Faults...)
	}
	if errors.As(err, &v) {
		out = append(out, v.Faults...)
	}
	return out
}

// Encode returns the document's bytes, with a line end. Data that JSON cannot hold
// is replaced by an error that says so.
func (d Document) Encode() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		d.Data, d.Success = nil, false
		d.Error = &Failure{Code: core.CodeInternal, Message: err.Error()}
		b.Reset()
		_ = enc.Encode(d) //nolint:errcheck // strings and numbers only
	}
	return b.Bytes()
}
