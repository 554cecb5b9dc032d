package targettest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

const ledger = "targettest"

// world is where one case happens: one system, one audit store, and the processes
// that run changes.
type world struct {
	h     Harness
	sys   System
	store *memstore.Store
	lease time.Duration

	mu   sync.Mutex
	gone map[string]bool // owners whose process is known to be dead
	runs map[string]int  // how often the step of each change was begun
}

func newWorld(_ testing.TB, h Harness, s System) *world {
	return &world{h: h, sys: s, store: memstore.New(), lease: 30 * time.Second, gone: map[string]bool{}, runs: map[string]int{}}
}

// ctx is the context of everything that is not to be cancelled. It outlives the
// test's own, because processes end after that.
func (w *world) ctx() context.Context { return context.Background() }

// open returns a target that is closed when the case ends.
func (w *world) open(t testing.TB) core.Target {
	t.Helper()
	target := w.sys.Open()
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return target
}

// openTx is open for a system with transactions.
func (w *world) openTx(t testing.TB) core.TxTarget {
	t.Helper()
	target, ok := w.open(t).(core.TxTarget)
	if !ok {
		t.Fatal("the target is no core.TxTarget")
	}
	return target
}

// isThere checks whether the effect of Create(name) is in the system.
func (w *world) isThere(t testing.TB, name string, want bool) {
	t.Helper()
	if got := w.sys.Effect(t, name); got != want {
		t.Errorf("effect of %s: got %t, want %t", name, got, want)
	}
}

// ran checks how often the step of a change was begun.
func (w *world) ran(t testing.TB, id string, want int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := w.runs[id]; got != want {
		t.Errorf("%s was executed %d times, want %d", id, got, want)
	}
}

func (w *world) began(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs[id]++
}

func (w *world) history(t testing.TB) []core.Entry {
	t.Helper()
	page, err := w.store.History(w.ctx(), core.HistoryQuery{Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func (w *world) load(t testing.TB) core.Snapshot {
	t.Helper()
	s, err := w.store.Load(w.ctx(), ledger)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recorded compares the history with "change STATE", and "unknown" or "reconciled"
// after it where the entry is that.
func (w *world) recorded(t testing.TB, want ...string) {
	t.Helper()
	got := w.states(t)
	if !slices.Equal(got, want) {
		t.Errorf("recorded:\n got %q\nwant %q", got, want)
	}
	if w.load(t).Head.Held() {
		t.Error("the lease is still held")
	}
}

func (w *world) states(t testing.TB) []string {
	t.Helper()
	var got []string
	for _, e := range w.history(t) {
		s := e.ChangeID + " " + string(e.State)
		if e.Unknown {
			s += " unknown"
		}
		if e.Reconciled {
			s += " reconciled"
		}
		got = append(got, s)
	}
	return got
}

// applied checks that the last thing recorded about a change is that it is applied,
// and that nobody holds the lease.
func (w *world) applied(t testing.TB, ids ...string) {
	t.Helper()
	s := w.load(t)
	for _, id := range ids {
		if got := s.Records[id].State; got != core.StateApplied {
			t.Errorf("%s is recorded as %q, want APPLIED; history %q", id, got, w.states(t))
		}
	}
	if s.Head.Held() {
		t.Error("the lease is still held")
	}
}

// noMarkers checks that no attempt's marker is left.
func (w *world) noMarkers(t testing.TB) {
	t.Helper()
	if !w.h.Tx {
		return
	}
	target := w.openTx(t)
	id := w.load(t).Head.LedgerID
	for _, e := range w.history(t) {
		if e.State != core.StateStarted {
			continue
		}
		m := core.Marker{LedgerID: id, ChangeID: e.ChangeID, Seq: e.Seq}
		if marked, err := target.Marked(w.ctx(), m); err != nil || marked {
			t.Errorf("marker of %s at %d: got %t, %v; want none", e.ChangeID, e.Seq, marked, err)
		}
	}
}

// outcome is how a process ended.
type outcome struct {
	died bool
	rep  *run.Report
	err  error
}

// is checks the error's code, and "change STATUS" in the order of the report.
func (o outcome) is(t testing.TB, code core.Code, statuses ...string) {
	t.Helper()
	if o.died {
		t.Fatal("the run did not return")
	}
	if got := core.CodeOf(o.err); got != code {
		t.Errorf("the run ended with code %q (%v), want %q", got, o.err, code)
	}
	if got := o.statuses(); !slices.Equal(got, statuses) {
		t.Errorf("report: got %q, want %q; error %v", got, statuses, o.err)
	}
}

func (o outcome) statuses() []string {
	var out []string
	for _, st := range o.rep.Stages {
		for _, c := range st.Changes {
			out = append(out, c.ChangeID+" "+string(c.Status))
		}
	}
	return out
}

func (o outcome) diedMidway(t testing.TB) {
	t.Helper()
	if !o.died {
		t.Fatalf("the process did not die: %v", o.err)
	}
}

var errOwn = errors.New("the change's own error")

func check(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// refuses checks that err is want, and definite.
func refuses(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || core.IsUnknown(err) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}
