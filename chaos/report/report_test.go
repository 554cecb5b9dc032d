package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/report"
)

func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	if _, err := report.Read(path); err == nil {
		t.Error("no file is no error")
	}
	for _, r := range []report.Row{{Scenario: "a|b", Runs: 2, Effects: 3}, {Scenario: "c", Runs: 1, Violations: 2, Note: "seed 7 | again"}} {
		if err := report.Append(path, r); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := report.Read(path)
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	var out strings.Builder
	if n := report.Print(&out, rows); n != 2 || !strings.Contains(out.String(), "| c | 1 | 0 | 2 | seed 7 / again |") || !strings.Contains(out.String(), "| **all** | 3 | 3 | **2** | |") {
		t.Errorf("%d\n%s", n, out.String())
	}
	for _, bad := range []string{"", "{\n"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Read(path); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}
