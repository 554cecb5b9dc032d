package core_test

import (
	"errors"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

func TestJoinConfigFaults(t *testing.T) {
	if err := core.JoinConfigFaults(nil, nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	other := errors.New("other")
	if err := core.JoinConfigFaults(&core.ConfigFaults{}, other); !errors.Is(err, other) {
		t.Errorf("got %v, want the other error as it is", err)
	}
	err := core.JoinConfigFaults(
		&core.ConfigFaults{Faults: []core.Fault{{Where: "f:1:2", Message: "one"}}}, nil,
		&core.ConfigError{Where: "f:3:4", Key: "k", Reason: "two"},
	)
	want := "the configuration has 2 faults:\n  f:1:2: one\n  f:3:4: k: two"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := core.CodeOf(err); got != core.CodeConfigInvalid {
		t.Errorf("got code %s", got)
	}
	if core.HintOf(err) == "" {
		t.Error("no hint")
	}
}

func TestDidYouMean(t *testing.T) {
	for got, want := range map[string]string{
		core.DidYouMean("lst", []string{"last", "first"}): `; did you mean "last"?`,
		core.DidYouMean("xyzzy", []string{"a", "b"}):      "; there is a, b",
		core.DidYouMean("x", nil):                         "; none is",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOrderedGet(t *testing.T) {
	o := core.Ordered{{Key: "b", Value: 1}, {Key: "a", Value: nil}}
	if v, ok := o.Get("b"); v != 1 || !ok {
		t.Errorf("got %v, %t", v, ok)
	}
	if v, ok := o.Get("a"); v != nil || !ok {
		t.Errorf("got %v, %t", v, ok)
	}
	if _, ok := o.Get("c"); ok {
		t.Error("found a key that is not there")
	}
}
