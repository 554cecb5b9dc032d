package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

var longAgo = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// javaRow is the i-th thing that happened there.
func javaRow(i int, id string, s core.State) run.ImportRow {
	at := longAgo.Add(time.Duration(i) * time.Second)
	e := core.Entry{
		ExecutionID: "java-1", ChangeID: id, Stage: "java-stage", Order: "0001", Author: "ann", TargetSystem: "t", State: s, TxType: core.TxNone,
		Strategy: core.ManualIntervention, Definition: "C#apply", StartedAt: at, Host: "java-host", Metadata: map[string]string{"java.type": "STANDARD_CODE"},
	}
	if s != core.StateStarted {
		e.EndedAt = at
	}
	return run.ImportRow{Key: fmt.Sprintf("java-1#%s#%s", id, s), Written: at.Format("2006-01-02T15:04:05"), Entry: e}
}

func javaImport(rows ...run.ImportRow) run.Import {
	return run.Import{Origin: run.Origin{From: "flamingock-java", Table: "log", Timezone: "UTC"}, Rows: rows}
}

// appliedRows are STARTED and APPLIED of n changes c0, c1, …
func appliedRows(n int) []run.ImportRow {
	var rows []run.ImportRow
	for i := range n {
		id := fmt.Sprint("c", i)
		rows = append(rows, javaRow(2*i, id, core.StateStarted), javaRow(2*i+1, id, core.StateApplied))
	}
	return rows
}

func entriesOf(t *testing.T, s core.AuditStore) []core.Entry {
	t.Helper()
	var all []core.Entry
	for q := (core.HistoryQuery{Ledger: "l"}); ; {
		page, err := s.History(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Entries...)
		if q.AfterSeq = page.Next; q.AfterSeq == 0 {
			break
		}
	}
	if err := core.VerifyChain(0, "", all); err != nil {
		t.Error(err)
	}
	snap, err := s.Load(t.Context(), "l")
	if err != nil || snap.Head.Held() {
		t.Errorf("held %v, %v; want a free lease", snap.Head.Held(), err)
	}
	last := map[string]core.Record{}
	for _, e := range all {
		last[e.ChangeID] = e.Record()
	}
	if d := cmp.Diff(last, snap.Records); d != "" {
		t.Errorf("the states do not follow from the entries (-entries +states):\n%s", d)
	}
	return all
}

