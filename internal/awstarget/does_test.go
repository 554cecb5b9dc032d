package awstarget

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

func TestDeclared(t *testing.T) {
	type options struct {
		Delay  *int64               `yaml:"delay"`
		Policy *Document            `yaml:"policy,omitempty"`
		Key    core.Text            `yaml:"key"`
		Blank  core.Text            `yaml:"blank"`
		Tags   map[string]core.Text `yaml:"tags"`
		None   map[string]core.Text `yaml:"none"`
		List   []core.Text          `yaml:"list"`
		Absent *bool                `yaml:"absent"`
		Ours   *int64               `yaml:"-"`
	}
	zero := int64(0)
	got := Declared(&options{
		Delay: &zero, Policy: &Document{}, Key: core.Text{Value: "k"}, Blank: core.Text{Value: " ", Start: core.Position{Line: 3}},
		Tags: map[string]core.Text{"a": {}}, None: map[string]core.Text{}, List: []core.Text{}, Ours: &zero,
	})
	if d := cmp.Diff(got, []string{"delay", "policy", "key", "tags"}); d != "" {
		t.Errorf("got -, want +:\n%s", d)
	}
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := Listed(words); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
