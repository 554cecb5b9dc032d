package operation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// A plan tells the steps of what may yet be applied, and of nothing else.
func TestPlanTellsSteps(t *testing.T) {
	t.Parallel()
	lost := core.StepFor(func(context.Context, struct{}) error { return core.Unknown(errors.New("no answer")) })
	fine := core.StepFor(func(context.Context, struct{}) error { return nil })
	c := newClient()
	p := core.Program{Version: "v0.0.0-test", Clients: []core.Target{c}}
	add := func(id string, edit func(*core.Change)) {
		one := core.Change{ID: id, Order: "1", Author: "tests", TargetSystem: "memory", Revision: "1", Apply: fine.Described("does " + id)}
		edit(&one)
		p.Stages = append(p.Stages, core.Stage{Name: id, Changes: []core.Change{one}})
	}
	add("applied", func(*core.Change) {})
	add("waits-for-a-person", func(ch *core.Change) { ch.Apply = lost.Described("is lost") })
	add("to-settle", func(ch *core.Change) {
		ch.Apply = lost.Described("is lost, and can be looked for")
		ch.Probe = func(context.Context, *core.Session) (core.ProbeResult, error) { return core.ProbeUnknown, nil }
	})
	config := project(t, inMemory)
	options := func() operation.Options {
		return operation.Options{App: app.Options{Program: p, ConfigPath: config}}
	}
	if d := operation.Do(t.Context(), options(), operation.ApplyRequest{}); d.Success {
		t.Fatalf("got %+v, want two failures", d.Data)
	}
	add("filtered", func(ch *core.Change) { ch.Profiles = []string{"other"} })
	add("pending", func(*core.Change) {})
	add("of-steps", func(ch *core.Change) {
		ch.Apply = core.Step{}
		unnamed := core.Step{Do: fine.Do}
		ch.Steps = []core.StepPair{{Apply: fine.Described("one\ntwo"), Rollback: fine.Described("takes it back")}, {Apply: unnamed}}
	})
	d := operation.Do(t.Context(), options(), operation.PlanRequest{})
	got := map[string][]operation.PlanStepData{}
	for _, st := range data[*operation.PlanData](t, d).Stages {
		for _, ch := range st.Changes {
			got[string(ch.Decision)+" "+ch.ChangeID] = ch.Steps
		}
	}
	want := map[string][]operation.PlanStepData{
		"SKIP applied":                           nil,
		"MANUAL_INTERVENTION waits-for-a-person": nil,
		"SETTLE to-settle":                       {{Name: lost.Name, Does: "is lost, and can be looked for"}},
		"SKIP filtered":                          nil,
		"APPLY pending":                          {{Name: fine.Name, Does: "does pending"}},
		"APPLY of-steps":                         {{Name: fine.Name, Does: "one two"}, {Does: "runs Go code"}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
}
