package dynamodb

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// What can be found by reading is found when the files are loaded, at its place.
// UPDATE=1 writes the golden file.
func TestFaults(t *testing.T) {
	target := New("shop", &sdk.Client{}, WithMarkerTable("markers"))
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

func TestSizesAtLoad(t *testing.T) {
	target := New("shop", &sdk.Client{}, WithMarkerTable("markers"))
	puts := func(n, size int) string {
		var b strings.Builder
		b.WriteString("template: dynamodb-items\napply:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - put: { table: abc, item: { pk: i%d, x: %q } }\n", i, strings.Repeat("x", size))
		}
		return b.String()
	}
	for _, tt := range []struct {
		n, size int
		want    string
	}{
		{95, 1, ""},
		{96, 1, "changes/_0001__a.yaml:100:"},
		{96, 1, "96 writes do not fit into one transaction, 95 do beside Flamingock's own: split the change, or set configuration.inSequence: true"},
		{1, 409_000, ""},
		{1, 410_000, "bytes large, and DynamoDB takes 400 KB"},
	} {
		_, err := load(target, puts(tt.n, tt.size))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d of %d: got %.300v, want %q", tt.n, tt.size, err, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"0": "", "-1.50": "", "+3": "", ".5": "", "5.": "", "1e125": "", "9.9E+125": "", "1e126": "larger", "1E-130": "", "1e-131": "smaller", "0e999": "",
		"12345678901234567890123456789012345678": "", "123456789012345678901234567890123456789": "38", "1234567890123456789012345678901234567800000": "",
		"0.00000000000000000000000000000000000000012345678901234567890123456789012345678": "",
		"": "not a number", ".": "not a number", "NaN": "not a number", "1_000": "not a number", "0x1F": "not a number", "1e": "not a number",
	} {
		if got := wrongNumber(text); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
