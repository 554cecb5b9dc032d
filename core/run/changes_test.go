package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// The changes that the tests run. Their names say what they are.

func inTx(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "db", Apply: core.StepFor(func(_ context.Context, t *txn) error { return t.put(id) })}
}

func plain(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "svc", Apply: core.StepFor(func(ctx context.Context, s *svcTarget) error {
		return s.add(ctx, "effect", id, 1)
	})}
}

func reversible(id, order string) core.Change {
	c := plain(id, order)
	c.Rollback = core.StepFor(func(ctx context.Context, s *svcTarget) error { return s.add(ctx, "undo", id, -s.svc.count(id)) })
	return c
}

// shared is a change whose write commits with its APPLIED.
func shared(id, order string) core.Change {
	return core.Change{ID: id, Order: order, TargetSystem: "aud", Apply: core.StepFor(func(_ context.Context, c *collector) error {
		c.put(id)
		return nil
	})}
}

// refused is a shared change whose condition does not hold the first time.
func refused(id, order string) core.Change {
	c := shared(id, order)
	c.Apply = core.StepFor(func(_ context.Context, w *collector) error {
		w.check(id)
		w.put(id)
		return nil
	})
	return c
}

func retried(id, order string) core.Change {
	c := plain(id, order)
	c.Recovery.Strategy = core.AlwaysRetry
	return c
}

// probed is a change that can be asked for, and whose late effect is harmless
// because it only has one when it is not there.
func probed(id, order string) core.Change {
	c := plain(id, order)
	do := c.Apply.Do
	c.Apply.LateSafe = true
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		if t, ok := s.Handle.(*svcTarget); ok && t.svc.count(id) > 0 {
			return nil
		}
		return do(ctx, s)
	}
	c.Probe = func(_ context.Context, s *core.Session) (core.ProbeResult, error) {
		t, ok := s.Handle.(*svcTarget)
		if !ok {
			return "", errors.New("no handle")
		}
		if f := t.p.reach("probe " + id); f != none && f != crashAfter && f != pauseAfter {
			return "", errLost
		}
		if t.svc.count(id) > 0 {
			return core.ProbeApplied, nil
		}
		return core.ProbeNotApplied, nil
	}
	return c
}

// flaky has its effect, then fails, the first time that it is run.
func flaky(id, order string) core.Change {
	c := reversible(id, order)
	c.Apply = core.StepFor(func(ctx context.Context, s *svcTarget) error {
		first := s.svc.called(id) == 0
		if err := s.add(ctx, "effect", id, 1); err != nil {
			return err
		}
		if first {
			return errors.New("half done")
		}
		return nil
	})
	return c
}

// kept fails once, half done, and its rollback puts back what was there before.
func kept(id, order string) core.Change {
	c := flaky(id, order)
	c.Apply.Capture = func(_ context.Context, s *core.Session) (string, error) {
		t, ok := s.Handle.(*svcTarget)
		if !ok {
			return "", errors.New("no handle")
		}
		if f := t.p.reach("capture " + id); f != none && f != crashAfter && f != pauseAfter {
			return "", errLost
		}
		return strconv.Itoa(t.svc.count(id)), nil
	}
	c.Rollback = core.Step{Do: func(ctx context.Context, s *core.Session) error {
		t, ok := s.Handle.(*svcTarget)
		before, err := strconv.Atoi(s.Captured)
		if !ok || err != nil {
			return fmt.Errorf("captured was %q", s.Captured)
		}
		return t.add(ctx, "undo", id, before-t.svc.count(id))
	}}
	return c
}

// slow wraps a change so that it works for d before it has its effect.
func slow(c core.Change, d time.Duration) core.Change {
	do := c.Apply.Do
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return do(ctx, s)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c
}

func stage(name string, changes ...core.Change) core.Stage {
	return core.Stage{Name: name, Changes: changes}
}

func after(s core.Stage, dependsOn ...string) core.Stage {
	s.DependsOn = dependsOn
	return s
}

// mixed has changes of every kind.
func mixed() []core.Stage {
	return []core.Stage{
		stage("main", inTx("t1", "1"), plain("n1", "2"), inTx("t2", "3"), shared("s1", "4")),
		stage("side", probed("q1", "1"), retried("r1", "2"), reversible("v1", "3"), flaky("f1", "4")),
		stage("settings", kept("k1", "1"), plain("n2", "2")),
		stage("shared", refused("s2", "1"), shared("s3", "2")),
		stage("live", inside("l1", "1"), inside("l2", "2")),
		after(stage("late", inTx("t3", "1")), "main", "side", "shared", "settings"),
	}
}

// watchOrder fails the test when a change has its effect before those that come
// before it have theirs.
func (w *world) watchOrder() {
	check := func(id string) { // called with the lock of both systems held
		for i := range w.stages {
			j := slices.IndexFunc(w.stages[i].Changes, func(c core.Change) bool { return c.ID == id })
			if j < 0 {
				continue
			}
			for _, c := range w.stages[i].Changes[:j] {
				if w.db.rows[c.ID]+w.svc.rows[c.ID] == 0 {
					w.t.Errorf("%s has its effect before %s", id, c.ID)
				}
			}
		}
	}
	w.db.checks = append(w.db.checks, check)
	w.svc.checks = append(w.svc.checks, check)
}
