//go:build unix

package disturb

import (
	"encoding/json"
	"os"
	"testing" //nolint:depguard // this package is for tests

	"github.com/flamingock/flamingock-go/chaos/report"
)

// Report logs a row, and appends it to the report if there is to be one.
func Report(t testing.TB, r report.Row) {
	t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", line)
	if path := os.Getenv(report.Variable); path != "" {
		if err := report.Append(path, r); err != nil {
			t.Error(err)
		}
	}
}
