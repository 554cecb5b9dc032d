package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/filestore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/targets/all"
)

// world is the audit store that all runs share, each with a ledger of its own.
type world struct {
	dir     string
	store   *filestore.Store
	ledgers int
}

func newWorld(ctx context.Context, dir string) (*world, error) {
	s, err := filestore.Open(ctx, filepath.Join(dir, "audit.db"), nil)
	return &world{dir: dir, store: s}, err
}

func (w *world) close() { _ = w.store.Close() } //nolint:errcheck // nothing in it is needed any more

// loaded are changes of files, and the target system that they are of.
type loaded struct {
	app   *app.App
	stage core.Stage
}

// load loads n changes of a system whose server is at addr. The number of the first one
// is from.
func (w *world) load(s *system, addr string, from, n int) (*loaded, error) {
	files := fstest.MapFS{}
	for i := range n {
		text := fmt.Sprintf("id: change-number-%05d\nauthor: payments-team\ntargetSystem: t\n%s", i, s.change(from+i))
		files[fmt.Sprintf("changes/_%05d__change.yaml", i)] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	config := filepath.Join(w.dir, "flamingock.yaml")
	text := "ledger: bench\nstages: [{ name: main, location: changes }]\ntargetSystems:\n  t:\n" + indent(s.config(addr))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	a, err := app.New(app.Options{
		Program: core.Program{Targets: all.Types(), Files: files}, ConfigPath: config, LookupEnv: os.LookupEnv, Environ: os.Environ,
	})
	if err != nil {
		return nil, err
	}
	if err := a.LoadChanges(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return &loaded{a, a.Stages[0]}, nil
}

func indent(yaml string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(yaml), "\n", "\n    ") + "\n"
}

// inGo are n changes in Go that do what do does with the numbers from 0, and nothing
// without one. Those that keep something keep a text.
func inGo(n int, keeps bool, do func(ctx context.Context, i int) error) core.Stage {
	s := core.Stage{Name: "main"}
	for i := range n {
		step := core.StepFor(func(ctx context.Context, _ struct{}) error {
			if do == nil {
				return nil
			}
			return do(ctx, i)
		})
		if keeps {
			step.Capture = func(context.Context, *core.Session) (string, error) { return `{"existed":false}`, nil }
		}
		s.Changes = append(s.Changes, core.Change{
			ID: fmt.Sprintf("change-number-%05d", i), Order: fmt.Sprintf("%05d", i), Author: "payments-team", TargetSystem: "t", Revision: "1", Apply: step,
		})
	}
	return s
}

// before is how many changes come before those that are timed: one in a run of its own,
// which makes the ledger and the fence, and two that find what is ready from the start.
// after is the one whose beginning ends the time of the last.
const (
	before = 3
	after  = 1
)

// apply applies the changes of a stage, before + n + after, to a ledger of its own, and
// returns how long each of the n took: from when it begins until the next one does, and so
// with its record. Begins is called when the first of them does, and ends when the last
// has.
func (w *world) apply(ctx context.Context, targets map[string]core.Target, resolver core.Resolver, stage core.Stage, n int, begins, ends func()) (series, error) {
	w.ledgers++
	var times []time.Time
	o := run.Options{
		Ledger: fmt.Sprintf("bench/%06d", w.ledgers), Store: w.store, Targets: targets, Resolver: resolver,
		Trigger: core.Trigger{Kind: "bench"}, Principal: "bench", Version: "1.0.0", Host: "bench",
		Events: func(e run.Event) {
			if _, ok := e.(run.ChangeStarted); !ok {
				return
			}
			times = append(times, time.Now())
			switch {
			case begins != nil && len(times) == before+1:
				begins()
			case ends != nil && len(times) == before+n+1:
				ends()
			}
		},
	}
	for _, count := range []int{1, before + n + after} {
		part := stage
		part.Changes = stage.Changes[:count]
		o.Stages = []core.Stage{part}
		r, err := run.New(o)
		if err != nil {
			return nil, err
		}
		report, err := r.Apply(ctx, run.ApplyOptions{})
		if err != nil {
			return nil, err
		}
		if want := max(1, count-1); report.Counts[run.ChangeApplied] != want {
			return nil, fmt.Errorf("the run applied %d changes, not %d: %s", report.Counts[run.ChangeApplied], want, report.Status)
		}
	}
	out := make(series, n)
	for i := range out {
		out[i] = times[before+i+1].Sub(times[before+i])
	}
	return out, nil
}

// nobody is the target system of changes that do nothing.
func nobody() map[string]core.Target {
	return map[string]core.Target{"t": core.NewClientTarget("t", struct{}{})}
}
