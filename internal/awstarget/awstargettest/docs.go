package awstargettest

import (
	"os"
	"regexp"
	"testing" //nolint:depguard // this package is for tests

	"github.com/flamingock/flamingock-go/core"
)

// block is a heading that names a template, or a change beneath one.
var block = regexp.MustCompile("(?ms)^## `([a-z-]+)`$|^```yaml\n(apply:.*?)^```$")

// Docs loads every change of a page: those that begin with apply, beneath the heading that
// names their template. It returns how many there are.
func Docs(t *testing.T, typ core.TargetType, target core.Target, page string) (n int) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		if m[1] != "" {
			name = m[1]
			continue
		}
		n++
		if _, err := Load(typ, target, "template: "+name+"\n"+m[2]); err != nil {
			t.Errorf("%s: %s:\n%s%v", page, name, m[2], err)
		}
	}
	return n
}
