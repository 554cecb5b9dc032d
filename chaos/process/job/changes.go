package main

import (
	"context"
	"errors"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// slowness is longer than a third of a lease of 1 s: it sees one renewal.
const slowness = 500 * time.Millisecond

// changes are "one", of one step, and "two", of two.
func changes(kind string) []core.Change {
	one := core.Change{ID: "one", Order: "1", Author: "chaos", TargetSystem: "file", Apply: add("one")}
	two := core.Change{ID: "two", Order: "2", Author: "chaos", TargetSystem: "file", Steps: []core.StepPair{{Apply: add("two-a")}, {Apply: last("two-b")}}}
	switch kind {
	case "always": // may be done twice
		one.Recovery.Strategy, two.Recovery.Strategy = core.AlwaysRetry, core.AlwaysRetry
	case "probed": // can be asked for, and a late repetition is harmless
		one.Apply = ensure("one")
		two.Steps = []core.StepPair{{Apply: ensure("two-a")}, {Apply: ensure("two-b")}}
		one.Probe, two.Probe = probe("one"), probe("two-a", "two-b")
	case "asked": // can be asked for, but a late repetition would do harm
		one.Probe, two.Probe = probe("one"), probe("two-a", "two-b")
	case "rollback":
		two.Steps = []core.StepPair{{Apply: add("two-a"), Rollback: remove("two-a")}, {Apply: last("two-b"), Rollback: remove("two-b")}}
	case "slow":
		one.Steps, one.Apply = []core.StepPair{{Apply: wait(slowness)}, {Apply: add("one")}}, core.Step{}
	}
	return []core.Change{one, two}
}

func add(line string) core.Step {
	return core.StepFor(func(_ context.Context, j journal) error { return j.add(line) })
}

var errTold = errors.New("the step was told to fail, before it did anything")

// last is add for the step that can be told to fail.
func last(line string) core.Step {
	return core.StepFor(func(_ context.Context, j journal) error {
		if j.fails {
			return errTold
		}
		return j.add(line)
	})
}

// ensure adds the line where it is missing.
func ensure(line string) core.Step {
	s := core.StepFor(func(_ context.Context, j journal) error {
		there, err := j.has(line)
		if err != nil || there {
			return err
		}
		return j.add(line)
	})
	s.LateSafe = true
	return s
}

func remove(line string) core.Step {
	return core.StepFor(func(_ context.Context, j journal) error { return j.remove(line) })
}

func wait(d time.Duration) core.Step {
	return core.StepFor(func(ctx context.Context, _ journal) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

func probe(lines ...string) core.Probe {
	return func(_ context.Context, s *core.Session) (core.ProbeResult, error) {
		j, ok := s.Handle.(journal)
		if !ok {
			return core.ProbeUnknown, errors.New("the handle is no journal")
		}
		return core.ProbeEach(lines, func(line string) (core.ProbeResult, error) {
			there, err := j.has(line)
			switch {
			case err != nil:
				return core.ProbeUnknown, err
			case there:
				return core.ProbeApplied, nil
			}
			return core.ProbeNotApplied, nil
		})
	}
}
