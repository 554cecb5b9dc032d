package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

type client struct{}

func nothing(context.Context, *client) error { return nil }

func change(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "t", Apply: core.StepFor(nothing)}
}

func TestValidateFindsEverythingAtOnce(t *testing.T) {
	yes := true
	both := change("both", "1")
	both.Steps = []core.StepPair{{Apply: core.StepFor(nothing)}}
	hole := core.Change{ID: "hole", Order: "2", TargetSystem: "t", Steps: []core.StepPair{{Apply: core.StepFor(nothing)}, {Rollback: core.StepFor(nothing)}}}
	tx := change("tx", "3")
	tx.Transactional = &yes
	wrong := change("wrong handle", "4")
	wrong.Apply = core.StepFor(func(context.Context, string) error { return nil })
	lost := change("lost", "5")
	lost.TargetSystem = "tt"
	none := change("none", "6")
	none.TargetSystem = ""
	odd := change("odd", "7")
	odd.Recovery.Strategy, odd.Timeout, odd.MaxAttempts, odd.Profiles = "PERHAPS", -1, -1, []string{"!"}
	placed := change("bad\x00id", "08")
	placed.Source.Position = core.Position{File: "changes/_08__x.yaml", Line: 1, Column: 5}
	stages := []core.Stage{
		{Name: "a", DependsOn: []string{"b"}, Changes: []core.Change{both, hole, tx, wrong, lost, none, odd, placed, {Order: "9", TargetSystem: "t"}}},
		{Name: "b", DependsOn: []string{"c", "x"}, Changes: []core.Change{change("tx", "10"), change("dup order", "1"), change("dup order 2", "01")}},
		{Name: "c", DependsOn: []string{"a"}},
		{Name: "d", Changes: []core.Change{change("unordered", "")}},
		{Name: "d", Changes: []core.Change{change("ordered", "1")}},
		{Name: " "},
		{Name: "broken"},
	}
	err := core.Validate(stages, map[string]core.Target{"t": core.NewClientTarget("t", &client{})}, "broken")
	var v *core.ValidationError
	if !errors.As(err, &v) {
		t.Fatalf("got %v", err)
	}
	want := []string{
		`stage "c": stage "c" has no changes in code`,
		`stage "d": stage "d" is defined twice`,
		`stage " ": a stage must have a name`,
		`stage " ": stage " " has no changes in code`,
		`change both: change "both" has both apply and steps`,
		`change hole: step 2 of change "hole" has no apply`,
		`change tx: change "tx": transactional: true is impossible: target system t (custom) has no transactions`,
		`change wrong handle: change "wrong handle": its step needs a string, but target system t (custom) gives a *core_test.client`,
		`change lost: change "lost": target system "tt" is not configured; did you mean "t"?`,
		`change none: change "none" names no target system`,
		`change odd: change "odd": recovery strategy "PERHAPS" is neither MANUAL_INTERVENTION nor ALWAYS_RETRY`,
		`change odd: change "odd": timeout must not be negative`,
		`change odd: change "odd": maxAttempts must not be negative`,
		`change odd: change "odd": a profile or label is empty`,
		`changes/_08__x.yaml:1:5: the id "bad\x00id" must be 1 to 255 bytes of printable text without leading or trailing spaces`,
		`a change in code (order 9): a change must have an id`,
		`change : change "" has nothing to apply`,
		`change dup order 2: change "dup order 2" has the order "01" of change "dup order" (change dup order): orders are unique within a stage`,
		`change tx: the id "tx" is used already (change tx): ids are unique over all stages`,
		`stage "b": dependsOn names stage "x", which does not exist`,
		`change unordered: change "unordered" has no order: name the file _ORDER__name.yaml, or set Order in code`,
		`stage "a": dependsOn goes in a circle: a -> b -> c -> a`,
	}
	var got []string
	for _, f := range v.Faults {
		s := f.String()
		if strings.Contains(s, "which does not exist") {
			s, _, _ = strings.Cut(s, ";")
		}
		got = append(got, s)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestValidateAcceptsAndSorts(t *testing.T) {
	stages := []core.Stage{
		{Name: "second", DependsOn: []string{"first"}, Changes: []core.Change{change("z", "10"), change("y", "9")}},
		{Name: "first", Changes: []core.Change{change("x", "v1.2")}},
	}
	if err := core.Validate(stages, map[string]core.Target{"t": core.NewClientTarget("t", &client{})}); err != nil {
		t.Fatal(err)
	}
	if got := stages[0].Changes[0].ID; got != "y" {
		t.Errorf("first is %s", got)
	}
	if d := cmp.Diff([]int{1, 0}, core.TopoOrder(stages)); d != "" {
		t.Error(d)
	}
}

// A self-reference is a circle too.
func TestValidateSelfDependency(t *testing.T) {
	stages := []core.Stage{{Name: "a", DependsOn: []string{"a"}, Changes: []core.Change{change("x", "1")}}}
	err := core.Validate(stages, map[string]core.Target{"t": core.NewClientTarget("t", &client{})})
	if err == nil || !strings.Contains(err.Error(), "a -> a") {
		t.Errorf("got %v", err)
	}
}

func TestCheckLedger(t *testing.T) {
	for name, good := range map[string]bool{
		"orders/prod": true, "a": true, strings.Repeat("x", 255): true, "A.b_c-d/9": true,
		"": false, "a b": false, "a#b": false, strings.Repeat("x", 256): false, strings.Repeat("x", 2048): false, "ü": false, "a\n": false,
	} {
		if err := core.CheckLedger(name); (err == nil) != good {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}
