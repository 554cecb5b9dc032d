package notify

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

var update = flag.Bool("update", false, "write the golden files")

// failedRun is a notice of a run that failed and left an issue.
func failedRun() Notice {
	rep := &run.Report{
		Ledger: "orders/prod", ExecutionID: "exec-1", Status: run.Failed,
		Stages: []run.StageReport{{Name: "main", Changes: []run.ChangeReport{
			{ChangeID: "create-orders", Status: run.ChangeApplied},
			{ChangeID: "fill it", Status: run.ChangeFailed, Err: errors.New("no disk")},
			{ChangeID: "old", Status: run.ChangeBlocked},
			{ChangeID: "rolled", Status: run.ChangeRolledBack},
		}}},
		Counts: map[run.ChangeStatus]int{run.ChangeApplied: 1, run.ChangeFailed: 1},
	}
	return Notice{
		Ledger: "orders/prod", Trigger: core.Trigger{Kind: "codepipeline", ID: "job-1"}, Report: rep, Err: &failure{},
		Issues: []Issue{{"fill it", core.StateFailed, 7, "its outcome is not known: hunter2"}},
		Source: map[string]string{"source": "artifact:Build", "sourceVersion": "r1"},
	}
}

type failure struct{}

func (*failure) Error() string   { return "change fill it failed: password hunter2 refused" }
func (*failure) Code() core.Code { return core.CodeChangeFailed }
func (*failure) Hint() string    { return "look at the error, then resolve the issue" }

func redact(s string) string { return strings.ReplaceAll(s, "hunter2", "[secret]") }

