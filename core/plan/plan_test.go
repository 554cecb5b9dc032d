package plan_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

type client struct{}

var targets = map[string]core.Target{"t": core.NewClientTarget("t", &client{}), "u": core.NewClientTarget("u", &client{})}

func change(id, order string, edit ...func(*core.Change)) core.Change {
	c := core.Change{
		ID: id, Order: order, TargetSystem: "t", Revision: "1",
		Apply: core.StepFor(func(context.Context, *client) error { return nil }),
	}
	for _, f := range edit {
		f(&c)
	}
	return c
}

func stage(name string, changes ...core.Change) core.Stage {
	return core.Stage{Name: name, Changes: changes}
}

func after(s core.Stage, deps ...string) core.Stage {
	s.DependsOn = deps
	return s
}

// with returns a snapshot in which changes of stages have states.
func with(stages []core.Stage, states map[string]core.State) core.Snapshot {
	s := core.Snapshot{Records: map[string]core.Record{}}
	for i := range stages {
		for j := range stages[i].Changes {
			c := &stages[i].Changes[j]
			if st, ok := states[c.ID]; ok {
				s.Head.Seq++
				s.Records[c.ID] = core.Record{
					ChangeID: c.ID, State: st, Seq: s.Head.Seq, Operation: core.OpApply, Checksum: c.Fingerprint(),
					TargetSystem: c.TargetSystem, TxType: core.TxNone, Stage: stages[i].Name, Attempt: 1,
				}
			}
		}
	}
	return s
}

