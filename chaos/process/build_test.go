package process_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// A release is a build without the tag: it must have nothing that could be told to
// kill it. The build with the tag shows that what is looked for would be found.
func TestOnlyTheTagBringsFailpoints(t *testing.T) {
	for _, tt := range []struct {
		pkg  string
		tags []string
		want bool
	}{
		{"../../container", nil, false},
		{"../../lambda", nil, false},
		{"./job", []string{"failpoint"}, true},
	} {
		content, err := os.ReadFile(build(t, tt.pkg, tt.tags...))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"FLAMINGOCK_FAILPOINT", "FLAMINGOCK_CLOCK_OFFSET", "step.starting"} {
			if got := bytes.Contains(content, []byte(text)); got != tt.want {
				t.Errorf("%s with tags %q: %q is in the binary: %t, want %t", tt.pkg, tt.tags, text, got, tt.want)
			}
		}
	}
}

// The tests of internal/failpoint that need the tag, which nobody else gives them.
func TestFailpointsThemselves(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-tags", "failpoint", "../../internal/failpoint").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
