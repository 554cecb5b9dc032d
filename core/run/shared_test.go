package run_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// sharedTarget lives where the audit store does. Its rows are in the database's
// map, so that the checks of the simulation see them.
type sharedTarget struct{ p *process }

func (t *sharedTarget) ID() string   { return "aud" }
func (t *sharedTarget) Type() string { return "fakeshared" }
func (t *sharedTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*sharedTarget](), Tx: reflect.TypeFor[*collector]()}
}
func (t *sharedTarget) Close() error               { return nil }
func (t *sharedTarget) Ping(context.Context) error { return nil }
func (t *sharedTarget) Open(context.Context) (any, func() error, error) {
	return t, func() error { return nil }, nil
}
func (t *sharedTarget) Domain() string             { return t.p.w.store.Domain() }
func (t *sharedTarget) Collect() core.SharedWrites { return &collector{p: t.p} }

// collector collects writes; they happen inside the store's append.
type collector struct {
	p       *process
	puts    []string
	guarded []string
}

func (c *collector) put(id string) { c.puts = append(c.puts, id) }

// check adds a condition, which does not hold the first time that it is asked for.
func (c *collector) check(id string) {
	c.p.w.db.mu.Lock()
	defer c.p.w.db.mu.Unlock()
	if !c.p.w.db.checked[id] {
		c.guarded = append(c.guarded, id)
	}
	c.p.w.db.checked[id] = true
}
func (c *collector) Handle() any { return c }
func (c *collector) Items() any {
	db := c.p.w.db
	return func() error {
		db.mu.Lock()
		defer db.mu.Unlock()
		for _, id := range c.guarded {
			return errors.New("the condition of " + id + " is not met")
		}
		for _, id := range c.puts {
			db.rows[id]++
			for _, check := range db.checks {
				check(id)
			}
		}
		return nil
	}
}

func TestSharedChange(t *testing.T) {
	t.Run("commits with its entry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, stage("main", shared("s1", "1"), shared("s2", "2")))
			p := w.process(nil)
			o := p.apply()
			if o.err != nil || w.effect("s1") != 1 || w.effect("s2") != 1 {
				t.Errorf("%v; effects %d, %d", o.err, w.effect("s1"), w.effect("s2"))
			}
			if got := o.rep.Stages[0].Changes[0].TxType; got != core.TxShared {
				t.Errorf("tx type %s", got)
			}
			// N + 2, as for any other.
			if diff := cmp.Diff([]string{"load", "acquire", "append", "append"}, p.sites); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("a refused condition is a failed change", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, stage("main", refused("s1", "1"), shared("s2", "2")), stage("other", shared("s3", "1")))
			o := w.process(nil).apply()
			var ce *core.ChangeError
			if !errors.As(o.err, &ce) || o.code() != core.CodeChangeFailed || !strings.Contains(ce.Error(), "the condition of s1 is not met") {
				t.Errorf("%s: %v", o.code(), o.err)
			}
			want := []string{"s1 STARTED", "s1 FAILED", "s1 ROLLED_BACK", "s3 STARTED", "s3 APPLIED"}
			if diff := cmp.Diff(want, w.states()); diff != "" {
				t.Error(diff)
			}
			if w.load().Head.Held() {
				t.Error("the lease is held")
			}
			if o := w.process(nil).apply(); o.err != nil || w.effect("s1") != 1 || w.effect("s2") != 1 {
				t.Errorf("second run: %v; effects %d, %d", o.err, w.effect("s1"), w.effect("s2"))
			}
		})
	})
	t.Run("a step's error leaves nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := shared("s1", "1")
			c.Steps = []core.StepPair{{Apply: c.Apply}, {Apply: core.StepFor(func(context.Context, *collector) error { return errors.New("no") })}}
			c.Apply = core.Step{}
			w := newWorld(t, stage("main", c))
			o := w.process(nil).apply()
			if diff := cmp.Diff([]string{"s1 STARTED", "s1 FAILED", "s1 ROLLED_BACK"}, w.states()); diff != "" || w.effect("s1") != 0 {
				t.Errorf("%v; effect %d; %s", o.err, w.effect("s1"), diff)
			}
		})
	})
	t.Run("an unfinished one is run again, without a question", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, f := range []fault{crashBefore, crashAfter} {
				w := newWorld(t, stage("main", shared("s1", "1"), shared("s2", "2")))
				w.process(func(_ int, site string) fault {
					if site == "append" {
						return f
					}
					return none
				}).apply()
				if o := w.process(nil).apply(); o.err != nil || w.effect("s1") != 1 || w.effect("s2") != 1 {
					t.Errorf("%s: %v; effects %d, %d; %v", f, o.err, w.effect("s1"), w.effect("s2"), w.states())
				}
			}
		})
	})
	t.Run("of another domain is refused", func(t *testing.T) {
		w, other := newWorld(t, stage("main", shared("s1", "1"))), newWorld(t)
		o := w.process(nil).options()
		o.Targets["aud"] = &sharedTarget{other.process(nil)}
		if _, err := run.New(o); core.CodeOf(err) != core.CodeConfigInvalid {
			t.Errorf("got %v", err)
		}
	})
}
