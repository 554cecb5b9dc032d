package plan_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// bytesFor are seeds for a fuzz target made with rapid, which takes its choices
// from the bytes: enough for all of them.
func bytesFor(f *testing.F) {
	f.Helper()
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 1))
		b := make([]byte, 16<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
}

func drawRecord(t *rapid.T) *core.Record {
	return &core.Record{
		ChangeID: "c", State: rapid.SampledFrom(append(core.States(), core.StateNone, "FROM_THE_FUTURE")).Draw(t, "state"), Seq: rapid.Uint64Max(9).Draw(t, "seq"),
		Operation: rapid.SampledFrom([]core.Operation{
			"", core.OpApply, core.OpApply, core.OpRollback, core.OpResolve, core.OpUndo, core.OpBaseline, core.OpAccept, core.OpImport, "new",
		}).Draw(t, "operation"),
		Unknown: rapid.Bool().Draw(t, "unknown"), TxType: rapid.SampledFrom(append(core.TxTypes(), "", "new")).Draw(t, "tx"), TargetSystem: "svc",
		Strategy: rapid.SampledFrom([]core.Strategy{"", core.ManualIntervention, core.AlwaysRetry}).Draw(t, "recorded strategy"), Attempt: rapid.IntRange(0, 4).Draw(t, "attempt"),
	}
}

var anyStrategy = rapid.SampledFrom([]core.Strategy{core.ManualIntervention, core.AlwaysRetry})

// decisions holds for the whole table what its rows have in common.
func decisions(t *rapid.T) {
	c := plan.Case{
		Record: drawRecord(t), Held: rapid.Bool().Draw(t, "held"), Strategy: anyStrategy.Draw(t, "strategy"), MaxAttempts: rapid.IntRange(0, 3).Draw(t, "max"),
		SameTarget: rapid.Bool().Draw(t, "same target"), SameChecksum: rapid.Bool().Draw(t, "same checksum"), Probe: rapid.Bool().Draw(t, "probe"),
	}
	r := *c.Record
	v, err := plan.Decide(c)
	again, err2 := plan.Decide(c)
	if v != again || (err == nil) != (err2 == nil) || *c.Record != r {
		t.Fatalf("it is not pure: %v, %v and then %v, %v", v, err, again, err2)
	}
	if !r.State.Known() {
		var se *core.StoreError
		if !errors.As(err, &se) || v != (plan.Verdict{}) {
			t.Fatalf("a state that is not known gives %v, %v", v, err)
		}
		return
	}
	if err != nil || !slices.Contains(plan.Decisions(), v.Decision) || v.Reason == "" {
		t.Fatalf("got %v, %v", v, err)
	}
	must := func(holds bool, rule string) {
		if !holds {
			t.Fatalf("%s, but %+v with %+v gives %v", rule, c, r, v)
		}
	}
	unknown := r.State == core.StateStarted || r.State == core.StateFailed && r.Unknown
	foreign := r.Operation != "" && r.Operation != core.OpApply && r.Operation != core.OpImport
	retry := c.Strategy == core.AlwaysRetry
	apply, settle := v.Decision == plan.Apply, v.Decision == plan.Settle
	must(!r.State.IsApplied() || v.Decision == plan.Skip, "what is applied is never run again")
	must(v.Decision != plan.Skip || r.State.IsApplied(), "only what is applied is skipped")
	must((v.Decision == plan.Running) == (r.State == core.StateStarted && c.Held), "a STARTED under a held head, and nothing else, is at work")
	must(!settle || unknown && c.SameTarget && !foreign && r.Operation != core.OpImport, "only an unknown outcome of our own apply on the same target system can be asked for")
	must(!settle || r.TxType == core.TxSeparateMarker || c.Probe && c.SameChecksum, "without a marker or a probe for the same change nobody can be asked")
	must(!apply || !unknown || retry || r.TxType == core.TxShared, "after an unknown outcome nothing is applied without a strategy, or an answer")
	must(!apply || !unknown || !foreign, "a rollback or undo without an end is a person's, under any strategy")
	must(!apply || !unknown || r.TxType == core.TxShared && r.Operation != core.OpImport || c.SameTarget, "what acted on another target system is a person's")
	must(!apply || !retry || r.TxType != core.TxSeparateMarker || !unknown || r.Operation == core.OpImport, "a marker is asked, also under ALWAYS_RETRY")
	spent := c.MaxAttempts > 0 && r.Attempt >= c.MaxAttempts
	must(!apply || !spent || !r.State.IsUnfinished() && r.State != core.StateRolledBack, "spent attempts are a person's")
	if v.Decision == plan.Manual && !spent {
		c.Strategy = core.AlwaysRetry
		more, err := plan.Decide(c)
		must(err == nil && (more.Decision == plan.Manual || more.Decision == plan.Apply || more.Decision == plan.Settle), "a bolder strategy")
	}
}

func TestDecisionsHold(t *testing.T) { rapid.Check(t, decisions) }

func FuzzDecide(f *testing.F) {
	bytesFor(f)
	f.Fuzz(rapid.MakeFuzz(decisions))
}

