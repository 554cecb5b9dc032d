package changetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/changetest"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target() core.Target { return core.NewClientTarget("flags", flags{}) }

// TestRecorded says what a run makes of every state that can be recorded.
func TestRecorded(t *testing.T) {
	started := []string{"new-checkout STARTED", "new-checkout APPLIED", "dark-mode STARTED", "dark-mode APPLIED"}
	for _, tt := range []struct {
		state  core.State
		edit   []func(*core.Entry)
		code   core.Code
		status string
	}{
		{core.StateStarted, nil, core.CodeManualIntervention, "BLOCKED"},
		{core.StateApplied, nil, "", "ALREADY_APPLIED"},
		{core.StateApplied, []func(*core.Entry){changetest.Edited}, core.CodeDrift, "ALREADY_APPLIED"},
		{core.StateFailed, nil, core.CodeManualIntervention, "BLOCKED"},
		{core.StateFailed, []func(*core.Entry){changetest.Unknown}, core.CodeManualIntervention, "BLOCKED"},
		{core.StateRolledBack, nil, "", "APPLIED"},
		{core.StateRollbackFailed, nil, core.CodeManualIntervention, "BLOCKED"},
		{core.StateManualMarkedApplied, nil, "", "ALREADY_APPLIED"},
		{core.StateManualMarkedRolledBack, nil, "", "APPLIED"},
	} {
		t.Run(fmt.Sprint(tt.state, len(tt.edit)), func(t *testing.T) {
			r := changetest.Given(t, flagChanges(), target()).Recorded("new-checkout", tt.state, tt.edit...).Apply().FailsWith(tt.code)
			switch {
			case tt.code != "":
				r.Reports("new-checkout "+tt.status, "dark-mode NOT_REACHED").Audits().Status(run.Failed)
			case tt.status == "APPLIED":
				r.Reports("new-checkout APPLIED", "dark-mode APPLIED").Audits(started...).Counts(run.ChangeApplied, 2)
			default:
				r.Reports("new-checkout "+tt.status, "dark-mode APPLIED").Audits(started[2:]...).Status(run.Success)
			}
		})
	}
}

// TestWorldGoesOn runs several times in one world.
func TestWorldGoesOn(t *testing.T) {
	w := changetest.Given(t, flagChanges(), target())
	w.ApplyOnly(t.Context(), plan.Selection{To: "new-checkout"}).Succeeds().Reports("new-checkout APPLIED", "dark-mode NOT_REACHED")
	w.Clock.Advance(time.Hour)
	r := w.Apply().Succeeds().Audits("dark-mode STARTED", "dark-mode APPLIED")
	if want := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC); !r.Entries[0].StartedAt.Equal(want) {
		t.Errorf("started at %s, want %s", r.Entries[0].StartedAt, want)
	}
	r.Then().Apply().Status(run.NoChanges).Audits()
}

func TestHeld(t *testing.T) {
	changetest.Given(t, flagChanges(), target()).Recorded("new-checkout", core.StateApplied).Held().Apply().
		FailsWith(core.CodeLockHeld).Audits()
}

// TestClockWithinAStep lets a change take longer than the lease.
func TestClockWithinAStep(t *testing.T) {
	var w *changetest.World
	slow := flagChanges()
	slow[0].Changes[0].Apply = core.StepFor(func(context.Context, flags) error { w.Clock.Advance(time.Hour); return nil })
	w = changetest.Given(t, slow, target())
	r := w.Apply().Succeeds().Reports("new-checkout APPLIED", "dark-mode APPLIED")
	if got := r.Report.Stages[0].Changes[0].Duration; got != time.Hour {
		t.Errorf("took %s, want 1h", got)
	}
	w.Clock.Set(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	if got := w.Clock.Now().Year(); got != 2030 {
		t.Errorf("got the year %d", got)
	}
}

func TestValues(t *testing.T) {
	stages := flagChanges()
	c := &stages[0].Changes[0]
	c.References = []core.Reference{{Scheme: "env", Key: "FLAG"}}
	got := ""
	c.Apply.Do = func(ctx context.Context, s *core.Session) (err error) {
		got, err = s.Resolve(ctx, "flag ${env:FLAG}")
		return err
	}
	changetest.Given(t, stages, target()).Apply().FailsWith(core.CodeConfigInvalid).Audits()
	changetest.Given(t, stages, target()).Value("${env:FLAG}", "on").Apply().Succeeds()
	if got != "flag on" {
		t.Errorf("got %q", got)
	}
}

func TestWith(t *testing.T) {
	changetest.Given(t, flagChanges(), target()).Recorded("new-checkout", core.StateApplied, changetest.Edited).
		With(func(o *run.Options) { o.Drift.Edited = core.DriftAllow }).
		Apply().Succeeds().Reports("new-checkout ALREADY_APPLIED", "dark-mode APPLIED")
}

// failures records what an expectation says.
type failures struct{ text strings.Builder }

func (f *failures) Helper()                           {}
func (f *failures) Errorf(format string, args ...any) { fmt.Fprintf(&f.text, format+"\n", args...) }
func (f *failures) Fatalf(format string, args ...any) { f.Errorf(format, args...) }

// TestExpectationsCanFail proves that each expectation notices.
func TestExpectationsCanFail(t *testing.T) {
	c := flagChanges()[0].Changes[0]
	for name, expect := range map[string]func(f changetest.TB){
		"Succeeds":  func(f changetest.TB) { changetest.Given(f, flagChanges(), target()).Held().Apply().Succeeds() },
		"FailsWith": func(f changetest.TB) { changetest.Given(f, flagChanges(), target()).Apply().FailsWith(core.CodeDrift) },
		"Status":    func(f changetest.TB) { changetest.Given(f, flagChanges(), target()).Apply().Status(run.NoChanges) },
		"Reports": func(f changetest.TB) {
			changetest.Given(f, flagChanges(), target()).Apply().Reports("new-checkout APPLIED")
		},
		"Audits": func(f changetest.TB) { changetest.Given(f, flagChanges(), target()).Apply().Audits() },
		"Counts": func(f changetest.TB) {
			changetest.Given(f, flagChanges(), target()).Apply().Counts(run.ChangeApplied, 1)
		},
		"invalid":  func(f changetest.TB) { changetest.Given(f, flagChanges()).Apply().Succeeds() },
		"Recorded": func(f changetest.TB) { changetest.Given(f, flagChanges(), target()).Recorded("new-checkout", "LOST") },
		"target":   func(f changetest.TB) { changetest.Check(f, c, core.NewClientTarget("flags", 7)) },
		"RunsAs":   func(f changetest.TB) { changetest.Check(f, c, target()).RunsAs(core.TxSeparateMarker) },
		"HasProbe": func(f changetest.TB) { changetest.Check(f, c, target()).HasProbe() },
		"Recovers": func(f changetest.TB) { changetest.Check(f, c, target()).Recovers(core.AlwaysRetry) },
		"twice": func(f changetest.TB) {
			changetest.CheckStage(f, core.Stage{Name: "s", Changes: []core.Change{c, c}}, target())
		},
		"no order": func(f changetest.TB) { d := c; d.Order = ""; changetest.Check(f, d, target()) },
		"no id":    func(f changetest.TB) { d := c; d.ID = ""; changetest.Check(f, d, target()) },
	} {
		f := &failures{}
		if expect(f); f.text.Len() == 0 {
			t.Errorf("%s noticed nothing", name)
		}
	}
}
