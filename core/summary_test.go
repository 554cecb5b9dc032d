package core_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/core"
)

func TestSummary(t *testing.T) {
	named := core.StepFor(fillInTotals)
	const name = "github.com/flamingock/flamingock-go/core_test.fillInTotals"
	for _, tt := range []struct {
		about string
		step  core.Step
		want  string
	}{
		{"a template's line", core.Step{Name: "sql", Does: "CREATE TABLE orders"}, "CREATE TABLE orders"},
		{"a Go function", named, "runs " + name},
		{"a Go function with a text", named.Described("fills in the totals of orders"), "fills in the totals of orders"},
		{"nothing is known", core.Step{}, "runs Go code"},
		{"blank", core.Step{Name: "sql", Does: " \n\t"}, "runs sql"},
		{"several lines", core.Step{Does: "one\r\n two\u2028three\tfour"}, "one two three four"},
		{"escape sequences", core.Step{Does: "CREATE TABLE \x1b[2Jorders\x07\u009b31m"}, "CREATE TABLE \uFFFD[2Jorders\uFFFD\uFFFD31m"},
		{"writing turned round", core.Step{Does: "drops \u202Esredro\u2066"}, "drops \uFFFDsredro\uFFFD"},
		{"in a name", core.Step{Name: "x\x1b]0;title\x07"}, "runs x\uFFFD]0;title\uFFFD"},
		{"no UTF-8", core.Step{Does: "drops \xff"}, "drops \uFFFD"},
	} {
		if got := tt.step.Summary(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.about, got, tt.want)
		}
	}
	long := core.Step{Name: strings.Repeat("ä", 5000), Does: strings.Repeat("ö", 5000)}
	for _, got := range []string{long.Summary(), long.Label()} {
		if len(got) > 200 || !utf8.ValidString(got) || !strings.HasSuffix(got, "(cut)") {
			t.Errorf("got %d bytes: %q", len(got), got)
		}
	}
	if named.Described("x").Name != named.Name || named.Does != "" {
		t.Error("a description is no name, and of the step that is returned")
	}
}

func fillInTotals(context.Context, struct{}) error { return nil }
