package all_test

import (
	"slices"
	"testing"

	"github.com/flamingock/flamingock-go/targets/all"
)

func TestTypes(t *testing.T) {
	var names []string
	for _, typ := range all.Types() {
		names = append(names, typ.Name)
		if typ.New == nil {
			t.Errorf("type %s cannot make a target", typ.Name)
		}
		var templates []string
		for _, tpl := range typ.Templates {
			templates = append(append(templates, tpl.Name), tpl.Aliases...)
		}
		slices.Sort(templates)
		if len(slices.Compact(slices.Clone(templates))) != len(templates) {
			t.Errorf("type %s has a template name twice: %v", typ.Name, templates)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) || len(names) == 0 {
		t.Errorf("got %v, want each type once, by name", names)
	}
}
