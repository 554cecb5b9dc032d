package config

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Events
	}{
		"absent": {"", Events{}},
		"empty":  {"events:\n", Events{}},
		"null":   {"events: { allow: , ecs: }\n", Events{}},
		"none":   {"events: { allow: [], ecs: [] }\n", Events{ECS: []string{}}},
		"both": {
			"events: { allow: [{ source: my.app, detailType: Deployed }], ecs: [POST_SCALE_UP] }\n",
			Events{Allow: []AllowedEvent{{"my.app", "Deployed"}}, ECS: []string{"POST_SCALE_UP"}},
		},
	} {
		got := of(t, "ledger: x\n"+c.text, environment(nil))
		if diff := cmp.Diff(c.want, got.Events); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	e := Events{Allow: []AllowedEvent{{"a", "b"}}}
	if !e.Allows("a", "b") || e.Allows("a", "c") || e.Allows("b", "b") || (&Events{}).Allows("", "") {
		t.Error("the list is not what is allowed")
	}
	if none := (Events{ECS: []string{}}); none.AppliesIn(DefaultECSStage) || !e.AppliesIn(DefaultECSStage) || e.AppliesIn("POST_SCALE_UP") {
		t.Error("the stages are not those that are listed")
	}
}

func TestEventsFaults(t *testing.T) {
	for text, want := range map[string]string{
		"events: [a]\n":                                           "events must be a mapping",
		"events: { ecs: [PRE_SCALE] }\n":                          "events.ecs holds what is no stage of an ECS deployment",
		"events: { ecs: PRE_SCALE_UP }\n":                         "events.ecs must be a list",
		"events: { allow: my.app }\n":                             "events.allow must be a list",
		"events: { allow: [my.app] }\n":                           "events.allow[0] must be a mapping with source and detailType",
		"events: { allow: [{ source: a }] }\n":                    "events.allow[0] needs source and detailType",
		"events: { allow: [{ source: a, detail-type: b }] }\n":    "detail-type",
		"events: { allow: [{ source: \" \", detailType: b }] }\n": "events.allow[0] needs source and detailType",
		"events: { allowed: [] }\n":                               "allowed",
	} {
		_, err := load(Options{}, "f.yaml", []byte("ledger: x\n"+text))
		var faults *core.ConfigFaults
		if err == nil {
			t.Errorf("%s is accepted", text)
			continue
		}
		if !errors.As(err, &faults) || !slices.ContainsFunc(faults.Faults, func(f core.Fault) bool { return strings.Contains(f.Message, want) }) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
