package run_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

func TestDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var changes []core.Change
		for i := range 40 {
			changes = append(changes, slow(plain(fmt.Sprintf("n%02d", i), fmt.Sprint(i)), time.Second))
		}
		w := newWorld(t, stage("main", changes...))
		runs := 0
		for ; runs < 20; runs++ {
			p := w.process(nil)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			p.ctx = ctx
			o := p.apply()
			left, _ := ctx.Deadline()
			cancel()
			if w.load().Head.Held() {
				t.Fatal("the lease was not released")
			}
			if o.err == nil {
				break
			}
			wantCode(t, o, core.CodeDeadlineNear)
			if o.rep.Status != run.Incomplete || time.Until(left) < 1500*time.Millisecond {
				t.Errorf("status %s with %s left", o.rep.Status, time.Until(left))
			}
		}
		if runs < 4 || runs > 8 {
			t.Errorf("%d runs", runs)
		}
		w.mustBeWhole()
	})
}

func TestAChangeThatOverrunsTheDeadlineIsRecorded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), time.Minute)))
		p := w.process(nil)
		p.ctx, p.cancel = context.WithTimeout(t.Context(), 10*time.Second)
		defer p.cancel()
		o := p.apply()
		wantCode(t, o, core.CodeDeadlineNear)
		wantStates(t, w, "n1 STARTED", "n1 FAILED unknown")
		dl, _ := p.ctx.Deadline()
		if left := time.Until(dl); w.load().Head.Held() || left < 500*time.Millisecond {
			t.Errorf("recorded %s before the deadline, or not released", left)
		}
	})
}

func TestTimeLeftCannotCoverATakeover(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", retried("r1", "1")))
		w.process(once("effect r1", crashBefore)).apply(func(o *run.Options) { o.Lease = 30 * time.Second })
		p := w.process(nil)
		p.ctx, p.cancel = context.WithTimeout(t.Context(), 12*time.Second)
		defer p.cancel()
		o := p.apply()
		wantCode(t, o, core.CodeLockHeld)
		if !strings.Contains(o.err.Error(), "cannot cover a takeover") || p.ctx.Err() != nil {
			t.Error(o.err)
		}
	})
}

func TestStopWithinGrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 2*time.Second), plain("n2", "2")))
		p := w.process(nil)
		c := p.applyAsync(func(o *run.Options) { o.Grace = 5 * time.Second })
		time.Sleep(time.Second)
		p.askToStop()
		o := <-c
		wantCode(t, o, core.CodeInterrupted)
		if d := cmp.Diff([]string{"n1 APPLIED", "n2 NOT_REACHED"}, statuses(o.rep)); d != "" || o.rep.Status != run.Incomplete {
			t.Error(o.rep.Status, d)
		}
		if w.load().Head.Held() {
			t.Error("the lease was not released")
		}
		wantCode(t, w.process(nil).apply(), "")
		w.mustBeWhole()
	})
}

func TestStopAfterGrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), time.Minute)), stage("tx", slow(inTx("t1", "1"), time.Minute)))
		p := w.process(nil)
		c := p.applyAsync()
		time.Sleep(time.Second)
		p.askToStop()
		began := time.Now()
		o := <-c
		wantCode(t, o, core.CodeInterrupted)
		if took := time.Since(began); took != time.Second {
			t.Errorf("a grace of 1s took %s", took)
		}
		wantStates(t, w, "n1 STARTED", "n1 FAILED unknown")
		if o.rep.Status != run.Incomplete || o.rep.Stages[0].Status != run.StageIncomplete {
			t.Errorf("report %+v", o.rep)
		}
		second := w.process(nil).apply()
		wantCode(t, second, core.CodeManualIntervention)
		if d := cmp.Diff([]string{"n1 BLOCKED", "t1 APPLIED"}, statuses(second.rep)); d != "" {
			t.Error(d)
		}
	})
}

func TestStopAfterGraceInATransaction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("tx", slow(inTx("t1", "1"), time.Minute)))
		p := w.process(nil)
		c := p.applyAsync()
		time.Sleep(time.Second)
		p.askToStop()
		wantCode(t, <-c, core.CodeInterrupted)
		wantStates(t, w, "t1 STARTED", "t1 FAILED", "t1 ROLLED_BACK")
		wantCode(t, w.process(nil).apply(), "")
	})
}

func TestStopWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 20*time.Second)))
		first := w.process(nil).applyAsync()
		time.Sleep(time.Second)
		p := w.process(nil)
		c := p.applyAsync()
		time.Sleep(time.Second)
		began := time.Now()
		p.askToStop()
		o := <-c
		wantCode(t, o, core.CodeInterrupted)
		if time.Since(began) > 0 || o.rep.Status != run.Incomplete {
			t.Errorf("%s, %s", time.Since(began), o.rep.Status)
		}
		<-first
	})
}

func TestCancelledContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", slow(plain("n1", "1"), 20*time.Second)))
		early := w.process(nil)
		early.cancel()
		wantCode(t, early.apply(), core.CodeInterrupted)
		wantStates(t, w)
		p := w.process(nil)
		c := p.applyAsync()
		time.Sleep(time.Second)
		p.cancel()
		wantCode(t, <-c, core.CodeInterrupted)
		wantStates(t, w, "n1 STARTED", "n1 FAILED unknown")
		if w.load().Head.Held() {
			t.Error("the lease was not released")
		}
	})
}

func TestTimeoutOfAChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		late := slow(plain("n1", "1"), time.Minute)
		late.Timeout = 3 * time.Second
		tx := slow(inTx("t1", "1"), time.Minute)
		tx.Timeout = 4 * time.Second
		w := newWorld(t, stage("main", late, plain("n2", "2")), stage("tx", tx), stage("other", plain("n3", "1")))
		began := time.Now()
		o := w.process(nil).apply()
		wantCode(t, o, core.CodeChangeFailed)
		if took := time.Since(began); took != 7*time.Second || !strings.Contains(o.err.Error(), "timeout of 3s") {
			t.Errorf("%s: %v", took, o.err)
		}
		wantStates(t, w, "n1 STARTED", "n1 FAILED unknown", "t1 STARTED", "t1 FAILED", "t1 ROLLED_BACK", "n3 STARTED", "n3 APPLIED")
	})
}

// A store that stays away does not hold a call for ever, and one that comes back
// within the lease costs nothing.
func TestStoreAwayAtTheAcquisition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", plain("n1", "1")))
		began := time.Now()
		o := w.process(once("acquire", downAfter)).apply()
		wantCode(t, o, core.CodeUnavailable)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("gave up after %s", took)
		}
		if w.effect("n1") > 0 {
			t.Error("a change ran although its STARTED was not known to be written")
		}
	})
}

// A STARTED whose run ended before it could begin is taken back by its owner.
func TestCancelledDuringTheAcquisition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", plain("n1", "1")))
		p := w.process(nil)
		p.at = func(_ int, site string) fault {
			if site == "acquire" && p.ctx.Err() == nil {
				defer p.cancel()
				return loseCancelled
			}
			return none
		}
		wantCode(t, p.apply(), core.CodeInterrupted)
		wantStates(t, w, "n1 STARTED", "n1 ROLLED_BACK")
		if r := w.load().Records["n1"]; r.Attempt != 0 {
			t.Errorf("attempt %d", r.Attempt)
		}
		wantCode(t, w.process(nil).apply(), "")
	})
}
