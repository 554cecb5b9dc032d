package awstargettest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing" //nolint:depguard // this package is for tests

	"github.com/flamingock/flamingock-go/core"
)

// Faults loads the change files of testdata/faults.yaml, each of which begins with its
// title, and compares what is wrong with them, and where, with testdata/faults.golden.
// UPDATE=1 writes that.
func Faults(t *testing.T, typ core.TargetType, target core.Target) {
	t.Helper()
	in, err := os.ReadFile("testdata/faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for doc := range strings.SplitSeq(string(in), "---\n") {
		title, body, _ := strings.Cut(strings.TrimPrefix(doc, "# "), "\n")
		_, err := Load(typ, target, body)
		var v *core.ValidationError
		if !errors.As(err, &v) {
			t.Errorf("%s: %v", title, err)
			continue
		}
		fmt.Fprintf(&out, "# %s\n", title)
		for _, f := range v.Faults {
			fmt.Fprintf(&out, "%s\n", strings.TrimPrefix(f.String(), File+":"))
		}
	}
	const golden = "testdata/faults.golden"
	if os.Getenv("UPDATE") != "" { //nolint:forbidigo // whoever runs the test says so there
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
