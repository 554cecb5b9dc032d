package awstarget

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

func TestDifferences(t *testing.T) {
	w := Wanted{
		Attributes: map[string]string{"Size": "5", "Policy": "", "Mode": "On", "Missing": "x"},
		Tags:       map[string]*string{"a": ptr("1"), "b": nil, "c": ptr(""), "d": nil},
	}
	s := State{Name: "thing", Exists: true, Attributes: map[string]string{"Size": "6", "Policy": "{}", "Mode": "on", "Other": "y"}, Tags: map[string]*string{"a": ptr("2"), "b": ptr(""), "e": ptr("z")}}
	var got []string
	for _, d := range w.Differences(s, func(name, a, b string) bool { return name == "Mode" && a == "on" && b == "On" }) {
		got = append(got, d.String())
	}
	if diff := cmp.Diff([]string{
		"Missing is not set, not x", "Policy is {}, and must not be set", "Size is 6, not 5", "tag a is 2, not 1", "tag b is empty, and must not be set", "tag c is not set, not empty",
	}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "c": ""}, w.SetTags()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b", "d"}, w.RemovedTags()); diff != "" {
		t.Error(diff)
	}
}

// What was kept comes back as it was; what was not there is told apart from what is empty.
func TestCaptured(t *testing.T) {
	w := Wanted{Attributes: map[string]string{"Size": "5", "Policy": "p"}, Tags: map[string]*string{"a": ptr("1"), "b": ptr("1"), "c": ptr("1")}}
	kept, err := w.Before(State{Name: "thing", Exists: true, Attributes: map[string]string{"Size": "6", "Other": "y"}, Tags: map[string]*string{"a": ptr("2"), "c": ptr("")}}).Kept()
	if err != nil || kept != `{"name":"thing","exists":true,"attributes":{"Policy":"","Size":"6"},"tags":{"a":"2","b":null,"c":""}}` {
		t.Errorf("kept %s (%v)", kept, err)
	}
	got, err := Captured(&core.Session{Captured: kept})
	if err != nil {
		t.Fatal(err)
	}
	want := &State{Name: "thing", Exists: true, Attributes: map[string]string{"Size": "6", "Policy": ""}, Tags: map[string]*string{"a": ptr("2"), "b": nil, "c": ptr("")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if kept, err := w.Before(State{Name: "thing"}).Kept(); err != nil || kept != `{"name":"thing","exists":false}` {
		t.Errorf("of nothing: kept %s (%v)", kept, err)
	}
	if got, err := Captured(&core.Session{}); got != nil || err != nil {
		t.Errorf("nothing was kept: %v (%v)", got, err)
	}
	if _, err := Captured(&core.Session{Captured: "[secret]"}); err == nil {
		t.Error("what is no JSON was read")
	}
}

func ptr(s string) *string { return &s }