func TestDocumentGolden(t *testing.T) {
	n := failedRun()
	got, err := json.MarshalIndent(n.document(time.Unix(1_700_000_000, 0), redact), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("testdata/failed.golden.json", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/failed.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestOccasions(t *testing.T) {
	applied := &run.Report{Status: run.Success, Counts: map[run.ChangeStatus]int{run.ChangeApplied: 1}}
	issue := []Issue{{ChangeID: "a"}}
	for name, c := range map[string]struct {
		n    Notice
		want []config.Occasion
	}{
		"failed":          {Notice{Err: &failure{}, Report: applied}, []config.Occasion{config.OnFailed}},
		"failed, issue":   {Notice{Err: &failure{}, Issues: issue}, []config.Occasion{config.OnFailed, config.OnIssue}},
		"configuration":   {Notice{Err: &core.ConfigError{}}, []config.Occasion{config.OnFailed}},
		"lock held":       {Notice{Err: &core.HeldError{}, Report: applied}, nil},
		"interrupted":     {Notice{Err: &core.InterruptedError{}, Report: applied}, nil},
		"stop with issue": {Notice{Err: &core.InterruptedError{}, Issues: issue}, []config.Occasion{config.OnIssue}},
		"applied":         {Notice{Report: applied}, []config.Occasion{config.OnApplied}},
		"nothing to do":   {Notice{Report: &run.Report{Status: run.NoChanges, Counts: map[run.ChangeStatus]int{run.ChangeAlreadyApplied: 3}}}, nil},
	} {
		if d := cmp.Diff(c.want, c.n.Occasions()); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

func TestNewIssues(t *testing.T) {
	rep := failedRun().Report
	manual := func(id string, state core.State) plan.Change {
		return plan.Change{Change: &core.Change{ID: id}, Record: &core.Record{ChangeID: id, State: state, Seq: 7}, Verdict: plan.Verdict{Decision: plan.Manual, Reason: "r"}}
	}
	after := &plan.Plan{Stages: []plan.Stage{{Changes: []plan.Change{
		manual("fill it", core.StateFailed), // failed in this run
		manual("old", core.StateFailed),     // was one before
		manual("left", core.StateStarted),   // its execution is gone
		{Change: &core.Change{ID: "rolled"}, Record: &core.Record{ChangeID: "rolled", State: core.StateRolledBack}, Verdict: plan.Verdict{Decision: plan.Apply}},
	}}}}
	want := []Issue{{"fill it", core.StateFailed, 7, "r"}, {"left", core.StateStarted, 7, "r"}}
	if d := cmp.Diff(want, NewIssues(rep, after)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]Issue{{"fill it", core.StateFailed, 0, "no disk"}}, NewIssues(rep, nil)); d != "" {
		t.Errorf("without a plan: -want +got:\n%s", d)
	}
	if got := NewIssues(nil, nil); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&core.ValidationError{}, "flamingock --ledger 'a b' validate"},
		{&core.ConfigError{}, "flamingock --ledger 'a b' config show"},
		{&core.UnavailableError{System: "x", Err: errors.New("y")}, "flamingock --ledger 'a b' status"},
	} {
		n := Notice{Ledger: "a b", Err: c.err}
		if got := n.document(time.Unix(0, 0), redact).Next; len(got) != 1 || got[0] != c.want {
			t.Errorf("got %q, want %s", got, c.want)
		}
	}
	n := failedRun()
	n.Command = "flamingock -c prod.yaml"
	for len(n.Issues) < 8 {
		n.Issues = append(n.Issues, Issue{ChangeID: "x"})
	}
	got := n.document(time.Unix(0, 0), redact).Next
	if len(got) != maxNext+1 || got[0] != "flamingock -c prod.yaml issue get 'fill it'" || got[maxNext] != "flamingock -c prod.yaml issue list" {
		t.Errorf("got %q", got)
	}
}

// However much there is to say, it fits.
func TestBounds(t *testing.T) {
	n := failedRun()
	n.Err = &core.ConfigError{Reason: strings.Repeat("\x01<", 1<<20), Next: strings.Repeat("é", 1<<20)}
	n.Issues = nil
	for range 5000 {
		n.Issues = append(n.Issues, Issue{ChangeID: strings.Repeat("i", 255), Reason: strings.Repeat("\x02", 1<<16)})
	}
	for range 50 {
		n.Source[strings.Repeat("k", len(n.Source))] = strings.Repeat("v", 1<<16)
	}
	doc := n.document(time.Unix(0, 0), redact)
	for _, most := range []int{maxAWS, maxWebhook} {
		body, err := doc.encode(most)
		var back Document
		if err != nil || len(body) > most || json.Unmarshal(body, &back) != nil {
			t.Fatalf("%d bytes of %d, %v", len(body), most, err)
		}
		if len(back.Issues)+back.MoreIssues != 5000 {
			t.Errorf("%d and %d more issues", len(back.Issues), back.MoreIssues)
		}
	}
	if s := subject(strings.Repeat("é", 300)); len(s) != maxSubject {
		t.Errorf("a subject of %d", len(s))
	}
}

// The id tells repetitions, and nothing else, apart.
func TestID(t *testing.T) {
	n := failedRun()
	first := n.document(time.Unix(0, 0), redact).ID
	if again := n.document(time.Unix(9, 0), redact).ID; again != first {
		t.Error("the same is told under two ids")
	}
	n.Report.ExecutionID = "exec-2"
	if other := n.document(time.Unix(0, 0), redact).ID; other == first {
		t.Error("two runs are told under one id")
	}
}

// Nobody who does not want to know is contacted.
func TestWanted(t *testing.T) {
	list := []config.Notification{{Name: "n", On: []config.Occasion{config.OnApplied}, Webhook: &config.Webhook{URL: core.NewSecret("https://127.0.0.1:1/")}}}
	if errs := Send(t.Context(), list, failedRun(), Options{}); errs != nil {
		t.Errorf("got %v", errs)
	}
	if Wanted(list, config.OnIssue) || !Wanted(list, config.OnApplied) {
		t.Error("wanted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	list[0].On = []config.Occasion{config.OnFailed}
	if errs := Send(ctx, list, failedRun(), Options{}); len(errs) != 1 || !strings.Contains(errs[0].Error(), "n: nobody was told: the run was stopped") {
		t.Errorf("got %v", errs)
	}
}