func build(t *testing.T, in plan.Input) *plan.Plan {
	t.Helper()
	in.Ledger = "l"
	if in.Targets == nil {
		in.Targets = targets
	}
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runs returns what a run would apply, in order, if all of it succeeds.
func runs(p *plan.Plan) []string {
	var out []string
	for {
		_, c := p.Next(nil)
		if c == nil {
			return out
		}
		out = append(out, c.Change.ID)
		c.Decision = plan.Skip
	}
}

const (
	applied = core.StateApplied
	failed  = core.StateFailed
	rolled  = core.StateRolledBack
	marked  = core.StateManualMarkedApplied
	started = core.StateStarted
)

func TestStages(t *testing.T) {
	stages := []core.Stage{
		after(stage("last", change("l1", "1")), "first"),
		stage("first", change("f1", "1"), change("f2", "2")),
		stage("other", change("o1", "1"), change("o2", "2")),
	}
	tests := []struct {
		name   string
		states map[string]core.State
		sel    plan.Selection
		want   []string
	}{
		{"all, dependencies first", nil, plan.Selection{}, []string{"f1", "f2", "l1", "o1", "o2"}},
		{"applied ones are left", map[string]core.State{"f1": applied, "o1": marked}, plan.Selection{}, []string{"f2", "l1", "o2"}},
		{"one issue blocks its whole stage and those that depend on it", map[string]core.State{"f1": applied, "f2": failed}, plan.Selection{}, []string{"o1", "o2"}},
		{"an issue after what is pending blocks too", map[string]core.State{"o2": failed}, plan.Selection{}, []string{"f1", "f2", "l1"}},
		{"only one stage", nil, plan.Selection{Stages: []string{"other"}}, []string{"o1", "o2"}},
		{"a stage whose dependency is pending and not selected waits", nil, plan.Selection{Stages: []string{"last"}}, nil},
		{"and runs when that is done", map[string]core.State{"f1": applied, "f2": applied}, plan.Selection{Stages: []string{"last"}}, []string{"l1"}},
		{"up to a change", nil, plan.Selection{To: "f1"}, []string{"f1"}},
		{"up to an applied change", map[string]core.State{"f1": applied}, plan.Selection{To: "f1"}, nil},
		{"up to a change of a later stage", nil, plan.Selection{To: "o1"}, []string{"f1", "f2", "l1", "o1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := build(t, plan.Input{Stages: stages, Snapshot: with(stages, tt.states), Select: tt.sel})
			if got := p.HasWork(); got != (len(tt.want) > 0) {
				t.Errorf("HasWork %v", got)
			}
			if d := cmp.Diff(tt.want, runs(p)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSelectionNamesNothing(t *testing.T) {
	stages := []core.Stage{stage("a", change("a1", "1"))}
	for _, sel := range []plan.Selection{{Stages: []string{"b"}}, {To: "a2"}, {Labels: []string{"typo"}}} {
		_, err := plan.Build(plan.Input{Stages: stages, Targets: targets, Select: sel})
		if core.CodeOf(err) != core.CodeUsage {
			t.Errorf("%+v: %v", sel, err)
		}
	}
}

func TestProfilesAndLabels(t *testing.T) {
	prof := func(ps ...string) func(*core.Change) { return func(c *core.Change) { c.Profiles = ps } }
	label := func(ls ...string) func(*core.Change) { return func(c *core.Change) { c.Labels = ls } }
	stages := []core.Stage{
		stage("s", change("any", "1"), change("prod", "2", prof("prod")), change("notprod", "3", prof("!prod")),
			change("eu-not-test", "4", prof("eu", "!test")), change("fast", "5", label("fast"))),
		after(stage("dep", change("d", "1", label("fast"))), "s"),
	}
	tests := []struct {
		sel  plan.Selection
		want []string
	}{
		{plan.Selection{}, []string{"any", "notprod", "fast", "d"}},
		{plan.Selection{Profiles: []string{"prod"}}, []string{"any", "prod", "fast", "d"}},
		{plan.Selection{Profiles: []string{"eu"}}, []string{"any", "notprod", "eu-not-test", "fast", "d"}},
		{plan.Selection{Profiles: []string{"test", "eu"}}, []string{"any", "notprod", "fast", "d"}},
		{plan.Selection{Labels: []string{"fast"}}, []string{"fast", "d"}},
	}
	for _, tt := range tests {
		p := build(t, plan.Input{Stages: stages, Select: tt.sel})
		if n := p.Counts.Filtered; n != 6-len(tt.want) || p.Counts.Apply != len(tt.want) {
			t.Errorf("%+v: counts %+v", tt.sel, p.Counts)
		}
		if d := cmp.Diff(tt.want, runs(p)); d != "" {
			t.Errorf("%+v: %s", tt.sel, d)
		}
	}
}

func TestDrift(t *testing.T) {
	code := []core.Stage{stage("s", change("a", "1"), change("b", "2"), change("c", "3")), stage("other", change("x", "1"))}
	edit := func(f func(*core.Change)) func([]core.Stage) { return func(s []core.Stage) { f(&s[0].Changes[1]) } }
	revise := edit(func(c *core.Change) { c.Revision = "2" })
	tests := []struct {
		name   string
		states map[string]core.State
		edit   func([]core.Stage)
		sel    plan.Selection
		want   []string
	}{
		{"none", map[string]core.State{"a": applied}, nil, plan.Selection{}, nil},
		{"edited", map[string]core.State{"a": applied, "b": applied}, revise, plan.Selection{}, []string{"edited b"}},
		{"edited after a person marked it", map[string]core.State{"a": applied, "b": marked}, revise, plan.Selection{}, []string{"edited b"}},
		{"edited while rolled back", map[string]core.State{"a": applied, "b": rolled}, revise, plan.Selection{}, nil},
		{"edited after a failure", map[string]core.State{"a": applied, "b": failed}, revise, plan.Selection{}, nil},
		{"moved to another target system", map[string]core.State{"a": applied, "b": applied}, edit(func(c *core.Change) { c.TargetSystem = "u" }), plan.Selection{}, []string{"edited b"}},
		{"another author", map[string]core.State{"a": applied, "b": applied}, edit(func(c *core.Change) { c.Author = "me" }), plan.Selection{}, nil},
		{"lost", map[string]core.State{"a": applied, "b": applied}, edit(func(c *core.Change) { c.ID = "b2" }), plan.Selection{}, []string{"lost b"}},
		{"lost after it was rolled back", map[string]core.State{"a": applied, "b": rolled}, edit(func(c *core.Change) { c.ID = "b2" }), plan.Selection{}, nil},
		{"lost with an issue", map[string]core.State{"a": applied, "b": started}, edit(func(c *core.Change) { c.ID = "b2" }), plan.Selection{}, []string{"lost b"}},
		{"late", map[string]core.State{"a": applied, "c": applied}, nil, plan.Selection{}, []string{"late b"}},
		{"late before one marked as applied", map[string]core.State{"c": marked}, nil, plan.Selection{}, []string{"late a", "late b"}},
		{"rolled back is not late", map[string]core.State{"a": applied, "b": rolled, "c": applied}, nil, plan.Selection{}, nil},
		{"late, admitted by the run", map[string]core.State{"c": applied}, nil, plan.Selection{AllowOutOfOrder: true}, nil},
		{"late, admitted by the change", map[string]core.State{"a": applied, "c": applied}, edit(func(c *core.Change) { c.AllowOutOfOrder = true }), plan.Selection{}, nil},
		{"late, but filtered out", map[string]core.State{"a": applied, "c": applied}, edit(func(c *core.Change) { c.Profiles = []string{"p"} }), plan.Selection{}, nil},
		{"late, but its stage is not selected", map[string]core.State{"a": applied, "c": applied}, nil, plan.Selection{Stages: []string{"other"}}, nil},
		{"late, but after the change to run up to", map[string]core.State{"a": applied, "c": applied}, nil, plan.Selection{To: "a"}, nil},
		{"stages do not compare", map[string]core.State{"x": applied}, nil, plan.Selection{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			snap := with(code, tt.states)
			stages := []core.Stage{stage("s", append([]core.Change(nil), code[0].Changes...)...), code[1]}
			if tt.edit != nil {
				tt.edit(stages)
			}
			p := build(t, plan.Input{Stages: stages, Snapshot: snap, Select: tt.sel})
			var got []string
			for _, d := range p.Drift {
				got = append(got, string(d.Kind)+" "+d.ChangeID)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			err := p.Refused(core.DriftPolicy{Lost: core.DriftFail})
			var de *core.DriftError
			if errors.As(err, &de) != (len(tt.want) > 0) {
				t.Errorf("refused: %v", err)
			}
			allow := core.DriftPolicy{Edited: core.DriftAllow, Lost: core.DriftAllow, Late: core.DriftAllow}
			if p.Refused(allow) != nil || p.Warned(allow) != nil {
				t.Error("what is allowed is refused or warned about")
			}
		})
	}
}

func TestDigest(t *testing.T) {
	base := func() plan.Input {
		stages := []core.Stage{stage("s", change("a", "1"), change("b", "2")), stage("o", change("x", "1"))}
		return plan.Input{Stages: stages, Snapshot: with(stages, map[string]core.State{"a": applied})}
	}
	first := func(in plan.Input) *core.Change { return &in.Stages[0].Changes[1] }
	want := build(t, base()).Digest
	if got := build(t, base()).Digest; got != want {
		t.Errorf("not stable: %s, %s", want, got)
	}
	told := base()
	first(told).Apply = first(told).Apply.Described("does something")
	if got := build(t, told).Digest; got != want {
		t.Errorf("what a plan says for people is in its digest: %s, %s", want, got)
	}
	seen := map[string]string{want: "nothing"}
	for name, edit := range map[string]func(*plan.Input){
		"head":      func(in *plan.Input) { in.Snapshot.Head.Seq++ },
		"id":        func(in *plan.Input) { first(*in).ID = "b2" },
		"order":     func(in *plan.Input) { first(*in).Order = "3" },
		"content":   func(in *plan.Input) { first(*in).Revision = "2" },
		"profile":   func(in *plan.Input) { first(*in).Profiles = []string{"p"} },
		"target":    func(in *plan.Input) { first(*in).TargetSystem, first(*in).Checksum = "u", first(*in).Fingerprint() },
		"stage":     func(in *plan.Input) { in.Stages[0].Name = "s2" },
		"selection": func(in *plan.Input) { in.Select.Stages = []string{"o"} },
		"to":        func(in *plan.Input) { in.Select.To = "a" },
		"record":    func(in *plan.Input) { in.Snapshot.Records = nil },
	} {
		in := base()
		edit(&in)
		d := build(t, in).Digest
		if other, dup := seen[d]; dup {
			t.Errorf("%s and %s give the same digest", name, other)
		}
		seen[d] = name
	}
}

func TestSettledWithinAttempts(t *testing.T) {
	stages := []core.Stage{stage("s", change("a", "1", func(c *core.Change) { c.MaxAttempts = 1 }))}
	p := build(t, plan.Input{
		Stages: stages, Snapshot: with(stages, map[string]core.State{"a": rolled}),
		Settled: map[string]plan.Verdict{"a": {Decision: plan.Apply, Reason: "settled"}},
	})
	if got := p.Stages[0].Changes[0].Decision; got != plan.Manual {
		t.Errorf("%s although its attempts are spent", got)
	}
}

func large() plan.Input {
	var stages []core.Stage
	states := map[string]core.State{}
	for s := range 10 {
		st := core.Stage{Name: fmt.Sprint("stage-", s)}
		for i := range 1000 {
			c := change(fmt.Sprintf("change-%d-%04d", s, i), fmt.Sprintf("%04d", i))
			c.Checksum = core.ChecksumOf([]byte(c.ID)) // as a loaded file has it
			st.Changes = append(st.Changes, c)
			if i < 500 {
				states[c.ID] = applied
			}
		}
		stages = append(stages, st)
	}
	return plan.Input{Ledger: "l", Stages: stages, Targets: targets, Snapshot: with(stages, states)}
}

func BenchmarkBuild10000(b *testing.B) {
	in := large()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plan.Build(in); err != nil {
			b.Fatal(err)
		}
	}
}

func TestBuildIsFrugal(t *testing.T) {
	in := large()
	res := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := plan.Build(in); err != nil {
				b.Fatal(err)
			}
		}
	})
	if n := res.AllocedBytesPerOp(); n > 64<<20 {
		t.Errorf("%d MB are allocated for 10,000 changes", n>>20)
	}
	if n := res.AllocsPerOp(); n > 300_000 {
		t.Errorf("%d allocations for 10,000 changes", n)
	}
}
