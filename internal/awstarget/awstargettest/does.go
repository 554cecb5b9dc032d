package awstargettest

import (
	"strings"
	"testing" //nolint:depguard // this package is for tests

	"github.com/flamingock/flamingock-go/core"
)

// Canary stands in payloads for what no plan may tell.
const Canary = "canary"

// Does loads a change for each text, without a server, and compares what a plan says of
// its step with the text's value. Values that hold the canary must not be in it.
func Does(t *testing.T, typ core.TargetType, target core.Target, want map[string]string) {
	t.Helper()
	for body, want := range want {
		c, err := Load(typ, target, body)
		if err != nil {
			t.Errorf("%s: %v", core.Cap(body, 300), err)
			continue
		}
		step := c.Pairs()[0].Apply
		if got := step.Summary(); got != want || strings.Contains(got+step.Label(), Canary) {
			t.Errorf("%s\n got %s\nwant %s\n(%s)", core.Cap(body, 300), got, want, step.Label())
		}
	}
}
