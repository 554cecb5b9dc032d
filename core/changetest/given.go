package changetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// Ledger is the name of the ledger in which everything happens.
const Ledger = "changetest"

// TB is what this package needs of a test: *testing.T has it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// World is an audit store, the changes and their target systems.
type World struct {
	// Clock is what runs take the time from. It stands still until it is set.
	Clock *Clock
	// Store is the audit store, for what this package has no word for.
	Store core.AuditStore

	t       TB
	stages  []core.Stage
	targets map[string]core.Target
	values  values
	adjust  []func(*run.Options)

	mu  sync.Mutex
	ids int
}

// Given makes a world in which nothing has been applied yet.
func Given(t TB, stages []core.Stage, targets ...core.Target) *World {
	t.Helper()
	return &World{
		t: t, stages: stages, targets: byID(targets), values: values{},
		Clock: &Clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, Store: memstore.New(),
	}
}

func byID(targets []core.Target) map[string]core.Target {
	m := map[string]core.Target{}
	for _, t := range targets {
		m[t.ID()] = t
	}
	return m
}

// Recorded records that an earlier execution left a change in a state, with the
// entries that lead there. Edits change the last of them: see [Unknown] and [Edited].
// A change that is not in the code is recorded as well, as one that was lost.
func (w *World) Recorded(changeID string, state core.State, edits ...func(*core.Entry)) *World {
	w.t.Helper()
	var entries []core.Entry
	for _, s := range way(state) {
		e := w.entry(changeID)
		e.State = s
		switch s {
		case core.StateRolledBack, core.StateRollbackFailed:
			e.Operation = core.OpRollback
		case core.StateManualMarkedApplied, core.StateManualMarkedRolledBack:
			e.Operation = core.OpResolve
		case core.StateNone, core.StateStarted, core.StateApplied, core.StateFailed:
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		w.t.Fatalf("no change is ever recorded as %q", state)
		return w
	}
	for _, edit := range edits {
		edit(&entries[len(entries)-1])
	}
	w.write(entries, true)
	return w
}

// Unknown makes the outcome of an attempt one that nobody knows.
func Unknown(e *core.Entry) { e.Unknown = true }

// Edited makes the recorded change another than today's.
func Edited(e *core.Entry) { e.Checksum = core.ChecksumOf([]byte("as it was before")) }

// way lists the entries on the way to a state.
func way(s core.State) []core.State {
	switch s {
	case core.StateStarted:
		return []core.State{core.StateStarted}
	case core.StateApplied, core.StateFailed:
		return []core.State{core.StateStarted, s}
	case core.StateRolledBack, core.StateRollbackFailed, core.StateManualMarkedApplied, core.StateManualMarkedRolledBack:
		return []core.State{core.StateStarted, core.StateFailed, s}
	case core.StateNone:
	}
	return nil
}

// entry is what an earlier execution would have written about a change.
func (w *World) entry(changeID string) core.Entry {
	e := core.Entry{
		ChangeID: changeID, ExecutionID: "earlier", Stage: "lost", Order: "0", Author: "changetest", Operation: core.OpApply, TxType: core.TxNone,
		Strategy: core.ManualIntervention, Attempt: 1, StartedAt: w.Clock.Now(), EndedAt: w.Clock.Now(),
	}
	for i := range w.stages {
		for j := range w.stages[i].Changes {
			c := &w.stages[i].Changes[j]
			if c.ID != changeID {
				continue
			}
			e.Stage, e.Order, e.Author, e.TargetSystem = w.stages[i].Name, c.Order, c.Author, c.TargetSystem
			e.Strategy, e.Checksum, e.Definition = c.Recovery.OrDefault(), c.Fingerprint(), c.Definition()
			if t := w.targets[c.TargetSystem]; t != nil {
				if tx, err := core.TxTypeOf(c, t); err == nil {
					e.TxType = tx
				}
			}
		}
	}
	return e
}

// Held lets another execution hold the lock, for ever. Nothing can be recorded after it.
func (w *World) Held() *World {
	w.t.Helper()
	w.write(nil, false)
	return w
}

// write appends entries as an execution of its own.
func (w *World) write(entries []core.Entry, release bool) {
	w.t.Helper()
	ctx := context.Background()
	s, err := w.Store.Load(ctx, Ledger)
	if err != nil {
		w.t.Fatalf("load: %v", err)
		return
	}
	last := s.Records[entryID(entries)]
	for i := range entries {
		e := &entries[i]
		e.Token, e.PrevSeq, e.StartedSeq = s.Head.Token+1, last.Seq, s.Head.Seq+1
		e.Attempt = last.Attempt + 1
	}
	core.Seal(Ledger, s.Head.Seq, s.Head.Hash, entries)
	err = w.Store.Acquire(ctx, core.Acquisition{
		Ledger: Ledger, LedgerID: "changetest", RVN: s.Head.RVN, Owner: w.newID(), Token: s.Head.Token + 1, Lease: time.Hour,
		Holder:  core.Holder{Execution: "earlier", Host: "elsewhere", Since: w.Clock.Now()},
		Entries: entries, Release: release,
	})
	if err != nil {
		w.t.Fatalf("record: %v", err)
	}
}

func entryID(entries []core.Entry) string {
	if len(entries) == 0 {
		return ""
	}
	return entries[0].ChangeID
}

// Value gives a reference such as ${env:NAME} a value.
func (w *World) Value(reference, value string) *World {
	w.values[reference] = value
	return w
}

// With adjusts the options of the runs that follow, for example their drift policy.
func (w *World) With(adjust func(*run.Options)) *World {
	w.adjust = append(w.adjust, adjust)
	return w
}

func (w *World) newID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("id-%d", w.ids)
}

// values resolves references.
type values map[string]string

func (v values) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	if value, ok := v[r.String()]; ok {
		return core.NewSecret(value), nil
	}
	return core.Secret{}, &core.ConfigError{Reason: r.String() + " has no value", Next: `give it one: Value("` + r.String() + `", "…")`}
}
