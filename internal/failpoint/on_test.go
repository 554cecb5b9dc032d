//go:build failpoint && unix

package failpoint

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEveryRuleIsRead(t *testing.T) {
	got, err := parse("append.sending#3=kill,step.done=stop")
	want := []rule{{Appending, 3, syscall.SIGKILL}, {StepDone, 1, syscall.SIGSTOP}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, text := range []string{"append.sending", "append.sending=fail", "append.sent=kill", "step.done#0=kill", "step.done#x=kill", "=kill", "step.done#=stop"} {
		if got, err := parse(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestThePointsAreCounted(t *testing.T) {
	var at []string
	var trace strings.Builder
	ps := &points{rules: []rule{{Appending, 2, syscall.SIGKILL}, {StepDone, 1, syscall.SIGSTOP}}, count: map[Point]int{}, trace: &trace}
	ps.raise = func(s syscall.Signal) { at = append(at, trace.String()+s.String()) }
	for _, p := range []Point{Appending, StepDone, Appending, Appending, StepDone} {
		ps.hit(p)
	}
	want := []string{"append.sending\nstep.done\nstopped (signal)", "append.sending\nstep.done\nappend.sending\nkilled"}
	if !slices.Equal(at, want) {
		t.Errorf("got %q, want %q", at, want)
	}
}

func TestNoPointTwice(t *testing.T) {
	all := All()
	slices.Sort(all)
	if len(slices.Compact(all)) != len(All()) {
		t.Errorf("two points have one name: %v", all)
	}
}

// The wall clock moves, and the monotonic clock does not.
func TestClock(t *testing.T) {
	for _, by := range []string{"1h", "-1h", "1500ms", "-1ns"} {
		c, err := clock(by, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		d, err := time.ParseDuration(by)
		if err != nil {
			t.Fatal(err)
		}
		before, got, after := time.Now(), c(), time.Now()
		if got.Sub(before) < 0 || after.Sub(got) < 0 {
			t.Errorf("%s: the monotonic clock moved by %v", by, got.Sub(before))
		}
		if wall := got.Round(0); wall.Before(before.Round(0).Add(d)) || wall.After(after.Round(0).Add(d)) {
			t.Errorf("%s: the wall clock shows %v at %v", by, wall, before)
		}
	}
	for _, text := range []string{"later", "1h@", "1h@soon", "@5s"} {
		if _, err := clock(text, time.Now); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestClockJumpsLater(t *testing.T) {
	now := time.Now()
	c, err := clock("1h@5s", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ after, off time.Duration }{{0, 0}, {4 * time.Second, 0}, {5 * time.Second, time.Hour}, {time.Minute, time.Hour}} {
		start := now
		now = now.Add(tt.after)
		if off := c().Round(0).Sub(now.Round(0)); off != tt.off {
			t.Errorf("after %v the clock is off by %v, want %v", tt.after, off, tt.off)
		}
		now = start
	}
}
