package operation_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

func TestDocument(t *testing.T) {
	began := time.Date(2026, 11, 22, 11, 0, 0, 5000, time.FixedZone("", 3600))
	redact := func(s string) string { return strings.ReplaceAll(s, "s3cr3t", "[redacted]") }
	hint := func(s string) string { return strings.ReplaceAll(s, "flamingock", "tool --s3cr3t") }
	head := "{\n  \"success\": %t,\n  \"operation\": \"plan\",\n  \"timestamp\": \"2026-11-22T10:00:00.000005Z\",\n  \"durationMs\": 1500,\n"
	faults := &core.ValidationError{Faults: []core.Fault{{Where: "a.yaml:1:2", Message: "no order"}}}
	for name, tt := range map[string]struct {
		data         any
		err          error
		redact, hint func(string) string
		success      bool
		want         string
	}{
		"data":       {data: map[string]string{"a": "<b> & c"}, success: true, want: "  \"data\": {\n    \"a\": \"<b> & c\"\n  },\n  \"error\": null\n}\n"},
		"no data":    {success: true, want: "  \"data\": null,\n  \"error\": null\n}\n"},
		"an error":   {err: &core.UsageError{Reason: "no", Next: "see: flamingock plan"}, want: "  \"data\": null,\n  \"error\": {\n    \"code\": \"Usage\",\n    \"message\": \"no\",\n    \"hint\": \"see: flamingock plan\",\n    \"retryable\": false\n  }\n}\n"},
		"both":       {data: 1, err: &core.UnavailableError{System: "db", Err: errors.New("s3cr3t")}, redact: redact, hint: func(string) string { return "wait" }, want: "  \"data\": 1,\n  \"error\": {\n    \"code\": \"Unavailable\",\n    \"message\": \"db is not available: [redacted]\",\n    \"hint\": \"wait\",\n    \"retryable\": true\n  }\n}\n"},
		"redacted":   {err: &core.UsageError{Reason: "s3cr3t", Next: "see: flamingock plan"}, redact: redact, hint: hint, want: "  \"data\": null,\n  \"error\": {\n    \"code\": \"Usage\",\n    \"message\": \"[redacted]\",\n    \"hint\": \"see: tool --[redacted] plan\",\n    \"retryable\": false\n  }\n}\n"},
		"faults":     {err: fmt.Errorf("here: %w", faults), hint: func(string) string { return "" }, want: "  \"data\": null,\n  \"error\": {\n    \"code\": \"ChangeSetInvalid\",\n    \"message\": \"here: " + strings.ReplaceAll(faults.Error(), "\n", `\n`) + "\",\n    \"hint\": \"\",\n    \"retryable\": false,\n    \"faults\": [\n      {\n        \"where\": \"a.yaml:1:2\",\n        \"message\": \"no order\"\n      }\n    ]\n  }\n}\n"},
		"not JSON's": {data: func() {}, want: "  \"data\": null,\n  \"error\": {\n    \"code\": \"Internal\",\n    \"message\": \"json: unsupported type: func()\",\n    \"hint\": \"\",\n    \"retryable\": false\n  }\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := operation.NewDocument("plan", began, 1500*time.Millisecond, tt.data, operation.NewFailure(tt.err, tt.redact, tt.hint))
			if diff := cmp.Diff(fmt.Sprintf(head, tt.success)+tt.want, string(d.Encode())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