// answers holds what all answers of a target system have in common.
func answers(t *rapid.T) {
	r := *drawRecord(t)
	a := plan.Answer{Probe: rapid.SampledFrom([]core.ProbeResult{"", core.ProbeApplied, core.ProbeNotApplied, core.ProbeConflict, core.ProbeUnknown, "NEW"}).Draw(t, "probe")}
	if rapid.Bool().Draw(t, "has marker") {
		there := rapid.Bool().Draw(t, "marker")
		a = plan.Answer{Marker: &there}
	}
	strategy, lateSafe := anyStrategy.Draw(t, "strategy"), rapid.Bool().Draw(t, "late safe")
	s := plan.SettleWith(r, a, strategy, lateSafe)
	must := func(holds bool, rule string) {
		if !holds {
			t.Fatalf("%s, but %+v, marker %v, %v, late safe %v gives %+v", rule, a, a.Marker, strategy, lateSafe, s)
		}
	}
	yes := a.Marker != nil && *a.Marker || a.Marker == nil && a.Probe == core.ProbeApplied
	no := a.Marker != nil && !*a.Marker || a.Marker == nil && a.Probe == core.ProbeNotApplied && lateSafe
	must(yes == (s.Record == core.StateApplied) && yes == (s.Verdict.Decision == plan.Skip), "what is there, and nothing else, is applied")
	must(no == (s.Record == core.StateRolledBack), "what is surely not there, and nothing else, is rolled back")
	must(s.Unknown == (!yes && !no), "what is neither is unknown")
	must(s.Verdict.Decision != plan.Apply || no || strategy == core.AlwaysRetry && a.Probe != core.ProbeConflict, "an unknown outcome is not applied without a strategy, a conflict never")
	must(slices.Contains([]plan.Decision{plan.Apply, plan.Skip, plan.Manual}, s.Verdict.Decision) && s.Verdict.Reason != "", "an answer settles")
	must(!s.Unknown || s.Record == core.StateFailed || s.Record == "" && r.State == core.StateFailed, "what is unknown is recorded as FAILED, once")
}

func TestSettlementsHold(t *testing.T) { rapid.Check(t, answers) }

func FuzzSettle(f *testing.F) {
	bytesFor(f)
	f.Fuzz(rapid.MakeFuzz(answers))
}

type handle struct{}

// plans holds what all plans have in common.
func plans(t *rapid.T) {
	in := plan.Input{Ledger: "l", Targets: map[string]core.Target{"svc": core.NewClientTarget("svc", handle{})}, Snapshot: core.Snapshot{Records: map[string]core.Record{}}, Held: rapid.Bool().Draw(t, "held")}
	n := 0
	for i := range rapid.IntRange(1, 3).Draw(t, "stages") {
		s := core.Stage{Name: fmt.Sprint("s", i)}
		if i > 0 && rapid.Bool().Draw(t, "depends") {
			s.DependsOn = []string{fmt.Sprint("s", rapid.IntRange(0, i-1).Draw(t, "on"))}
		}
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			c := core.Change{
				ID: fmt.Sprint("c", n), Order: fmt.Sprintf("%03d", n), TargetSystem: "svc", Recovery: core.Recovery{Strategy: anyStrategy.Draw(t, "strategy")},
				MaxAttempts: rapid.IntRange(0, 2).Draw(t, "max"), Revision: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "revision"),
				Apply: core.Step{Handle: reflect.TypeFor[handle]()},
			}
			if rapid.Bool().Draw(t, "recorded") {
				r := *drawRecord(t)
				r.ChangeID = c.ID
				if r.State == "FROM_THE_FUTURE" {
					r.State = core.StateApplied
				}
				in.Snapshot.Records[c.ID] = r
			}
			s.Changes = append(s.Changes, c)
			n++
		}
		in.Stages = append(in.Stages, s)
	}
	if rapid.Bool().Draw(t, "to") {
		in.Select.To = fmt.Sprint("c", rapid.IntRange(0, n-1).Draw(t, "to what"))
	}
	before := in.Snapshot.Clone()
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := plan.Build(in)
	if err != nil || p.Digest != again.Digest || p.Counts != again.Counts || cmp.Diff(before, in.Snapshot) != "" {
		t.Fatalf("it is not pure: %v", err)
	}
	total := 0
	for _, s := range p.Stages {
		manual := false
		for _, c := range s.Changes {
			total++
			manual = manual || c.Decision == plan.Manual
		}
		if s.Blocked != manual {
			t.Fatalf("stage %s is blocked: %v, a change of it waits for a person: %v", s.Name, s.Blocked, manual)
		}
		for _, d := range s.DependsOn {
			i := slices.IndexFunc(p.Stages, func(o plan.Stage) bool { return o.Name == d })
			if (p.Stages[i].Blocked || p.Stages[i].Waits != "") && s.Waits == "" {
				t.Fatalf("stage %s does not wait for %s", s.Name, d)
			}
		}
	}
	k := p.Counts
	if total != n || k.Apply+k.Skip+k.Settle+k.Manual+k.Running+k.Filtered+k.NotReached != n {
		t.Fatalf("%d changes are counted as %+v", n, k)
	}
}

func TestPlansHold(t *testing.T) { rapid.Check(t, plans) }

func FuzzPlan(f *testing.F) {
	bytesFor(f)
	f.Fuzz(rapid.MakeFuzz(plans))
}
