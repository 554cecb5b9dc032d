package changetest

import (
	"context"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

// Result is what became of one run.
type Result struct {
	// Report and Err are what the Runner returned; Report is nil when there was none,
	// because the changes are not valid.
	Report *run.Report
	Err    error
	// Entries are those that the run wrote.
	Entries []core.Entry

	w *World
}

// Apply runs the pending changes.
func (w *World) Apply() *Result {
	w.t.Helper()
	return w.ApplyOnly(context.Background(), plan.Selection{})
}

// ApplyOnly runs what is selected, for as long as ctx does not end.
func (w *World) ApplyOnly(ctx context.Context, s plan.Selection) *Result {
	w.t.Helper()
	o := run.Options{
		Ledger: Ledger, Store: w.Store, Stages: w.stages, Targets: w.targets, Resolver: w.values, Wait: -1,
		Host: "changetest", Now: w.Clock.Now, NewID: w.newID, Random: func() float64 { return 0 },
	}
	for _, adjust := range w.adjust {
		adjust(&o)
	}
	before := w.seq()
	res := &Result{w: w}
	r, err := run.New(o)
	if err != nil {
		res.Err = err
		return res
	}
	res.Report, res.Err = r.Apply(ctx, run.ApplyOptions{Select: s})
	res.Entries = w.after(before)
	return res
}

func (w *World) seq() uint64 {
	w.t.Helper()
	s, err := w.Store.Load(context.Background(), Ledger)
	if err != nil {
		w.t.Fatalf("load: %v", err)
	}
	return s.Head.Seq
}

func (w *World) after(seq uint64) []core.Entry {
	w.t.Helper()
	var all []core.Entry
	for {
		page, err := w.Store.History(context.Background(), core.HistoryQuery{Ledger: Ledger, AfterSeq: seq})
		if err != nil {
			w.t.Fatalf("history: %v", err)
			return nil
		}
		all = append(all, page.Entries...)
		if seq = page.Next; seq == 0 {
			return all
		}
	}
}

// Succeeds expects that there was no error.
func (r *Result) Succeeds() *Result {
	r.w.t.Helper()
	if r.Err != nil {
		r.w.t.Errorf("the run failed with %s: %v", core.CodeOf(r.Err), r.Err)
	}
	return r
}

// FailsWith expects an error of a class, as design.md 5 has them.
func (r *Result) FailsWith(code core.Code) *Result {
	r.w.t.Helper()
	if got := core.CodeOf(r.Err); got != code {
		r.w.t.Errorf("the run ended with %q (%v), want %q", got, r.Err, code)
	}
	return r
}

// Status expects the run's own result.
func (r *Result) Status(want run.Status) *Result {
	r.w.t.Helper()
	if r.Report == nil || r.Report.Status != want {
		r.w.t.Errorf("got %+v, want the status %s; error %v", r.Report, want, r.Err)
	}
	return r
}

// Reports expects "change STATUS" for every change, in the order of the report.
func (r *Result) Reports(want ...string) *Result {
	r.w.t.Helper()
	var got []string
	if r.Report != nil {
		for _, st := range r.Report.Stages {
			for _, c := range st.Changes {
				got = append(got, c.ChangeID+" "+string(c.Status))
			}
		}
	}
	return r.same("the report", want, got)
}

// Counts expects how many changes have a status.
func (r *Result) Counts(status run.ChangeStatus, want int) *Result {
	r.w.t.Helper()
	got := 0
	if r.Report != nil {
		got = r.Report.Counts[status]
	}
	if got != want {
		r.w.t.Errorf("%d changes are %s, want %d", got, status, want)
	}
	return r
}

// Audits expects "change STATE" of every entry that the run wrote, followed by
// "unknown" or "reconciled" where the entry is that.
func (r *Result) Audits(want ...string) *Result {
	r.w.t.Helper()
	var got []string
	for _, e := range r.Entries {
		s := e.ChangeID + " " + string(e.State)
		if e.Unknown {
			s += " unknown"
		}
		if e.Reconciled {
			s += " reconciled"
		}
		got = append(got, s)
	}
	return r.same("the audit", want, got)
}

func (r *Result) same(what string, want, got []string) *Result {
	r.w.t.Helper()
	if len(want) == 0 && len(got) == 0 {
		return r
	}
	if d := cmp.Diff(want, got); d != "" {
		r.w.t.Errorf("%s (-want +got):\n%s\nerror: %v", what, d, r.Err)
	}
	return r
}

// Then returns the world after the run, for another one.
func (r *Result) Then() *World { return r.w }
