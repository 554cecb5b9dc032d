package manifesttest

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

func TestGitHubWorkflow(t *testing.T) {
	lint, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "github/deploy.yaml")
	faults, err := lint.Lint("deploy.yaml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
	given := regexp.MustCompile(`--env (\w+)`).FindAllStringSubmatch(string(text), -1)
	references(t, func(name string) bool {
		for _, g := range given {
			if g[1] == name {
				return true
			}
		}
		return false
	})
	args := regexp.MustCompile(`flamingock-go:\S+ (.*)`).FindStringSubmatch(string(text))
	if args == nil {
		t.Fatal("the workflow does not run flamingock")
	}
	command(t, strings.Fields(args[1]))
}
