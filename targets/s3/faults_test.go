package s3

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// What can be found by reading is found when the files are loaded, at its place.
// UPDATE=1 writes the golden file.
func TestFaults(t *testing.T) {
	target := New("shop", &sdk.Client{})
	in, err := os.ReadFile("testdata/faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, doc := range strings.Split(string(in), "---\n") {
		title, body, _ := strings.Cut(strings.TrimPrefix(doc, "# "), "\n")
		_, err := load(target, body)
		var v *core.ValidationError
		if !errors.As(err, &v) {
			t.Errorf("%s: %v", title, err)
			continue
		}
		fmt.Fprintf(&out, "# %s\n", title)
		for _, f := range v.Faults {
			fmt.Fprintf(&out, "%s\n", strings.TrimPrefix(f.String(), "changes/_0001__a.yaml:"))
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/faults.golden", []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/faults.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}