func mustImport(t *testing.T, r *run.Runner, im run.Import) run.ImportReport {
	t.Helper()
	rep, err := r.Import(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestImport(t *testing.T) {
	c, store := &client{}, memstore.New()
	r := adoptable(t, store, c, 6, "1")
	rows := append(appliedRows(2),
		javaRow(10, "c2", core.StateStarted), javaRow(11, "c2", core.StateFailed),
		javaRow(12, "c3", core.StateStarted), javaRow(13, "c3", core.StateFailed), javaRow(14, "c3", core.StateRolledBack),
		javaRow(15, "c4", core.StateStarted), javaRow(16, "gone", core.StateManualMarkedApplied))
	im := javaImport(rows...)
	im.DryRun = true
	rehearsed := mustImport(t, r, im)
	if s, _ := store.Load(t.Context(), "l"); s.Head.LedgerID != "" {
		t.Error("a dry run wrote something")
	}
	im.DryRun = false
	rep := mustImport(t, r, im)
	want := run.ImportReport{
		Entries: 11, ByState: map[core.State]int{core.StateStarted: 5, core.StateApplied: 2, core.StateFailed: 2, core.StateRolledBack: 1, core.StateManualMarkedApplied: 1},
		Changes:    map[core.State]int{core.StateApplied: 2, core.StateFailed: 1, core.StateRolledBack: 1, core.StateStarted: 1, core.StateManualMarkedApplied: 1},
		Unfinished: []string{"c2", "c4"}, NotInCode: []string{"gone"},
	}
	if d := cmp.Diff(want, rep); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if d := cmp.Diff(rep, rehearsed); d != "" {
		t.Errorf("the dry run tells another thing (-did +rehearsed)\n%s", d)
	}
	again := mustImport(t, r, im)
	if again.Entries != 0 || again.Before != len(rows) {
		t.Errorf("again: %+v", again)
	}

	e := entriesOf(t, store)[1]
	if e.State != core.StateApplied || e.ExecutionID != "java-1" || e.Host != "java-host" || e.Stage != "java-stage" || e.Author != "ann" || e.Operation != core.OpImport ||
		e.Checksum != "" || e.StartedSeq != 1 || e.PrevSeq != 1 || e.Attempt != 1 || e.Token != 1 || !e.EndedAt.Equal(longAgo.Add(time.Second)) ||
		e.Reason != "imported from flamingock-java, table log" {
		t.Errorf("entry: %+v", e)
	}
	for k, v := range map[string]string{
		run.MetaFrom: "flamingock-java", run.MetaTable: "log", run.MetaKey: "java-1#c0#APPLIED", run.MetaWritten: "2024-01-02T03:04:06", run.MetaTimezone: "UTC", "java.type": "STANDARD_CODE",
	} {
		if e.Metadata[k] != v {
			t.Errorf("metadata %s is %q, want %q", k, e.Metadata[k], v)
		}
	}

	p, _, err := r.Plan(t.Context(), plan.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range p.Stages[0].Changes {
		ch := &p.Stages[0].Changes[i]
		got = append(got, ch.Change.ID+" "+string(ch.Decision))
	}
	if d := cmp.Diff([]string{"c0 SKIP", "c1 SKIP", "c2 MANUAL_INTERVENTION", "c3 APPLY", "c4 MANUAL_INTERVENTION", "c5 APPLY"}, got); d != "" {
		t.Errorf("plan (-want +got)\n%s", d)
	}
	if len(p.Drift) != 1 || p.Drift[0].Kind != core.DriftLost || p.Drift[0].ChangeID != "gone" {
		t.Errorf("drift: %+v; want gone, lost", p.Drift)
	}
	for _, id := range []string{"c2", "c4"} {
		if _, err := r.Resolve(t.Context(), run.Resolution{ChangeID: id, As: core.StateManualMarkedApplied, Reason: "looked"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Apply(t.Context(), run.ApplyOptions{}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"c3", "c5"}, c.log); d != "" {
		t.Errorf("ran (-want +got)\n%s", d)
	}
	if _, err := r.AcceptDrift(t.Context(), "c0", "as in the Java code"); err != nil {
		t.Error(err)
	}
	edited := adoptable(t, store, c, 6, "2")
	if p, _, err = edited.Plan(t.Context(), plan.Selection{}); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(p.Drift, func(d core.Drift) bool { return d.ChangeID == "c0" && d.Kind == core.DriftEdited }) ||
		slices.ContainsFunc(p.Drift, func(d core.Drift) bool { return d.ChangeID == "c1" }) {
		t.Errorf("drift: %+v; want that of the accepted change only", p.Drift)
	}
}

// Rows that the Java edition writes later are added; those of changes that this
// edition has worked on since, and those that come too late, are not.
func TestImportAgain(t *testing.T) {
	store := memstore.New()
	r := adoptable(t, store, &client{}, 3, "1")
	first := javaImport(javaRow(0, "c0", core.StateStarted), javaRow(1, "c0", core.StateFailed), javaRow(2, "c1", core.StateStarted), javaRow(20, "c2", core.StateApplied))
	mustImport(t, r, first)
	if _, err := r.Resolve(t.Context(), run.Resolution{ChangeID: "c0", As: core.StateManualMarkedRolledBack, Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	later := first
	later.Rows = slices.Concat(first.Rows, []run.ImportRow{javaRow(30, "c0", core.StateApplied), javaRow(31, "c0", core.StateManualMarkedApplied), javaRow(3, "c1", core.StateApplied), javaRow(5, "c2", core.StateStarted)})
	rep := mustImport(t, r, later)
	want := run.ImportReport{
		Entries: 1, ByState: map[core.State]int{core.StateApplied: 1}, Changes: map[core.State]int{core.StateApplied: 1}, Before: 4,
		Conflicts: []run.ImportSkip{{ChangeID: "c0", Rows: 2, Here: core.StateManualMarkedRolledBack, There: core.StateManualMarkedApplied, Seq: 5}},
		Late:      []run.ImportSkip{{ChangeID: "c2", Rows: 1, Here: core.StateApplied, There: core.StateStarted, Seq: 4}},
	}
	if d := cmp.Diff(want, rep); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	all := entriesOf(t, store)
	if e := all[len(all)-1]; e.ChangeID != "c1" || e.StartedSeq != 3 || e.PrevSeq != 3 || e.Attempt != 1 {
		t.Errorf("the entry added: %+v", e)
	}
	// A row that was overwritten there is another one.
	over := later.Rows[3]
	over.Written, over.Entry.StartedAt, over.Entry.EndedAt = "2024-01-02T04:00:00", longAgo.Add(time.Hour), longAgo.Add(time.Hour)
	if rep := mustImport(t, r, javaImport(over)); rep.Entries != 1 {
		t.Errorf("overwritten: %+v", rep)
	}
	later.Origin.Timezone = "Europe/Madrid"
	_, err := r.Import(t.Context(), later)
	if core.CodeOf(err) != core.CodeUsage || !strings.Contains(err.Error(), "in UTC, not in Europe/Madrid") {
		t.Errorf("another zone: %v", err)
	}
}

// Before the import a change was baselined: both say that it is applied, and ours
// stays.
func TestImportOntoOurs(t *testing.T) {
	store := memstore.New()
	r := adoptable(t, store, &client{}, 2, "1")
	if _, err := r.Baseline(t.Context(), plan.Selection{To: "c0"}, "had it"); err != nil {
		t.Fatal(err)
	}
	rep := mustImport(t, r, javaImport(appliedRows(2)...))
	if rep.Entries != 2 || len(rep.Conflicts) != 1 || rep.Conflicts[0].ChangeID != "c0" {
		t.Errorf("%+v", rep)
	}
}

// cancelling cancels the import when its n-th append is written.
type cancelling struct {
	*memstore.Store
	n      int
	cancel context.CancelFunc
}

func (s *cancelling) Append(ctx context.Context, a core.Append) error {
	err := s.Store.Append(ctx, a)
	if s.n--; s.n == 0 {
		s.cancel()
	}
	return err
}

// An import that ends in the middle frees the lease, and the next one goes on. One
// that is killed is the same for the history.
func TestImportIsInterrupted(t *testing.T) {
	inner := memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	im := javaImport(appliedRows(100)...)
	rep, err := adoptable(t, &cancelling{inner, 2, cancel}, &client{}, 100, "1").Import(ctx, im)
	if !errors.Is(err, context.Canceled) || rep.Entries != 80 {
		t.Fatalf("got %d, %v; want two batches", rep.Entries, err)
	}
	if n := len(entriesOf(t, inner)); n != 80 {
		t.Errorf("%d entries", n)
	}
	var progress []int
	im.Progress = func(done, total int) { progress = append(progress, done, total) }
	if rep := mustImport(t, adoptable(t, inner, &client{}, 100, "1"), im); rep.Entries != 120 || rep.Before != 80 || rep.Changes[core.StateApplied] != 60 {
		t.Errorf("%+v", rep)
	}
	if d := cmp.Diff([]int{40, 120, 80, 120, 120, 120}, progress); d != "" {
		t.Errorf("progress (-want +got)\n%s", d)
	}
	if n := len(entriesOf(t, inner)); n != 200 {
		t.Errorf("%d entries", n)
	}
	// A store that refuses: what is recorded is told.
	full := &failingAppend{Store: memstore.New(), left: 1}
	if rep, err := adoptable(t, full, &client{}, 100, "1").Import(t.Context(), javaImport(appliedRows(100)...)); err == nil || rep.Entries != 40 {
		t.Errorf("got %d, %v; want one batch and an error", rep.Entries, err)
	}
}

func TestImportsAtOnce(t *testing.T) {
	store := memstore.New()
	im := javaImport(appliedRows(100)...)
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 3 {
		r := adoptable(t, store, &client{}, 100, "1")
		wg.Go(func() {
			rep, err := r.Import(t.Context(), im)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			total += rep.Entries
			mu.Unlock()
		})
	}
	wg.Wait()
	if n := len(entriesOf(t, store)); n != 200 || total != 200 {
		t.Errorf("%d entries, %d said to be recorded; want 200", n, total)
	}
}
