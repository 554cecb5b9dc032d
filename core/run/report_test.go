package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a secret that must not show up anywhere.
const canary = "canary-7f3a91"

type oneSecret struct{}

func (oneSecret) Resolve(context.Context, core.Reference) (core.Secret, error) {
	return core.NewSecret(canary), nil
}

func TestSecretsStayInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		leaky := func(ctx context.Context, s *core.Session) error {
			v, err := s.Resolve(ctx, "password ${env:PW}")
			if err != nil || v != "password "+canary {
				t.Errorf("resolved %q, %v", v, err)
			}
			s.Progress(core.Progress{Done: 1, Total: 2, Text: "logging in with " + v})
			return fmt.Errorf("login with %q was refused: %w", v, errors.New(v))
		}
		ref := func(c core.Change) core.Change {
			c.References = core.References("${env:PW}")
			return c
		}
		direct, tx, panics, q := ref(plain("n1", "1")), ref(inTx("t1", "1")), ref(plain("n2", "1")), ref(probed("q1", "1"))
		direct.Apply.Do, tx.Apply.Do = leaky, leaky
		direct.Rollback = core.Step{Do: leaky}
		panics.Apply.Do = func(ctx context.Context, s *core.Session) error { panic(leaky(ctx, s)) }
		q.Probe = func(ctx context.Context, s *core.Session) (core.ProbeResult, error) { return "", leaky(ctx, s) }
		w := newWorld(t, stage("a", direct), stage("b", tx), stage("c", panics), stage("d", q))
		secret := func(o *run.Options) { o.Resolver = oneSecret{} }
		w.process(once("effect q1", crashBefore)).apply(secret)
		var o outcome
		for range 2 {
			o = w.process(nil).apply(secret)
			for _, text := range append([]string{fmt.Sprintf("%v %+v", o.err, o.rep)}, texts(t, o)...) {
				if strings.Contains(text, canary) {
					t.Errorf("the secret is in: %s", text)
				}
			}
		}
		var ce *core.ChangeError
		if errors.As(o.err, &ce) && strings.Contains(ce.Error(), canary) {
			t.Errorf("the secret is in: %s", ce)
		}
		for _, e := range w.history() {
			if strings.Contains(string(e.Encode()), canary) {
				t.Errorf("the secret is in: %s", e.Encode())
			}
		}
	})
}

// texts returns the events as somebody may print them, and the errors in them.
func texts(t *testing.T, o outcome) []string {
	t.Helper()
	var out []string
	for _, e := range o.p.events {
		switch e := e.(type) {
		case run.Planned:
			continue
		case run.RollingBack:
			out = append(out, fmt.Sprint(e.Cause))
		case run.Warned:
			out = append(out, fmt.Sprint(e.Text, e.Err))
		case run.ChangeEnded:
			out = append(out, fmt.Sprint(e.Change.Err, e.Change.Reason))
		default:
			b, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			out = append(out, string(b))
		}
	}
	return out
}

func TestEventsAreInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", inTx("t1", "1"), plain("n2", "2")), stage("side", flaky("f1", "1"), plain("n3", "2")))
		w.process(once("commit t1", crashAfter)).apply()
		o := w.process(nil).apply()
		var got []string
		for _, e := range o.p.events {
			s := strings.TrimPrefix(fmt.Sprintf("%T", e), "run.")
			switch e := e.(type) {
			case run.Waiting:
				if n := len(got); n > 0 && got[n-1] == s {
					continue
				}
			case run.Planned:
				if n := len(got); n > 1 && got[n-1] == "Waiting" {
					continue // it looks again at every turn
				}
			case run.Settled:
				s += " " + e.ChangeID
			case run.ChangeStarted:
				s += fmt.Sprintf(" %s %d/%d", e.ChangeID, e.Index, e.Total)
			case run.ChangeEnded:
				s += " " + e.Change.ChangeID + " " + string(e.Change.Status)
			}
			got = append(got, s)
		}
		want := []string{
			"Planned", "Waiting", "Acquired", "Planned", "Settled t1", "Planned", "ChangeStarted n2 1/3", "ChangeEnded n2 APPLIED",
			"ChangeStarted f1 2/3", "RollingBack", "ChangeEnded f1 ROLLED_BACK",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestReport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		filtered := plain("n5", "3")
		filtered.Profiles = []string{"prod"}
		w := newWorld(t,
			stage("blocked", plain("n1", "1"), plain("n2", "2")), after(stage("dep", plain("n3", "1")), "blocked"),
			stage("free", plain("n4", "1"), plain("n6", "2"), filtered), stage("done", inTx("t1", "1")))
		wantCode(t, w.process(once("effect n1", loseAnswer)).apply(func(o *run.Options) { o.Stages = o.Stages[:1] }), core.CodeChangeFailed)
		p := w.process(nil)
		rep, err := p.runner().Apply(t.Context(), run.ApplyOptions{Select: plan.Selection{To: "n4"}})
		if core.CodeOf(err) != core.CodeManualIntervention || len(issuesOf(err)) != 1 || rep.Status != run.Failed || rep.ExecutionID == "" {
			t.Errorf("%v, %+v", err, rep)
		}
		want := []string{"n1 BLOCKED", "n2 NOT_REACHED", "n3 NOT_REACHED", "n4 APPLIED", "n6 NOT_REACHED", "n5 SKIPPED", "t1 NOT_REACHED"}
		if d := cmp.Diff(want, statuses(rep)); d != "" {
			t.Error(d)
		}
		counts := map[run.ChangeStatus]int{run.ChangeBlocked: 1, run.ChangeNotReached: 4, run.ChangeApplied: 1, run.ChangeSkipped: 1}
		if d := cmp.Diff(counts, rep.Counts); d != "" {
			t.Error(d)
		}
		var got []run.StageStatus
		for _, s := range rep.Stages {
			got = append(got, s.Status)
		}
		if d := cmp.Diff([]run.StageStatus{run.StageBlocked, run.StageNotReached, run.StageIncomplete, run.StageIncomplete}, got); d != "" {
			t.Error(d)
		}
		w.resolveTruly(issuesOf(err))
		o := w.process(nil).apply()
		wantCode(t, o, "")
		if o.rep.Status != run.Success || o.rep.Counts[run.ChangeAlreadyApplied] != 2 {
			t.Errorf("%+v", o.rep)
		}
	})
}

func TestDriftRunsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := plain("n1", "1")
		c.Revision = "1"
		w := newWorld(t, stage("main", c))
		wantCode(t, w.process(nil).apply(), "")
		w.stages[0].Changes[0].Revision = "2"
		w.stages = append(w.stages, stage("more", plain("n2", "1")))
		wantCode(t, w.process(nil).apply(), core.CodeDrift)
		if w.effect("n2") > 0 {
			t.Error("something was run")
		}
		o := w.process(nil).apply(func(o *run.Options) { o.Drift.Edited = core.DriftWarn })
		wantCode(t, o, "")
		if len(o.rep.Drift) != 1 {
			t.Errorf("drift %v", o.rep.Drift)
		}
	})
}

// A client that panics outside of a step ends the call, and its renewals.
func TestPanicOfATargetStopsTheRenewals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", plain("n1", "1")))
		p := w.process(func(_ int, site string) fault {
			if site == "open svc" {
				panic("driver bug")
			}
			return none
		})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _ = p.runner().Apply(t.Context(), run.ApplyOptions{})
		}()
		o := w.process(nil).apply()
		wantCode(t, o, core.CodeManualIntervention)
	})
}
