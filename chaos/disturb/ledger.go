//go:build unix

package disturb

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing" //nolint:depguard // this package is for tests
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
	"github.com/flamingock/flamingock-go/internal/standstill" //nolint:depguard // this package is for tests
)

// History reads all entries through the command line, after audit verify has found
// them whole.
func (w *World) History(t testing.TB) []operation.EntryData {
	t.Helper()
	if end := w.read(t, "audit", "verify"); end.Exit != 0 {
		if end.Code == string(core.CodeUnavailable) {
			t.Fatalf("%s: audit verify ended with %s:\n%s", w.Ledger, end, end.Said)
		}
		standstill.Violated(t, "%s: audit verify ended with %s:\n%s", w.Ledger, end, end.Said)
		t.FailNow()
	}
	end := w.read(t, "audit", "list", "--history", "--limit", "1000000")
	var data operation.AuditData
	if end.Exit != 0 || json.Unmarshal(end.Data, &data) != nil {
		t.Fatalf("%s: audit list ended with %s:\n%s", w.Ledger, end, end.Said)
	}
	return data.Entries
}

// read asks the ledger, in a process of its own unless the bench has another way.
func (w *World) read(t testing.TB, args ...string) End {
	t.Helper()
	if w.Reader != nil {
		return w.Reader(t, w, args...)
	}
	return w.Do(t, Way{}, args...)
}

// Lines has a line for each entry: change, state, and whether it was reconciled.
func Lines(entries []operation.EntryData) string {
	var s strings.Builder
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(&s, "%d %s %s", e.Seq, e.ChangeID, e.State)
		if e.Reconciled {
			s.WriteString(" reconciled")
		}
		if e.Unknown {
			s.WriteString(" unknown")
		}
		s.WriteString("\n")
	}
	return s.String()
}

// Done says what keeps a ledger from being done: changes that are not applied, by a
// run or in a person's words, or are recorded as applied more than once.
func (w *World) Done(entries []operation.EntryData) []string {
	applied, last := map[string]int{}, map[string]core.State{}
	for i := range entries {
		e := &entries[i]
		last[e.ChangeID] = e.State
		if e.State.IsApplied() {
			applied[e.ChangeID]++
		}
	}
	var out []string
	for _, c := range w.Changes {
		if applied[c.ID] != 1 || !last[c.ID].IsApplied() {
			out = append(out, fmt.Sprintf("%s is recorded as applied %d times, and is %s at last", c.ID, applied[c.ID], last[c.ID]))
		}
	}
	return out
}

// CheckDone fails the test unless every change is recorded as applied once and took
// effect once. It returns the number of effects, and of violations.
func (w *World) CheckDone(t testing.TB) (effects, violations int) {
	t.Helper()
	entries := w.History(t)
	got := w.Effects(t)
	faults := append(w.Done(entries), Violations(got, w.Once())...)
	applied := map[string]int{}
	for i := range entries {
		if entries[i].State.IsApplied() {
			applied[entries[i].ChangeID]++
		}
	}
	for _, c := range w.Changes {
		if got[c.ID] > 1 || applied[c.ID] > 1 || applied[c.ID] > got[c.ID] {
			standstill.Violated(t, "%s: %s took effect %d times, and is recorded as applied %d times", w.Ledger, c.ID, got[c.ID], applied[c.ID])
		}
	}
	if apart := w.Apart(entries, got); len(apart) > 0 {
		standstill.Violated(t, "%s: the ledger and the target system are apart: %q", w.Ledger, apart)
	}
	if len(faults) > 0 {
		t.Errorf("%s (%s, %s):\n  %s\nledger:\n%s", w.Ledger, w.Store, w.Target, strings.Join(faults, "\n  "), Lines(entries))
	}
	return Total(got), len(faults)
}

// Entries returns those that a run wrote.
func (w *World) Entries(entries []operation.EntryData, run End) []operation.EntryData {
	var data operation.ApplyData
	if json.Unmarshal(run.Data, &data) != nil || data.ExecutionID == "" {
		return nil // it never held the lease
	}
	var out []operation.EntryData
	for i := range entries {
		if entries[i].ExecutionID == data.ExecutionID {
			out = append(out, entries[i])
		}
	}
	return out
}

// lookAgain is the time between two looks, each of which is a process.
const lookAgain = 100 * time.Millisecond

// AwaitEntry waits until the ledger has an entry: a run holds it, or has ended.
func (w *World) AwaitEntry(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(endTimeout); time.Now().Before(deadline); {
		end := w.Do(t, Way{}, "audit", "list")
		var data operation.AuditData
		if json.Unmarshal(end.Data, &data) == nil && len(data.Entries) > 0 {
			return
		}
		<-time.After(lookAgain)
	}
	t.Fatalf("%s has no entry after %s", w.Ledger, endTimeout)
}
