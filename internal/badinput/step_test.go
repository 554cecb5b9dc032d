package badinput

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// The kit notices every way in which an answer can be wrong.
func TestFaultsOfAnAnswer(t *testing.T) {
	want := Step{Code: core.CodeUnavailable, Says: "away", Next: "again"}
	const good = `{"error": {"code": "Unavailable", "message": "it is away", "hint": "run again"}}`
	for name, c := range map[string]struct {
		step   Step
		exit   int
		answer string
		fault  string // "": there is none
	}{
		"as it should be":      {want, 69, good, ""},
		"success":              {Step{}, 0, `{"success": true}`, ""},
		"another exit code":    {want, 70, good, "exit code"},
		"another code":         {want, 69, strings.Replace(good, "Unavailable", "Internal", 1), "code is Internal"},
		"no error":             {want, 69, `{"success": true}`, "no error"},
		"no next step":         {want, 69, strings.Replace(good, "run again", "", 1), "what to do"},
		"another message":      {want, 69, strings.Replace(good, "away", "gone", 1), "does not say away"},
		"another next step":    {want, 69, strings.Replace(good, "again", "on", 1), "does not say again"},
		"failure, not success": {Step{}, 0, good, "did not succeed"},
		"it ended, and badly":  {Step{}, 1, `{"success": true}`, "exit code"},
	} {
		var d document
		if err := json.Unmarshal([]byte(c.answer), &d); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.step.faults(c.exit, d), "; ")
		if (got == "") != (c.fault == "") || !strings.Contains(got, c.fault) {
			t.Errorf("%s: got %q, want %q", name, got, c.fault)
		}
	}
}
